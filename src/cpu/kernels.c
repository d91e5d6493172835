#include "cpu/kernels.h"

struct bv_cpu_kernel bv_cpu_kernel_for(const struct bv_node *node)
{
    static const struct bv_cpu_kernel fast[BV_OP_COUNT] = {
        [BV_OP_linear] = {bv_cpu_linear, bv_cpu_linear_scratch, bv_cpu_linear_prepare, NULL},
        [BV_OP_conv2d] = {bv_cpu_conv2d, bv_cpu_conv2d_scratch, bv_cpu_conv2d_prepare,
                          bv_cpu_conv2d_in_place},
        [BV_OP_matmul] = {bv_cpu_matmul, bv_cpu_matmul_scratch, NULL, NULL},
        [BV_OP_attention] = {bv_cpu_attention, bv_cpu_attention_scratch, NULL, NULL},
        [BV_OP_layer_norm] = {.run = bv_cpu_layer_norm},
        [BV_OP_batch_norm] = {bv_cpu_batch_norm, NULL, bv_cpu_batch_norm_prepare, NULL},
        [BV_OP_group_norm] = {bv_cpu_group_norm, bv_cpu_group_norm_scratch, NULL,
                              bv_cpu_group_norm_in_place},
        [BV_OP_glu] = {.run = bv_cpu_glu},
        [BV_OP_softmax] = {.run = bv_cpu_softmax},
        [BV_OP_l2_normalize] = {.run = bv_cpu_l2_normalize},
        [BV_OP_activation] = {.run = bv_cpu_activation},
        [BV_OP_add] = {.run = bv_cpu_add},
        [BV_OP_mul] = {.run = bv_cpu_mul},
        [BV_OP_rope] = {.run = bv_cpu_rope},
        [BV_OP_scale] = {.run = bv_cpu_scale},
        [BV_OP_pool2d] = {.run = bv_cpu_pool2d},
        [BV_OP_reduce] = {.run = bv_cpu_reduce},
        [BV_OP_permute] = {.run = bv_cpu_permute},
        [BV_OP_expand] = {.run = bv_cpu_expand},
        [BV_OP_patch_merge] = {.run = bv_cpu_patch_merge},
        [BV_OP_concat] = {.run = bv_cpu_concat},
        [BV_OP_slice] = {.run = bv_cpu_slice},
        [BV_OP_gather] = {.run = bv_cpu_gather},
        [BV_OP_embed] = {.run = bv_cpu_embed},
        [BV_OP_interpolate] = {.run = bv_cpu_interpolate},
    };
    static const struct bv_cpu_kernel depthwise = {bv_cpu_depthwise, bv_cpu_depthwise_scratch,
                                                   bv_cpu_depthwise_prepare, NULL};
    struct bv_cpu_kernel kernel = bv_cpu_is_depthwise(node) ? depthwise : fast[node->op];
    if (!kernel.run)
        kernel.run = bv_reference(node->op);
    return kernel;
}

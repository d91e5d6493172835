#include "cpu/kernels.h"

struct bv_cpu_kernel bv_cpu_kernel_for(const struct bv_node *node)
{
    static const struct bv_cpu_kernel fast[BV_OP_COUNT] = {
        [BV_OP_linear] = {.run = bv_cpu_linear},
        [BV_OP_conv2d] = {.run = bv_cpu_conv2d, .scratch = bv_cpu_conv2d_scratch},
    };
    struct bv_cpu_kernel kernel = fast[node->op];
    if (!kernel.run)
        kernel.run = bv_reference(node->op);
    return kernel;
}

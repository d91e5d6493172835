#include "vulkan/program.h"

// Whether the result of a node may be f16. The sums along a transformer's residual stream grow with
// depth and stay f32; so do embeddings, pooled results and scores, which are small.
static bool stored_half(const struct bv_node *node)
{
    switch (node->op) {
    case BV_OP_linear:
        return !node->in[3];
    case BV_OP_conv2d:
    case BV_OP_attention:
    case BV_OP_layer_norm:
    case BV_OP_batch_norm:
    case BV_OP_activation:
    case BV_OP_pool2d:
        return true;
    case BV_OP_concat:
    case BV_OP_slice:
    case BV_OP_permute:
    case BV_OP_expand:
    case BV_OP_patch_merge:
        return node->in[0]->dtype == BV_F16;
    default:
        return false;
    }
}

void bv_vk_choose_storage(struct bv_graph *graph)
{
    for (struct bv_node *node = graph->first; node; node = node->next) {
        struct bv_tensor *out = node->out;
        if (out->is_output || !stored_half(node))
            continue;
        for (int i = 0; i < graph->n_tensors; i++)
            if (bv_storage_of(graph->tensors[i]) == out)
                graph->tensors[i]->dtype = BV_F16;
    }
}

#include "vulkan/program.h"

// Whether a convolution adds t to its sums.
static bool joins_stream(const struct bv_graph *graph, const struct bv_tensor *t)
{
    for (const struct bv_node *node = graph->first; node; node = node->next)
        if (node->op == BV_OP_conv2d && node->in[3] && bv_storage_of(node->in[3]) == t)
            return true;
    return false;
}

// Whether the result of a node may be f16. The sums along a transformer's residual stream grow with
// depth and stay f32; so do embeddings, pooled results and scores, which are small. Those of a
// residual network are multiplied directly, which matrix units can do in f16 only.
static bool stored_half(const struct bv_graph *graph, const struct bv_node *node, bool matrix)
{
    switch (node->op) {
    case BV_OP_linear:
        return !node->in[3];
    case BV_OP_conv2d:
        return matrix || (!node->in[3] && !joins_stream(graph, node->out));
    case BV_OP_attention:
    case BV_OP_layer_norm:
    case BV_OP_batch_norm:
    case BV_OP_group_norm:
    case BV_OP_glu:
    case BV_OP_rope:
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

void bv_vk_choose_storage(struct bv_graph *graph, bool matrix)
{
    for (struct bv_node *node = graph->first; node; node = node->next) {
        struct bv_tensor *out = node->out;
        if (out->is_output || !stored_half(graph, node, matrix))
            continue;
        for (int i = 0; i < graph->n_tensors; i++)
            if (bv_storage_of(graph->tensors[i]) == out)
                graph->tensors[i]->dtype = BV_F16;
    }
}

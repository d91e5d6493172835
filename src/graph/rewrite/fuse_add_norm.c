#include "graph/rewrite.h"

void bv_rewrite_fuse_add_norm(struct bv_graph *g)
{
    for (struct bv_node *norm = g->first; norm; norm = norm->next) {
        if (norm->op != BV_OP_layer_norm || norm->in[3] || norm->in[0]->alias_of)
            continue;
        struct bv_node *add = norm->in[0]->producer;
        if (!add || add->op != BV_OP_add || add->params.add.activation != BV_ACT_NONE ||
            bv_elements(add->in[0]) != bv_elements(add->in[1]) ||
            bv_graph_use_count(g, norm->in[0]) != 1)
            continue;
        norm->in[0] = add->in[0];
        norm->in[3] = add->in[1];
    }
}

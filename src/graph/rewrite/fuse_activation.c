#include "graph/rewrite.h"

static enum bv_activation *last_step(struct bv_node *p)
{
    switch (p->op) {
    case BV_OP_conv2d:
        return &p->params.conv2d.activation;
    case BV_OP_linear:
        return &p->params.linear.activation;
    case BV_OP_batch_norm:
        return &p->params.batch_norm.activation;
    case BV_OP_group_norm:
        return &p->params.group_norm.activation;
    case BV_OP_add:
        return &p->params.add.activation;
    default:
        return NULL;
    }
}

void bv_rewrite_fuse_activation(struct bv_graph *g)
{
    for (struct bv_node *n = g->first; n; n = n->next) {
        if (n->op != BV_OP_activation || n->in[0]->alias_of || !n->in[0]->producer)
            continue;
        enum bv_activation *last = last_step(n->in[0]->producer);
        if (!last || *last != BV_ACT_NONE || bv_graph_use_count(g, n->in[0]) != 1)
            continue;
        *last = n->params.activation.activation;
        bv_graph_replace_uses(g, n->out, n->in[0]);
    }
}

#include "graph/rewrite.h"

// The node that makes t and can take a residual, when t has no other reader.
static struct bv_node *host_of(const struct bv_graph *g, const struct bv_tensor *t)
{
    struct bv_node *p = t->alias_of ? NULL : t->producer;
    if (!p || p->in[3] || bv_graph_use_count(g, t) != 1)
        return NULL;
    if (p->op == BV_OP_conv2d)
        return p->params.conv2d.activation == BV_ACT_NONE ? p : NULL;
    if (p->op == BV_OP_linear)
        return p->params.linear.activation == BV_ACT_NONE ? p : NULL;
    return NULL;
}

static int when_made(struct bv_tensor *t)
{
    const struct bv_node *producer = bv_storage_of(t)->producer;
    return producer ? producer->index : -1;
}

void bv_rewrite_fuse_residual(struct bv_graph *g)
{
    for (struct bv_node *add = g->first; add; add = add->next) {
        if (add->op != BV_OP_add || bv_elements(add->in[0]) != bv_elements(add->in[1]) ||
            add->in[0] == add->in[1])
            continue;
        // The residual must exist before its host runs: the later operand is the host.
        int later = when_made(add->in[0]) > when_made(add->in[1]) ? 0 : 1;
        struct bv_node *host = host_of(g, add->in[later]);
        if (!host)
            continue;
        host->in[3] = add->in[1 - later];
        if (host->op == BV_OP_conv2d)
            host->params.conv2d.activation = add->params.add.activation;
        else
            host->params.linear.activation = add->params.add.activation;
        bv_graph_replace_uses(g, add->out, host->out);
    }
}

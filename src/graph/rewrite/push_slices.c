// A slice of tokens moves towards the input, past ops that treat each token by itself: where only
// [CLS] is read, the last layer of a transformer computes queries, projections and feed-forward for
// [CLS] alone. Its keys and values still need all tokens, and there the slice stays.
#include "graph/rewrite.h"

// Whether a slice takes tokens of [B,T,C].
static bool takes_tokens(const struct bv_node *n)
{
    const struct bv_slice_params *p = &n->params.slice;
    return n->op == BV_OP_slice && n->in[0]->rank == 3 && p->axis == 1 && p->step == 1 &&
           p->count < n->in[0]->dim[1];
}

// The slice that every reader of t makes of it, or NULL: the first of them.
static const struct bv_node *common_slice(const struct bv_graph *g, struct bv_tensor *t)
{
    const struct bv_node *found = NULL;
    for (int i = 0; i < g->n_outputs; i++)
        if (bv_storage_of(g->outputs[i]) == t)
            return NULL;
    for (const struct bv_node *n = g->first; n; n = n->next)
        for (int i = 0; i < BV_MAX_INPUTS; i++) {
            if (!n->in[i] || bv_storage_of(n->in[i]) != t)
                continue;
            if (n->in[i] != t || !takes_tokens(n) ||
                (found && (found->params.slice.start != n->params.slice.start ||
                           found->params.slice.count != n->params.slice.count)))
                return NULL;
            found = n;
        }
    return found;
}

// Which inputs hold tokens that go with those of the result, as bits; 0: the op mixes tokens.
static unsigned token_inputs(const struct bv_node *n)
{
    const int64_t T = n->out->dim[1];
    const struct bv_attention_params *p = &n->params.attention;
    unsigned bits = 0;
    switch (n->op) {
    case BV_OP_attention:
        return !n->in[3] && !p->causal && !p->window ? 1 : 0;
    case BV_OP_linear:
    case BV_OP_layer_norm:
        bits = n->in[3] ? 1 | 8 : 1;
        break;
    case BV_OP_activation:
    case BV_OP_scale:
        bits = 1;
        break;
    case BV_OP_add:
    case BV_OP_mul: // the second may be the same for all tokens
        bits = n->in[1]->rank == 1 || (n->in[1]->rank == 3 && n->in[1]->dim[1] == 1) ? 1 : 3;
        break;
    default:
        return 0;
    }
    for (int i = 0; i < BV_MAX_INPUTS; i++)
        if (bits >> i & 1 &&
            (n->in[i]->rank != 3 || n->in[i]->dim[1] != T || n->in[i]->role == BV_ROLE_WEIGHT))
            return 0;
    return bits;
}

// Appends the same slice of another tensor and moves it from the end of the list to before `node`.
static struct bv_tensor *slice_before(struct bv_graph *g, struct bv_node *previous,
                                      struct bv_node *node, const union bv_params *params,
                                      struct bv_tensor *x)
{
    struct bv_node *last = g->last;
    struct bv_tensor *out = bv_graph_append(g, BV_OP_slice, params, 1, &x);
    if (!out)
        return NULL;
    last->next = NULL;
    g->last = last;
    if (previous)
        previous->next = out->producer;
    else
        g->first = out->producer;
    out->producer->next = node;
    return out;
}

// Computes of node's result only what its readers take.
static void narrow(struct bv_graph *g, struct bv_node *previous, struct bv_node *node,
                   unsigned inputs, const struct bv_node *slice)
{
    const union bv_params params = slice->params;
    for (int i = 0; i < BV_MAX_INPUTS && g->status == BV_OK; i++) {
        if (!(inputs >> i & 1))
            continue;
        struct bv_tensor *part = slice_before(g, previous, node, &params, node->in[i]);
        if (!part)
            return;
        node->in[i] = part;
        previous = part->producer;
    }
    node->out->dim[1] = params.slice.count;
    for (struct bv_node *n = g->first; n; n = n->next)
        if (n->in[0] == node->out && n->op == BV_OP_slice)
            bv_graph_replace_uses(g, n->out, node->out);
}

void bv_rewrite_push_slices(struct bv_graph *g)
{
    bv_graph_sweep(g); // what nobody reads must not hold a tensor whole
    struct bv_node **order = bv_arena_array(&g->arena, (size_t)g->n_nodes + 1, sizeof *order);
    if (!order) {
        (void)bv_graph_fail(g, BV_ERR_NOMEM, "out of memory for a graph");
        return;
    }
    int n = 0;
    for (struct bv_node *node = g->first; node; node = node->next)
        order[n++] = node;
    for (int i = n - 1; i >= 0 && g->status == BV_OK; i--) { // readers first
        const struct bv_node *slice =
            order[i]->out->rank == 3 ? common_slice(g, order[i]->out) : NULL;
        unsigned inputs = slice ? token_inputs(order[i]) : 0;
        if (inputs)
            narrow(g, i > 0 ? order[i - 1] : NULL, order[i], inputs, slice);
    }
    n = 0;
    for (struct bv_node *node = g->first; node; node = node->next)
        node->index = n++;
}

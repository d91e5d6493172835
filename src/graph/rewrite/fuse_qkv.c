// Linear layers of the same input that feed one attention become one layer with stacked weights.
#include <stdio.h>
#include <string.h>

#include "graph/rewrite.h"

struct stack {
    struct bv_node *part[3];
    const float *data[3];
    int n;
};

static void stack_rows(void *arg, void *memory)
{
    const struct stack *s = arg;
    char *to = memory;
    for (int i = 0; i < s->n; i++) {
        size_t bytes = (size_t)bv_elements(s->part[i]->in[1]) * sizeof(float);
        memcpy(to, s->data[i], bytes);
        to += bytes;
    }
}

static void stack_biases(void *arg, void *memory)
{
    const struct stack *s = arg;
    char *to = memory;
    for (int i = 0; i < s->n; i++) {
        size_t bytes = (size_t)s->part[i]->in[1]->dim[0] * sizeof(float);
        if (s->data[i])
            memcpy(to, s->data[i], bytes);
        else
            memset(to, 0, bytes);
        to += bytes;
    }
}

static bool fusable(const struct bv_graph *g, const struct bv_tensor *t)
{
    const struct bv_node *p = t->producer;
    return !t->alias_of && p && p->op == BV_OP_linear && !p->in[3] &&
           p->params.linear.activation == BV_ACT_NONE && p->in[1]->role == BV_ROLE_WEIGHT &&
           bv_graph_use_count(g, t) == 1;
}

// Derives the stacked weight (which = 1) or bias (which = 2) of the parts.
static enum bv_status derive(struct bv_graph *g, struct stack *s, int which, int64_t rows,
                             struct bv_tensor **out)
{
    int64_t dim[2] = {rows, s->part[0]->in[1]->dim[1]};
    char key[1600];
    int at = snprintf(key, sizeof key, "stacked %s:", which == 1 ? "weights" : "biases");
    for (int i = 0; i < s->n; i++) {
        const struct bv_tensor *t = s->part[i]->in[which];
        s->data[i] = NULL;
        if (t)
            BV_TRY(bv_weights_f32(g->weights, t, &s->data[i], &g->error));
        at += snprintf(key + at, sizeof key - (size_t)at, " %.500s", s->part[i]->in[1]->name);
    }
    size_t elements = (size_t)(which == 1 ? dim[0] * dim[1] : dim[0]);
    const void *data = NULL;
    BV_TRY(bv_weights_derive(g->weights, key, elements * sizeof(float),
                             which == 1 ? stack_rows : stack_biases, s, &data, &g->error));
    *out = bv_graph_derived(g, key, data, which == 1 ? 2 : 1, dim);
    return g->status;
}

// The first of the parts in execution order becomes the fused layer; the attention reads its
// output at each part's channel offset.
static enum bv_status fuse(struct bv_graph *g, struct bv_node *attention, struct stack *s,
                           const int *slot)
{
    int64_t *offsets[] = {&attention->params.attention.q_offset,
                          &attention->params.attention.k_offset,
                          &attention->params.attention.v_offset};
    int64_t rows = 0, start[3] = {0};
    bool any_bias = false;
    for (int i = 0; i < s->n; i++) {
        start[i] = rows;
        rows += s->part[i]->in[1]->dim[0];
        any_bias |= s->part[i]->in[2] != NULL;
    }
    struct bv_tensor *weight = NULL, *bias = NULL;
    BV_TRY(derive(g, s, 1, rows, &weight));
    if (any_bias)
        BV_TRY(derive(g, s, 2, rows, &bias));
    struct bv_node *first = s->part[0];
    for (int i = 1; i < s->n; i++)
        if (s->part[i]->index < first->index)
            first = s->part[i];
    first->in[1] = weight;
    first->in[2] = bias;
    first->out->dim[first->out->rank - 1] = rows;
    for (int i = 0; i < s->n; i++) {
        attention->in[slot[i]] = first->out;
        *offsets[slot[i]] += start[i];
    }
    return BV_OK;
}

void bv_rewrite_fuse_qkv(struct bv_graph *g)
{
    for (struct bv_node *n = g->first; n && g->status == BV_OK; n = n->next) {
        if (n->op != BV_OP_attention)
            continue;
        for (int lead = 0; lead < 2; lead++) { // q with k and v, or k with v alone
            struct stack s = {.n = 0};
            int slot[3] = {0};
            for (int i = lead; i < 3; i++)
                if (fusable(g, n->in[i]) &&
                    (s.n == 0 || n->in[i]->producer->in[0] == s.part[0]->in[0])) {
                    slot[s.n] = i;
                    s.part[s.n++] = n->in[i]->producer;
                }
            if (s.n >= 2) {
                g->status = fuse(g, n, &s, slot);
                break;
            }
        }
    }
}

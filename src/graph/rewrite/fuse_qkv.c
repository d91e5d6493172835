// Linear layers of the same input that feed one attention become one layer with stacked weights.
#include <stdio.h>
#include <string.h>

#include "graph/rewrite.h"

struct stack {
    struct bv_node *part[3];
    int n;
};

// What a stacked weight or bias is made of. source[i] is NULL for a layer without bias.
struct recipe {
    const struct bv_tensor *source[3];
    int64_t elements[3];
    int n;
};

static void stack_rows(struct bv_weights *weights, const void *arg, float *out)
{
    const struct recipe *r = arg;
    for (int i = 0; i < r->n; out += r->elements[i], i++) {
        if (!r->source[i]) {
            memset(out, 0, (size_t)r->elements[i] * sizeof *out);
            continue;
        }
        bv_weights_read(weights, r->source[i], out);
        bv_weights_let_go(weights, r->source[i]);
    }
}

static bool fusable(const struct bv_graph *g, const struct bv_tensor *t)
{
    const struct bv_node *p = t->producer;
    return !t->alias_of && p && p->op == BV_OP_linear && !p->in[3] &&
           p->params.linear.activation == BV_ACT_NONE && p->in[1]->role == BV_ROLE_WEIGHT &&
           (!p->in[2] || p->in[2]->role == BV_ROLE_WEIGHT) && bv_graph_use_count(g, t) == 1;
}

// The stacked weight (which = 1) or bias (which = 2) of the parts.
static struct bv_tensor *stacked(struct bv_graph *g, const struct stack *s, int which, int64_t rows)
{
    int64_t dim[2] = {rows, s->part[0]->in[1]->dim[1]};
    struct recipe r = {.n = s->n};
    char name[1600];
    int at = snprintf(name, sizeof name, "stacked %s:", which == 1 ? "weights" : "biases");
    for (int i = 0; i < s->n; i++) {
        const struct bv_tensor *weight = s->part[i]->in[1];
        r.source[i] = s->part[i]->in[which];
        r.elements[i] = which == 1 ? bv_elements(weight) : weight->dim[0];
        at += snprintf(name + at, sizeof name - (size_t)at, " %.500s", weight->name);
    }
    return bv_graph_computed(g, name, stack_rows, &r, sizeof r, which == 1 ? 2 : 1, dim);
}

// The first of the parts in execution order becomes the fused layer; the attention reads its
// output at each part's channel offset.
static void fuse(struct bv_graph *g, struct bv_node *attention, const struct stack *s,
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
    struct bv_tensor *weight = stacked(g, s, 1, rows);
    struct bv_tensor *bias = any_bias ? stacked(g, s, 2, rows) : NULL;
    if (g->status != BV_OK)
        return;
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
                fuse(g, n, &s, slot);
                break;
            }
        }
    }
}

// Which intermediates are stored as bf16: those that a kernel can write so and all their
// readers take so; when products run in int8, those that go to attention alone. What a transformer
// adds up (its residual stream) stays f32, and so do the inputs of norms; a convolutional network's
// shortcuts do not, or nothing in it would be narrow.
#include "cpu/kernels.h"

static bool even_heads(const struct bv_attention_params *p)
{
    return p->head_dim % 2 == 0 && p->q_offset % 2 == 0 && p->k_offset % 2 == 0 &&
           p->v_offset % 2 == 0;
}

static bool can_write(const struct bv_node *n)
{
    switch (n->op) {
    case BV_OP_linear:
        return !n->in[3];
    case BV_OP_conv2d:
        return !bv_cpu_conv2d_too_many_taps(n);
    case BV_OP_attention:
        return even_heads(&n->params.attention);
    case BV_OP_pool2d:
        return !bv_cpu_pool2d_too_many_taps(n);
    case BV_OP_layer_norm:
    case BV_OP_group_norm:
    case BV_OP_glu:
    case BV_OP_rope:
    case BV_OP_activation:
        return true;
    default:
        return false;
    }
}

static bool can_read(const struct bv_node *n, int input, enum bv_cpu_format format)
{
    if (format != BV_CPU_BF16 && n->op != BV_OP_attention)
        return false;
    switch (n->op) {
    case BV_OP_linear:
        return input == 0 && bv_cpu_linear_format(n, BV_CPU_BF16) == BV_CPU_BF16;
    case BV_OP_conv2d:
        return (input == 0 && bv_cpu_conv2d_reads_bf16(n)) || input == 3;
    case BV_OP_attention:
        return input < 3 && even_heads(&n->params.attention);
    case BV_OP_pool2d:
        return input == 0 && !bv_cpu_pool2d_too_many_taps(n);
    case BV_OP_reduce:
    case BV_OP_scale:
    case BV_OP_group_norm:
    case BV_OP_glu:
    case BV_OP_rope:
        return input == 0;
    default:
        return false;
    }
}

static bool is_wide(struct bv_tensor *t)
{
    return bv_storage_of(t)->dtype == BV_F32;
}

// Back to f32; whether it was not.
static bool widen(struct bv_tensor *t)
{
    t = bv_storage_of(t);
    bool changed = t->dtype == BV_BF16;
    if (changed)
        t->dtype = BV_F32;
    return changed;
}

// What one node cannot do with its inputs and its result as they are: true when that changed any.
static bool refuse(struct bv_node *n, enum bv_cpu_format format)
{
    bool changed = false;
    for (int i = 0; i < BV_MAX_INPUTS; i++)
        if (n->in[i] && bv_storage_of(n->in[i])->role == BV_ROLE_INTERMEDIATE &&
            !can_read(n, i, format))
            changed |= widen(n->in[i]);
    if (n->op == BV_OP_attention && (is_wide(n->in[0]) || is_wide(n->in[1]) || is_wide(n->in[2])))
        for (int i = 0; i < 3; i++)
            changed |= widen(n->in[i]);
    return changed;
}

static bool can_be_narrow(const struct bv_tensor *t)
{
    return t->role == BV_ROLE_INTERMEDIATE && t->dtype == BV_F32 && t->rank > 0 &&
           bv_last_dim(t) % 2 == 0;
}

void bv_cpu_choose_precision(struct bv_graph *g, enum bv_cpu_format format)
{
    for (struct bv_node *n = g->first; n; n = n->next)
        if (can_be_narrow(n->out) && can_write(n) && !n->out->is_output)
            n->out->dtype = BV_BF16;
    for (int i = 0; i < g->n_tensors; i++) // other shapes of the same memory
        if (g->tensors[i]->alias_of && (g->tensors[i]->is_output || bv_last_dim(g->tensors[i]) % 2))
            (void)widen(g->tensors[i]);
    for (bool changed = true; changed;) {
        changed = false;
        for (struct bv_node *n = g->first; n; n = n->next)
            changed |= refuse(n, format);
    }
    for (int i = 0; i < g->n_tensors; i++)
        if (g->tensors[i]->alias_of)
            g->tensors[i]->dtype = bv_storage_of(g->tensors[i])->dtype;
}

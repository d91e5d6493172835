// attention: multi-head scaled dot-product attention, whole or in Swin's shifted windows.
#include <math.h>
#include <stdlib.h>

#include "op/kernel.h"

static enum bv_status check_bias(const struct bv_node *node, struct bv_error *err)
{
    const struct bv_tensor *q = node->in[0], *k = node->in[1], *bias = node->in[3];
    const struct bv_attention_params *p = &node->params.attention;
    if (!bias)
        return BV_OK;
    int64_t tq = p->window ? (int64_t)p->window * p->window : q->dim[1];
    int64_t tk = p->window ? tq : k->dim[1];
    const int64_t *d = bias->dim + (bias->rank == 4 ? 1 : 0);
    bool fits = (bias->rank == 3 || (bias->rank == 4 && !p->window &&
                                     (bias->dim[0] == 1 || bias->dim[0] == q->dim[0]))) &&
                (d[0] == 1 || d[0] == p->heads) && d[1] == tq && d[2] == tk;
    return fits ? BV_OK : bv_fail(err, BV_ERR_MODEL, "the attention bias has the wrong shape");
}

enum bv_status bv_shape_attention(const struct bv_node *node, struct bv_tensor *out,
                                  struct bv_error *err)
{
    const struct bv_tensor *q = node->in[0], *k = node->in[1], *v = node->in[2];
    const struct bv_tensor *lengths = node->in[4];
    const struct bv_attention_params *p = &node->params.attention;
    BV_TRY(bv_expect_floats(node, 4, err));
    if (!k || !v || q->rank != 3 || k->rank != 3 || v->rank != 3 || q->dim[0] != k->dim[0] ||
        q->dim[0] != v->dim[0] || k->dim[1] != v->dim[1])
        return bv_fail(err, BV_ERR_MODEL, "q, k and v do not fit each other");
    int64_t C = (int64_t)p->heads * p->head_dim;
    if (p->heads < 1 || p->head_dim < 1 || p->q_offset < 0 || p->k_offset < 0 || p->v_offset < 0 ||
        p->q_offset + C > q->dim[2] || p->k_offset + C > k->dim[2] || p->v_offset + C > v->dim[2])
        return bv_fail(err, BV_ERR_MODEL, "%d heads of %d channels do not fit q, k or v", p->heads,
                       p->head_dim);
    if (p->window &&
        (p->window < 1 || p->shift < 0 || p->shift >= p->window || p->grid_h % p->window ||
         p->grid_w % p->window || (int64_t)p->grid_h * p->grid_w != q->dim[1] ||
         q->dim[1] != k->dim[1] || lengths || p->causal))
        return bv_fail(err, BV_ERR_MODEL, "window %d with shift %d does not fit the %dx%d grid",
                       p->window, p->shift, p->grid_h, p->grid_w);
    if (lengths && (lengths->dtype != BV_I32 || lengths->rank != 1 || lengths->dim[0] != q->dim[0]))
        return bv_fail(err, BV_ERR_MODEL, "lengths must be one i32 per sequence");
    BV_TRY(check_bias(node, err));
    out->dtype = BV_F32;
    out->rank = 3;
    out->dim[0] = q->dim[0];
    out->dim[1] = q->dim[1];
    out->dim[2] = C;
    return BV_OK;
}

// Where a token of the grid lies after Swin's cyclic shift: its window, its place in the window,
// and the region that decides who sees whom.
struct place {
    int64_t window, inside;
    int region;
};

static int band(int64_t at, int size, int window, int shift)
{
    return shift == 0 || at < size - window ? 0 : at < size - shift ? 1 : 2;
}

static struct place place_of(const struct bv_attention_params *p, int64_t token)
{
    int64_t row = (token / p->grid_w - p->shift + p->grid_h) % p->grid_h;
    int64_t column = (token % p->grid_w - p->shift + p->grid_w) % p->grid_w;
    return (struct place){
        .window = row / p->window * (p->grid_w / p->window) + column / p->window,
        .inside = row % p->window * p->window + column % p->window,
        .region = 3 * band(row, p->grid_h, p->window, p->shift) +
                  band(column, p->grid_w, p->window, p->shift),
    };
}

// The score of query i for key j before the softmax; -inf when the key is not to be seen.
static double score(const struct bv_kernel_args *a, int64_t b, int head, int64_t i, int64_t j)
{
    const struct bv_node *n = a->node;
    const struct bv_attention_params *p = &n->params.attention;
    const struct bv_tensor *bias = n->in[3];
    const int32_t *lengths = a->in[4];
    if ((lengths && j >= lengths[b]) || (p->causal && j > i))
        return -INFINITY;
    int64_t row = i, column = j;
    if (p->window) {
        struct place x = place_of(p, i), y = place_of(p, j);
        if (x.window != y.window || x.region != y.region)
            return -INFINITY;
        row = x.inside;
        column = y.inside;
    }
    const float *q = (const float *)a->in[0] + (b * n->in[0]->dim[1] + i) * n->in[0]->dim[2] +
                     p->q_offset + (int64_t)head * p->head_dim;
    const float *k = (const float *)a->in[1] + (b * n->in[1]->dim[1] + j) * n->in[1]->dim[2] +
                     p->k_offset + (int64_t)head * p->head_dim;
    double sum = 0;
    for (int d = 0; d < p->head_dim; d++)
        sum += (double)q[d] * k[d];
    sum *= p->scale;
    if (bias) {
        const int64_t *d = bias->dim + bias->rank - 3;
        int64_t at = (d[0] == 1 ? 0 : head) * d[1] * d[2] + row * d[2] + column;
        if (bias->rank == 4 && bias->dim[0] != 1)
            at += b * d[0] * d[1] * d[2];
        sum += ((const float *)a->in[3])[at];
    }
    return sum;
}

static void attend(const struct bv_kernel_args *a, int64_t b, int head, int64_t i, float *out)
{
    const struct bv_node *n = a->node;
    const struct bv_attention_params *p = &n->params.attention;
    int64_t Tk = n->in[1]->dim[1], ldv = n->in[2]->dim[2];
    double largest = -INFINITY, total = 0;
    for (int64_t j = 0; j < Tk; j++)
        largest = fmax(largest, score(a, b, head, i, j));
    for (int d = 0; d < p->head_dim; d++)
        out[d] = 0;
    if (largest == -INFINITY) // no key at all: the result is zero by definition
        return;
    for (int64_t j = 0; j < Tk; j++)
        total += exp(score(a, b, head, i, j) - largest);
    for (int d = 0; d < p->head_dim; d++) {
        double sum = 0;
        for (int64_t j = 0; j < Tk; j++) {
            double weight = exp(score(a, b, head, i, j) - largest);
            if (weight > 0)
                sum += weight * ((const float *)a->in[2])[(b * Tk + j) * ldv + p->v_offset +
                                                          (int64_t)head * p->head_dim + d];
        }
        out[d] = (float)(sum / total);
    }
}

void bv_reference_attention(const struct bv_kernel_args *a)
{
    const struct bv_tensor *out = a->node->out;
    const struct bv_attention_params *p = &a->node->params.attention;
    for (int64_t b = 0; b < out->dim[0]; b++)
        for (int64_t i = 0; i < out->dim[1]; i++)
            for (int head = 0; head < p->heads; head++)
                attend(a, b, head, i,
                       (float *)a->out + (b * out->dim[1] + i) * out->dim[2] +
                           (int64_t)head * p->head_dim);
}

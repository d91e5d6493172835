// reduce and pool2d: a mean shares the gradient, a sum repeats it, a maximum gives it to the first
// of the largest.
#include "explain/adjoint/adjoint.h"

enum bv_status bv_adjoint_reduce(const struct bv_adjoint *a, struct bv_error *err)
{
    const int64_t B = a->node->in[0]->dim[0], T = a->node->in[0]->dim[1];
    const int64_t C = bv_last_dim(a->node->out);
    const enum bv_reduce_kind kind = a->node->params.reduce.kind;
    const float share = kind == BV_REDUCE_MEAN ? 1 / (float)T : 1;
    if (a->node->in[1])
        return bv_fail(err, BV_ERR_UNSUPPORTED, "sequences of several lengths have no derivative");
    for (int64_t i = 0; a->to[0] && i < a->n * B; i++)
        for (int64_t c = 0; c < C; c++) {
            const float g = share * a->gradient[i * C + c], *x = a->in[0] + i % B * T * C + c;
            float *to = a->to[0] + i * T * C + c;
            int64_t largest = 0;
            for (int64_t t = 0; t < T; t++) {
                largest = kind == BV_REDUCE_MAX && x[t * C] > x[largest * C] ? t : largest;
                if (kind != BV_REDUCE_MAX)
                    to[t * C] += g;
            }
            if (kind == BV_REDUCE_MAX)
                to[largest * C] += g;
        }
    return BV_OK;
}

// What channel c of one window gives back.
static void spread_window(const struct bv_node *node, const float *x, float g, float *to,
                          int64_t row, int64_t column, int64_t c)
{
    const struct bv_pool2d_params *p = &node->params.pool2d;
    const int64_t *X = node->in[0]->dim;
    const float share = g / (float)(p->kernel_h * p->kernel_w);
    int64_t largest = -1;
    for (int i = 0; i < p->kernel_h; i++)
        for (int j = 0; j < p->kernel_w; j++) {
            const int64_t y = row * p->stride_h - p->pad_h + i;
            const int64_t z = column * p->stride_w - p->pad_w + j;
            if (y < 0 || y >= X[1] || z < 0 || z >= X[2])
                continue;
            const int64_t at = (y * X[2] + z) * X[3] + c;
            if (p->kind == BV_POOL_MEAN)
                to[at] += share;
            else if (largest < 0 || x[at] > x[largest])
                largest = at;
        }
    if (largest >= 0)
        to[largest] += g;
}

enum bv_status bv_adjoint_pool2d(const struct bv_adjoint *a, struct bv_error *err)
{
    (void)err;
    const int64_t *out = a->node->out->dim, each = bv_elements(a->node->out);
    const int64_t there = bv_elements(a->node->in[0]);
    for (int64_t i = 0; a->to[0] && i < a->n; i++)
        for (int64_t k = 0; k < each; k++)
            spread_window(a->node, a->in[0], a->gradient[i * each + k], a->to[0] + i * there,
                          k / (out[2] * out[3]) % out[1], k / out[3] % out[2], k % out[3]);
    return BV_OK;
}

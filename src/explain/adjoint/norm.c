// layer_norm, batch_norm, l2_normalize.
#include <math.h>

#include "explain/adjoint/adjoint.h"

struct rows {
    const struct bv_adjoint *a;
    int64_t rows, C; // of one item
};

// to += r (h - mean(h) - y mean(h y)), h = g γ, y = (x - mean(x)) r, r = 1 / √(var(x) + ε)
static void layer_norm_row(const float *x, const float *residual, const float *gamma,
                           const float *g, float *to, int64_t C, double eps)
{
    double mean = 0, variance = 0, h = 0, hy = 0;
    for (int64_t c = 0; c < C; c++)
        mean += (double)x[c] + (residual ? residual[c] : 0);
    mean /= (double)C;
    for (int64_t c = 0; c < C; c++) {
        const double d = (double)x[c] + (residual ? residual[c] : 0) - mean;
        variance += d * d;
        h += (double)g[c] * gamma[c];
        hy += (double)g[c] * gamma[c] * d;
    }
    const double r = 1 / sqrt(variance / (double)C + eps);
    h /= (double)C;
    hy *= r / (double)C;
    for (int64_t c = 0; c < C; c++) {
        const double y = ((double)x[c] + (residual ? residual[c] : 0) - mean) * r;
        to[c] += (float)(r * ((double)g[c] * gamma[c] - h - y * hy));
    }
}

static void layer_norm_rows(const void *arg, int64_t first, int64_t last)
{
    const struct rows *r = arg;
    const struct bv_adjoint *a = r->a;
    const int64_t C = r->C;
    for (int64_t i = first; i < last; i++) {
        const int64_t row = i % r->rows;
        const float *residual = a->in[3] ? a->in[3] + row * C : NULL;
        for (int k = 0; k <= 3; k += 3)
            if (a->to[k])
                layer_norm_row(a->in[0] + row * C, residual, a->in[1], a->gradient + i * C,
                               a->to[k] + i * C, C, a->node->params.layer_norm.eps);
    }
}

enum bv_status bv_adjoint_layer_norm(const struct bv_adjoint *a, struct bv_error *err)
{
    (void)err;
    struct rows r = {a, bv_rows(a->node->out), bv_last_dim(a->node->out)};
    bv_pool_for_ranges(a->pool, a->n * r.rows, 8 * r.C, layer_norm_rows, &r);
    return BV_OK;
}

enum bv_status bv_adjoint_batch_norm(const struct bv_adjoint *a, struct bv_error *err)
{
    const struct bv_batch_norm_params *p = &a->node->params.batch_norm;
    const int64_t C = bv_last_dim(a->node->out), rows = a->n * bv_rows(a->node->out);
    const float *variance = a->in[2], *gamma = a->in[3];
    if (p->activation != BV_ACT_NONE)
        return bv_fail(err, BV_ERR_INTERNAL, "an activation within another op has no derivative");
    for (int64_t c = 0; a->to[0] && c < C; c++) {
        const double factor = (gamma ? gamma[c] : 1) / sqrt((double)variance[c] + p->eps);
        for (int64_t i = 0; i < rows; i++)
            a->to[0][i * C + c] += (float)(a->gradient[i * C + c] * factor);
    }
    return BV_OK;
}

enum bv_status bv_adjoint_l2_normalize(const struct bv_adjoint *a, struct bv_error *err)
{
    (void)err;
    const int64_t C = bv_last_dim(a->node->out), rows = bv_rows(a->node->out);
    const double eps = a->node->params.l2_normalize.eps;
    for (int64_t i = 0; a->to[0] && i < a->n * rows; i++) {
        const float *x = a->in[0] + i % rows * C, *g = a->gradient + i * C;
        double length = 0, along = 0;
        for (int64_t c = 0; c < C; c++) {
            length += (double)x[c] * x[c];
            along += (double)x[c] * g[c];
        }
        length = sqrt(length);
        // Below eps the result is x / eps, whose derivative is constant.
        const double scale = 1 / fmax(length, eps);
        const double back = length > eps ? along * scale * scale : 0;
        for (int64_t c = 0; c < C; c++)
            a->to[0][i * C + c] += (float)(scale * (g[c] - back * x[c]));
    }
    return BV_OK;
}

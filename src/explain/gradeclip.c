// gradeclip (Zhao et al. 2024), as its notebook makes it, with the model's own heads: over the last
// attention, relu(Σ_d go[d] v_j[d] λ_j) with go the gradient of the score at the class token's
// result and λ the cosines of the class token's query with the keys, brought to 0 … 1.
#include <math.h>
#include <stdlib.h>

#include "explain/probe.h"

static enum bv_status prepare_gradeclip(struct bv_probe *p, struct bv_error *err)
{
    const struct bv_encoder_layout *l = &p->layout;
    if (l->kind != BV_ENCODER_CLS)
        return bv_fail(err, BV_ERR_UNSUPPORTED, "gradeclip reads a transformer with a class token");
    const struct bv_node *attention = bv_block_attention(l, l->n_blocks - 1);
    p->part[0][0] = attention->out;
    for (int i = 0; i < 3; i++)
        bv_probe_want(p, attention->in[i]);
    return bv_probe_want_gradient(p, p->score, &p->part[0][0], 1, err);
}

static double cosine(const float *x, const float *y, int64_t n)
{
    double xy = 0, xx = 0, yy = 0;
    for (int64_t i = 0; i < n; i++) {
        xy += (double)x[i] * y[i];
        xx += (double)x[i] * x[i];
        yy += (double)y[i] * y[i];
    }
    return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : 0;
}

// λ of the positions: cosines of the first query with their keys, all heads together.
static void loosened(const float *q, const float *k, int64_t ldk, int64_t C, int64_t cells,
                     double *lambda)
{
    double low = INFINITY, high = -INFINITY;
    for (int64_t j = 0; j < cells; j++) {
        lambda[j] = cosine(q, k + j * ldk, C);
        low = fmin(low, lambda[j]);
        high = fmax(high, lambda[j]);
    }
    for (int64_t j = 0; j < cells; j++)
        lambda[j] = high > low ? (lambda[j] - low) / (high - low) : 0;
}

static enum bv_status map_gradeclip(const struct bv_probe_run *run, float *maps,
                                    struct bv_error *err)
{
    const struct bv_probe *p = run->probe;
    const struct bv_node *attention = p->part[0][0]->producer;
    const struct bv_attention_params *a = &attention->params.attention;
    const int64_t C = bv_last_dim(attention->out), cells = p->layout.h * p->layout.w;
    const int64_t ldk = bv_last_dim(attention->in[1]), ldv = bv_last_dim(attention->in[2]);
    const float *q = bv_probe_value(run, attention->in[0]) + a->q_offset;
    const float *k = bv_probe_value(run, attention->in[1]) + a->k_offset + p->layout.first * ldk;
    const float *v = bv_probe_value(run, attention->in[2]) + a->v_offset + p->layout.first * ldv;
    float *go = NULL;
    double *lambda = calloc((size_t)cells, sizeof *lambda);
    if (!lambda)
        return bv_fail_nomem(err, "a heat map");
    enum bv_status status = bv_probe_gradient(run, p->score, p->part[0][0], &go, err);
    if (status == BV_OK)
        loosened(q, k, ldk, C, cells, lambda);
    for (int64_t i = 0; status == BV_OK && i < (int64_t)run->goal->n; i++)
        for (int64_t j = 0; j < cells; j++) {
            double sum = 0;
            for (int64_t d = 0; d < C; d++)
                sum += (double)go[i * bv_elements(attention->out) + d] * v[j * ldv + d];
            maps[i * cells + j] = (float)fmax(sum * lambda[j], 0);
        }
    free(go);
    free(lambda);
    return status;
}

const struct bv_map_method bv_method_gradeclip = {.name = "gradeclip",
                                                  .unit = "gradient times value",
                                                  .at_once = BV_TEXTS_OF_A_WALK,
                                                  .prepare = prepare_gradeclip,
                                                  .map = map_gradeclip};

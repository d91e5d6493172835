// rollout (Abnar and Zuidema 2020): each layer's attention, mean over heads, plus the identity, its
// rows to a sum of one; the product over the layers; how much the class token's result takes from
// each position. No text has a part in it: the same map for all.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "explain/probe.h"

static enum bv_status prepare_rollout(struct bv_probe *p, struct bv_error *err)
{
    const struct bv_encoder_layout *l = &p->layout;
    if (l->kind != BV_ENCODER_CLS)
        return bv_fail(err, BV_ERR_UNSUPPORTED, "rollout reads a transformer with a class token");
    for (int i = 0; i < l->n_blocks; i++) {
        const struct bv_node *attention = bv_block_attention(l, i);
        bv_probe_want(p, attention->in[0]);
        bv_probe_want(p, attention->in[1]);
    }
    return BV_OK;
}

struct layer {
    const struct bv_attention_params *a;
    const float *q, *k;
    int64_t T, ldq, ldk;
    double *mixed; // [T,T]
};

// One head's attention of query i, added to the row.
static void add_head(const struct layer *l, int64_t i, int head, double *score, double *row)
{
    const int D = l->a->head_dim;
    const float *q = l->q + i * l->ldq + l->a->q_offset + (int64_t)head * D;
    double largest = -INFINITY, total = 0;
    for (int64_t j = 0; j < l->T; j++) {
        const float *k = l->k + j * l->ldk + l->a->k_offset + (int64_t)head * D;
        double s = 0;
        for (int d = 0; d < D; d++)
            s += (double)q[d] * k[d];
        score[j] = s * l->a->scale;
        largest = fmax(largest, score[j]);
    }
    for (int64_t j = 0; j < l->T; j++) {
        score[j] = exp(score[j] - largest);
        total += score[j];
    }
    for (int64_t j = 0; j < l->T; j++)
        row[j] += score[j] / total / l->a->heads;
}

static void mix_rows(const void *arg, int64_t first, int64_t last)
{
    const struct layer *l = arg;
    for (int64_t i = first; i < last; i++) {
        double *row = l->mixed + i * l->T, total = 0;
        double *score = l->mixed + (l->T + i) * l->T; // the second half
        memset(row, 0, (size_t)l->T * sizeof *row);
        row[i] = 1;
        for (int h = 0; h < l->a->heads; h++)
            add_head(l, i, h, score, row);
        for (int64_t j = 0; j < l->T; j++)
            total += row[j];
        for (int64_t j = 0; j < l->T; j++)
            row[j] /= total;
    }
}

// r (a row vector) times the layer's matrix: the layers are walked from the last to the first.
static void step_back(const struct layer *l, double *r, double *next)
{
    memset(next, 0, (size_t)l->T * sizeof *next);
    for (int64_t i = 0; i < l->T; i++)
        for (int64_t j = 0; j < l->T; j++)
            next[j] += r[i] * l->mixed[i * l->T + j];
    memcpy(r, next, (size_t)l->T * sizeof *r);
}

static enum bv_status map_rollout(const struct bv_probe_run *run, float *maps, struct bv_error *err)
{
    const struct bv_encoder_layout *layout = &run->probe->layout;
    const int64_t cells = layout->h * layout->w, T = cells + layout->first;
    double *memory = calloc((size_t)(2 * T * T + 2 * T), sizeof *memory);
    if (!memory)
        return bv_fail_nomem(err, "a heat map");
    double *r = memory + 2 * T * T;
    r[0] = 1;
    for (int i = layout->n_blocks; i-- > 0;) {
        const struct bv_node *n = bv_block_attention(layout, i);
        struct layer l = {.a = &n->params.attention,
                          .q = bv_probe_value(run, n->in[0]),
                          .k = bv_probe_value(run, n->in[1]),
                          .T = T,
                          .ldq = bv_last_dim(n->in[0]),
                          .ldk = bv_last_dim(n->in[1]),
                          .mixed = memory};
        bv_pool_for_ranges(run->pool, T, 16 * T, mix_rows, &l);
        step_back(&l, r, r + T);
    }
    for (size_t i = 0; i < run->goal->n; i++)
        for (int64_t k = 0; k < cells; k++)
            maps[(int64_t)i * cells + k] = (float)r[layout->first + k];
    free(memory);
    return BV_OK;
}

const struct bv_map_method bv_method_rollout = {.name = "rollout",
                                                .unit = "share of attention",
                                                .class_agnostic = true,
                                                .prepare = prepare_rollout,
                                                .map = map_rollout};

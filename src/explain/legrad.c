// legrad (Bousselham et al. 2024): each layer has a score of its own, of the mean of the tokens it
// writes; the positive part of that score's gradient with respect to the layer's attention, mean
// over heads and queries, summed over the last two layers (the authors' default), or more. Where
// the encoder pools its positions by attention (SigLIP), a layer's score is that of the pooled
// tokens without the last norm, and the attention that of the pooling; the authors' cut of what an
// empty prompt also shows is not made.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "explain/probe.h"
#include "graph/transformer.h"
#include "model/graphs.h"
#include "vision/vision.h"

enum { SCORE, ATTENDED };

// The mean of a block's tokens through the last norm, and the block's attention.
static void mean_score(struct bv_probe *p, int block, float eps, struct bv_tensor **embedding,
                       const struct bv_node **attention)
{
    struct bv_tensor *x =
        bv_reduce(p->graph, bv_block_result(&p->layout, block), NULL, BV_REDUCE_MEAN);
    *embedding = bv_layer_norm(p->graph, x, eps, "image.norm");
    *attention = bv_block_attention(&p->layout, block);
}

// A block's tokens pooled as the encoder pools its last ones, and that pooling's attention.
static void pooled_score(struct bv_probe *p, int block, struct bv_tensor **embedding,
                         const struct bv_node **attention)
{
    struct bv_tensor *x = bv_block_result(&p->layout, block);
    struct bv_features own = {0};
    const struct bv_transformer t =
        bv_transformer_config(json_object_get(p->model->card, "image"), bv_last_dim(x), 1e-6);
    bv_vision_probe_pool(p->graph, &t, x, "image.", &own);
    *embedding = bv_features_find(&own, "pool");
    *attention = NULL;
    struct bv_tensor *attended = bv_features_find(&own, "pool_attention");
    if (attended) // what pool.attn.proj reads
        *attention = bv_storage_of(bv_storage_of(attended)->producer->in[0])->producer;
}

static enum bv_status add_layer_score(struct bv_probe *p, int i, int block, float eps,
                                      struct bv_error *err)
{
    const struct bv_node *attention = NULL;
    struct bv_tensor *x = NULL;
    if (p->layout.kind == BV_ENCODER_POOL)
        pooled_score(p, block, &x, &attention);
    else
        mean_score(p, block, eps, &x, &attention);
    x = bv_steps_build(p->graph, json_object_get(p->layout.global, "steps"), x, NULL);
    BV_TRY(bv_graph_status(p->graph, err));
    p->part[i][SCORE] = x;
    p->part[i][ATTENDED] = attention->out;
    bv_probe_want(p, attention->in[2]);
    return bv_probe_want_gradient(p, x, &p->part[i][ATTENDED], 1, err);
}

static enum bv_status prepare_legrad(struct bv_probe *p, struct bv_error *err)
{
    const struct bv_encoder_layout *l = &p->layout;
    const char *from = bv_json_string(l->global, "from", "");
    const struct bv_node *norm = NULL;
    const bool pools = l->kind == BV_ENCODER_POOL && strcmp(from, "pool") == 0;
    if (!pools && (l->kind != BV_ENCODER_CLS || strcmp(from, "cls") != 0))
        return bv_fail(err, BV_ERR_UNSUPPORTED,
                       "legrad reads a transformer with a class token or attention pooling");
    for (const struct bv_node *n = p->graph->first; n; n = n->next)
        norm = n->op == BV_OP_layer_norm ? n : norm; // the last is the encoder's own
    int n = 0;
    BV_TRY(bv_probe_layers(p, 2, &n, err));
    if (n > BV_PROBE_PARTS || !norm)
        return bv_fail(err, BV_ERR_LIMIT, "legrad looks at %d layers, most", BV_PROBE_PARTS);
    for (int i = 0; i < n; i++)
        BV_TRY(add_layer_score(p, i, l->n_blocks - n + i, norm->params.layer_norm.eps, err));
    p->n_parts = n;
    return BV_OK;
}

// What one text's map gets from one layer.
struct layer {
    const struct bv_attention_params *attention;
    const float *go; // of the attention's result [T,C]
    const float *v;
    int64_t T, keys, C, ldv, first; // T: queries
    float *map;
};

// map[j] += mean over queries and heads of max(go_h[i]·v_h[j], 0)
static void add_layer(const struct layer *l)
{
    const int D = l->attention->head_dim, heads = l->attention->heads;
    for (int64_t j = l->first; j < l->keys; j++) {
        double sum = 0;
        const float *v = l->v + j * l->ldv + l->attention->v_offset;
        for (int64_t i = 0; i < l->T; i++)
            for (int h = 0; h < heads; h++) {
                float s = 0;
                for (int d = h * D; d < (h + 1) * D; d++)
                    s += l->go[i * l->C + d] * v[d];
                sum += s > 0 ? s : 0;
            }
        l->map[j - l->first] += (float)(sum / ((double)l->T * heads));
    }
}

static void add_text(void *arg, size_t i)
{
    const struct layer *all = arg;
    struct layer l = *all;
    l.go += (int64_t)i * l.T * l.C;
    l.map += (int64_t)i * (l.keys - l.first);
    add_layer(&l);
}

static enum bv_status map_legrad(const struct bv_probe_run *run, float *maps, struct bv_error *err)
{
    const struct bv_probe *p = run->probe;
    for (int k = 0; k < p->n_parts; k++) {
        const struct bv_node *attention = p->part[k][ATTENDED]->producer;
        float *go = NULL;
        BV_TRY(bv_probe_gradient(run, p->part[k][SCORE], p->part[k][ATTENDED], &go, err));
        struct layer l = {.attention = &attention->params.attention,
                          .go = go,
                          .v = bv_probe_value(run, attention->in[2]),
                          .T = attention->out->dim[1],
                          .keys = attention->in[2]->dim[1],
                          .C = bv_last_dim(attention->out),
                          .ldv = bv_last_dim(attention->in[2]),
                          .first = p->layout.first,
                          .map = maps};
        bv_pool_for(run->pool, run->goal->n, add_text, &l);
        free(go);
    }
    return BV_OK;
}

const struct bv_map_method bv_method_legrad = {.name = "legrad",
                                               .unit = "gradient",
                                               .reads_layers = true,
                                               .at_once = BV_TEXTS_OF_A_WALK,
                                               .prepare = prepare_legrad,
                                               .map = map_legrad};

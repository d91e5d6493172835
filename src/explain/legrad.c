// legrad (Bousselham et al. 2024): each layer has a score of its own, of the mean of the tokens it
// writes; the positive part of that score's gradient with respect to the layer's attention, mean
// over heads and queries, summed over the last two layers (the authors' default), or more.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "explain/probe.h"
#include "model/graphs.h"

enum { SCORE, ATTENDED };

static int wanted_layers(const struct bv_probe *p, int default_layers)
{
    const int all = p->layout.n_blocks;
    const int n = p->layers == 0 ? default_layers : p->layers;
    return n < 0 || n > all ? all : n;
}

static enum bv_status prepare_legrad(struct bv_probe *p, struct bv_error *err)
{
    const struct bv_encoder_layout *l = &p->layout;
    const char *from = bv_json_string(l->global, "from", "");
    const struct bv_node *norm = NULL;
    if (l->kind != BV_ENCODER_CLS || strcmp(from, "cls") != 0)
        return bv_fail(err, BV_ERR_UNSUPPORTED, "legrad reads a transformer with a class token");
    for (const struct bv_node *n = p->graph->first; n; n = n->next)
        norm = n->op == BV_OP_layer_norm ? n : norm; // the last is the encoder's own
    const int n = wanted_layers(p, 2);
    if (n > BV_PROBE_PARTS || !norm)
        return bv_fail(err, BV_ERR_LIMIT, "legrad looks at %d layers, most", BV_PROBE_PARTS);
    for (int i = 0; i < n; i++) {
        const int block = l->n_blocks - n + i;
        const struct bv_node *attention = bv_block_attention(l, block);
        struct bv_tensor *x = bv_reduce(p->graph, bv_block_result(l, block), NULL, BV_REDUCE_MEAN);
        x = bv_layer_norm(p->graph, x, norm->params.layer_norm.eps, "image.norm");
        x = bv_steps_build(p->graph, json_object_get(l->global, "steps"), x, NULL);
        BV_TRY(bv_graph_status(p->graph, err));
        p->part[i][SCORE] = x;
        p->part[i][ATTENDED] = attention->out;
        bv_probe_want(p, attention->in[2]);
        BV_TRY(bv_probe_want_gradient(p, x, &p->part[i][ATTENDED], 1, err));
    }
    p->n_parts = n;
    return BV_OK;
}

// What one text's map gets from one layer.
struct layer {
    const struct bv_attention_params *attention;
    const float *go; // of the attention's result [T,C]
    const float *v;
    int64_t T, C, ldv, first;
    float *map;
};

// map[j] += mean over queries and heads of max(go_h[i]·v_h[j], 0)
static void add_layer(const struct layer *l)
{
    const int D = l->attention->head_dim, heads = l->attention->heads;
    for (int64_t j = l->first; j < l->T; j++) {
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
    l.map += (int64_t)i * (l.T - l.first);
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
                          .C = bv_last_dim(attention->out),
                          .ldv = bv_last_dim(attention->in[2]),
                          .first = p->layout.first,
                          .map = maps};
        bv_pool_for(run->pool, run->goal->n, add_text, &l);
        free(go);
    }
    return BV_OK;
}

const struct bv_map_method bv_method_legrad = {
    .name = "legrad", .unit = "gradient", .prepare = prepare_legrad, .map = map_legrad};

// Positions of a transformer by the values they hold, not by what they attend to.
//   maskclip (Zhou et al. 2022): the cosine of the text with a position whose last attention gives
//     it its own value: v' = x + proj(v), then the block's perceptron.
//   surgery (Li et al. 2023): beside the encoder a second path that begins before the last `layers`
//     blocks (6, the authors' depth) and adds proj(attention(v, v, v)) of each, without its
//     perceptron; the cosine of its positions with the text less that with an empty text, or, where
//     none is given, of several texts less what they share: with w = softmax(2 · class token's
//     cosines) / mean, map_t = w_t cos_t - mean over texts of w cos.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "explain/probe.h"
#include "graph/transformer.h"
#include "model/graphs.h"

static enum bv_status check_tokens(const struct bv_probe *p, struct bv_error *err)
{
    if (p->layout.kind != BV_ENCODER_CLS ||
        strcmp(bv_json_string(p->layout.global, "from", ""), "cls") != 0)
        return bv_fail(err, BV_ERR_UNSUPPORTED, "%s reads a transformer with a class token",
                       p->method->name);
    return BV_OK;
}

// The embeddings of tokens as the encoder makes that of its class token.
static enum bv_status embed_tokens(struct bv_probe *p, struct bv_tensor *x, struct bv_error *err)
{
    const struct bv_transformer t =
        bv_transformer_config(json_object_get(p->model->card, "image"), bv_last_dim(x), 1e-6);
    x = bv_probe_embed(p, bv_layer_norm(p->graph, x, t.eps, "image.norm"));
    BV_TRY(bv_graph_status(p->graph, err));
    p->part[0][0] = x;
    bv_probe_want(p, x);
    return BV_OK;
}

// What block i reads: the sum to which its attention's result is added.
static struct bv_tensor *block_input(struct bv_probe *p, int i)
{
    if (i > 0)
        return bv_block_result(&p->layout, i - 1);
    struct bv_tensor *norm1 = bv_layer_result(&p->layout, "image.blocks.0.norm1");
    return norm1 ? norm1->producer->in[0] : NULL;
}

static enum bv_status prepare_maskclip(struct bv_probe *p, struct bv_error *err)
{
    BV_TRY(check_tokens(p, err));
    struct bv_graph *g = p->graph;
    const int last = p->layout.n_blocks - 1;
    const struct bv_node *attention = bv_block_attention(&p->layout, last);
    struct bv_tensor *x = block_input(p, last);
    const struct bv_transformer t =
        bv_transformer_config(json_object_get(p->model->card, "image"), bv_last_dim(x), 1e-6);
    struct bv_tensor *v = bv_slice(g, attention->in[2], 2, attention->params.attention.v_offset,
                                   bv_last_dim(attention->out));
    x = bv_add(g, bv_linear(g, v, "image.blocks.%d.attn.proj", last), x);
    struct bv_tensor *y = bv_layer_norm(g, x, t.eps, "image.blocks.%d.norm2", last);
    y = bv_activate(g, bv_linear(g, y, "image.blocks.%d.mlp.fc1", last), t.activation);
    x = bv_add(g, bv_linear(g, y, "image.blocks.%d.mlp.fc2", last), x);
    return embed_tokens(p, x, err);
}

static enum bv_status prepare_surgery(struct bv_probe *p, struct bv_error *err)
{
    BV_TRY(check_tokens(p, err));
    struct bv_graph *g = p->graph;
    const int all = p->layout.n_blocks;
    int n = 0;
    BV_TRY(bv_probe_layers(p, 6, &n, err));
    struct bv_tensor *x = block_input(p, all - n);
    for (int i = all - n; i < all; i++) {
        const struct bv_node *attention = bv_block_attention(&p->layout, i);
        struct bv_attention_params a = attention->params.attention;
        a.q_offset = a.k_offset = a.v_offset;
        struct bv_tensor *v = attention->in[2];
        struct bv_tensor *y = bv_attention(g, v, v, v, NULL, NULL, &a);
        x = bv_add(g, bv_linear(g, y, "image.blocks.%d.attn.proj", i), x);
    }
    return embed_tokens(p, x, err);
}

static enum bv_status map_cosines(const struct bv_probe_run *run, float *maps, struct bv_error *err)
{
    (void)err;
    const struct bv_probe *p = run->probe;
    const int64_t cells = p->layout.h * p->layout.w, D = (int64_t)run->goal->D;
    const float *x = bv_probe_value(run, p->part[0][0]) + p->layout.first * D;
    for (int64_t i = 0; i < (int64_t)run->goal->n; i++)
        for (int64_t k = 0; k < cells; k++)
            maps[i * cells + k] = (float)bv_goal_score(run->goal, (size_t)i, x + k * D);
    return BV_OK;
}

// Less the cosine with the empty text.
static void subtract_common(const struct bv_probe_run *run, float *maps)
{
    const struct bv_probe *p = run->probe;
    const int64_t cells = p->layout.h * p->layout.w, D = (int64_t)run->goal->D;
    const struct bv_goal common = {.direction = run->goal->common, .n = 1, .D = run->goal->D};
    const float *x = bv_probe_value(run, p->part[0][0]) + p->layout.first * D;
    for (int64_t k = 0; k < cells; k++) {
        const float shared = (float)bv_goal_score(&common, 0, x + k * D);
        for (int64_t i = 0; i < (int64_t)run->goal->n; i++)
            maps[i * cells + k] -= shared;
    }
}

// Less what the texts share.
static enum bv_status subtract_shared(const struct bv_probe_run *run, float *maps,
                                      struct bv_error *err)
{
    const struct bv_probe *p = run->probe;
    const int64_t cells = p->layout.h * p->layout.w, n = (int64_t)run->goal->n;
    double *weight = calloc((size_t)n, sizeof *weight), total = 0;
    if (!weight)
        return bv_fail_nomem(err, "a heat map");
    for (int64_t i = 0; i < n; i++) {
        weight[i] = exp(2 * bv_goal_score(run->goal, (size_t)i, bv_probe_value(run, p->score)));
        total += weight[i];
    }
    for (int64_t k = 0; k < cells; k++) {
        double mean = 0;
        for (int64_t i = 0; i < n; i++)
            mean += weight[i] / total * maps[i * cells + k];
        for (int64_t i = 0; i < n; i++)
            maps[i * cells + k] =
                (float)(weight[i] / total * (double)n * maps[i * cells + k] - mean);
    }
    free(weight);
    return BV_OK;
}

static enum bv_status map_surgery(const struct bv_probe_run *run, float *maps, struct bv_error *err)
{
    BV_TRY(map_cosines(run, maps, err));
    if (run->goal->common)
        subtract_common(run, maps);
    return run->goal->common || run->goal->n < 2 ? BV_OK : subtract_shared(run, maps, err);
}

const struct bv_map_method bv_method_surgery = {.name = "surgery",
                                                .unit = "score of the position",
                                                .reads_layers = true,
                                                .prepare = prepare_surgery,
                                                .map = map_surgery};
const struct bv_map_method bv_method_maskclip = {.name = "maskclip",
                                                 .unit = "score of the position",
                                                 .prepare = prepare_maskclip,
                                                 .map = map_cosines};

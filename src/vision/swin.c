// Swin Transformer (Liu et al. 2021), as Hugging Face and timm write it.
//
//   patch_embed.proj 4×4 /4, patch_embed.norm
//   layers.s.blocks.i:  x += attn.proj(windows(attn.{query,key,value}(norm1(x))));
//     timm: attn.qkv stacks the three
//                       x += mlp.fc2(gelu(mlp.fc1(norm2(x))))
//     odd blocks shift their w×w windows by w/2 (7×7: by 3); a grid that fits one window is not
//     shifted attn.relative_position_bias_table [(2w-1)²,heads]
//   layers.s.downsample (all but the last): 2×2 neighbours to 4C, norm, reduction to 2C
//   norm
//
// Configuration: "window" (that of the first stage's table), "heads" (per stage: [3,6,12,24], or
// the bias tables' widths), "eps" (1e-5). Features: "layer1" … "layerS" (the stages, before
// downsampling) and "map" (after norm) [N,h,w,C], "tokens" [N,h·w,C].
#include <math.h>
#include <stdio.h>

#include "vision/vision.h"

struct bias_source {
    const float *table;
    int window, heads;
};

// out[h,i,j] = table[(Δrow + w-1)(2w-1) + Δcolumn + w-1, h] for tokens i, j of a w×w window.
static void spread_bias(void *arg, void *memory)
{
    const struct bias_source *s = arg;
    float *out = memory;
    int w = s->window, T = w * w;
    for (int h = 0; h < s->heads; h++)
        for (int i = 0; i < T; i++)
            for (int j = 0; j < T; j++) {
                int row = i / w - j / w + w - 1, column = i % w - j % w + w - 1;
                *out++ = s->table[(row * (2 * w - 1) + column) * s->heads + h];
            }
}

static struct bv_tensor *position_bias(struct bv_graph *g, int window, const char *p)
{
    struct bv_tensor *table = bv_weight(g, "%sattn.relative_position_bias_table", p);
    if (!table)
        return NULL;
    int64_t side = 2 * (int64_t)window - 1, T = (int64_t)window * window;
    if (table->rank != 2 || table->dim[0] != side * side)
        return bv_graph_fail(g, BV_ERR_MODEL, "\"%s\" does not fit a window of %d", table->name,
                             window);
    struct bias_source s = {NULL, window, (int)table->dim[1]};
    const void *data = NULL;
    char key[600];
    (void)snprintf(key, sizeof key, "spread:%s", table->name);
    int64_t dim[] = {s.heads, T, T};
    struct bv_error err = {0};
    if (!table->data) // shapes only: a definition that is checked, not run
        return bv_graph_derived(g, key, NULL, 3, dim);
    if (bv_weights_f32(g->weights, table, &s.table, &err) != BV_OK ||
        bv_weights_derive(g->weights, key, (size_t)(s.heads * T * T) * sizeof(float), spread_bias,
                          &s, &data, &err) != BV_OK)
        return bv_graph_fail(g, err.status, "%s", err.text);
    return bv_graph_derived(g, key, data, 3, dim);
}

struct stage {
    int height, width, window, shift;
    float eps;
};

static struct bv_tensor *window_attention(struct bv_graph *g, const struct stage *s,
                                          struct bv_tensor *x, const char *p)
{
    struct bv_tensor *bias = position_bias(g, s->window, p);
    int heads = (int)bv_dim(bias, 0);
    struct bv_attention_params a = {
        .heads = heads,
        .head_dim = (int)bv_dim(x, 2) / heads,
        .window = s->window,
        .shift = s->shift,
        .grid_h = s->height,
        .grid_w = s->width,
    };
    a.scale = 1 / sqrtf((float)a.head_dim);
    if (bv_weight_optional(g, "%sattn.qkv.weight", p)) { // stacked
        a.k_offset = bv_dim(x, 2);
        a.v_offset = 2 * a.k_offset;
        x = bv_linear(g, x, "%sattn.qkv", p);
        x = bv_attention(g, x, x, x, bias, NULL, &a);
        return bv_linear(g, x, "%sattn.proj", p);
    }
    struct bv_tensor *q = bv_linear(g, x, "%sattn.query", p);
    struct bv_tensor *k = bv_linear(g, x, "%sattn.key", p);
    struct bv_tensor *v = bv_linear(g, x, "%sattn.value", p);
    x = bv_attention(g, q, k, v, bias, NULL, &a);
    return bv_linear(g, x, "%sattn.proj", p);
}

static struct bv_tensor *block(struct bv_graph *g, const struct stage *s, struct bv_tensor *x,
                               const char *p)
{
    struct bv_tensor *y = bv_layer_norm(g, x, s->eps, "%snorm1", p);
    x = bv_add(g, window_attention(g, s, y, p), x);
    y = bv_layer_norm(g, x, s->eps, "%snorm2", p);
    y = bv_activate(g, bv_linear(g, y, "%smlp.fc1", p), BV_ACT_GELU);
    return bv_add(g, bv_linear(g, y, "%smlp.fc2", p), x);
}

static struct bv_tensor *downsample(struct bv_graph *g, struct bv_tensor *x, float eps,
                                    const char *p)
{
    x = bv_layer_norm(g, bv_patch_merge(g, x), eps, "%sdownsample.norm", p);
    return bv_linear(g, x, "%sdownsample.reduction", p);
}

// The blocks of one stage over x [N,h,w,C].
static struct bv_tensor *stage(struct bv_graph *g, struct bv_tensor *x, int window, float eps,
                               const char *p)
{
    int64_t N = bv_dim(x, 0), H = bv_dim(x, 1), W = bv_dim(x, 2), C = bv_dim(x, 3);
    int64_t least = H < W ? H : W;
    bool whole = least <= window; // one window covers the grid: no shift
    struct stage s = {(int)H, (int)W, whole ? (int)least : window, 0, eps};
    x = bv_reshape(g, x, 3, (int64_t[]){N, H * W, C});
    for (int i = 0;; i++) {
        const char *b = bv_arena_printf(&g->arena, "%sblocks.%d.", p, i);
        if (!b || (i > 0 && !bv_weight_optional(g, "%snorm1.weight", b)))
            break;
        s.shift = i % 2 && !whole ? window / 2 : 0;
        x = block(g, &s, x, b);
    }
    return bv_reshape(g, x, 4, (int64_t[]){N, H, W, C});
}

// What the first stage's table of relative positions, (2w - 1)² rows, was made for.
static int own_window(struct bv_graph *g, const char *prefix)
{
    const struct bv_tensor *table =
        bv_weight_optional(g, "%slayers.0.blocks.0.attn.relative_position_bias_table", prefix);
    int64_t side = table ? (int64_t)lround(sqrt((double)table->dim[0])) : 0;
    return table && side > 0 && side % 2 == 1 && side < 1000 ? (int)(side + 1) / 2 : 7;
}

void bv_vision_swin(struct bv_graph *g, const json_t *config, const char *prefix,
                    struct bv_tensor *pixels, struct bv_features *features)
{
    int window = (int)bv_json_integer(config, "window", own_window(g, prefix));
    float eps = (float)bv_json_number(config, "eps", 1e-5);
    struct bv_tensor *w = bv_weight(g, "%spatch_embed.proj.weight", prefix);
    struct bv_tensor *x = bv_conv2d(g, pixels, (int)bv_dim(w, 1), 0, "%spatch_embed.proj", prefix);
    x = bv_layer_norm(g, x, eps, "%spatch_embed.norm", prefix);
    for (int s = 0;; s++) {
        const char *p = bv_arena_printf(&g->arena, "%slayers.%d.", prefix, s);
        if (!p)
            break;
        x = stage(g, x, window, eps, p);
        bv_features_add(g, features, x, "layer%d", s + 1);
        if (!bv_weight_optional(g, "%sdownsample.norm.weight", p))
            break;
        x = downsample(g, x, eps, p);
    }
    x = bv_layer_norm(g, x, eps, "%snorm", prefix);
    bv_features_add(g, features, x, "map");
    bv_features_add(g, features, bv_reshape(g, x, 3, (int64_t[]){bv_dim(x, 0), -1, bv_dim(x, 3)}),
                    "tokens");
}

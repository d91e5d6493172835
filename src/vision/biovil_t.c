// BioViL-T's image encoder (Bannur et al. 2023): a ResNet-50 whose patches are joined by what
// changed since a prior image.
//
//   current = backbone_to_vit(resnet(pixels))              1×1 convolution to D = 256 channels
//   without a prior:  difference = missing_previous_emb, the same at every position
//   with a prior:     tokens = [current patches; prior patches], through the pooler:
//     blocks.i:  y = norm1(x) + position + type           (type 0: current, 1: prior)
//                x += attn.proj(attention(attn.proj_q(y), attn.proj_k(y), attn.proj_v(y)))
//                x += mlp.fc2(gelu(mlp.fc1(norm2(x))))
//     difference = norm_post(x) at the current image's tokens
//   map = [current, difference]                             [N,h,w,2D]
//
// Position: two-dimensional sines and cosines as in DETR (Carion et al. 2020), D/2 channels for the
// row and D/2 for the column, temperature 10000, scaled to 2π; it is not in the checkpoint. It and
// the type are added to what makes queries, keys and values alike.
//
// Configuration: that of the ResNet, and "pooler_heads" (8), "pooler_eps" (1e-6).
// Features: those of the ResNet as "layer1" …; "map".
#include <math.h>
#include <stdio.h>

#include "vision/vision.h"

struct pooler {
    int heads;
    float eps;
    struct bv_tensor *place; // position + type [1,2·h·w,D]
};

struct grid {
    int height, width, channels;
};

// out[(row·w + column), :] = interleaved sines and cosines of row, then of column. In f32, as the
// authors' code does it.
static void fill_positions(void *arg, void *memory)
{
    const struct grid *s = arg;
    float *out = memory;
    int half = s->channels / 2;
    const float turn = 6.28318530717958647692f;
    for (int y = 0; y < s->height; y++)
        for (int x = 0; x < s->width; x++)
            for (int c = 0; c < s->channels; c++) {
                int at = c < half ? y : x, size = c < half ? s->height : s->width, k = c % half;
                float place = (float)(at + 1) / ((float)size + 1e-6f) * turn;
                float rate = powf(10000.0f, 2.0f * floorf((float)k / 2) / (float)half);
                *out++ = k % 2 ? cosf(place / rate) : sinf(place / rate);
            }
}

static struct bv_tensor *positions(struct bv_graph *g, int64_t h, int64_t w, int64_t C)
{
    struct grid grid = {(int)h, (int)w, (int)C};
    char key[64];
    const void *data = NULL;
    struct bv_error err = {0};
    (void)snprintf(key, sizeof key, "positions:%dx%dx%d", grid.height, grid.width, grid.channels);
    if (bv_weights_derive(g->weights, key, (size_t)(h * w * C) * sizeof(float), fill_positions,
                          &grid, &data, &err) != BV_OK)
        return bv_graph_fail(g, err.status, "%s", err.text);
    return bv_graph_derived(g, key, data, 3, (int64_t[]){1, h * w, C});
}

// type_embed [2,1,D] spread over each image's positions, plus the positions twice.
static struct bv_tensor *places(struct bv_graph *g, int64_t h, int64_t w, int64_t C,
                                const char *prefix)
{
    struct bv_tensor *types = bv_weight(g, "%svit_pooler.type_embed", prefix);
    struct bv_tensor *position = positions(g, h, w, C), *parts[2];
    types = bv_reshape(g, types, 2, (int64_t[]){2, C});
    for (int i = 0; i < 2; i++) {
        struct bv_tensor *type =
            bv_reshape(g, bv_slice(g, types, 0, i, 1), 3, (int64_t[]){1, 1, C});
        parts[i] = bv_add(g, position, type);
    }
    return bv_concat(g, 2, parts, 1);
}

static struct bv_tensor *block(struct bv_graph *g, const struct pooler *c, struct bv_tensor *x,
                               const char *p)
{
    struct bv_attention_params a = {.heads = c->heads, .head_dim = (int)bv_dim(x, 2) / c->heads};
    a.scale = 1 / sqrtf((float)a.head_dim);
    struct bv_tensor *y = bv_add(g, bv_layer_norm(g, x, c->eps, "%snorm1", p), c->place);
    struct bv_tensor *q = bv_linear(g, y, "%sattn.proj_q", p);
    struct bv_tensor *k = bv_linear(g, y, "%sattn.proj_k", p);
    struct bv_tensor *v = bv_linear(g, y, "%sattn.proj_v", p);
    y = bv_linear(g, bv_attention(g, q, k, v, NULL, NULL, &a), "%sattn.proj", p);
    x = bv_add(g, y, x);
    y = bv_layer_norm(g, x, c->eps, "%snorm2", p);
    y = bv_activate(g, bv_linear(g, y, "%smlp.fc1", p), BV_ACT_GELU);
    return bv_add(g, bv_linear(g, y, "%smlp.fc2", p), x);
}

// What changed between two maps [N,h,w,D], at the current one's positions.
static struct bv_tensor *difference(struct bv_graph *g, const json_t *config, const char *prefix,
                                    struct bv_tensor *current, struct bv_tensor *prior)
{
    int64_t N = bv_dim(current, 0), h = bv_dim(current, 1), w = bv_dim(current, 2);
    int64_t C = bv_dim(current, 3), P = h * w;
    struct pooler c = {
        .heads = (int)bv_json_integer(config, "pooler_heads", 8),
        .eps = (float)bv_json_number(config, "pooler_eps", 1e-6),
        .place = places(g, h, w, C, prefix),
    };
    if (c.heads < 1 || C % c.heads != 0)
        return bv_graph_fail(g, BV_ERR_MODEL, "%d heads do not divide a width of %lld", c.heads,
                             (long long)C);
    struct bv_tensor *parts[] = {bv_reshape(g, current, 3, (int64_t[]){N, P, C}),
                                 bv_reshape(g, prior, 3, (int64_t[]){N, P, C})};
    struct bv_tensor *x = bv_concat(g, 2, parts, 1);
    for (int i = 0;; i++) {
        const char *p = bv_arena_printf(&g->arena, "%svit_pooler.blocks.%d.", prefix, i);
        if (!p || (i > 0 && !bv_weight_optional(g, "%snorm1.weight", p)))
            break;
        x = block(g, &c, x, p);
    }
    x = bv_layer_norm(g, x, c.eps, "%svit_pooler.norm_post", prefix);
    return bv_reshape(g, bv_slice(g, x, 1, 0, P), 4, (int64_t[]){N, h, w, C});
}

static struct bv_tensor *patches(struct bv_graph *g, const json_t *config, const char *prefix,
                                 struct bv_tensor *pixels)
{
    struct bv_features features = {0};
    bv_vision_resnet(g, config, prefix, pixels, &features);
    return bv_conv2d(g, bv_features_find(&features, "map"), 1, 0, "%sbackbone_to_vit", prefix);
}

void bv_vision_biovil_t(struct bv_graph *g, const json_t *config, const char *prefix,
                        struct bv_tensor *pixels, struct bv_features *features)
{
    struct bv_tensor *current = patches(g, config, prefix, pixels);
    int64_t C = bv_dim(current, 3);
    struct bv_tensor *missing = bv_weight(g, "%smissing_previous_emb", prefix);
    missing = bv_reshape(g, missing, 4, (int64_t[]){1, 1, 1, C});
    if (current)
        missing = bv_expand(g, missing, current->dim);
    struct bv_tensor *parts[] = {current, missing};
    bv_features_add(g, features, bv_concat(g, 2, parts, 3), "map");
}

void bv_vision_biovil_t_prior(struct bv_graph *g, const json_t *config, const char *prefix,
                              struct bv_tensor *pixels, struct bv_tensor *prior,
                              struct bv_features *features)
{
    struct bv_tensor *current = patches(g, config, prefix, pixels);
    struct bv_tensor *before = patches(g, config, prefix, prior);
    struct bv_tensor *parts[] = {current, difference(g, config, prefix, current, before)};
    bv_features_add(g, features, bv_concat(g, 2, parts, 3), "map");
}

// The conditional U-Net of Stable Diffusion (Rombach et al. 2022), as diffusers writes it.
//
//   temb = linear_2(silu(linear_1(timestep features)))
//   x = conv_in(latents)                                                        -> skip
//   down_blocks.i:  layers_per_block × { resnet, [transformer] }                -> skip each
//                   downsamplers.0: conv 3×3, stride 2 (all but the last)       -> skip
//   mid_block:      resnet, transformer, resnet
//   up_blocks.i:    (layers_per_block + 1) × { concat(x, skip), resnet, [transformer] }
//                   upsamplers.0: nearest to the next skip's size, conv 3×3 (all but the last)
//   conv_out(silu(conv_norm_out(x)))
//
//   transformer:    y = proj_in(norm(x)); blocks of { y += attn1(norm1(y)); y += attn2(norm2(y),
//                   text); y += ff(norm3(y)) } with ff = linear(geglu(linear)); x + proj_out(y)
//
// A down block has transformers where its type begins with "CrossAttn", an up block likewise.
// attention_head_dim is, against its name, the number of heads (one, or one for each level);
// num_attention_heads replaces it where a file has it. Group norms of resnets have norm_eps, those
// of transformers 1e-6; layer norms 1e-5. Odd sizes work: an up block ends at the size that its
// skip has. proj_in and proj_out are 1×1 convolutions or linear layers: the same numbers.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "diffusion/networks.h"

#define MAX_SKIPS 64

struct unet {
    struct bv_graph *g;
    const json_t *config;
    const char *prefix;
    struct bv_resnet_block resnet;
    struct bv_tensor *text;
    struct bv_features *features;
    struct bv_tensor *skip[MAX_SKIPS];
    int n_skips, levels, layers;
};

int64_t bv_unet_time_width(const json_t *config)
{
    return json_integer_value(json_array_get(json_object_get(config, "block_out_channels"), 0));
}

void bv_timestep_features(const json_t *config, float t, float *out)
{
    int64_t half = bv_unet_time_width(config) / 2;
    float shift = (float)bv_json_number(config, "freq_shift", 0);
    bool flip = bv_json_boolean(config, "flip_sin_to_cos", true);
    float step = -logf(10000.0f);
    for (int64_t i = 0; i < half; i++) {
        float angle = t * expf(step * (float)i / ((float)half - shift));
        out[flip ? i : half + i] = cosf(angle);
        out[flip ? half + i : i] = sinf(angle);
    }
}

// The name of a part of the network, in the graph's memory.
static const char *part(const struct unet *u, const char *format, int i, int j)
{
    char name[96];
    (void)snprintf(name, sizeof name, format, i, j);
    const char *full = bv_arena_printf(&u->g->arena, "%s%s", u->prefix, name);
    return full ? full : "";
}

// A member that is one number, or a list with one for each level.
static int64_t at_level(const json_t *value, int level, int64_t fallback)
{
    if (json_is_array(value))
        value = json_array_get(value, (size_t)level);
    return json_is_integer(value) ? json_integer_value(value) : fallback;
}

static int heads_at(const struct unet *u, int level)
{
    const json_t *heads = json_object_get(u->config, "num_attention_heads");
    if (!heads || json_is_null(heads))
        heads = json_object_get(u->config, "attention_head_dim");
    return (int)at_level(heads, level, 8);
}

static struct bv_tensor *attention(struct unet *u, struct bv_tensor *x, struct bv_tensor *source,
                                   int heads, const char *prefix)
{
    struct bv_graph *g = u->g;
    struct bv_tensor *q = bv_linear(g, x, "%sto_q", prefix);
    struct bv_tensor *k = bv_linear(g, source, "%sto_k", prefix);
    struct bv_tensor *v = bv_linear(g, source, "%sto_v", prefix);
    int64_t C = bv_dim(q, 2);
    if (heads < 1 || C % heads != 0)
        return bv_graph_fail(g, BV_ERR_MODEL, "%s: %d heads do not divide a width of %lld", prefix,
                             heads, (long long)C);
    struct bv_attention_params p = {.heads = heads, .head_dim = (int)(C / heads)};
    p.scale = 1 / sqrtf((float)p.head_dim);
    return bv_linear(g, bv_attention(g, q, k, v, NULL, NULL, &p), "%sto_out.0", prefix);
}

static struct bv_tensor *transformer_block(struct unet *u, struct bv_tensor *x, int heads,
                                           const char *prefix)
{
    struct bv_graph *g = u->g;
    const float eps = 1e-5f;
    const char *self = bv_arena_printf(&g->arena, "%sattn1.", prefix);
    const char *cross = bv_arena_printf(&g->arena, "%sattn2.", prefix);
    if (!self || !cross)
        return bv_graph_fail(g, BV_ERR_NOMEM, "out of memory for a name");
    struct bv_tensor *y = bv_layer_norm(g, x, eps, "%snorm1", prefix);
    x = bv_add(g, attention(u, y, y, heads, self), x);
    y = bv_layer_norm(g, x, eps, "%snorm2", prefix);
    x = bv_add(g, attention(u, y, u->text, heads, cross), x);
    y = bv_linear(g, bv_layer_norm(g, x, eps, "%snorm3", prefix), "%sff.net.0.proj", prefix);
    y = bv_glu(g, y, BV_ACT_GELU, true);
    return bv_add(g, bv_linear(g, y, "%sff.net.2", prefix), x);
}

static struct bv_tensor *transformer(struct unet *u, struct bv_tensor *x, int heads,
                                     const char *prefix)
{
    struct bv_graph *g = u->g;
    int64_t N = bv_dim(x, 0), H = bv_dim(x, 1), W = bv_dim(x, 2);
    struct bv_tensor *y = bv_group_norm(g, x, NULL, u->resnet.groups, 1e-6f, "%snorm", prefix);
    y = bv_linear(g, y, "%sproj_in", prefix);
    int64_t C = bv_dim(y, 3);
    y = bv_reshape(g, y, 3, (int64_t[]){N, H * W, C});
    for (int i = 0;; i++) {
        const char *p = bv_arena_printf(&g->arena, "%stransformer_blocks.%d.", prefix, i);
        if (!p || (i > 0 && !bv_weight_optional(g, "%snorm1.weight", p)))
            break;
        y = transformer_block(u, y, heads, p);
    }
    y = bv_reshape(g, y, 4, (int64_t[]){N, H, W, C});
    return bv_add(g, bv_linear(g, y, "%sproj_out", prefix), x);
}

static void push(struct unet *u, struct bv_tensor *x)
{
    if (u->n_skips < MAX_SKIPS)
        u->skip[u->n_skips++] = x;
    else
        (void)bv_graph_fail(u->g, BV_ERR_LIMIT, "more than %d layers", MAX_SKIPS);
}

static bool attends(const struct unet *u, const char *key, int level)
{
    const json_t *type = json_array_get(json_object_get(u->config, key), (size_t)level);
    const char *name = json_is_string(type) ? json_string_value(type) : "";
    return strncmp(name, "CrossAttn", 9) == 0;
}

static struct bv_tensor *down_block(struct unet *u, struct bv_tensor *x, int level)
{
    bool attend = attends(u, "down_block_types", level);
    for (int j = 0; j < u->layers; j++) {
        x = bv_resnet_block(u->g, &u->resnet, x, part(u, "down_blocks.%d.resnets.%d.", level, j));
        if (attend)
            x = transformer(u, x, heads_at(u, level),
                            part(u, "down_blocks.%d.attentions.%d.", level, j));
        push(u, x);
    }
    if (level + 1 < u->levels) {
        x = bv_conv2d(u->g, x, 2, 1, "%sconv",
                      part(u, "down_blocks.%d.downsamplers.%d.", level, 0));
        push(u, x);
    }
    bv_features_add(u->g, u->features, x, "down_blocks.%d", level);
    return x;
}

static struct bv_tensor *mid_block(struct unet *u, struct bv_tensor *x)
{
    x = bv_resnet_block(u->g, &u->resnet, x, part(u, "mid_block.resnets.0.", 0, 0));
    x = transformer(u, x, heads_at(u, u->levels - 1), part(u, "mid_block.attentions.0.", 0, 0));
    x = bv_resnet_block(u->g, &u->resnet, x, part(u, "mid_block.resnets.1.", 0, 0));
    bv_features_add(u->g, u->features, x, "mid_block");
    return x;
}

static struct bv_tensor *up_block(struct unet *u, struct bv_tensor *x, int i)
{
    bool attend = attends(u, "up_block_types", i);
    for (int j = 0; j <= u->layers; j++) {
        if (u->n_skips == 0)
            return bv_graph_fail(u->g, BV_ERR_MODEL, "up and down blocks do not match");
        struct bv_tensor *parts[] = {x, u->skip[--u->n_skips]};
        x = bv_concat(u->g, 2, parts, 3);
        x = bv_resnet_block(u->g, &u->resnet, x, part(u, "up_blocks.%d.resnets.%d.", i, j));
        if (attend)
            x = transformer(u, x, heads_at(u, u->levels - 1 - i),
                            part(u, "up_blocks.%d.attentions.%d.", i, j));
    }
    if (u->n_skips > 0) {
        const struct bv_tensor *next = u->skip[u->n_skips - 1];
        x = bv_upsample(u->g, x, bv_dim(next, 1), bv_dim(next, 2),
                        part(u, "up_blocks.%d.upsamplers.%d.", i, 0));
    }
    bv_features_add(u->g, u->features, x, "up_blocks.%d", i);
    return x;
}

static struct bv_tensor *time_embedding(struct unet *u, struct bv_tensor *time)
{
    time = bv_linear(u->g, time, "%stime_embedding.linear_1", u->prefix);
    time = bv_linear(u->g, bv_activate(u->g, time, BV_ACT_SILU), "%stime_embedding.linear_2",
                     u->prefix);
    bv_features_add(u->g, u->features, time, "time_embedding");
    return bv_activate(u->g, time, BV_ACT_SILU);
}

struct bv_tensor *bv_unet_build(struct bv_graph *g, const json_t *config, const char *prefix,
                                struct bv_tensor *latents, struct bv_tensor *time,
                                struct bv_tensor *text, struct bv_features *features)
{
    struct unet u = {.g = g, .config = config, .prefix = prefix, .text = text};
    u.features = features;
    u.levels = (int)json_array_size(json_object_get(config, "block_out_channels"));
    u.layers = (int)bv_json_integer(config, "layers_per_block", 2);
    u.resnet.groups = (int)bv_json_integer(config, "norm_num_groups", 32);
    u.resnet.eps = (float)bv_json_number(config, "norm_eps", 1e-5);
    u.resnet.time = time_embedding(&u, time);
    struct bv_tensor *x = bv_conv2d(g, latents, 1, 1, "%sconv_in", prefix);
    bv_features_add(g, features, x, "conv_in");
    push(&u, x);
    for (int i = 0; i < u.levels; i++)
        x = down_block(&u, x, i);
    x = mid_block(&u, x);
    for (int i = 0; i < u.levels; i++)
        x = up_block(&u, x, i);
    x = bv_group_norm(g, x, NULL, u.resnet.groups, u.resnet.eps, "%sconv_norm_out", prefix);
    return bv_conv2d(g, bv_activate(g, x, BV_ACT_SILU), 1, 1, "%sconv_out", prefix);
}

// The autoencoder of Stable Diffusion (Rombach et al. 2022): images to latents of an eighth of
// their size and back, as diffusers' AutoencoderKL.
//
//   decode:  z = post_quant_conv(z); x = conv_in(z); mid_block
//            up_blocks.i: (layers_per_block + 1) × resnet; nearest to twice the size, conv 3×3 (all
//            but the last); conv_out(silu(conv_norm_out(x)))
//   encode:  x = conv_in(image)
//            down_blocks.i: layers_per_block × resnet; zeros below and to the right, conv 3×3 of
//            stride 2 (all but the last); mid_block; conv_out(silu(conv_norm_out(x))); quant_conv
//   mid_block: resnet, attention of one head over all positions (+ its input), resnet
//
// Resnets have no time input; all group norms have eps 1e-6. The down-sampling convolution pads on
// two sides only: model files hold its kernel with a row and a column of zeros before it (4×4), so
// that one pixel of padding all around gives the same numbers.
#include <math.h>
#include <stdio.h>

#include "diffusion/networks.h"

static const float eps = 1e-6f;

static const char *part(struct bv_graph *g, const char *prefix, const char *name, int i)
{
    const char *full = bv_arena_printf(&g->arena, "%s%s.%d.", prefix, name, i);
    return full ? full : "";
}

static struct bv_tensor *mid_attention(struct bv_graph *g, struct bv_tensor *x, int groups,
                                       const char *prefix)
{
    int64_t N = bv_dim(x, 0), H = bv_dim(x, 1), W = bv_dim(x, 2), C = bv_dim(x, 3);
    struct bv_tensor *y = bv_group_norm(g, x, NULL, groups, eps, "%sgroup_norm", prefix);
    y = bv_reshape(g, y, 3, (int64_t[]){N, H * W, C});
    struct bv_attention_params p = {.heads = 1, .head_dim = (int)C, .scale = 1 / sqrtf((float)C)};
    y = bv_attention(g, bv_linear(g, y, "%sto_q", prefix), bv_linear(g, y, "%sto_k", prefix),
                     bv_linear(g, y, "%sto_v", prefix), NULL, NULL, &p);
    y = bv_linear(g, y, "%sto_out.0", prefix);
    return bv_add(g, bv_reshape(g, y, 4, (int64_t[]){N, H, W, C}), x);
}

static struct bv_tensor *mid_block(struct bv_graph *g, struct bv_tensor *x,
                                   const struct bv_resnet_block *b, const char *prefix,
                                   struct bv_features *features)
{
    x = bv_resnet_block(g, b, x, part(g, prefix, "mid_block.resnets", 0));
    x = mid_attention(g, x, b->groups, part(g, prefix, "mid_block.attentions", 0));
    bv_features_add(g, features, x, "mid_attention");
    x = bv_resnet_block(g, b, x, part(g, prefix, "mid_block.resnets", 1));
    bv_features_add(g, features, x, "mid_block");
    return x;
}

static struct bv_tensor *end(struct bv_graph *g, struct bv_tensor *x,
                             const struct bv_resnet_block *b, const char *prefix)
{
    x = bv_group_norm(g, x, NULL, b->groups, eps, "%sconv_norm_out", prefix);
    return bv_conv2d(g, bv_activate(g, x, BV_ACT_SILU), 1, 1, "%sconv_out", prefix);
}

static int levels_of(const json_t *config)
{
    return (int)json_array_size(json_object_get(config, "block_out_channels"));
}

static struct bv_resnet_block block_of(const json_t *config)
{
    return (struct bv_resnet_block){(int)bv_json_integer(config, "norm_num_groups", 32), eps, NULL};
}

struct bv_tensor *bv_vae_decoder_build(struct bv_graph *g, const json_t *config, const char *prefix,
                                       struct bv_tensor *latents, struct bv_features *features)
{
    const char *p = bv_arena_printf(&g->arena, "%sdecoder.", prefix);
    struct bv_resnet_block b = block_of(config);
    int levels = levels_of(config), layers = (int)bv_json_integer(config, "layers_per_block", 2);
    if (!p)
        return bv_graph_fail(g, BV_ERR_NOMEM, "out of memory for a name");
    struct bv_tensor *x = latents;
    if (bv_json_boolean(config, "use_post_quant_conv", true))
        x = bv_linear(g, x, "%spost_quant_conv", prefix);
    bv_features_add(g, features, x, "post_quant_conv");
    x = bv_conv2d(g, x, 1, 1, "%sconv_in", p);
    bv_features_add(g, features, x, "conv_in");
    x = mid_block(g, x, &b, p, features);
    for (int i = 0; i < levels; i++) {
        const char *up = part(g, p, "up_blocks", i);
        for (int j = 0; j <= layers; j++)
            x = bv_resnet_block(g, &b, x, part(g, up, "resnets", j));
        if (i + 1 < levels)
            x = bv_upsample(g, x, 2 * bv_dim(x, 1), 2 * bv_dim(x, 2), part(g, up, "upsamplers", 0));
        bv_features_add(g, features, x, "up_blocks.%d", i);
    }
    return end(g, x, &b, p);
}

struct bv_tensor *bv_vae_encoder_build(struct bv_graph *g, const json_t *config, const char *prefix,
                                       struct bv_tensor *image, struct bv_features *features)
{
    const char *p = bv_arena_printf(&g->arena, "%sencoder.", prefix);
    struct bv_resnet_block b = block_of(config);
    int levels = levels_of(config), layers = (int)bv_json_integer(config, "layers_per_block", 2);
    if (!p)
        return bv_graph_fail(g, BV_ERR_NOMEM, "out of memory for a name");
    struct bv_tensor *x = bv_conv2d(g, image, 1, 1, "%sconv_in", p);
    for (int i = 0; i < levels; i++) {
        const char *down = part(g, p, "down_blocks", i);
        for (int j = 0; j < layers; j++)
            x = bv_resnet_block(g, &b, x, part(g, down, "resnets", j));
        if (i + 1 < levels)
            x = bv_conv2d(g, x, 2, 1, "%sconv", part(g, down, "downsamplers", 0));
        bv_features_add(g, features, x, "down_blocks.%d", i);
    }
    x = end(g, mid_block(g, x, &b, p, features), &b, p);
    return bv_json_boolean(config, "use_quant_conv", true) ? bv_linear(g, x, "%squant_conv", prefix)
                                                           : x;
}

// networks.h: the two networks of latent diffusion (Rombach et al. 2022) as graphs over a model
// file's weights. Sizes come from the weights, the rest from the configuration object of the card,
// whose members are those of the published config.json files.
#ifndef BV_DIFFUSION_NETWORKS_H
#define BV_DIFFUSION_NETWORKS_H

#include "base/json.h"
#include "graph/graph.h"

// Width of a timestep's sinusoidal features: block_out_channels[0].
int64_t bv_unet_time_width(const json_t *config);

// Predicts noise (or velocity) in latents at a timestep, given texts.
//   latents [N,H,W,4], time [1,time width] (bv_timestep_features), text [N,T,cross_attention_dim]
// Returns [N,H,W,4], and adds the results of blocks under diffusers' names to features.
struct bv_tensor *bv_unet_build(struct bv_graph *g, const json_t *config, const char *prefix,
                                struct bv_tensor *latents, struct bv_tensor *time,
                                struct bv_tensor *text, struct bv_features *features);

// cos and sin of t · exp(-ln 10000 · i / (width/2 - shift)), in f32 as diffusers computes them;
// with flip (flip_sin_to_cos) the cosines come first.
void bv_timestep_features(const json_t *config, float t, float *out);

// Latents [N,H,W,4] (already divided by the scaling factor) to an image [N,8H,8W,3] in -1 … 1.
struct bv_tensor *bv_vae_decoder_build(struct bv_graph *g, const json_t *config, const char *prefix,
                                       struct bv_tensor *latents, struct bv_features *features);

// An image [N,H,W,3] in -1 … 1 to the moments of its latents [N,H/8,W/8,8]: means, then logarithms
// of variances.
struct bv_tensor *bv_vae_encoder_build(struct bv_graph *g, const json_t *config, const char *prefix,
                                       struct bv_tensor *image, struct bv_features *features);

// Pieces that both networks are made of.
struct bv_resnet_block {
    int groups;
    float eps;
    struct bv_tensor *time; // SiLU of the time embedding [1,4C], or NULL
};
struct bv_tensor *bv_resnet_block(struct bv_graph *g, const struct bv_resnet_block *b,
                                  struct bv_tensor *x, const char *prefix);
// Nearest neighbours to out_h × out_w, then the 3×3 convolution prefix.conv.
struct bv_tensor *bv_upsample(struct bv_graph *g, struct bv_tensor *x, int64_t out_h, int64_t out_w,
                              const char *prefix);

#endif

// The blocks that U-Net and autoencoder share.
//
//   resnet:  h = conv1(silu(norm1(x)))
//            h = conv2(silu(norm2(h + time_emb_proj(silu(temb)))))
//            out = h + (conv_shortcut(x) where widths differ, else x)
//
// The time embedding is the same at every position: it enters the second norm as its offset.
#include "diffusion/networks.h"

struct bv_tensor *bv_resnet_block(struct bv_graph *g, const struct bv_resnet_block *b,
                                  struct bv_tensor *x, const char *prefix)
{
    struct bv_tensor *offset = NULL;
    if (b->time && bv_weight_optional(g, "%stime_emb_proj.weight", prefix)) {
        offset = bv_linear(g, b->time, "%stime_emb_proj", prefix);
        offset = bv_expand(g, offset, (int64_t[]){bv_dim(x, 0), bv_dim(offset, 1)});
    }
    struct bv_tensor *kept =
        x; // made first: the norm is then the last to read x, and takes its place
    if (bv_weight_optional(g, "%sconv_shortcut.weight", prefix))
        kept = bv_linear(g, x, "%sconv_shortcut", prefix);
    struct bv_tensor *h = bv_group_norm(g, x, NULL, b->groups, b->eps, "%snorm1", prefix);
    h = bv_conv2d(g, bv_activate(g, h, BV_ACT_SILU), 1, 1, "%sconv1", prefix);
    h = bv_group_norm(g, h, offset, b->groups, b->eps, "%snorm2", prefix);
    h = bv_conv2d(g, bv_activate(g, h, BV_ACT_SILU), 1, 1, "%sconv2", prefix);
    return bv_add(g, h, kept);
}

struct bv_tensor *bv_upsample(struct bv_graph *g, struct bv_tensor *x, int64_t out_h, int64_t out_w,
                              const char *prefix)
{
    x = bv_interpolate(g, x, (int)out_h, (int)out_w, BV_INTERPOLATE_NEAREST, false);
    return bv_conv2d(g, x, 1, 1, "%sconv", prefix);
}

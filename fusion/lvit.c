// LViT (Li et al. 2023): a U-Net whose skip connections pass through transformers that read text.
//
//   x1 = inc(pixels)                            64 channels, 224×224
//   x2 … x5 = down1 … down4                     max-pool 2, two [3×3, BN, ReLU]: 128, 256, 512, 512
//   t4 … t1 = text_module4 … 1                  3-wide convolutions over the ten tokens: 512 … 64
//   y1 = block(embed(x1) + lift(t1))            196 patches of 16×16; lift: CTBN3, tokens 10 to 196
//   y2 = [CTBN(block(embed x2)); y1]  y3, y4 alike: half of the channels from the level above
//   back: y4 = block(y4)   y3 = block(y3) + CTBN2(y4)   y2, y1 alike
//   x_i += ReLU(BN(1×1 conv(nearest upsampling of y_i to x_i's grid)))
//   up4 … up1: [pix(x_i); nearest 2× upsampling of the level below], two [3×3, BN, ReLU]
//   mask = σ(outc 1×1)                                                     [N,H,W,1]
// pix scales every position by an MLP of its channels' mean, maximum and their sum.
// block: a pre-LN transformer block, 8 heads, LN eps 1e-5, whose MLP applies GELU twice.
//
// CTBN is a 3-wide convolution along the patches with BN and ReLU. Weights of the authors' model
// that its forward pass never reads are left out by the card.
//
// in->image: pixels [1,H·W,3], BGR in 0…1; in->extra: token features of the text [B,10,768].
// Features: "mask" [1,H,W,1], "decoded" [1,H,W,64] before outc; "text1", "y1", "y2" of the way
// down.
#include <math.h>

#include "fusion/fusion.h"
#include "graph/transformer.h"

struct lvit {
    struct bv_graph *g;
    const char *prefix;
};

static struct bv_tensor *relu(const struct lvit *u, struct bv_tensor *x)
{
    return bv_activate(u->g, x, BV_ACT_RELU);
}

// [N,T,C] along T: a kernel of three, zero padding.
static struct bv_tensor *conv1d(const struct lvit *u, struct bv_tensor *x, const char *name)
{
    struct bv_conv2d_params p = {1, 1, 0, 1, 1, 1, 1, BV_ACT_NONE, 0, 0};
    int64_t N = bv_dim(x, 0), T = bv_dim(x, 1);
    x = bv_reshape(u->g, x, 4, (int64_t[]){N, 1, T, -1});
    x = bv_conv2d_params(u->g, x, &p, "%s%s", u->prefix, name);
    return bv_reshape(u->g, x, 3, (int64_t[]){N, T, -1});
}

static struct bv_tensor *conv_trans_bn(const struct lvit *u, struct bv_tensor *x, const char *vit,
                                       const char *name)
{
    const char *conv = bv_arena_printf(&u->g->arena, "%s.%s.conv", vit, name);
    x = conv ? conv1d(u, x, conv) : NULL;
    return relu(u, bv_batch_norm(u->g, x, 1e-5f, "%s%s.%s.norm", u->prefix, vit, name));
}

// One [3×3 or 1×1 convolution, BN, ReLU].
static struct bv_tensor *conv_bn(const struct lvit *u, struct bv_tensor *x, int pad,
                                 const char *name)
{
    x = bv_conv2d(u->g, x, 1, pad, "%s%s.conv", u->prefix, name);
    return relu(u, bv_batch_norm(u->g, x, 1e-5f, "%s%s.norm", u->prefix, name));
}

static struct bv_tensor *two_convs(const struct lvit *u, struct bv_tensor *x, const char *name)
{
    for (int i = 0; i < 2; i++) {
        const char *conv = bv_arena_printf(&u->g->arena, "%s.nConvs.%d", name, i);
        x = conv ? conv_bn(u, x, 1, conv) : NULL;
    }
    return x;
}

static struct bv_tensor *embed(const struct lvit *u, struct bv_tensor *x, const char *vit)
{
    struct bv_tensor *w =
        bv_weight(u->g, "%s%s.embeddings.patch_embeddings.weight", u->prefix, vit);
    x = bv_conv2d(u->g, x, (int)bv_dim(w, 1), 0, "%s%s.embeddings.patch_embeddings", u->prefix,
                  vit);
    x = bv_reshape(u->g, x, 3, (int64_t[]){bv_dim(x, 0), -1, bv_dim(x, 3)});
    return bv_add(u->g, x, bv_weight(u->g, "%s%s.embeddings.position_embeddings", u->prefix, vit));
}

static struct bv_tensor *block(const struct lvit *u, struct bv_tensor *x, const char *vit)
{
    const struct bv_transformer t = {
        .heads = 8, .eps = 1e-5f, .activation = BV_ACT_GELU, .twice = true};
    const char *p = bv_arena_printf(&u->g->arena, "%s%s.Encoder_blocks.0.", u->prefix, vit);
    return p ? bv_transformer_block(u->g, &t, x, p) : NULL;
}

// The message of the text to the 196 patches: a convolution along the 64 features whose channels
// are the tokens.
static struct bv_tensor *lift(const struct lvit *u, struct bv_tensor *text)
{
    struct bv_tensor *x = bv_permute(u->g, text, (int[]){0, 2, 1});
    return bv_permute(u->g, conv_trans_bn(u, x, "downVit", "CTBN3"), (int[]){0, 2, 1});
}

// Down path: half of the channels are the level's own, half come from the level above.
static struct bv_tensor *join(const struct lvit *u, struct bv_tensor *x, struct bv_tensor *above,
                              const char *vit)
{
    struct bv_tensor *y = block(u, embed(u, x, vit), vit);
    y = conv_trans_bn(u, y, vit, "CTBN");
    return bv_concat(u->g, 2, (struct bv_tensor *[]){y, above}, 2);
}

static struct bv_tensor *come_back(const struct lvit *u, struct bv_tensor *y,
                                   struct bv_tensor *below, const char *vit)
{
    return bv_add(u->g, block(u, y, vit), conv_trans_bn(u, below, vit, "CTBN2"));
}

static struct bv_tensor *upsample(const struct lvit *u, struct bv_tensor *x, int factor)
{
    return bv_interpolate(u->g, x, factor * (int)bv_dim(x, 1), factor * (int)bv_dim(x, 2),
                          BV_INTERPOLATE_NEAREST, false);
}

static struct bv_tensor *reconstruct(const struct lvit *u, struct bv_tensor *x, struct bv_tensor *y,
                                     const char *name)
{
    int side = (int)lround(sqrt((double)bv_dim(y, 1)));
    y = bv_reshape(u->g, y, 4, (int64_t[]){bv_dim(y, 0), side, side, bv_dim(y, 2)});
    y = conv_bn(u, upsample(u, y, side > 0 ? (int)bv_dim(x, 1) / side : 1), 0, name);
    return bv_add(u->g, x, y);
}

// Over the channels of every position: [N,H,W,C] to [N,H,W,1].
static struct bv_tensor *over_channels(const struct lvit *u, struct bv_tensor *x,
                                       enum bv_reduce_kind kind)
{
    int64_t H = bv_dim(x, 1), W = bv_dim(x, 2), C = bv_dim(x, 3), N = bv_dim(x, 0);
    x = bv_reshape(u->g, x, 3, (int64_t[]){N * H * W, C, 1});
    return bv_reshape(u->g, bv_reduce(u->g, x, NULL, kind), 4, (int64_t[]){N, H, W, 1});
}

static struct bv_tensor *pixel_module(const struct lvit *u, struct bv_tensor *x, const char *name)
{
    struct bv_graph *g = u->g;
    struct bv_tensor *mean = relu(u, bv_conv2d(g, x, 1, 0, "%s%s.conv_avg", u->prefix, name));
    struct bv_tensor *most = relu(u, bv_conv2d(g, x, 1, 0, "%s%s.conv_max", u->prefix, name));
    mean = over_channels(u, mean, BV_REDUCE_MEAN);
    most = over_channels(u, most, BV_REDUCE_MAX);
    struct bv_tensor *parts[] = {mean, most, bv_add(g, most, mean)};
    struct bv_tensor *w = bv_concat(g, 3, parts, 3);
    w = relu(u, bv_linear(g, w, "%s%s.bottleneck.0", u->prefix, name));
    return bv_mul(g, x, bv_linear(g, w, "%s%s.bottleneck.2", u->prefix, name));
}

static struct bv_tensor *up(const struct lvit *u, struct bv_tensor *below, struct bv_tensor *skip,
                            const char *name, const char *pixels)
{
    struct bv_tensor *parts[] = {pixel_module(u, skip, pixels), upsample(u, below, 2)};
    return two_convs(u, bv_concat(u->g, 2, parts, 3), name);
}

void bv_fusion_lvit(struct bv_graph *g, const json_t *config, const char *prefix,
                    const struct bv_fusion_inputs *in, struct bv_features *features)
{
    (void)config;
    const struct lvit l = {g, prefix}, *u = &l;
    int64_t side = (int64_t)lround(sqrt((double)bv_dim(in->image, 1)));
    struct bv_tensor *x = bv_reshape(g, in->image, 4, (int64_t[]){1, side, side, -1});
    struct bv_tensor *x1 = conv_bn(u, x, 1, "inc");
    struct bv_tensor *x2 = two_convs(u, bv_max_pool(g, x1, 2, 2, 0), "down1");
    struct bv_tensor *x3 = two_convs(u, bv_max_pool(g, x2, 2, 2, 0), "down2");
    struct bv_tensor *x4 = two_convs(u, bv_max_pool(g, x3, 2, 2, 0), "down3");
    struct bv_tensor *x5 = two_convs(u, bv_max_pool(g, x4, 2, 2, 0), "down4");
    struct bv_tensor *t = in->extra;
    t = conv1d(u, t, "text_module4");
    t = conv1d(u, t, "text_module3");
    t = conv1d(u, t, "text_module2");
    t = conv1d(u, t, "text_module1");
    bv_features_add(g, features, t, "text1");

    struct bv_tensor *y1 = bv_add(g, embed(u, x1, "downVit"), lift(u, t));
    y1 = block(u, y1, "downVit");
    struct bv_tensor *y2 = join(u, x2, y1, "downVit1");
    struct bv_tensor *y3 = join(u, x3, y2, "downVit2");
    struct bv_tensor *y4 = join(u, x4, y3, "downVit3");
    bv_features_add(g, features, y1, "y1");
    bv_features_add(g, features, y2, "y2");
    y4 = block(u, y4, "upVit3");
    y3 = come_back(u, y3, y4, "upVit2");
    y2 = come_back(u, y2, y3, "upVit1");
    y1 = come_back(u, y1, y2, "upVit");

    x1 = reconstruct(u, x1, y1, "reconstruct1");
    x2 = reconstruct(u, x2, y2, "reconstruct2");
    x3 = reconstruct(u, x3, y3, "reconstruct3");
    x4 = reconstruct(u, x4, y4, "reconstruct4");
    x = up(u, x5, x4, "up4", "up4.pixModule");
    x = up(u, x, x3, "up3", "up3.pixModule");
    x = up(u, x, x2, "up2", "up2.pixModule");
    x = up(u, x, x1, "up1", "up1.pixModule");
    bv_features_add(g, features, x, "decoded");
    x = bv_conv2d(g, x, 1, 0, "%soutc", prefix);
    bv_features_add(g, features, bv_activate(g, x, BV_ACT_SIGMOID), "mask");
}

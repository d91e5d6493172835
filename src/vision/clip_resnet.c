// CLIP's modified ResNet (Radford et al. 2021, section 2.4): anti-aliased strides and attention
// pooling.
//
//   stem:   conv1 3×3 /2, bn1, ReLU, conv2 3×3, bn2, ReLU, conv3 3×3, bn3, ReLU, mean-pool 2×2
//   layer1 … layer4: bottlenecks; a stride is a mean-pool before the last 1×1 convolution
//     conv1 1×1, bn1, ReLU, conv2 3×3, bn2, ReLU, [mean-pool /s], conv3 1×1, bn3; + shortcut, ReLU
//     shortcut: identity, or [mean-pool /s], downsample.0 1×1, downsample.1 (bn)
//   attnpool: tokens = [mean; positions] + positional_embedding; the mean's query attends to all
//             tokens through q_proj, k_proj, v_proj, then c_proj
//
// Configuration: "heads" of the attention pooling (width·32 / 64), "eps" (1e-5).
// Features: "layer1" … "layer4", "map" [N,h,w,C], "pooled" [N,D] (after attention pooling).
#include <limits.h>
#include <math.h>

#include "vision/vision.h"

static struct bv_tensor *conv_bn_relu(struct bv_graph *g, struct bv_tensor *x, int stride, int pad,
                                      float eps, const char *p, int index)
{
    x = bv_conv2d(g, x, stride, pad, "%sconv%d", p, index);
    return bv_activate(g, bv_batch_norm(g, x, eps, "%sbn%d", p, index), BV_ACT_RELU);
}

static struct bv_tensor *bottleneck(struct bv_graph *g, struct bv_tensor *x, int stride, float eps,
                                    const char *p)
{
    struct bv_tensor *shortcut = x;
    struct bv_tensor *y = conv_bn_relu(g, x, 1, 0, eps, p, 1);
    y = conv_bn_relu(g, y, 1, 1, eps, p, 2);
    if (stride > 1)
        y = bv_mean_pool(g, y, stride, stride);
    y = bv_batch_norm(g, bv_conv2d(g, y, 1, 0, "%sconv3", p), eps, "%sbn3", p);
    if (bv_weight_optional(g, "%sdownsample.0.weight", p)) {
        if (stride > 1)
            shortcut = bv_mean_pool(g, shortcut, stride, stride);
        shortcut = bv_conv2d(g, shortcut, 1, 0, "%sdownsample.0", p);
        shortcut = bv_batch_norm(g, shortcut, eps, "%sdownsample.1", p);
    }
    return bv_activate(g, bv_add(g, y, shortcut), BV_ACT_RELU);
}

static struct bv_tensor *attention_pool(struct bv_graph *g, struct bv_tensor *map, int heads,
                                        const char *p)
{
    int64_t N = bv_dim(map, 0), C = bv_dim(map, 3);
    struct bv_tensor *tokens = bv_reshape(g, map, 3, (int64_t[]){N, -1, C});
    struct bv_tensor *mean =
        bv_reshape(g, bv_reduce(g, tokens, NULL, BV_REDUCE_MEAN), 3, (int64_t[]){N, 1, C});
    struct bv_tensor *x = bv_concat(g, 2, (struct bv_tensor *[]){mean, tokens}, 1);
    x = bv_add(g, x, bv_weight(g, "%spositional_embedding", p));
    struct bv_tensor *q = bv_linear(g, bv_slice(g, x, 1, 0, 1), "%sq_proj", p);
    struct bv_tensor *k = bv_linear(g, x, "%sk_proj", p), *v = bv_linear(g, x, "%sv_proj", p);
    struct bv_attention_params a = {.heads = heads, .head_dim = (int)(C / heads)};
    a.scale = 1 / sqrtf((float)a.head_dim);
    struct bv_tensor *y = bv_attention(g, q, k, v, NULL, NULL, &a);
    y = bv_linear(g, y, "%sc_proj", p);
    return bv_reshape(g, y, 2, (int64_t[]){N, -1});
}

void bv_vision_clip_resnet(struct bv_graph *g, const json_t *config, const char *prefix,
                           struct bv_tensor *pixels, struct bv_features *features)
{
    float eps = (float)bv_json_number(config, "eps", 1e-5);
    struct bv_tensor *x = conv_bn_relu(g, pixels, 2, 1, eps, prefix, 1);
    x = conv_bn_relu(g, x, 1, 1, eps, prefix, 2);
    x = conv_bn_relu(g, x, 1, 1, eps, prefix, 3);
    x = bv_mean_pool(g, x, 2, 2);
    for (int layer = 1; layer <= 4; layer++) {
        for (int block = 0;; block++) {
            const char *p = bv_arena_printf(&g->arena, "%slayer%d.%d.", prefix, layer, block);
            if (!p || (block > 0 && !bv_weight_optional(g, "%sconv1.weight", p)))
                break;
            x = bottleneck(g, x, block == 0 && layer > 1 ? 2 : 1, eps, p);
        }
        bv_features_add(g, features, x, "layer%d", layer);
    }
    bv_features_add(g, features, x, "map");
    const int64_t C = bv_dim(x, 3);
    const int64_t heads = bv_json_integer(config, "heads", C >= 64 ? C / 64 : 1);
    const char *pool = bv_arena_printf(&g->arena, "%sattnpool.", prefix);
    if (heads < 1 || heads > INT_MAX || C % heads != 0)
        (void)bv_graph_fail(g, BV_ERR_MODEL,
                            "%lld heads of the attention pooling do not divide a width of %lld",
                            (long long)heads, (long long)C);
    else if (pool)
        bv_features_add(g, features, attention_pool(g, x, (int)heads, pool), "pooled");
}

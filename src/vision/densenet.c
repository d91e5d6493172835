// DenseNet (Huang et al. 2017), the torchvision form.
//
//   features.conv0 7×7 /2, norm0, ReLU, max-pool 3×3 /2 pad 1
//   features.denseblockB.denselayerL:  y = conv2 3×3(ReLU(norm2(conv1 1×1(ReLU(norm1(x))))));
//                                      x = [x, y]
//   features.transitionB: norm, ReLU, conv 1×1, mean-pool 2×2    (between blocks)
//   features.norm5
//
// DenseNet-121 has blocks of 6, 12, 24, 16 layers; depth, growth and width are read from the
// weights. Configuration: "eps" (1e-5).
// Features: "block1" … and "map" (norm5 without ReLU), "relu_map" (with ReLU, what classifiers
// pool) [N,h,w,C].
#include "vision/vision.h"

static struct bv_tensor *norm_relu(struct bv_graph *g, struct bv_tensor *x, float eps,
                                   const char *p, const char *name)
{
    return bv_activate(g, bv_batch_norm(g, x, eps, "%s%s", p, name), BV_ACT_RELU);
}

static struct bv_tensor *dense_layer(struct bv_graph *g, struct bv_tensor *x, float eps,
                                     const char *p)
{
    struct bv_tensor *y = bv_conv2d(g, norm_relu(g, x, eps, p, "norm1"), 1, 0, "%sconv1", p);
    y = bv_conv2d(g, norm_relu(g, y, eps, p, "norm2"), 1, 1, "%sconv2", p);
    return bv_concat(g, 2, (struct bv_tensor *[]){x, y}, 3);
}

void bv_vision_densenet(struct bv_graph *g, const json_t *config, const char *prefix,
                        struct bv_tensor *pixels, struct bv_features *features)
{
    float eps = (float)bv_json_number(config, "eps", 1e-5);
    const char *f = bv_arena_printf(&g->arena, "%sfeatures.", prefix);
    if (!f)
        return;
    struct bv_tensor *stem = bv_weight(g, "%sconv0.weight", f);
    struct bv_tensor *x = bv_conv2d(g, pixels, 2, (int)(bv_dim(stem, 1) / 2), "%sconv0", f);
    x = bv_max_pool(g, norm_relu(g, x, eps, f, "norm0"), 3, 2, 1);
    for (int block = 1;; block++) {
        for (int layer = 1;; layer++) {
            const char *p =
                bv_arena_printf(&g->arena, "%sdenseblock%d.denselayer%d.", f, block, layer);
            if (!p || (layer > 1 && !bv_weight_optional(g, "%snorm1.weight", p)))
                break;
            x = dense_layer(g, x, eps, p);
        }
        bv_features_add(g, features, x, "block%d", block);
        const char *t = bv_arena_printf(&g->arena, "%stransition%d.", f, block);
        if (!t || !bv_weight_optional(g, "%snorm.weight", t))
            break;
        x = bv_conv2d(g, norm_relu(g, x, eps, t, "norm"), 1, 0, "%sconv", t);
        x = bv_mean_pool(g, x, 2, 2);
    }
    x = bv_batch_norm(g, x, eps, "%snorm5", f);
    bv_features_add(g, features, x, "map");
    bv_features_add(g, features, bv_activate(g, x, BV_ACT_RELU), "relu_map");
}

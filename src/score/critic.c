#include "score/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum bv_status read_f32(const struct bv_model *model, const char *layer, const char *kind,
                               int rank, const float **data, const struct bv_weight **weight,
                               struct bv_error *err)
{
    char name[256];
    (void)snprintf(name, sizeof name, "%s.%s", layer, kind);
    const struct bv_weight *w = bv_weights_find(model->weights, name);
    if (!w || w->rank != rank)
        return bv_fail(err, BV_ERR_MODEL, "the scoring rule needs tensor \"%s\" of rank %d", name,
                       rank);
    struct bv_tensor tensor = {
        .name = w->name, .dtype = w->dtype, .rank = w->rank, .data = w->data};
    memcpy(tensor.dim, w->dim, sizeof w->dim);
    *weight = w;
    return bv_weights_f32(model->weights, &tensor, data, err);
}

enum bv_status bv_critic_open(struct bv_critic *critic, const struct bv_model *model,
                              size_t n_image, size_t n_text, struct bv_error *err)
{
    const json_t *names = json_object_get(json_object_get(model->card, "scoring"), "critic");
    struct bv_critic c = {.widest = n_image + n_text};
    size_t i, width = n_image + n_text;
    const json_t *name;
    if (json_array_size(names) < 1 || json_array_size(names) > BV_MAX_CRITIC_LAYERS)
        return bv_fail(err, BV_ERR_MODEL, "the card names no critic of 1 to %d layers",
                       BV_MAX_CRITIC_LAYERS);
    json_array_foreach(names, i, name)
    {
        const char *text = json_string_value(name) ? json_string_value(name) : "";
        const struct bv_weight *w = NULL, *b = NULL;
        BV_TRY(read_f32(model, text, "weight", 2, &c.layers[i].weight, &w, err));
        BV_TRY(read_f32(model, text, "bias", 1, &c.layers[i].bias, &b, err));
        if ((size_t)w->dim[1] != width || b->dim[0] != w->dim[0])
            return bv_fail(err, BV_ERR_MODEL, "\"%s\" takes %lld values and gets %zu", text,
                           (long long)w->dim[1], width);
        c.layers[i].in = width;
        width = c.layers[i].out = (size_t)w->dim[0];
        c.widest = width > c.widest ? width : c.widest;
        c.n_layers++;
    }
    if (width != 1)
        return bv_fail(err, BV_ERR_MODEL, "the critic gives %zu values, not one", width);
    *critic = c;
    return BV_OK;
}

enum bv_status bv_critic_score(const struct bv_critic *critic, const float *image, size_t n_image,
                               const float *text, size_t n_text, double *score,
                               struct bv_error *err)
{
    double *x = malloc(2 * critic->widest * sizeof *x), *y = x ? x + critic->widest : NULL;
    if (!x)
        return bv_fail_nomem(err, "a critic");
    for (size_t i = 0; i < n_image + n_text; i++)
        x[i] = i < n_image ? image[i] : text[i - n_image];
    double *in = x, *out = y;
    for (int l = 0; l < critic->n_layers; l++) {
        for (size_t o = 0; o < critic->layers[l].out; o++) {
            const float *row = critic->layers[l].weight + o * critic->layers[l].in;
            double sum = critic->layers[l].bias[o];
            for (size_t i = 0; i < critic->layers[l].in; i++)
                sum += row[i] * in[i];
            out[o] = sum < 0 && l + 1 < critic->n_layers ? 0 : sum;
        }
        double *swap = in;
        in = out;
        out = swap;
    }
    *score = in[0];
    free(x);
    return BV_OK;
}

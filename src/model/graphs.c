#include <math.h>
#include <string.h>

#include "model/graphs.h"
#include "model/head.h"
#include "model/model.h"
#include "text/encoder.h"
#include "vision/vision.h"

bool bv_model_has_image(const struct bv_model *model)
{
    return json_is_object(json_object_get(model->card, "image"));
}

bool bv_model_has_text(const struct bv_model *model)
{
    return json_is_object(json_object_get(model->card, "text"));
}

bool bv_model_has_fusion(const struct bv_model *model)
{
    return json_is_object(json_object_get(model->card, "fusion"));
}

const json_t *bv_model_sized_tower(const struct bv_model *model)
{
    return json_object_get(model->card, bv_model_has_image(model) ? "image" : "fusion");
}

bool bv_model_takes_prior(const struct bv_model *model)
{
    return bv_vision_takes_prior(json_object_get(model->card, "image"));
}

// Marks every member of tower["outputs"] as an output of the graph.
static void add_outputs(struct bv_graph *g, const json_t *tower, const struct bv_features *features,
                        const struct bv_text_inputs *text)
{
    const char *name;
    json_t *output;
    json_object_foreach(json_object_get(tower, "outputs"), name, output)(void)
        bv_graph_output(g, bv_output_build(g, output, features, text), name);
}

enum bv_status bv_model_image_features(const struct bv_model *model, int64_t N, int64_t H,
                                       int64_t W, int64_t C, struct bv_graph **graph,
                                       struct bv_features *features, struct bv_error *err)
{
    BV_TRY(bv_graph_create(graph, model->weights, err));
    struct bv_graph *g = *graph;
    const json_t *tower = json_object_get(model->card, "image");
    struct bv_tensor *x = bv_graph_input(g, "pixels", BV_F32, 4, (int64_t[]){N, H, W, C});
    x = bv_steps_build(g, json_object_get(tower, "input"), x, NULL);
    bv_vision_build(g, tower, "image.", x, features);
    add_outputs(g, tower, features, NULL);
    return bv_graph_status(g, err);
}

enum bv_status bv_model_image_graph(const struct bv_model *model, int64_t N, int64_t H, int64_t W,
                                    int64_t C, struct bv_graph **graph, struct bv_error *err)
{
    struct bv_features features = {0};
    return bv_model_image_features(model, N, H, W, C, graph, &features, err);
}

enum bv_status bv_model_prior_graph(const struct bv_model *model, int64_t N, int64_t H, int64_t W,
                                    int64_t C, struct bv_graph **graph, struct bv_error *err)
{
    BV_TRY(bv_graph_create(graph, model->weights, err));
    struct bv_graph *g = *graph;
    const json_t *tower = json_object_get(model->card, "image");
    const json_t *steps = json_object_get(tower, "input");
    struct bv_tensor *x = bv_graph_input(g, "pixels", BV_F32, 4, (int64_t[]){N, H, W, C});
    struct bv_tensor *prior = bv_graph_input(g, "prior", BV_F32, 4, (int64_t[]){N, H, W, C});
    x = bv_steps_build(g, steps, x, NULL);
    prior = bv_steps_build(g, steps, prior, NULL);
    struct bv_features features = {0};
    bv_vision_build_prior(g, tower, "image.", x, prior, &features);
    add_outputs(g, tower, &features, NULL);
    return bv_graph_status(g, err);
}

enum bv_status bv_model_text_graph(const struct bv_model *model, int64_t B, int64_t T,
                                   struct bv_graph **graph, struct bv_error *err)
{
    BV_TRY(bv_graph_create(graph, model->weights, err));
    struct bv_graph *g = *graph;
    const json_t *tower = json_object_get(model->card, "text");
    struct bv_text_inputs in = {
        .ids = bv_graph_input(g, "ids", BV_I32, 2, (int64_t[]){B, T}),
        .lengths = bv_graph_input(g, "lengths", BV_I32, 1, (int64_t[]){B}),
        .last = bv_graph_input(g, "last", BV_I32, 2, (int64_t[]){B, 1}),
        .inner = bv_graph_input(g, "inner", BV_I32, 1, (int64_t[]){B}),
    };
    // Elsewhere texts come alone and all tokens are of type 0.
    if (strcmp(bv_json_string(bv_text_head_card(model->card), "kind", ""), "pair") == 0)
        in.token_types = bv_graph_input(g, "types", BV_I32, 2, (int64_t[]){B, T});
    struct bv_features features = {0};
    bv_text_build(g, tower, "text.", &in, &features);
    add_outputs(g, tower, &features, &in);
    return bv_graph_status(g, err);
}

size_t bv_shape_elements(const struct bv_output_shape *shape)
{
    size_t n = 1;
    for (int i = 0; i < shape->rank; i++)
        n *= (size_t)shape->dim[i];
    return n;
}

enum bv_status bv_take_shape(const struct bv_model *model, struct bv_graph **graph,
                             const char *output, struct bv_output_shape *shape,
                             struct bv_error *err)
{
    enum bv_status status = BV_OK;
    int i = bv_graph_find_output(*graph, output);
    if (i < 0) {
        status = bv_fail(err, BV_ERR_ARG, "model \"%s\" has no output \"%s\"", model->name, output);
    } else {
        const struct bv_tensor *t = (*graph)->outputs[i];
        shape->rank = t->rank - 1;
        memcpy(shape->dim, t->dim + 1, (size_t)shape->rank * sizeof *shape->dim);
    }
    bv_graph_destroy(graph);
    return status;
}

enum bv_status bv_model_image_shape(const struct bv_model *model, const char *output,
                                    int64_t height, int64_t width, struct bv_output_shape *shape,
                                    struct bv_error *err)
{
    struct bv_graph *graph = NULL;
    if (!bv_model_has_image(model))
        return bv_fail(err, BV_ERR_ARG, "model \"%s\" has no image encoder", model->name);
    enum bv_status status = bv_model_image_graph(model, 1, height, width,
                                                 bv_recipe_channels(model->recipe), &graph, err);
    if (status == BV_OK)
        return bv_take_shape(model, &graph, output, shape, err);
    bv_graph_destroy(&graph);
    return status;
}

enum bv_status bv_model_text_shape(const struct bv_model *model, const char *output,
                                   int64_t n_tokens, struct bv_output_shape *shape,
                                   struct bv_error *err)
{
    struct bv_graph *graph = NULL;
    if (!bv_model_has_text(model))
        return bv_fail(err, BV_ERR_ARG, "model \"%s\" has no text encoder", model->name);
    enum bv_status status = bv_model_text_graph(model, 1, n_tokens, &graph, err);
    if (status == BV_OK)
        return bv_take_shape(model, &graph, output, shape, err);
    bv_graph_destroy(&graph);
    return status;
}

// The number that a card's member is: itself, or the one in the tensor that it names.
static enum bv_status read_scalar(const struct bv_model *model, const json_t *spec, const char *key,
                                  float *value, struct bv_error *err)
{
    if (json_is_number(spec))
        *value = (float)json_number_value(spec);
    if (!json_is_object(spec))
        return BV_OK;
    const char *name = bv_json_string(spec, "tensor", key);
    const struct bv_weight *w = bv_weights_find(model->weights, name);
    if (!w)
        return bv_fail(err, BV_ERR_MODEL, "the model has no tensor \"%s\"", name);
    bv_dtype_to_f32(w->dtype, w->data, value, 1);
    return BV_OK;
}

static enum bv_status check_finite(const char *key, float value, struct bv_error *err)
{
    return isfinite(value) ? BV_OK
                           : bv_fail(err, BV_ERR_MODEL, "%s of the model is not finite", key);
}

enum bv_status bv_model_logit_scale(const struct bv_model *model, float *scale,
                                    struct bv_error *err)
{
    const json_t *spec = json_object_get(model->card, "logit_scale");
    float value = 1;
    BV_TRY(read_scalar(model, spec, "logit_scale", &value, err));
    if (json_is_object(spec)) {
        double most = bv_json_number(spec, "max", INFINITY);
        value = value > (float)most ? (float)most : value;
        value = bv_json_boolean(spec, "exp", true) ? expf(value) : value;
    }
    *scale = value;
    return check_finite("logit_scale", value, err);
}

enum bv_status bv_model_logit_bias(const struct bv_model *model, float *bias, struct bv_error *err)
{
    *bias = 0;
    BV_TRY(read_scalar(model, json_object_get(model->card, "logit_bias"), "logit_bias", bias, err));
    return check_finite("logit_bias", *bias, err);
}

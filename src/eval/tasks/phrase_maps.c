#include "eval/tasks/phrase_maps.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "explain/explanation.h"
#include "score/heatmap.h"

static enum bv_status find_method(struct bv_phrase_maps *maps, struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(maps->session);
    const char *name = maps->options.method;
    char names[512];
    if (!bv_model_has_image(m) || !bv_model_has_text(m) || m->image_dim != m->text_dim)
        return bv_fail(err, BV_ERR_MODEL, "model \"%s\" does not compare images with texts",
                       m->name);
    maps->method =
        strcmp(name, "auto") == 0 ? bv_method_default(m, "global") : bv_method_find(name);
    maps->D = (size_t)m->text_dim;
    bv_method_names(m, "global", names, sizeof names);
    if (!maps->method)
        return bv_fail(err, BV_ERR_ARG, "no method is called \"%s\"; model \"%s\" can have: %s",
                       name, m->name, names);
    BV_TRY(bv_probe_check(m, maps->method, maps->options.layers, "global", err));
    maps->common = malloc(maps->D * sizeof *maps->common);
    return maps->common ? maps->texts->encode(maps->texts->arg, (const char *const[]){""}, 1,
                                              maps->common, err)
                        : bv_fail_nomem(err, "a method");
}

static enum bv_status check_model(struct bv_phrase_maps *maps, struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(maps->session);
    if (maps->options.method)
        return find_method(maps, err);
    const json_t *spec = json_object_get(m->card, "heatmap");
    if (maps->options.layers || maps->options.faithfulness)
        return bv_fail(err, BV_ERR_ARG, "layers and faithfulness are of a method: none is named");
    maps->output = bv_json_string(spec, "output", "local");
    maps->sigma = bv_json_number(spec, "sigma", 0);
    maps->shorter = (int)bv_json_integer(spec, "resize_shorter", 0);
    if (!bv_model_has_image(m) || !bv_model_has_text(m) || !spec)
        return bv_fail(err, BV_ERR_MODEL,
                       "model \"%s\" has no similarity map of a phrase: its card names none "
                       "(\"heatmap\"), as those of BioViL and BioViL-T do",
                       m->name);
    if (maps->shorter < 1 || !(maps->sigma >= 0) || maps->sigma > 1000)
        return bv_fail(err, BV_ERR_MODEL, "model \"%s\": a \"heatmap\" without sizes", m->name);
    return BV_OK;
}

enum bv_status bv_phrase_maps_open(struct bv_phrase_maps *maps, struct bv_session *session,
                                   const struct bv_text_encoder *texts,
                                   const struct bv_phrase_map_options *options,
                                   struct bv_error *err)
{
    maps->session = session;
    maps->texts = texts;
    maps->options = *options;
    return check_model(maps, err);
}

void bv_phrase_maps_free(struct bv_phrase_maps *maps)
{
    bv_classifier_input_free(&maps->image.input);
    free(maps->patches);
    free(maps->common);
    *maps = (struct bv_phrase_maps){0};
}

enum bv_status bv_phrase_maps_take(struct bv_phrase_maps *maps, struct bv_task *task, uint64_t line,
                                   const char *path, struct bv_error *err)
{
    struct bv_preprocessed preprocessed = {.width = 0};
    struct bv_output_shape shape = {0};
    bool is_new = false;
    BV_TRY(bv_task_image(task, line, path, &preprocessed, &is_new, err));
    if (!is_new || *task->failure.reason)
        return BV_OK;
    if (maps->method) { // which reads the pixels once for each text
        bv_classifier_input_free(&maps->image.input);
        maps->image = preprocessed;
        return BV_OK;
    }
    const struct bv_pixels *p = &preprocessed.input.parts[0].pixels;
    enum bv_status status = bv_model_image_shape(bv_session_model(maps->session), maps->output,
                                                 p->height, p->width, &shape, err);
    if (status == BV_OK && (shape.rank != 3 || p->height != p->width ||
                            shape.dim[2] != bv_session_model(maps->session)->text_dim))
        status = bv_fail(err, BV_ERR_MODEL,
                         "output \"%s\" is no grid of the texts' width over a square image",
                         maps->output);
    if (status == BV_OK) {
        maps->h = (size_t)shape.dim[0];
        maps->w = (size_t)shape.dim[1];
        maps->D = (size_t)shape.dim[2];
        free(maps->patches);
        maps->patches = malloc(maps->h * maps->w * maps->D * sizeof *maps->patches);
        if (!maps->patches)
            status = bv_fail_nomem(err, "patch embeddings");
    }
    struct bv_wanted wanted = {maps->output, maps->patches, maps->h * maps->w * maps->D};
    const struct bv_encoder_input *input = preprocessed.input.parts;
    if (status == BV_OK)
        status = bv_encode_inputs(maps->session, &input, 1, &wanted, 1, err);
    maps->crop = p->height;
    maps->image = preprocessed;
    bv_classifier_input_free(&maps->image.input);
    return status;
}

static enum bv_status measure_faithfulness(struct bv_phrase_maps *maps, const struct bv_maps *made,
                                           const struct bv_goal *goal, struct bv_error *err)
{
    const struct bv_pixels *pixels = &maps->image.input.parts[0].pixels;
    uint32_t *order = malloc((size_t)pixels->height * (size_t)pixels->width * sizeof *order);
    if (!order)
        return bv_fail_nomem(err, "an order of pixels");
    enum bv_status status =
        bv_faithfulness_order(made, 0, pixels->height, pixels->width, order, err);
    if (status == BV_OK)
        status =
            bv_faithfulness_measure(maps->session, pixels, goal, order, &maps->faithfulness, err);
    free(order);
    return status;
}

// By a method of src/explain.
static enum bv_status explain_map(struct bv_phrase_maps *maps, const char *text, float *map,
                                  struct bv_error *err)
{
    struct bv_explanation *e = NULL;
    float *embedding = malloc(maps->D * sizeof *embedding);
    if (!embedding)
        return bv_fail_nomem(err, "a map");
    const struct bv_goal goal = {
        .output = "global", .direction = embedding, .common = maps->common, .n = 1, .D = maps->D};
    const struct bv_probe_request request = {.method = maps->method,
                                             .layers = maps->options.layers,
                                             .pixels = &maps->image.input.parts[0].pixels,
                                             .goal = &goal};
    enum bv_status status = maps->texts->encode(maps->texts->arg, &text, 1, embedding, err);
    if (status == BV_OK)
        status = bv_explanation_make(&e, maps->session, &request, 0, maps->image.width,
                                     maps->image.height, err);
    if (status == BV_OK)
        bv_explanation_spread(e, 0, false, map);
    if (status == BV_OK && maps->options.faithfulness)
        status = measure_faithfulness(maps, &e->maps, &goal, err);
    bv_explanation_destroy(&e);
    free(embedding);
    return status;
}

enum bv_status bv_phrase_maps_make(struct bv_phrase_maps *maps, const char *text, float **map,
                                   struct bv_error *err)
{
    if (maps->method) {
        float *made = malloc((size_t)maps->image.width * (size_t)maps->image.height * sizeof *made);
        const enum bv_status status =
            made ? explain_map(maps, text, made, err) : bv_fail_nomem(err, "a map");
        if (status == BV_OK)
            *map = made;
        else
            free(made);
        return status;
    }
    const struct bv_heatmap_crop crop = {maps->shorter, maps->crop};
    size_t n = (size_t)maps->image.width * (size_t)maps->image.height;
    float *embedding = malloc(maps->D * sizeof *embedding);
    float *grid = malloc(maps->h * maps->w * sizeof *grid);
    float *spread = malloc(n * sizeof *spread);
    enum bv_status status = BV_OK;
    if (!embedding || !grid || !spread)
        status = bv_fail_nomem(err, "a map");
    if (status == BV_OK)
        status = maps->texts->encode(maps->texts->arg, &text, 1, embedding, err);
    if (status == BV_OK)
        status = bv_heatmap_grid(maps->patches, embedding, maps->h, maps->w, maps->D, maps->sigma,
                                 grid, err);
    if (status == BV_OK)
        bv_heatmap_spread(grid, maps->h, maps->w, &crop, maps->image.height, maps->image.width,
                          maps->options.smooth, spread);
    free(embedding);
    free(grid);
    if (status == BV_OK)
        *map = spread;
    else
        free(spread);
    return status;
}

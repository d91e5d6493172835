#include "eval/tasks/grounding.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "eval/data/labelled.h"
#include "explain/explanation.h"
#include "score/heatmap.h"

enum { MAX_BOXES = 4096 }; // of one region

// A row of the file.
struct place {
    uint64_t line;
    struct bv_box box;
    struct place *next;
};

// The boxes of one phrase in one image.
struct region {
    const char *path, *text, *category;
    const char *reason, *message; // NULL: usable as far as the file tells
    struct place *places, **end;
    size_t n;
};

struct run {
    const struct bv_grounding_options *options;
    struct bv_session *session;
    const struct bv_text_encoder *texts;
    struct bv_task task;
    int text, category, box[4]; // columns
    struct bv_arena arena;
    struct bv_group_ids keys;
    struct region *regions;
    size_t n_regions, room;
    const struct bv_map_method *method; // or NULL: the map's making, from the card
    float *common;                      // of a method: the embedding of an empty text
    const char *output;
    double sigma;
    int shorter;
    // The current image.
    struct bv_preprocessed image; // its pixels are gone
    int crop;
    float *patches; // [h,w,D]
    size_t h, w, D;
    struct bv_box boxes[MAX_BOXES];
    struct bv_grounding_sums sums;
};

// ---- The model ----

static enum bv_status find_method(struct run *run, struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(run->session);
    const char *name = run->options->method;
    char names[512];
    if (!bv_model_has_image(m) || !bv_model_has_text(m) || m->image_dim != m->text_dim)
        return bv_fail(err, BV_ERR_MODEL, "model \"%s\" does not compare images with texts",
                       m->name);
    run->method = strcmp(name, "auto") == 0 ? bv_method_default(m) : bv_method_find(name);
    run->D = (size_t)m->text_dim;
    bv_method_names(m, "global", names, sizeof names);
    if (!run->method)
        return bv_fail(err, BV_ERR_ARG, "no method is called \"%s\"; model \"%s\" can have: %s",
                       name, m->name, names);
    BV_TRY(bv_probe_check(m, run->method, run->options->layers, "global", err));
    run->common = malloc(run->D * sizeof *run->common);
    return run->common
               ? run->texts->encode(run->texts->arg, (const char *const[]){""}, 1, run->common, err)
               : bv_fail_nomem(err, "a method");
}

static enum bv_status check_model(struct run *run, struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(run->session);
    if (run->options->method)
        return find_method(run, err);
    const json_t *spec = json_object_get(m->card, "heatmap");
    if (run->options->layers)
        return bv_fail(err, BV_ERR_ARG, "layers are of a method: none is named");
    run->output = bv_json_string(spec, "output", "local");
    run->sigma = bv_json_number(spec, "sigma", 0);
    run->shorter = (int)bv_json_integer(spec, "resize_shorter", 0);
    if (!bv_model_has_image(m) || !bv_model_has_text(m) || !spec)
        return bv_fail(err, BV_ERR_MODEL,
                       "model \"%s\" has no similarity map of a phrase: its card names none "
                       "(\"heatmap\"), as those of BioViL and BioViL-T do",
                       m->name);
    if (run->shorter < 1 || !(run->sigma >= 0) || run->sigma > 1000)
        return bv_fail(err, BV_ERR_MODEL, "model \"%s\": a \"heatmap\" without sizes", m->name);
    return BV_OK;
}

// ---- The file ----

static enum bv_status find_columns(struct run *run, struct bv_error *err)
{
    static const char *const texts[] = {"text", "phrase", "label_text", NULL};
    static const char *const categories[] = {"category", "category_name", NULL};
    static const char *const sides[] = {"x", "y", "w", "h"};
    BV_TRY(bv_labelled_usual(run->task.dataset, texts, true, &run->text, err));
    BV_TRY(bv_labelled_usual(run->task.dataset, categories, false, &run->category, err));
    for (int i = 0; i < 4; i++)
        BV_TRY(bv_labelled_column(run->task.dataset, sides[i], true, &run->box[i], err));
    return BV_OK;
}

static enum bv_status new_region(struct run *run, struct region **region, struct bv_error *err)
{
    if (run->n_regions == run->room) {
        size_t room = run->room ? 2 * run->room : 64;
        struct region *larger = realloc(run->regions, room * sizeof *larger);
        if (!larger)
            return bv_fail_nomem(err, "the regions");
        run->regions = larger;
        run->room = room;
    }
    *region = &run->regions[run->n_regions++];
    **region = (struct region){.path = ""};
    return BV_OK;
}

// The region that a row belongs to; a row that is not whole is one of its own.
static enum bv_status region_of(struct run *run, const struct bv_labelled_row *row,
                                struct region **region, struct bv_error *err)
{
    const char *text = row->fields ? row->fields[run->text] : "";
    const char *category = row->fields && run->category >= 0 ? row->fields[run->category] : "";
    uint32_t number = 0;
    bool is_new = false;
    char *key = row->fields
                    ? bv_arena_printf(&run->arena, "%s\x01%s\x01%s", row->path, text, category)
                    : bv_arena_printf(&run->arena, "\x01%zu", (size_t)row->index);
    if (!key)
        return bv_fail_nomem(err, "a region");
    BV_TRY(bv_group_ids_number(&run->keys, key, &number, &is_new, err));
    if (!is_new) {
        *region = &run->regions[number];
        return BV_OK;
    }
    BV_TRY(new_region(run, region, err));
    (*region)->path = bv_arena_strdup(&run->arena, row->path);
    (*region)->text = bv_arena_strdup(&run->arena, text);
    (*region)->category = run->category >= 0 ? bv_arena_strdup(&run->arena, category) : NULL;
    if (!(*region)->path || !(*region)->text || (run->category >= 0 && !(*region)->category))
        return bv_fail_nomem(err, "a region");
    return BV_OK;
}

static enum bv_status refuse(struct run *run, struct region *region, const char *reason,
                             const char *message, struct bv_error *err)
{
    if (region->reason)
        return BV_OK;
    region->reason = reason;
    region->message = bv_arena_strdup(&run->arena, message);
    return region->message ? BV_OK : bv_fail_nomem(err, "a region");
}

static enum bv_status add_row(struct run *run, const struct bv_labelled_row *row,
                              struct bv_error *err)
{
    struct region *region = NULL;
    BV_TRY(region_of(run, row, &region, err));
    struct place *place = bv_arena_alloc(&run->arena, sizeof *place);
    if (!place)
        return bv_fail_nomem(err, "a box");
    place->line = row->line;
    if (region->places)
        *region->end = place;
    else
        region->places = place;
    region->end = &place->next;
    region->n++;
    if (row->reason)
        return refuse(run, region, row->reason, row->message, err);
    if (!*region->text)
        return refuse(run, region, "no_text", "the row has no phrase", err);
    if (bv_box_parse(row->fields, run->box, &place->box) >= 0)
        return refuse(run, region, "bad_box", "a box of this phrase has no coordinates", err);
    if (region->n > MAX_BOXES)
        return refuse(run, region, "limit", "too many boxes of one phrase", err);
    return BV_OK;
}

static enum bv_status read_rows(struct run *run, struct bv_error *err)
{
    const struct bv_labelled_row *row = NULL;
    BV_TRY(find_columns(run, err));
    for (;;) {
        BV_TRY(bv_labelled_next(run->task.dataset, &row, err));
        if (!row)
            return BV_OK;
        BV_TRY(add_row(run, row, err));
    }
}

// ---- The maps ----

// Patch embeddings of the region's image, unless they are there already.
static enum bv_status take_image(struct run *run, const struct region *region, struct bv_error *err)
{
    struct bv_preprocessed preprocessed = {.width = 0};
    struct bv_output_shape shape = {0};
    bool is_new = false;
    BV_TRY(
        bv_task_image(&run->task, region->places->line, region->path, &preprocessed, &is_new, err));
    if (!is_new || *run->task.failure.reason)
        return BV_OK;
    if (run->method) { // which reads the pixels once for each text
        bv_classifier_input_free(&run->image.input);
        run->image = preprocessed;
        return BV_OK;
    }
    const struct bv_pixels *p = &preprocessed.input.parts[0].pixels;
    enum bv_status status = bv_model_image_shape(bv_session_model(run->session), run->output,
                                                 p->height, p->width, &shape, err);
    if (status == BV_OK && (shape.rank != 3 || p->height != p->width ||
                            shape.dim[2] != bv_session_model(run->session)->text_dim))
        status = bv_fail(err, BV_ERR_MODEL,
                         "output \"%s\" is no grid of the texts' width over a square image",
                         run->output);
    if (status == BV_OK) {
        run->h = (size_t)shape.dim[0];
        run->w = (size_t)shape.dim[1];
        run->D = (size_t)shape.dim[2];
        free(run->patches);
        run->patches = malloc(run->h * run->w * run->D * sizeof *run->patches);
        if (!run->patches)
            status = bv_fail_nomem(err, "patch embeddings");
    }
    struct bv_wanted wanted = {run->output, run->patches, run->h * run->w * run->D};
    const struct bv_encoder_input *input = preprocessed.input.parts;
    if (status == BV_OK)
        status = bv_encode_inputs(run->session, &input, 1, &wanted, 1, err);
    run->crop = p->height;
    run->image = preprocessed;
    bv_classifier_input_free(&run->image.input);
    return status;
}

// By a method of src/explain.
static enum bv_status explain_map(struct run *run, const char *text, float *map,
                                  struct bv_error *err)
{
    struct bv_explanation *e = NULL;
    float *embedding = malloc(run->D * sizeof *embedding);
    if (!embedding)
        return bv_fail_nomem(err, "a map");
    const struct bv_goal goal = {
        .output = "global", .direction = embedding, .common = run->common, .n = 1, .D = run->D};
    const struct bv_probe_request request = {.method = run->method,
                                             .layers = run->options->layers,
                                             .pixels = &run->image.input.parts[0].pixels,
                                             .goal = &goal};
    enum bv_status status = run->texts->encode(run->texts->arg, &text, 1, embedding, err);
    if (status == BV_OK)
        status = bv_explanation_make(&e, run->session, &request, 0, run->image.width,
                                     run->image.height, err);
    if (status == BV_OK)
        bv_explanation_spread(e, 0, false, map);
    bv_explanation_destroy(&e);
    free(embedding);
    return status;
}

static enum bv_status make_map(struct run *run, const char *text, float **map, struct bv_error *err)
{
    if (run->method) {
        float *made = malloc((size_t)run->image.width * (size_t)run->image.height * sizeof *made);
        const enum bv_status status =
            made ? explain_map(run, text, made, err) : bv_fail_nomem(err, "a map");
        if (status == BV_OK)
            *map = made;
        else
            free(made);
        return status;
    }
    const struct bv_heatmap_crop crop = {run->shorter, run->crop};
    size_t n = (size_t)run->image.width * (size_t)run->image.height;
    float *embedding = malloc(run->D * sizeof *embedding);
    float *grid = malloc(run->h * run->w * sizeof *grid);
    float *spread = malloc(n * sizeof *spread);
    enum bv_status status = BV_OK;
    if (!embedding || !grid || !spread)
        status = bv_fail_nomem(err, "a map");
    if (status == BV_OK)
        status = run->texts->encode(run->texts->arg, &text, 1, embedding, err);
    if (status == BV_OK)
        status =
            bv_heatmap_grid(run->patches, embedding, run->h, run->w, run->D, run->sigma, grid, err);
    if (status == BV_OK)
        bv_heatmap_spread(grid, run->h, run->w, &crop, run->image.height, run->image.width,
                          run->options->smooth, spread);
    free(embedding);
    free(grid);
    if (status == BV_OK)
        *map = spread;
    else
        free(spread);
    return status;
}

static bool touches(const struct bv_box *box, int width, int height)
{
    return box->x < width && box->y < height && box->x + box->width > 0 && box->y + box->height > 0;
}

// ---- Region by region ----

// All rows of a region are done, or failed for reason.
static enum bv_status end_region(struct run *run, const struct region *region, const char *reason,
                                 const char *message, struct bv_error *err)
{
    for (const struct place *p = region->places; p; p = p->next)
        BV_TRY(bv_task_row(&run->task, p->line, region->path, reason, message, err));
    return BV_OK;
}

static void write_region(struct run *run, const struct region *region, const struct bv_grounding *g)
{
    struct bv_csv_writer *csv = &run->task.predictions.csv;
    bv_csv_put_integer(csv, (int64_t)region->places->line);
    bv_csv_put(csv, region->path);
    bv_csv_put(csv, region->text);
    bv_csv_put(csv, region->category);
    bv_csv_put_integer(csv, (int64_t)region->n);
    bv_csv_put_number(csv, g->cnr_signed);
    bv_csv_put_number(csv, g->cnr_absolute);
    bv_csv_put_number(csv, g->mean_iou);
    bv_csv_put_integer(csv, g->hit);
    bv_csv_put_integer(csv, g->hit_near);
    bv_csv_put_number(csv, g->dice_equal_area);
    bv_csv_end(csv);
}

static enum bv_status do_region(struct run *run, const struct region *region, struct bv_error *err)
{
    struct bv_grounding g = {0};
    float *map = NULL;
    size_t n = 0;
    if (region->reason)
        return end_region(run, region, region->reason, region->message, err);
    BV_TRY(take_image(run, region, err));
    if (*run->task.failure.reason)
        return end_region(run, region, run->task.failure.reason, run->task.failure.message, err);
    for (const struct place *p = region->places; p; p = p->next) {
        run->boxes[n++] = p->box;
        if (!touches(&p->box, run->image.width, run->image.height))
            return end_region(run, region, "bad_box", "a box of this phrase lies outside the image",
                              err);
    }
    BV_TRY(make_map(run, region->text, &map, err));
    enum bv_status status = bv_grounding_evaluate(map, (size_t)run->image.height,
                                                  (size_t)run->image.width, run->boxes, n, &g, err);
    free(map);
    BV_TRY(status);
    write_region(run, region, &g);
    BV_TRY(end_region(run, region, NULL, NULL, err));
    return bv_grounding_sums_add(&run->sums, &g, region->category, err);
}

static enum bv_status finish(struct run *run, json_t **metrics, struct bv_error *err)
{
    json_t *made = NULL;
    BV_TRY(bv_grounding_sums_json(&run->sums, &made, err));
    (void)json_object_set_new(
        made, "interpolation",
        json_string(run->method || run->options->smooth ? "bilinear" : "nearest"));
    if (run->method)
        (void)json_object_set_new(made, "method", json_string(run->method->name));
    enum bv_status status = bv_task_finish(&run->task, made, err);
    if (status == BV_OK)
        *metrics = made;
    else
        json_decref(made);
    return status;
}

static enum bv_status do_all(struct run *run, json_t **metrics, struct bv_error *err)
{
    static const char *const columns[] = {
        "line",           "path",         "text",     "category",     "boxes",
        "cnr_signed",     "cnr_absolute", "mean_iou", "pointing_hit", "pointing_hit_15px",
        "dice_equal_area"};
    const struct bv_task_options *o = &run->options->task;
    BV_TRY(check_model(run, err));
    BV_TRY(bv_labelled_open(&run->task.dataset, &o->data, err));
    BV_TRY(read_rows(run, err));
    BV_TRY(
        bv_task_open(&run->task, o, run->session, columns, sizeof columns / sizeof *columns, err));
    for (size_t i = 0; i < run->n_regions; i++)
        BV_TRY(do_region(run, &run->regions[i], err));
    return finish(run, metrics, err);
}

enum bv_status bv_grounding_run(const struct bv_grounding_options *options,
                                struct bv_session *session, const struct bv_text_encoder *texts,
                                struct bv_evaluation_counts *counts, json_t **metrics,
                                struct bv_error *err)
{
    struct run *run = calloc(1, sizeof *run);
    if (!run)
        return bv_fail_nomem(err, "an evaluation");
    run->options = options;
    run->session = session;
    run->texts = texts;
    enum bv_status status = do_all(run, metrics, err);
    if (status == BV_OK)
        *counts = run->task.counts;
    bv_task_close(&run->task);
    bv_classifier_input_free(&run->image.input);
    bv_group_ids_free(&run->keys);
    bv_arena_free(&run->arena);
    free(run->regions);
    free(run->patches);
    free(run->common);
    free(run);
    return status;
}

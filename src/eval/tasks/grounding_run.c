#include "eval/tasks/grounding.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "eval/data/labelled.h"

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
    struct bv_task task;
    int text, category, box[4]; // columns
    struct bv_arena arena;
    struct bv_group_ids keys;
    struct region *regions;
    size_t n_regions, room;
    struct bv_phrase_maps maps;
    struct bv_box boxes[MAX_BOXES];
    struct bv_grounding_sums sums;
};

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
    bv_csv_put_number(csv, g->deletion_auc);
    bv_csv_put_number(csv, g->insertion_auc);
    bv_csv_end(csv);
}

static enum bv_status do_region(struct run *run, const struct region *region, struct bv_error *err)
{
    struct bv_grounding g = {0};
    float *map = NULL;
    size_t n = 0;
    if (region->reason)
        return end_region(run, region, region->reason, region->message, err);
    BV_TRY(bv_phrase_maps_take(&run->maps, &run->task, region->places->line, region->path, err));
    if (*run->task.failure.reason)
        return end_region(run, region, run->task.failure.reason, run->task.failure.message, err);
    for (const struct place *p = region->places; p; p = p->next) {
        run->boxes[n++] = p->box;
        if (!touches(&p->box, run->maps.image.width, run->maps.image.height))
            return end_region(run, region, "bad_box", "a box of this phrase lies outside the image",
                              err);
    }
    BV_TRY(bv_phrase_maps_make(&run->maps, region->text, &map, err));
    enum bv_status status = bv_grounding_evaluate(
        map, (size_t)run->maps.image.height, (size_t)run->maps.image.width, run->boxes, n, &g, err);
    free(map);
    BV_TRY(status);
    g.has_areas = run->maps.options.faithfulness;
    g.deletion_auc = g.has_areas ? run->maps.faithfulness.deletion : NAN;
    g.insertion_auc = g.has_areas ? run->maps.faithfulness.insertion : NAN;
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
        json_string(run->maps.method || run->maps.options.smooth ? "bilinear" : "nearest"));
    if (run->maps.method)
        (void)json_object_set_new(made, "method", json_string(run->maps.method->name));
    enum bv_status status = bv_task_finish(&run->task, made, err);
    if (status == BV_OK)
        *metrics = made;
    else
        json_decref(made);
    return status;
}

static enum bv_status do_all(struct run *run, json_t **metrics, struct bv_error *err)
{
    static const char *const columns[] = {"line",
                                          "path",
                                          "text",
                                          "category",
                                          "boxes",
                                          "cnr_signed",
                                          "cnr_absolute",
                                          "mean_iou",
                                          "pointing_hit",
                                          "pointing_hit_15px",
                                          "dice_equal_area",
                                          "deletion_auc",
                                          "insertion_auc"};
    const struct bv_task_options *o = &run->options->task;
    BV_TRY(bv_labelled_open(&run->task.dataset, &o->data, err));
    BV_TRY(read_rows(run, err));
    BV_TRY(bv_task_open(&run->task, o, run->maps.session, columns, sizeof columns / sizeof *columns,
                        err));
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
    enum bv_status status = bv_phrase_maps_open(&run->maps, session, texts, &options->maps, err);
    if (status == BV_OK)
        status = do_all(run, metrics, err);
    if (status == BV_OK)
        *counts = run->task.counts;
    bv_task_close(&run->task);
    bv_phrase_maps_free(&run->maps);
    bv_group_ids_free(&run->keys);
    bv_arena_free(&run->arena);
    free(run->regions);
    free(run);
    return status;
}

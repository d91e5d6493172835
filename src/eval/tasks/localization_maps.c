// Maps become masks by a threshold, which may be found here.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/tasks/localization.h"
#include "image/resize.h"
#include "table/csv.h"

// Those of numpy.arange(0.2, 0.8, 0.1): the last one by rounding.
enum { N_TRIED = 7 };
static double tried(size_t i)
{
    return 0.2 + (double)i * ((0.2 + 0.1) - 0.2);
}

// ---- Thresholds in a file ----

static enum bv_status read_line(json_t *thresholds, const struct bv_csv_row *row, const int at[2],
                                struct bv_error *err)
{
    const int last = at[0] > at[1] ? at[0] : at[1];
    double value = 0;
    if (row->n <= (size_t)last || !bv_number_parse(row->fields[at[1]], &value))
        return bv_fail(err, BV_ERR_FORMAT, "line %llu: no task with a threshold",
                       (unsigned long long)row->line);
    if (!(value >= 0 && value <= 1))
        return bv_fail(err, BV_ERR_FORMAT,
                       "line %llu: a threshold is a share of a map's range, from 0 to 1",
                       (unsigned long long)row->line);
    if (json_object_get(thresholds, row->fields[at[0]]))
        return bv_fail(err, BV_ERR_FORMAT, "line %llu: task \"%.100s\" has two thresholds",
                       (unsigned long long)row->line, row->fields[at[0]]);
    return json_object_set_new(thresholds, row->fields[at[0]], json_real(value)) == 0
               ? BV_OK
               : bv_fail_nomem(err, "thresholds");
}

static enum bv_status read_lines(struct bv_csv_reader *csv, json_t *thresholds,
                                 struct bv_error *err)
{
    const struct bv_csv_row *row = NULL;
    int at[2] = {-1, -1};
    BV_TRY(bv_csv_find(csv, "task", &at[0], err));
    BV_TRY(bv_csv_find(csv, "threshold", &at[1], err));
    if (at[0] < 0 || at[1] < 0)
        return bv_fail(err, BV_ERR_FORMAT, "thresholds have the columns task and threshold");
    for (;;) {
        BV_TRY(bv_csv_next(csv, &row, err));
        if (!row)
            return BV_OK;
        BV_TRY(read_line(thresholds, row, at, err));
    }
}

static enum bv_status read_thresholds(struct bv_map_masks *m, const char *path,
                                      struct bv_error *err)
{
    struct bv_csv_reader *csv = NULL;
    if (!(m->thresholds = json_object()))
        return bv_fail_nomem(err, "thresholds");
    BV_TRY(bv_csv_open(&csv, path, bv_csv_separator(path), err));
    const enum bv_status status = read_lines(csv, m->thresholds, err);
    bv_csv_close(&csv);
    return status == BV_OK ? status : bv_fail_prefix(err, "%s", path);
}

enum bv_status bv_map_masks_open(struct bv_map_masks *m, const json_t *truth,
                                 const char *thresholds, bool tune, struct bv_error *err)
{
    *m = (struct bv_map_masks){.truth = truth,
                               .tune = tune,
                               .masks = json_object(),
                               .points = json_object(),
                               .tried = json_object()};
    if (!m->masks || !m->points || !m->tried)
        return bv_fail_nomem(err, "masks");
    if (tune && thresholds)
        return bv_fail(err, BV_ERR_ARG, "thresholds are given, or tuned");
    return thresholds ? read_thresholds(m, thresholds, err) : BV_OK;
}

void bv_map_masks_free(struct bv_map_masks *m)
{
    json_decref(m->thresholds);
    json_decref(m->masks);
    json_decref(m->points);
    json_decref(m->tried);
    *m = (struct bv_map_masks){0};
}

// ---- One map ----

// A map of the size of the true mask, and what is made of it.
struct sized {
    const char *image, *task;
    const struct bv_mask_runs *truth;
    const float *map;
    uint8_t *mask;
};

static size_t pixels_of(const struct sized *s)
{
    return (size_t)s->truth->height * (size_t)s->truth->width;
}

// The first largest pixel of a map that has a range.
static enum bv_status find_peak(const float *map, size_t n, size_t *peak, struct bv_error *err)
{
    float least = NAN;
    *peak = 0;
    for (size_t k = 0; k < n; k++) {
        if (map[k] > map[*peak] || (isnan(map[*peak]) && !isnan(map[k])))
            *peak = k;
        least = isnan(least) || map[k] < least ? map[k] : least;
    }
    if (isnan(least))
        return bv_fail(err, BV_ERR_FORMAT, "a map without any value");
    return isfinite(map[*peak] - least)
               ? BV_OK
               : bv_fail(err, BV_ERR_FORMAT, "a map of no finite range has no threshold");
}

static enum bv_status note_point(struct bv_map_masks *m, const struct sized *s,
                                 struct bv_error *err)
{
    size_t peak = 0;
    const size_t W = (size_t)s->truth->width;
    json_t *tasks = json_object_get(m->points, s->image);
    BV_TRY(find_peak(s->map, pixels_of(s), &peak, err));
    if (!tasks) {
        tasks = json_object();
        if (json_object_set_new(m->points, s->image, tasks) != 0)
            return bv_fail_nomem(err, "a map");
    }
    json_t *point = json_pack("[I, I]", (json_int_t)(peak / W), (json_int_t)(peak % W));
    return json_object_set_new(tasks, s->task, point) == 0 ? BV_OK : bv_fail_nomem(err, "a map");
}

// IoU where both masks have a pixel.
static enum bv_status compare(const struct sized *s, double *iou, struct bv_error *err)
{
    struct bv_mask_runs runs = {0};
    BV_TRY(bv_mask_runs_make(&runs, s->mask, s->truth->height, s->truth->width, err));
    const size_t a = bv_mask_runs_area(s->truth), b = bv_mask_runs_area(&runs);
    const size_t both = bv_mask_runs_overlap(s->truth, &runs);
    *iou = a && b ? (double)both / (double)(a + b - both) : NAN;
    bv_mask_runs_free(&runs);
    return BV_OK;
}

static enum bv_status try_thresholds(struct bv_map_masks *m, const struct sized *s,
                                     struct bv_error *err)
{
    json_t *row = json_array(), *rows = json_object_get(m->tried, s->task);
    enum bv_status status = row ? BV_OK : bv_fail_nomem(err, "thresholds");
    for (size_t i = 0; status == BV_OK && i < N_TRIED; i++) {
        double iou = NAN;
        bv_mask_above(s->map, pixels_of(s), tried(i), s->mask);
        status = compare(s, &iou, err);
        (void)json_array_append_new(row, isnan(iou) ? json_null() : json_real(iou));
    }
    if (status == BV_OK && !rows) {
        rows = json_array();
        (void)json_object_set_new(m->tried, s->task, rows);
    }
    if (status == BV_OK && json_array_append(rows, row) != 0)
        status = bv_fail_nomem(err, "thresholds");
    json_decref(row);
    return status;
}

static enum bv_status mark(const struct bv_map_masks *m, const struct sized *s,
                           struct bv_error *err)
{
    const json_t *threshold = json_object_get(m->thresholds, s->task);
    if (m->thresholds && !threshold)
        return bv_fail(err, BV_ERR_ARG, "no threshold of task \"%.100s\"", s->task);
    if (!threshold)
        return bv_mask_otsu(s->map, s->truth->height, s->truth->width, s->mask, NULL, err);
    bv_mask_above(s->map, pixels_of(s), json_number_value(threshold), s->mask);
    return BV_OK;
}

static enum bv_status add_sized(struct bv_map_masks *m, const struct sized *s, struct bv_error *err)
{
    struct bv_mask_runs runs = {0};
    BV_TRY(note_point(m, s, err));
    if (m->tune)
        BV_TRY(try_thresholds(m, s, err));
    BV_TRY(mark(m, s, err));
    BV_TRY(bv_mask_runs_make(&runs, s->mask, s->truth->height, s->truth->width, err));
    const enum bv_status status = bv_mask_file_put(m->masks, s->image, s->task, &runs, err);
    bv_mask_runs_free(&runs);
    return status;
}

bool bv_map_masks_has(const struct bv_map_masks *m, const char *image, const char *task)
{
    return json_object_get(json_object_get(m->masks, image), task) != NULL;
}

enum bv_status bv_map_masks_add(struct bv_map_masks *m, const char *image, const char *task,
                                const float *map, int height, int width, struct bv_error *err)
{
    struct bv_mask_runs truth = {0};
    bool found = false;
    const struct bv_size from = {width, height};
    const struct bv_torch_resize how = {.filter = BV_FILTER_BILINEAR, .float_positions = true};
    BV_TRY(bv_mask_file_get(m->truth, image, task, &truth, &found, err));
    if (!found)
        return bv_fail(err, BV_ERR_ARG, "%.200s, %.100s: no mask to compare with", image, task);
    if (bv_map_masks_has(m, image, task)) {
        bv_mask_runs_free(&truth);
        return bv_fail(err, BV_ERR_ARG, "%.200s, %.100s: a second map", image, task);
    }
    const size_t n = (size_t)truth.height * (size_t)truth.width;
    float *sized = malloc(n * sizeof *sized);
    uint8_t *mask = malloc(n);
    enum bv_status status = sized && mask ? BV_OK : bv_fail_nomem(err, "a map");
    if (status == BV_OK && height == truth.height && width == truth.width)
        memcpy(sized, map, n * sizeof *sized);
    else if (status == BV_OK)
        status = bv_resize_torch(map, from, 1, sized, (struct bv_size){truth.width, truth.height},
                                 how, err);
    if (status == BV_OK)
        status = add_sized(m, &(struct sized){image, task, &truth, sized, mask}, err);
    free(sized);
    free(mask);
    bv_mask_runs_free(&truth);
    return status;
}

// ---- Tuning ----

static double best_of(const json_t *rows)
{
    double best = tried(0), largest = -1;
    for (size_t i = 0; i < N_TRIED; i++) {
        double sum = 0;
        size_t n = 0;
        for (size_t r = 0; r < json_array_size(rows); r++) {
            const json_t *iou = json_array_get(json_array_get(rows, r), i);
            if (!json_is_number(iou))
                continue;
            sum += json_number_value(iou);
            n++;
        }
        if (n && sum / (double)n > largest) {
            largest = sum / (double)n;
            best = tried(i);
        }
    }
    return rint(best * 10) / 10; // as the authors write it
}

enum bv_status bv_map_masks_tuned(const struct bv_map_masks *m, json_t **thresholds,
                                  struct bv_error *err)
{
    const char *task = NULL;
    json_t *rows = NULL;
    if (!(*thresholds = json_object()))
        return bv_fail_nomem(err, "thresholds");
    json_object_foreach(m->tried, task, rows)(void)
        json_object_set_new(*thresholds, task, json_real(best_of(rows)));
    return BV_OK;
}

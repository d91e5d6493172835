#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/data/out_folder.h"
#include "eval/tasks/grounding.h"
#include "eval/tasks/localization.h"

// ---- What every comparison ends with ----

static enum bv_status write_thresholds(const struct bv_map_masks *m, const char *folder,
                                       json_t *metrics, struct bv_error *err)
{
    static const char *const columns[] = {"threshold", "task"};
    struct bv_row_file file = {0};
    const char *task = NULL;
    json_t *tuned = NULL, *value = NULL;
    BV_TRY(bv_map_masks_tuned(m, &tuned, err));
    (void)json_object_set_new(metrics, "tuned_thresholds", tuned);
    if (!folder)
        return BV_OK;
    BV_TRY(bv_row_file_create(&file, folder, "thresholds.csv", columns, 2, err));
    json_object_foreach(tuned, task, value)
    {
        bv_csv_put_number(&file.csv, json_number_value(value));
        bv_csv_put(&file.csv, task);
        bv_csv_end(&file.csv);
    }
    return bv_row_file_commit(&file, err);
}

// m NULL: the masks were there already.
static enum bv_status conclude(const struct bv_localize_options *o, const json_t *truth,
                               const json_t *masks, const struct bv_map_masks *m, json_t **metrics,
                               struct bv_error *err)
{
    struct bv_localization l = {0};
    json_t *made = NULL;
    enum bv_status status = bv_localization_score(&l, truth, masks, m ? m->points : NULL, err);
    if (status == BV_OK)
        status = bv_localization_json(&l, &made, err);
    if (status == BV_OK && m)
        (void)json_object_set_new(made, "threshold",
                                  json_string(m->thresholds ? "of each task" : "otsu"));
    if (status == BV_OK && m && m->tune)
        status = write_thresholds(m, o->folder, made, err);
    if (status == BV_OK && o->folder)
        status = bv_localization_write(&l, o->folder, err);
    if (status == BV_OK && o->folder && m)
        status = bv_folder_write_json(o->folder, "segmentations.json", masks, err);
    bv_localization_free(&l);
    if (status == BV_OK)
        *metrics = made;
    else
        json_decref(made);
    return status;
}

// ---- Files of masks or maps ----

struct table {
    const char *path, *root;
    struct bv_csv_reader *csv;
    int id, task, map; // columns
};

static enum bv_status find_columns(struct table *t, struct bv_error *err)
{
    const struct {
        const char *name;
        int *at;
    } columns[] = {{"id", &t->id}, {"task", &t->task}, {"map", &t->map}};
    for (size_t i = 0; i < 3; i++) {
        BV_TRY(bv_csv_find(t->csv, columns[i].name, columns[i].at, err));
        if (*columns[i].at < 0)
            return bv_fail(err, BV_ERR_ARG, "%s: no column \"%s\"", t->path, columns[i].name);
    }
    return BV_OK;
}

static enum bv_status add_row(const struct table *t, const struct bv_csv_row *row,
                              struct bv_map_masks *m, struct bv_error *err)
{
    float *map = NULL;
    size_t H = 0, W = 0;
    if (row->n != bv_csv_header(t->csv)->n)
        return bv_fail(err, BV_ERR_FORMAT, "%zu fields, the header has %zu", row->n,
                       bv_csv_header(t->csv)->n);
    BV_TRY(bv_map_file_load(t->path, t->root, row->fields[t->map], &map, &H, &W, err));
    const enum bv_status status =
        bv_map_masks_add(m, row->fields[t->id], row->fields[t->task], map, (int)H, (int)W, err);
    free(map);
    return status;
}

static enum bv_status add_rows(struct table *t, struct bv_map_masks *m, struct bv_error *err)
{
    const struct bv_csv_row *row = NULL;
    BV_TRY(find_columns(t, err));
    for (;;) {
        BV_TRY(bv_csv_next(t->csv, &row, err));
        if (!row)
            return BV_OK;
        if (add_row(t, row, m, err) != BV_OK)
            return bv_fail_prefix(err, "%s: line %llu", t->path, (unsigned long long)row->line);
    }
}

static enum bv_status score_maps(const struct bv_localize_options *o, const json_t *truth,
                                 const char *data, const char *root, json_t **metrics,
                                 struct bv_error *err)
{
    struct table t = {.path = data, .root = root};
    struct bv_map_masks m = {0};
    enum bv_status status = bv_map_masks_open(&m, truth, o->thresholds, o->tune, err);
    if (status == BV_OK)
        status = bv_csv_open(&t.csv, data, bv_csv_separator(data), err);
    if (status == BV_OK)
        status = add_rows(&t, &m, err);
    bv_csv_close(&t.csv);
    if (status == BV_OK)
        status = conclude(o, truth, m.masks, &m, metrics, err);
    bv_map_masks_free(&m);
    return status;
}

static enum bv_status score_masks(const struct bv_localize_options *o, const json_t *truth,
                                  const char *data, json_t **metrics, struct bv_error *err)
{
    json_t *masks = NULL;
    if (o->tune || o->thresholds)
        return bv_fail(err, BV_ERR_ARG, "%s has masks: thresholds are of maps", data);
    BV_TRY(bv_mask_file_load(&masks, data, err));
    const enum bv_status status = conclude(o, truth, masks, NULL, metrics, err);
    json_decref(masks);
    return status;
}

static bool holds_masks(const char *data)
{
    const size_t n = strlen(data);
    return n > 5 && strcmp(data + n - 5, ".json") == 0;
}

enum bv_status bv_localize_table(const struct bv_localize_options *o, const char *data,
                                 const char *root, json_t **metrics, struct bv_error *err)
{
    json_t *truth = NULL, *made = NULL;
    BV_TRY(bv_mask_file_load(&truth, o->truth, err));
    enum bv_status status = o->folder ? bv_folder_make(o->folder, err) : BV_OK;
    if (status == BV_OK)
        status = holds_masks(data) ? score_masks(o, truth, data, &made, err)
                                   : score_maps(o, truth, data, root, &made, err);
    if (status == BV_OK && o->folder)
        status = bv_folder_write_json(o->folder, "metrics.json", made, err);
    json_decref(truth);
    if (status == BV_OK)
        *metrics = made;
    else
        json_decref(made);
    return status;
}

// ---- Maps of a model ----

struct run {
    const struct bv_localize_options *options;
    json_t *truth;
    struct bv_task task;
    struct bv_phrase_maps maps;
    struct bv_map_masks masks;
    int id, of_task, text; // columns; -1: none
};

// The path's last n names joined by _, without the last one's ending.
static bool join_names(const char *path, int n, char *id, size_t size)
{
    const char *from = path + strlen(path);
    while (from > path && (from[-1] != '/' || --n > 0))
        from--;
    (void)snprintf(id, size, "%s", from);
    for (char *c = id; *c; c++)
        if (*c == '/')
            *c = '_';
    char *dot = strrchr(id, '.');
    if (dot)
        *dot = 0;
    return strlen(from) < size;
}

static const char *id_of(const struct run *run, const struct bv_labelled_row *row, char *id,
                         size_t size)
{
    if (run->id >= 0)
        return row->fields[run->id];
    for (int n = 3; n > 0; n--)
        if (join_names(row->path, n, id, size) && json_object_get(run->truth, id))
            return id;
    return id;
}

// Whether the true mask is there, as large as the image, and not compared with already; *reason and
// *message say why not.
static enum bv_status check_truth(const struct run *run, const char *id, const char *task,
                                  const char **reason, const char **message, struct bv_error *err)
{
    struct bv_mask_runs truth = {0};
    bool found = false;
    BV_TRY(bv_mask_file_get(run->truth, id, task, &truth, &found, err));
    if (!found) {
        *reason = "no_truth";
        *message = "the truth has no mask of this image and task";
    } else if (bv_map_masks_has(&run->masks, id, task)) {
        *reason = "duplicate_row";
        *message = "the image and task came before";
    } else if (truth.height != run->maps.image.height || truth.width != run->maps.image.width) {
        *reason = "other_size";
        *message = "the true mask is not as large as the image";
    }
    bv_mask_runs_free(&truth);
    return BV_OK;
}

static void write_row(struct run *run, const struct bv_labelled_row *row, const char *id,
                      const char *task)
{
    struct bv_csv_writer *csv = &run->task.predictions.csv;
    const json_t *point = json_object_get(json_object_get(run->masks.points, id), task);
    bv_csv_put_integer(csv, (int64_t)row->line);
    bv_csv_put(csv, row->path);
    bv_csv_put(csv, id);
    bv_csv_put(csv, task);
    bv_csv_put_integer(csv, json_integer_value(json_array_get(point, 1)));
    bv_csv_put_integer(csv, json_integer_value(json_array_get(point, 0)));
    bv_csv_end(csv);
}

static enum bv_status map_row(struct run *run, const struct bv_labelled_row *row, const char *id,
                              const char *task, struct bv_error *err)
{
    const char *text = run->text >= 0 && *row->fields[run->text] ? row->fields[run->text] : task;
    float *map = NULL;
    BV_TRY(bv_phrase_maps_make(&run->maps, text, &map, err));
    const enum bv_status status = bv_map_masks_add(
        &run->masks, id, task, map, run->maps.image.height, run->maps.image.width, err);
    free(map);
    BV_TRY(status);
    write_row(run, row, id, task);
    return bv_task_row(&run->task, row->line, row->path, NULL, NULL, err);
}

static enum bv_status do_row(struct run *run, const struct bv_labelled_row *row,
                             struct bv_error *err)
{
    char own[1024] = "";
    const char *reason = row->reason, *message = row->message;
    if (reason)
        return bv_task_row(&run->task, row->line, row->path, reason, message, err);
    const char *id = id_of(run, row, own, sizeof own), *task = row->fields[run->of_task];
    if (!*task)
        return bv_task_row(&run->task, row->line, row->path, "no_task", "the row names no task",
                           err);
    BV_TRY(bv_phrase_maps_take(&run->maps, &run->task, row->line, row->path, err));
    if (*run->task.failure.reason)
        return bv_task_row(&run->task, row->line, row->path, run->task.failure.reason,
                           run->task.failure.message, err);
    BV_TRY(check_truth(run, id, task, &reason, &message, err));
    if (reason)
        return bv_task_row(&run->task, row->line, row->path, reason, message, err);
    return map_row(run, row, id, task, err);
}

static enum bv_status do_rows(struct run *run, const struct bv_task_options *o,
                              struct bv_error *err)
{
    static const char *const columns[] = {"line", "path", "id", "task", "peak_x", "peak_y"};
    static const char *const ids[] = {"id", "image_id", "img_id", NULL};
    static const char *const texts[] = {"text", "phrase", "label_text", NULL};
    const struct bv_labelled_row *row = NULL;
    BV_TRY(bv_labelled_open(&run->task.dataset, &o->data, err));
    BV_TRY(bv_labelled_usual(run->task.dataset, ids, false, &run->id, err));
    BV_TRY(bv_labelled_usual(run->task.dataset, texts, false, &run->text, err));
    BV_TRY(bv_labelled_column(run->task.dataset, "task", true, &run->of_task, err));
    BV_TRY(bv_task_open(&run->task, o, run->maps.session, columns, sizeof columns / sizeof *columns,
                        err));
    for (;;) {
        BV_TRY(bv_labelled_next(run->task.dataset, &row, err));
        if (!row)
            return BV_OK;
        BV_TRY(do_row(run, row, err));
    }
}

static enum bv_status finish(struct run *run, json_t **metrics, struct bv_error *err)
{
    json_t *made = NULL;
    BV_TRY(conclude(run->options, run->truth, run->masks.masks, &run->masks, &made, err));
    if (run->maps.method)
        (void)json_object_set_new(made, "method", json_string(run->maps.method->name));
    const enum bv_status status = bv_task_finish(&run->task, made, err);
    if (status == BV_OK)
        *metrics = made;
    else
        json_decref(made);
    return status;
}

enum bv_status bv_localize_run(const struct bv_localize_options *options,
                               const struct bv_task_options *task,
                               const struct bv_phrase_map_options *maps, struct bv_session *session,
                               const struct bv_text_encoder *texts,
                               struct bv_evaluation_counts *counts, json_t **metrics,
                               struct bv_error *err)
{
    struct run run = {.options = options};
    enum bv_status status = bv_phrase_maps_open(&run.maps, session, texts, maps, err);
    if (status == BV_OK)
        status = bv_mask_file_load(&run.truth, options->truth, err);
    if (status == BV_OK)
        status = bv_map_masks_open(&run.masks, run.truth, options->thresholds, options->tune, err);
    if (status == BV_OK)
        status = do_rows(&run, task, err);
    if (status == BV_OK)
        status = finish(&run, metrics, err);
    if (status == BV_OK)
        *counts = run.task.counts;
    bv_task_close(&run.task);
    bv_phrase_maps_free(&run.maps);
    bv_map_masks_free(&run.masks);
    json_decref(run.truth);
    return status;
}

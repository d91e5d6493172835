#include "eval/tasks/finished_run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "eval/data/setup.h"

static const size_t max_metrics_bytes = (size_t)256 << 20;

static enum bv_status name_labels(struct bv_finished_run *run, struct bv_error *err)
{
    const json_t *labels = json_object_get(run->setup, "labels");
    run->n_labels = json_array_size(labels);
    run->labels = calloc(run->n_labels + 1, sizeof *run->labels);
    if (!run->labels)
        return bv_fail_nomem(err, "the labels");
    for (size_t l = 0; l < run->n_labels; l++) {
        const char *name = json_string_value(json_array_get(labels, l));
        run->labels[l] = name ? name : "";
    }
    return BV_OK;
}

enum bv_status bv_finished_run_open(struct bv_finished_run *run, const char *folder,
                                    struct bv_error *err)
{
    char path[4096];
    run->folder = folder;
    BV_TRY(bv_folder_setup(folder, &run->setup, err));
    int n = snprintf(path, sizeof path, "%s/metrics.json", folder);
    if (n < 0 || (size_t)n >= sizeof path)
        return bv_fail(err, BV_ERR_ARG, "%s: the path is too long", folder);
    if (bv_json_load(&run->metrics, path, max_metrics_bytes, err) != BV_OK)
        return bv_fail_prefix(err, "%s: not finished (biovl eval merge finishes it)", folder);
    return name_labels(run, err);
}

struct join {
    uint64_t *evaluated;
    size_t n, room;
    bv_joined_row joined;
    void *arg;
};

static enum bv_status note_row(void *arg, const struct bv_labelled_row *row,
                               const struct bv_journal_record *record, struct bv_error *err)
{
    struct join *join = arg;
    if (record->reason)
        return BV_OK;
    if (join->n == join->room)
        return bv_fail(err, BV_ERR_FORMAT, "the journal counts %zu rows, the data has more",
                       join->room);
    join->evaluated[join->n++] = row->index;
    return join->joined ? join->joined(join->arg, row, record, err) : BV_OK;
}

enum bv_status bv_finished_run_join(struct bv_finished_run *run, const char *data_path,
                                    bv_joined_row joined, void *arg, struct bv_error *err)
{
    int64_t rows = bv_json_integer(json_object_get(run->setup, "data"), "rows", 0);
    struct join join = {.room = rows > 0 ? (size_t)rows : 0, .joined = joined, .arg = arg};
    run->evaluated = malloc(join.room * sizeof *run->evaluated + 1);
    if (!run->evaluated)
        return bv_fail_nomem(err, "an evaluation");
    join.evaluated = run->evaluated;
    return bv_score_table_join(&run->table, run->folder, run->setup, data_path, note_row, &join,
                               err);
}

void bv_finished_run_free(struct bv_finished_run *run)
{
    bv_score_table_free(&run->table);
    json_decref(run->setup);
    json_decref(run->metrics);
    free(run->labels);
    free(run->evaluated);
    *run = (struct bv_finished_run){0};
}

double bv_finished_run_threshold(const struct bv_finished_run *run, const char *label)
{
    const json_t *classes = json_object_get(run->metrics, "classes");
    return bv_json_number(json_object_get(classes, label), "threshold", NAN);
}

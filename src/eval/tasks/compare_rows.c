#include "eval/tasks/compare_rows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/data/setup.h"

static const size_t max_metrics_bytes = (size_t)256 << 20;

// What decides which rows there are and what their truth is.
static json_t *identity_of(const json_t *setup)
{
    static const char *const in_data[] = {"sha256",         "where",        "path_column",
                                          "patient_column", "study_column", "list_column"};
    static const char *const keys[] = {"labels", "uncertain", "blank"};
    json_t *identity = json_object(), *data = json_object();
    const json_t *from = json_object_get(setup, "data");
    for (size_t i = 0; i < sizeof in_data / sizeof *in_data; i++)
        if (json_object_get(from, in_data[i]))
            (void)json_object_set(data, in_data[i], json_object_get(from, in_data[i]));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        (void)json_object_set(identity, keys[i], json_object_get(setup, keys[i]));
    if (json_object_set_new(identity, "data", data) != 0) {
        json_decref(identity);
        return NULL;
    }
    return identity;
}

// The first label that only one of two runs has.
static enum bv_status refuse_labels(const struct bv_compare_run *a, const struct bv_compare_run *b,
                                    struct bv_error *err)
{
    const struct bv_compare_run *sides[] = {a, b};
    for (int s = 0; s < 2; s++) {
        const json_t *ours = json_object_get(sides[s]->setup, "labels");
        const json_t *theirs = json_object_get(sides[1 - s]->setup, "labels");
        for (size_t i = 0; i < json_array_size(ours); i++) {
            size_t k = 0;
            while (k < json_array_size(theirs) &&
                   !json_equal(json_array_get(ours, i), json_array_get(theirs, k)))
                k++;
            if (k == json_array_size(theirs))
                return bv_fail(err, BV_ERR_ARG,
                               "%s and %s have other labels: \"%.60s\" is in the %s only",
                               a->folder, b->folder, json_string_value(json_array_get(ours, i)),
                               s ? "second" : "first");
        }
    }
    return bv_fail(err, BV_ERR_ARG, "%s and %s have their labels in another order", a->folder,
                   b->folder);
}

static enum bv_status check_same(const struct bv_compare_run *a, const struct bv_compare_run *b,
                                 struct bv_error *err)
{
    char text[256];
    if (!json_equal(json_object_get(a->setup, "labels"), json_object_get(b->setup, "labels")))
        return refuse_labels(a, b, err);
    json_t *ours = identity_of(a->setup), *theirs = identity_of(b->setup);
    enum bv_status status = ours && theirs ? BV_OK : bv_fail_nomem(err, "a comparison");
    if (status == BV_OK && !json_equal(ours, theirs))
        status = bv_fail(err, BV_ERR_ARG, "%s and %s are not of the same rows: %s", a->folder,
                         b->folder, bv_setup_difference(ours, theirs, text));
    json_decref(ours);
    json_decref(theirs);
    return status;
}

static enum bv_status open_run(struct bv_compare_run *run, const char *folder, struct bv_error *err)
{
    char path[4096];
    run->folder = folder;
    BV_TRY(bv_folder_setup(folder, &run->setup, err));
    int n = snprintf(path, sizeof path, "%s/metrics.json", folder);
    if (n < 0 || (size_t)n >= sizeof path)
        return bv_fail(err, BV_ERR_ARG, "%s: the path is too long", folder);
    if (bv_json_load(&run->metrics, path, max_metrics_bytes, err) != BV_OK)
        return bv_fail_prefix(err, "%s: not finished (biovl eval merge finishes it)", folder);
    return BV_OK;
}

static enum bv_status note_row(void *arg, const struct bv_labelled_row *row,
                               const struct bv_journal_record *record, struct bv_error *err)
{
    struct bv_compare_run *run = arg;
    (void)err;
    if (!record->reason) // the table has counted it already
        run->evaluated[run->table.n_rows++] = row->index;
    return BV_OK;
}

// The table is filled beside the numbers of its rows; run->table counts them until it is there.
static enum bv_status join_run(struct bv_compare_run *run, const char *data_path,
                               struct bv_error *err)
{
    int64_t rows = bv_json_integer(json_object_get(run->setup, "data"), "rows", 0);
    struct bv_score_table table = {0};
    run->evaluated = malloc((rows > 0 ? (size_t)rows : 0) * sizeof *run->evaluated + 1);
    if (!run->evaluated)
        return bv_fail_nomem(err, "a comparison");
    BV_TRY(bv_score_table_join(&table, run->folder, run->setup, data_path, note_row, run, err));
    run->table = table;
    return BV_OK;
}

// Rows that all runs have, from lists of ascending numbers.
static enum bv_status find_common(struct bv_compare_rows *rows, struct bv_error *err)
{
    size_t at[BV_COMPARE_MAX_RUNS] = {0}, n_first = rows->runs[0].table.n_rows;
    for (size_t r = 0; r < rows->n_runs; r++) {
        rows->at[r] = malloc(n_first * sizeof *rows->at[r] + 1);
        if (!rows->at[r])
            return bv_fail_nomem(err, "a comparison");
    }
    for (at[0] = 0; at[0] < n_first; at[0]++) {
        uint64_t number = rows->runs[0].evaluated[at[0]];
        bool everywhere = true;
        for (size_t r = 1; r < rows->n_runs; r++) {
            const struct bv_compare_run *run = &rows->runs[r];
            while (at[r] < run->table.n_rows && run->evaluated[at[r]] < number)
                at[r]++;
            everywhere = everywhere && at[r] < run->table.n_rows && run->evaluated[at[r]] == number;
        }
        for (size_t r = 0; everywhere && r < rows->n_runs; r++)
            rows->at[r][rows->n] = at[r];
        rows->n += everywhere;
    }
    if (!rows->n)
        return bv_fail(err, BV_ERR_ARG, "no row was evaluated by all of the runs");
    return BV_OK;
}

// The patients of the common rows, numbered anew: those without a common row are not resampled.
static enum bv_status number_patients(struct bv_compare_rows *rows, struct bv_error *err)
{
    const struct bv_score_table *t = &rows->runs[0].table;
    if (!t->has_patients)
        return BV_OK;
    uint32_t *names = calloc(t->n_patients + 1, sizeof *names); // from 1
    rows->clusters = malloc(rows->n * sizeof *rows->clusters + 1);
    if (!names || !rows->clusters) {
        free(names);
        return bv_fail_nomem(err, "the patients");
    }
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t *name = &names[t->patients[rows->at[0][i]]];
        if (!*name)
            *name = (uint32_t)++rows->n_clusters;
        rows->clusters[i] = *name - 1;
    }
    free(names);
    return BV_OK;
}

static enum bv_status name_labels(struct bv_compare_rows *rows, struct bv_error *err)
{
    const json_t *labels = json_object_get(rows->runs[0].setup, "labels");
    rows->n_labels = json_array_size(labels);
    rows->labels = calloc(rows->n_labels + 1, sizeof *rows->labels);
    if (!rows->labels)
        return bv_fail_nomem(err, "the labels");
    for (size_t l = 0; l < rows->n_labels; l++) {
        const char *name = json_string_value(json_array_get(labels, l));
        rows->labels[l] = name ? name : "";
    }
    return BV_OK;
}

enum bv_status bv_compare_rows_load(struct bv_compare_rows *rows,
                                    const struct bv_compare_options *options, struct bv_error *err)
{
    rows->n_runs = options->n_runs;
    for (size_t r = 0; r < rows->n_runs; r++) {
        BV_TRY(open_run(&rows->runs[r], options->runs[r], err));
        if (r)
            BV_TRY(check_same(&rows->runs[0], &rows->runs[r], err));
    }
    for (size_t r = 0; r < rows->n_runs; r++)
        BV_TRY(join_run(&rows->runs[r], options->data_path, err));
    rows->n_rows = rows->runs[0].table.n_rows + (size_t)rows->runs[0].table.n_failed;
    BV_TRY(name_labels(rows, err));
    BV_TRY(find_common(rows, err));
    return number_patients(rows, err);
}

void bv_compare_rows_free(struct bv_compare_rows *rows)
{
    for (size_t r = 0; r < rows->n_runs; r++) {
        bv_score_table_free(&rows->runs[r].table);
        json_decref(rows->runs[r].setup);
        json_decref(rows->runs[r].metrics);
        free(rows->runs[r].evaluated);
        free(rows->at[r]);
    }
    free(rows->labels);
    free(rows->clusters);
    *rows = (struct bv_compare_rows){0};
}

double bv_compare_threshold(const struct bv_compare_run *run, const char *label)
{
    const json_t *classes = json_object_get(run->metrics, "classes");
    return bv_json_number(json_object_get(classes, label), "threshold", NAN);
}

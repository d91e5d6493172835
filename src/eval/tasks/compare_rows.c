#include "eval/tasks/compare.h"

#include <stdlib.h>
#include <string.h>

#include "eval/data/setup.h"

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
static enum bv_status refuse_labels(const struct bv_finished_run *a,
                                    const struct bv_finished_run *b, struct bv_error *err)
{
    const struct bv_finished_run *sides[] = {a, b};
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

static enum bv_status check_same(const struct bv_finished_run *a, const struct bv_finished_run *b,
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
            const struct bv_finished_run *run = &rows->runs[r];
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

enum bv_status bv_compare_rows_load(struct bv_compare_rows *rows,
                                    const struct bv_compare_options *options, struct bv_error *err)
{
    rows->n_runs = options->n_runs;
    for (size_t r = 0; r < rows->n_runs; r++) {
        BV_TRY(bv_finished_run_open(&rows->runs[r], options->runs[r], err));
        if (r)
            BV_TRY(check_same(&rows->runs[0], &rows->runs[r], err));
    }
    for (size_t r = 0; r < rows->n_runs; r++)
        BV_TRY(bv_finished_run_join(&rows->runs[r], options->data_path, NULL, NULL, err));
    rows->n_rows = rows->runs[0].table.n_rows + (size_t)rows->runs[0].table.n_failed;
    rows->n_labels = rows->runs[0].n_labels;
    rows->labels = rows->runs[0].labels;
    BV_TRY(find_common(rows, err));
    return number_patients(rows, err);
}

void bv_compare_rows_free(struct bv_compare_rows *rows)
{
    for (size_t r = 0; r < rows->n_runs; r++) {
        bv_finished_run_free(&rows->runs[r]);
        free(rows->at[r]);
    }
    free(rows->clusters);
    *rows = (struct bv_compare_rows){0};
}

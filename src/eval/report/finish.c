// The results of a run, from its journals.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/data/out_folder.h"
#include "eval/metrics/score_table.h"
#include "eval/report/results.h"
#include "eval/run/evaluation.h"

// The tables that have lines per row, written while the rows are joined.
struct row_files {
    struct bv_row_file predictions, errors, warnings;
    struct bv_warning_counts warned;
    struct bv_devices devices;
    size_t n_labels;
    uint64_t n_duplicates;
    struct bv_failures failures;
};

static enum bv_status write_row(void *arg, const struct bv_labelled_row *row,
                                const struct bv_journal_record *record, struct bv_error *err)
{
    struct row_files *files = arg;
    struct bv_csv_writer *predictions = &files->predictions.csv;
    bv_csv_put(predictions, row->path);
    for (size_t l = 0; l < files->n_labels; l++) {
        if (record->reason)
            bv_csv_put(predictions, "NA");
        else
            bv_csv_put_number(predictions, record->scores[l]);
    }
    bv_csv_end(predictions);
    if (record->reason) {
        bv_errors_put(&files->errors, row->line, row->path, record->reason, record->message);
        bv_failures_add(&files->failures, record->reason);
        files->n_duplicates += strcmp(record->reason, "duplicate_row") == 0;
        return BV_OK;
    }
    bv_warnings_put(&files->warnings, row->line, row->path, record->warnings);
    bv_warning_counts_add(&files->warned, record->warnings);
    return bv_devices_add(&files->devices, record->moved, err);
}

static enum bv_status open_row_files(struct row_files *files, const char *folder,
                                     const char *const *labels, size_t n_labels,
                                     struct bv_error *err)
{
    const char **columns = calloc(n_labels + 1, sizeof *columns);
    if (!columns)
        return bv_fail_nomem(err, "the columns");
    columns[0] = "path";
    for (size_t l = 0; l < n_labels; l++)
        columns[l + 1] = labels[l];
    files->n_labels = n_labels;
    enum bv_status status = bv_row_file_create(&files->predictions, folder, "predictions.csv",
                                               columns, n_labels + 1, err);
    free(columns);
    BV_TRY(status);
    BV_TRY(bv_warnings_create(&files->warnings, folder, err));
    return bv_errors_create(&files->errors, folder, err);
}

static enum bv_status write_results(const struct bv_results *results,
                                    const struct bv_evaluation_finish *f, struct bv_error *err)
{
    const char *folder = f->folder, *rule = f->rule ? f->rule : "youden";
    json_t *metrics = NULL, *thresholds = NULL;
    struct bv_new_file csv = {0}, html = {0};
    BV_TRY(bv_results_json(results, &metrics, err));
    enum bv_status status = bv_folder_write_json(folder, "metrics.json", metrics, err);
    json_decref(metrics);
    BV_TRY(status);
    BV_TRY(bv_thresholds_json(&thresholds, results->setup, rule, results->levels, results->n_levels,
                              err));
    status = bv_folder_write_json(folder, "thresholds.json", thresholds, err);
    json_decref(thresholds);
    BV_TRY(status);
    BV_TRY(bv_folder_create(&csv, folder, "metrics.csv", err));
    bv_results_csv(results, csv.stream);
    BV_TRY(bv_new_file_commit(&csv, err));
    if (f->figures)
        BV_TRY(bv_figures_write(results, folder, err));
    BV_TRY(bv_folder_create(&html, folder, "report.html", err));
    status = bv_results_html(results, html.stream, err);
    if (status == BV_OK)
        status = bv_new_file_commit(&html, err);
    bv_new_file_discard(&html);
    return status;
}

// What is made between the joined table and the files.
struct work {
    const struct bv_evaluation_finish *finish;
    json_t *setup, *thresholds, *calibration, *devices;
    struct bv_score_table table;
    struct bv_level_result levels[3 + BV_MAX_STRATA];
    size_t n_levels, n_labels;
    const char **labels;
    bool *has_truth;
    double *values; // thresholds of the current level
    struct bv_calibration *calibrations;
};

static enum bv_status load_fitted(struct work *w, struct bv_error *err)
{
    const struct bv_evaluation_finish *f = w->finish;
    if (f->thresholds)
        BV_TRY(bv_fitted_load(&w->thresholds, f->thresholds, "biovl.thresholds", w->setup,
                              f->same_data, err));
    if (f->calibration) {
        BV_TRY(bv_fitted_load(&w->calibration, f->calibration, "biovl.calibration", w->setup,
                              f->same_data, err));
        if (bv_calibration_values(w->calibration, w->setup, &w->calibrations, err) != BV_OK)
            return bv_fail_prefix(err, "%s", f->calibration);
    }
    return BV_OK;
}

static enum bv_status name_labels(struct work *w, struct bv_error *err)
{
    const json_t *labels = json_object_get(w->setup, "labels");
    w->n_labels = json_array_size(labels);
    w->labels = calloc(w->n_labels + 1, sizeof *w->labels);
    w->has_truth = calloc(w->n_labels + 1, sizeof *w->has_truth);
    w->values = calloc(w->n_labels + 1, sizeof *w->values);
    if (!w->labels || !w->has_truth || !w->values)
        return bv_fail_nomem(err, "the labels");
    for (size_t l = 0; l < w->n_labels; l++) {
        const char *name = json_string_value(json_array_get(labels, l));
        w->labels[l] = name ? name : "";
    }
    return BV_OK;
}

static void find_truths(struct work *w)
{
    const struct bv_score_table *t = &w->table;
    for (size_t l = 0; l < w->n_labels; l++)
        for (size_t i = 0; i < t->n_rows && !w->has_truth[l]; i++)
            w->has_truth[l] = t->truth[l * t->room + i] != BV_TRUTH_NONE;
}

static enum bv_status evaluate_level(struct work *w, enum bv_unit unit, uint8_t stratum,
                                     struct bv_error *err)
{
    struct bv_level_options options = {.labels = w->labels,
                                       .has_truth = w->has_truth,
                                       .folder = w->finish->folder,
                                       .mean = w->finish->mean,
                                       .stratum = stratum,
                                       // A stratum has DeLong's interval only.
                                       .n_bootstrap =
                                           stratum == BV_NO_STRATUM ? w->finish->n_bootstrap : 0,
                                       .calibrations = w->calibrations,
                                       .pool = w->finish->pool};
    if (w->thresholds) {
        bv_thresholds_values(w->thresholds, w->setup, unit, w->values);
        options.thresholds = w->values;
    }
    BV_TRY(bv_level_evaluate(&w->table, unit, &options, &w->levels[w->n_levels], err));
    w->n_levels++;
    return BV_OK;
}

static enum bv_status evaluate(struct work *w, const struct row_files *files, struct bv_error *err)
{
    const struct bv_evaluation_finish *f = w->finish;
    find_truths(w);
    BV_TRY(evaluate_level(w, BV_UNIT_IMAGE, BV_NO_STRATUM, err));
    if (w->table.has_studies)
        BV_TRY(evaluate_level(w, BV_UNIT_STUDY, BV_NO_STRATUM, err));
    if (w->table.has_patients)
        BV_TRY(evaluate_level(w, BV_UNIT_PATIENT, BV_NO_STRATUM, err));
    for (size_t i = 0; i < w->table.n_strata; i++)
        BV_TRY(evaluate_level(w, BV_UNIT_IMAGE, (uint8_t)i, err));
    struct bv_results results = {.setup = w->setup,
                                 .levels = w->levels,
                                 .n_levels = w->n_levels,
                                 .n_rows = w->table.n_rows + w->table.n_failed,
                                 .n_evaluated = w->table.n_rows,
                                 .n_failed = w->table.n_failed,
                                 .n_duplicates = files->n_duplicates,
                                 .failures = &files->failures,
                                 .warnings = &files->warned,
                                 .devices = w->devices,
                                 .n_bootstrap = f->n_bootstrap,
                                 .mean = f->mean,
                                 .thresholds = w->thresholds,
                                 .calibration = w->calibration,
                                 .prevalence = f->prevalence};
    return write_results(&results, f, err);
}

static enum bv_status finish_work(struct work *w, struct row_files *files, struct bv_error *err)
{
    const struct bv_evaluation_finish *f = w->finish;
    BV_TRY(bv_folder_setup(f->folder, &w->setup, err));
    BV_TRY(load_fitted(w, err));
    BV_TRY(name_labels(w, err));
    BV_TRY(open_row_files(files, f->folder, w->labels, w->n_labels, err));
    BV_TRY(
        bv_score_table_join(&w->table, f->folder, w->setup, f->data_path, write_row, files, err));
    BV_TRY(bv_row_file_commit(&files->predictions, err));
    BV_TRY(bv_row_file_commit(&files->errors, err));
    BV_TRY(bv_row_file_commit(&files->warnings, err));
    w->devices = bv_devices_json(&files->devices, json_object_get(w->setup, "model"));
    if (!w->devices)
        return bv_fail_nomem(err, "the devices");
    return evaluate(w, files, err);
}

static void release(struct work *w)
{
    for (size_t i = 0; i < w->n_levels; i++)
        bv_level_free(&w->levels[i]);
    for (size_t l = 0; w->calibrations && l < w->n_labels; l++)
        bv_calibration_free(&w->calibrations[l]);
    free(w->calibrations);
    bv_score_table_free(&w->table);
    json_decref(w->thresholds);
    json_decref(w->calibration);
    json_decref(w->setup);
    json_decref(w->devices);
    free(w->labels);
    free(w->has_truth);
    free(w->values);
}

enum bv_status bv_evaluation_finish(const struct bv_evaluation_finish *finish,
                                    struct bv_evaluation_counts *counts, struct bv_error *err)
{
    struct work work = {.finish = finish};
    struct row_files files = {0};
    enum bv_status status = finish_work(&work, &files, err);
    bv_row_file_discard(&files.predictions);
    bv_row_file_discard(&files.errors);
    bv_row_file_discard(&files.warnings);
    bv_devices_free(&files.devices);
    if (status == BV_OK)
        *counts = (struct bv_evaluation_counts){.rows = work.table.n_rows + work.table.n_failed,
                                                .done = work.table.n_rows + work.table.n_failed,
                                                .failed = work.table.n_failed,
                                                .warned = files.warned.images,
                                                .labels = work.levels[0].n_available};
    release(&work);
    return status;
}

static enum bv_status calibrate(struct work *w, const char *data_path,
                                enum bv_calibration_method method, const char *path,
                                struct bv_error *err)
{
    const char *folder = w->finish->folder;
    struct bv_scratch scratch = {0};
    struct bv_new_file file = {0};
    BV_TRY(bv_folder_setup(folder, &w->setup, err));
    BV_TRY(name_labels(w, err));
    BV_TRY(bv_score_table_join(&w->table, folder, w->setup, data_path, NULL, NULL, err));
    struct bv_ranked *lists = calloc(w->n_labels + 1, sizeof *lists);
    if (!lists)
        return bv_fail_nomem(err, "a calibration");
    enum bv_status status = bv_score_table_rank(&w->table, BV_UNIT_IMAGE, BV_NO_STRATUM, false,
                                                folder, &scratch, lists, err);
    if (status == BV_OK)
        status = bv_calibration_json(&w->calibration, w->setup, method, lists, err);
    free(lists);
    bv_scratch_free(&scratch);
    BV_TRY(status);
    BV_TRY(bv_new_file_create(&file, path, err));
    if (json_dumpf(w->calibration, file.stream, JSON_INDENT(1) | JSON_PRESERVE_ORDER) != 0) {
        bv_new_file_discard(&file);
        return bv_fail(err, BV_ERR_IO, "%s: cannot write", path);
    }
    return bv_new_file_commit(&file, err);
}

enum bv_status bv_evaluation_calibrate(const char *folder, const char *data_path,
                                       enum bv_calibration_method method, const char *path,
                                       struct bv_error *err)
{
    struct bv_evaluation_finish finish = {.folder = folder};
    struct work work = {.finish = &finish};
    enum bv_status status = calibrate(&work, data_path, method, path, err);
    release(&work);
    return status;
}

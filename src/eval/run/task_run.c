#include "eval/run/task_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "eval/data/setup.h"
#include "eval/run/scorers.h"

enum bv_status bv_task_open(struct bv_task *task, const struct bv_task_options *options,
                            const struct bv_session *session, const char *const *columns,
                            size_t n_columns, struct bv_error *err)
{
    const char *folder = options->folder;
    task->options = options;
    task->session = session;
    BV_TRY(bv_setup_digest(options->data.path, task->sha256, err));
    BV_TRY(bv_labelled_count(&options->data, &task->counts.rows, err));
    if (!task->counts.rows)
        return bv_fail(err, BV_ERR_ARG, "%s: no row to evaluate", options->data.path);
    BV_TRY(bv_folder_make(folder, err));
    BV_TRY(
        bv_row_file_create(&task->predictions, folder, "predictions.csv", columns, n_columns, err));
    BV_TRY(bv_warnings_create(&task->warnings, folder, err));
    BV_TRY(bv_errors_create(&task->errors, folder, err));
    return bv_observe_progress(options->observer, 0, task->counts.rows, err);
}

void bv_task_close(struct bv_task *task)
{
    bv_row_file_discard(&task->predictions);
    bv_row_file_discard(&task->errors);
    bv_row_file_discard(&task->warnings);
    bv_devices_free(&task->devices);
    bv_labelled_close(&task->dataset);
    bv_path_list_free(&task->paths);
    free(task->path);
}

enum bv_status bv_task_row(struct bv_task *task, uint64_t line, const char *path,
                           const char *reason, const char *message, struct bv_error *err)
{
    char moved[BV_MOVED_CHARS];
    task->counts.done++;
    if (reason) {
        task->counts.failed++;
        bv_errors_put(&task->errors, line, path, reason, message);
        bv_evaluation_tell_failed(task->options->observer, "line", line, reason, message);
    } else {
        BV_TRY(bv_path_list_add(&task->paths, path, err));
    }
    if (task->counts.done % 16 == 0)
        BV_TRY(bv_observe_progress(task->options->observer, task->counts.done, task->counts.rows,
                                   err));
    return reason ? BV_OK
                  : bv_devices_add(&task->devices, bv_device_moved(task->session, moved), err);
}

enum bv_status bv_task_finish(struct bv_task *task, json_t *metrics, struct bv_error *err)
{
    const struct bv_task_options *o = task->options;
    char list[65];
    bv_path_list_digest(&task->paths, list);
    json_t *facts = json_pack("{s:{s:o, s:s}, s:s, s:O, s:I, s:I, s:o, s:o, s:s}", "data", "path",
                              bv_json_path(o->data.path), "sha256", task->sha256, "list_sha256",
                              list, "model", o->model, "rows", (json_int_t)task->counts.rows,
                              "failed", (json_int_t)task->counts.failed, "devices",
                              bv_devices_json(&task->devices, o->model), "warnings",
                              bv_warning_counts_json(&task->warned), "intended_use", "research");
    if (!facts || json_object_update(metrics, facts) != 0) {
        json_decref(facts);
        return bv_fail_nomem(err, "the results");
    }
    json_decref(facts);
    BV_TRY(bv_row_file_commit(&task->predictions, err));
    BV_TRY(bv_row_file_commit(&task->errors, err));
    BV_TRY(bv_row_file_commit(&task->warnings, err));
    return bv_folder_write_json(o->folder, "metrics.json", metrics, err);
}

enum bv_status bv_task_image(struct bv_task *task, uint64_t line, const char *path,
                             struct bv_preprocessed *preprocessed, bool *is_new,
                             struct bv_error *err)
{
    char *file = NULL;
    struct bv_error why = {0};
    *is_new = !task->path || strcmp(task->path, path) != 0;
    if (!*is_new)
        return BV_OK;
    free(task->path);
    task->failure.reason[0] = 0;
    task->path = strdup(path);
    if (!task->path)
        return bv_fail_nomem(err, "a path");
    BV_TRY(bv_labelled_resolve(task->dataset, path, &file, err));
    enum bv_status status = bv_scorer_preprocess(task->session, NULL, file, preprocessed, &why);
    free(file);
    if (status == BV_ERR_NOMEM) // says nothing of the image
        return bv_fail_nomem(err, "an image");
    if (status != BV_OK) {
        (void)snprintf(task->failure.reason, sizeof task->failure.reason, "%s",
                       bv_status_name(status));
        (void)snprintf(task->failure.message, sizeof task->failure.message, "%.250s", why.text);
        return BV_OK;
    }
    task->counts.warned += preprocessed->warnings != 0;
    bv_warnings_put(&task->warnings, line, path, preprocessed->warnings);
    bv_warning_counts_add(&task->warned, preprocessed->warnings);
    return BV_OK;
}

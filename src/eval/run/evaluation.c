#include "eval/run/evaluation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/data/out_folder.h"
#include "eval/data/setup.h"
#include "eval/metrics/score_table.h"

struct running {
    const struct bv_evaluation_run *run;
    struct bv_journal_writer journal;
    struct bv_evaluation_counts counts;
};

void bv_evaluation_tell_failed(const struct bv_observer *observer, const char *what,
                               uint64_t number, const char *reason, const char *message)
{
    char name[64];
    enum bv_status status = BV_ERR_ARG;
    for (enum bv_status s = BV_OK; s <= BV_ERR_CANCELLED; s++)
        if (strcmp(bv_status_name(s), reason) == 0)
            status = s;
    (void)snprintf(name, sizeof name, "%s %llu", what, (unsigned long long)number);
    bv_observe_failed(observer, name, status, message);
}

static enum bv_status note_row(void *arg, const struct bv_journal_record *record,
                               struct bv_error *err)
{
    struct running *running = arg;
    running->counts.done++;
    running->counts.failed += record->reason != NULL;
    running->counts.warned += !record->reason && record->warnings;
    if (record->reason)
        bv_evaluation_tell_failed(running->run->observer, "row", record->index + 1, record->reason,
                                  record->message);
    return bv_journal_put(&running->journal, record, err);
}

static enum bv_status note_block(void *arg, struct bv_error *err)
{
    struct running *running = arg;
    BV_TRY(bv_journal_flush(&running->journal, err));
    return bv_observe_progress(running->run->observer, running->counts.done, running->counts.rows,
                               err);
}

// The failures among the rows that an earlier process did.
static enum bv_status count_resumed(struct running *running, const char *path, uint64_t n_done,
                                    struct bv_error *err)
{
    struct bv_journal_reader reader = {0};
    BV_TRY(bv_journal_read(&reader, path, err));
    enum bv_status status = BV_OK;
    for (uint64_t i = 0; status == BV_OK && i < n_done; i++) {
        struct bv_journal_record record;
        bool found = false;
        status = bv_journal_next(&reader, &record, &found, err);
        running->counts.failed += status == BV_OK && found && record.reason;
        running->counts.warned += status == BV_OK && found && !record.reason && record.warnings;
    }
    bv_journal_reader_close(&reader);
    running->counts.done = running->counts.resumed = n_done;
    return status;
}

static enum bv_status open_journal(struct running *running, const json_t *setup,
                                   struct bv_error *err)
{
    const struct bv_evaluation_run *run = running->run;
    char *path = NULL;
    uint64_t n_done = 0;
    BV_TRY(bv_journal_path(run->folder, run->shard, run->n_shards, &path, err));
    enum bv_status status =
        bv_journal_write(&running->journal, path, setup, run->resume, run->block, &n_done, err);
    if (status == BV_OK)
        status = count_resumed(running, path, n_done, err);
    free(path);
    return status;
}

// A journal of all rows is complete although its last block is short.
static enum bv_status run_pipeline(struct running *running, const struct bv_scorer *scorer,
                                   struct bv_error *err)
{
    const struct bv_evaluation_run *run = running->run;
    struct bv_pipeline pipeline = {.scorer = scorer,
                                   .shard = run->shard,
                                   .n_shards = run->n_shards,
                                   .skip = running->counts.done,
                                   .block = run->block,
                                   .n_workers = run->n_workers,
                                   .row = note_row,
                                   .block_end = note_block,
                                   .arg = running};
    BV_TRY(bv_labelled_open(&pipeline.dataset, &run->data, err));
    enum bv_status status = bv_pipeline_run(&pipeline, err);
    bv_labelled_close(&pipeline.dataset);
    return status;
}

// Labels for which nothing can be computed are told of before hours of work.
static void tell_of_labels(const struct bv_evaluation_run *run,
                           const struct bv_labelled_survey *survey)
{
    const struct bv_labelled_options *data = &run->data;
    const struct bv_observer *observer = run->observer;
    if (survey->list_form && strcmp(survey->list_form, "a|b") != 0)
        bv_observe_log(observer, BV_LOG_WARNING, "%s: column \"%s\" lists findings as %s",
                       data->path, data->list_column, survey->list_form);
    for (size_t i = 0; i < data->n_labels; i++) {
        const char *label = data->labels[i];
        if (!survey->labels[i].has_column)
            bv_observe_log(observer, BV_LOG_WARNING,
                           "%s: no column for label \"%s\": no metric of it", data->path, label);
        else if (!survey->labels[i].positives || !survey->labels[i].negatives)
            bv_observe_log(observer, BV_LOG_WARNING,
                           "%s: no %s row for label \"%s\": no metric of it", data->path,
                           survey->labels[i].positives ? "negative" : "positive", label);
    }
}

static enum bv_status make_setup(const struct bv_evaluation_run *run, uint64_t n_rows,
                                 json_t **setup, struct bv_error *err)
{
    json_t *made = NULL;
    if (!n_rows)
        return bv_fail(err, BV_ERR_ARG, "%s: no row to evaluate", run->data.path);
    BV_TRY(bv_setup_create(&made, &run->data, run->model, run->block, n_rows, err));
    if (json_object_set_new(made, "shards", json_integer((json_int_t)run->n_shards)) != 0) {
        json_decref(made);
        return bv_fail_nomem(err, "the setup");
    }
    *setup = made;
    return BV_OK;
}

enum bv_status bv_evaluation_run(const struct bv_evaluation_run *run,
                                 const struct bv_scorer *scorer,
                                 struct bv_evaluation_counts *counts, struct bv_error *err)
{
    struct running running = {.run = run};
    json_t *setup = NULL;
    struct bv_labelled_survey survey = {0};
    BV_TRY(bv_folder_make(run->folder, err));
    BV_TRY(bv_labelled_survey(&run->data, &survey, err));
    uint64_t n_rows = survey.n_rows;
    enum bv_status status = make_setup(run, n_rows, &setup, err);
    if (status == BV_OK)
        tell_of_labels(run, &survey);
    bv_labelled_survey_free(&survey);
    BV_TRY(status);
    running.counts.rows = n_rows / run->n_shards + (run->shard < n_rows % run->n_shards);
    status = open_journal(&running, setup, err);
    if (status == BV_OK)
        status = bv_observe_progress(run->observer, running.counts.done, running.counts.rows, err);
    if (status == BV_OK)
        status = run_pipeline(&running, scorer, err);
    if (status == BV_OK)
        status = bv_journal_finish(&running.journal, err);
    bv_journal_writer_close(&running.journal);
    json_decref(setup);
    if (status == BV_OK)
        *counts = running.counts;
    return status;
}

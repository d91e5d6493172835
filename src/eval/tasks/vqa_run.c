#include "eval/tasks/vqa.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/sha256.h"
#include "score/fusion_scores.h"

struct run {
    const struct bv_vqa_options *options;
    struct bv_session *session;
    struct bv_task task;
    int question, answer, type, by; // columns; the latter two may be -1
    struct bv_fusion_image
        image; // the current one, for the questions that follow each other about it
    // Known with the first image.
    size_t n_answers;
    const char **answers;
    double *scores;
    struct bv_vqa_results results;
    uint64_t n_truncated, n_outside;
};

static const json_t *answer_head(const struct run *run)
{
    const json_t *card = bv_session_model(run->session)->card;
    return json_object_get(json_object_get(card, "fusion"), "answer");
}

static enum bv_status check_model(const struct run *run, struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(run->session);
    char text[256];
    if (!bv_model_has_fusion(m) || !bv_fusion_can(m, "answer"))
        return bv_fail(err, BV_ERR_MODEL, "model \"%s\" answers no questions; it can: %s", m->name,
                       bv_fusion_abilities(m, text));
    struct bv_fusion_wants wants = bv_model_fusion_wants(m);
    if (wants.regions || !m->recipe || !m->tokenizer)
        return bv_fail(err, BV_ERR_MODEL, "model \"%s\" reads detector regions, not images",
                       m->name);
    if (!run->options->n_answers && !json_object_get(answer_head(run), "names"))
        return bv_fail(err, BV_ERR_MODEL,
                       "model \"%s\" does not name its answers: give them with --answers FILE",
                       m->name);
    return BV_OK;
}

static enum bv_status find_columns(struct run *run, struct bv_error *err)
{
    static const char *const types[] = {"type", "answer_type", NULL};
    const struct bv_labelled *d = run->task.dataset;
    BV_TRY(bv_labelled_column(d, "question", true, &run->question, err));
    BV_TRY(bv_labelled_column(d, "answer", true, &run->answer, err));
    BV_TRY(bv_labelled_usual(d, types, false, &run->type, err));
    run->by = -1;
    return run->options->by ? bv_labelled_column(d, run->options->by, true, &run->by, err) : BV_OK;
}

// The vocabulary, whose size the first image tells.
static enum bv_status name_answers(struct run *run, struct bv_error *err)
{
    const json_t *names = json_object_get(answer_head(run), "names");
    size_t n = 0, given = run->options->n_answers;
    if (run->answers)
        return BV_OK;
    BV_TRY(bv_fusion_score_count(run->session, &run->image, "answer", &n, err));
    if ((given ? given : json_array_size(names)) != n)
        return bv_fail(err, BV_ERR_MODEL, "%zu answers are named, but the model's head scores %zu",
                       given ? given : json_array_size(names), n);
    run->scores = calloc(n + 1, sizeof *run->scores);
    run->answers = calloc(n + 1, sizeof *run->answers);
    if (!run->scores || !run->answers)
        return bv_fail_nomem(err, "the answers");
    for (size_t i = 0; i < n; i++) {
        const char *name =
            given ? run->options->answers[i] : json_string_value(json_array_get(names, i));
        run->answers[i] = name ? name : "";
    }
    run->n_answers = n;
    return BV_OK;
}

// Encodes the image of a row unless it is the current one.
static enum bv_status take_image(struct run *run, const struct bv_labelled_row *row,
                                 struct bv_error *err)
{
    struct bv_preprocessed preprocessed = {.width = 0};
    bool is_new = false;
    BV_TRY(bv_task_image(&run->task, row->line, row->path, &preprocessed, &is_new, err));
    if (!is_new || *run->task.failure.reason)
        return BV_OK;
    const struct bv_pixels *p = &preprocessed.input.parts[0].pixels;
    bv_fusion_image_free(&run->image);
    enum bv_status status = bv_fusion_image_encode(run->session, p->data, p->height, p->width,
                                                   p->channels, &run->image, err);
    bv_classifier_input_free(&preprocessed.input);
    BV_TRY(status);
    return name_answers(run, err);
}

static enum bv_status ask(struct run *run, const struct bv_labelled_row *row, bool closed,
                          struct bv_error *err)
{
    const char *question = row->fields[run->question], *answer = row->fields[run->answer];
    struct bv_csv_writer *csv = &run->task.predictions.csv;
    size_t best = 0;
    bool truncated = false, is_known = false;
    BV_TRY(bv_fusion_scores(run->session, &run->image, "answer", question, run->scores, &truncated,
                            err));
    for (size_t i = 0; i < run->n_answers; i++) {
        best = run->scores[i] > run->scores[best] ? i : best;
        is_known = is_known || bv_vqa_same(run->answers[i], answer);
    }
    run->n_truncated += truncated;
    run->n_outside += !is_known;
    bv_csv_put_integer(csv, (int64_t)row->line);
    bv_csv_put(csv, row->path);
    bv_csv_put(csv, question);
    bv_csv_put(csv, answer);
    bv_csv_put(csv, closed ? "closed" : "open");
    bv_csv_put(csv, run->answers[best]);
    bv_csv_put_number(csv, run->scores[best]);
    bv_csv_put(csv, bv_vqa_same(run->answers[best], answer) ? "1" : "0");
    bv_csv_end(csv);
    BV_TRY(bv_task_row(&run->task, row->line, row->path, NULL, NULL, err));
    return bv_vqa_results_add(&run->results, run->answers[best], answer, closed,
                              run->by < 0 ? NULL : row->fields[run->by], err);
}

// What is wrong with a row before its image is opened; NULL when nothing is.
static const char *check_row(const struct run *run, const struct bv_labelled_row *row, bool *closed,
                             const char **message)
{
    if (row->reason) {
        *message = row->message;
        return row->reason;
    }
    *message = "the row has no question";
    if (!*row->fields[run->question])
        return "no_question";
    *message = "the row has no answer to compare with";
    if (!*row->fields[run->answer])
        return "no_answer";
    *message = "the type is not closed or open";
    return bv_vqa_is_closed(run->type < 0 ? NULL : row->fields[run->type], row->fields[run->answer],
                            closed)
               ? NULL
               : "bad_type";
}

static enum bv_status do_row(struct run *run, const struct bv_labelled_row *row,
                             struct bv_error *err)
{
    const char *message = NULL;
    bool closed = false;
    const char *reason = check_row(run, row, &closed, &message);
    if (!reason) {
        BV_TRY(take_image(run, row, err));
        if (!*run->task.failure.reason)
            return ask(run, row, closed, err);
        reason = run->task.failure.reason;
        message = run->task.failure.message;
    }
    return bv_task_row(&run->task, row->line, row->path, reason, message, err);
}

// The SHA-256 of the vocabulary, each answer ended by a line feed: of another order, the same
// scores are other answers. hex is left empty where no image was usable.
static enum bv_status digest_answers(const struct run *run, char hex[65], struct bv_error *err)
{
    char *text = NULL;
    size_t size = 0;
    hex[0] = 0;
    if (!run->n_answers)
        return BV_OK;
    FILE *stream = open_memstream(&text, &size);
    for (size_t i = 0; stream && i < run->n_answers; i++)
        (void)fprintf(stream, "%s\n", run->answers[i]);
    if (!stream || fclose(stream) != 0) {
        free(text);
        return bv_fail_nomem(err, "the answers");
    }
    bv_sha256_hex(text, size, hex);
    free(text);
    return BV_OK;
}

static enum bv_status finish(struct run *run, json_t **metrics, struct bv_error *err)
{
    json_t *made = NULL;
    char answers[65];
    BV_TRY(digest_answers(run, answers, err));
    BV_TRY(bv_vqa_results_json(&run->results, &made, err));
    const char *kind = bv_fusion_kind(bv_session_model(run->session), "answer");
    json_t *more =
        json_pack("{s:s, s:s, s:I, s:I, s:I}", "score_kind", kind, "answers_sha256", answers,
                  "answers_named", (json_int_t)run->n_answers, "answers_outside_vocabulary",
                  (json_int_t)run->n_outside, "questions_truncated", (json_int_t)run->n_truncated);
    enum bv_status status = BV_OK;
    if (!more || json_object_update(made, more) != 0)
        status = bv_fail_nomem(err, "the results");
    if (status == BV_OK)
        status = bv_task_finish(&run->task, made, err);
    json_decref(more);
    if (status == BV_OK)
        *metrics = made;
    else
        json_decref(made);
    return status;
}

static enum bv_status do_all(struct run *run, json_t **metrics, struct bv_error *err)
{
    static const char *const columns[] = {"line", "path",       "question", "answer",
                                          "type", "prediction", "score",    "correct"};
    const struct bv_task_options *o = &run->options->task;
    const struct bv_labelled_row *row = NULL;
    BV_TRY(check_model(run, err));
    BV_TRY(bv_labelled_open(&run->task.dataset, &o->data, err));
    BV_TRY(find_columns(run, err));
    BV_TRY(
        bv_task_open(&run->task, o, run->session, columns, sizeof columns / sizeof *columns, err));
    for (;;) {
        BV_TRY(bv_labelled_next(run->task.dataset, &row, err));
        if (!row)
            return finish(run, metrics, err);
        BV_TRY(do_row(run, row, err));
    }
}

enum bv_status bv_vqa_run(const struct bv_vqa_options *options, struct bv_session *session,
                          struct bv_evaluation_counts *counts, json_t **metrics,
                          struct bv_error *err)
{
    struct run *run = calloc(1, sizeof *run);
    if (!run)
        return bv_fail_nomem(err, "an evaluation");
    run->options = options;
    run->session = session;
    enum bv_status status = do_all(run, metrics, err);
    if (status == BV_OK)
        *counts = run->task.counts;
    bv_task_close(&run->task);
    bv_fusion_image_free(&run->image);
    free(run->answers);
    free(run->scores);
    free(run);
    return status;
}

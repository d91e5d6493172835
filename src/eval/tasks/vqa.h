// vqa.h: visual question answering: its metrics, results, a run of a model, a table of answers.
#ifndef BV_EVAL_TASKS_VQA_H
#define BV_EVAL_TASKS_VQA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"
#include "base/status.h"
#include "eval/run/task_run.h"
#include "model/session.h"

// vqa_metrics.c: accuracy of answers, closed questions and open ones apart (VQA-RAD, SLAKE).

// Counts; zero-initialise.
struct bv_vqa {
    size_t n_closed, right_closed, n_open, right_open;
};

// Whether two answers are the same.
bool bv_vqa_same(const char *a, const char *b);

// What a question's type says: closed or open (case ignored), "yes/no", or 0 and 1 as M3AE writes
// them. Without a type (NULL) yes and no answers are closed. False for other types.
bool bv_vqa_is_closed(const char *type, const char *answer, bool *closed);

// Answers are equal when they are the same text but for case (ASCII) and surrounding blanks. An
// answer that a model cannot give counts as wrong like any other.
void bv_vqa_add(struct bv_vqa *vqa, const char *predicted, const char *answer, bool closed);

// Right / all; NaN without a question.
double bv_vqa_closed(const struct bv_vqa *vqa);
double bv_vqa_open(const struct bv_vqa *vqa);
double bv_vqa_overall(const struct bv_vqa *vqa);

// vqa_results.c: accuracies of answers as a JSON object, of all questions and by kind of question.

enum { BV_VQA_MAX_KINDS = 256 };

struct bv_vqa_kind {
    char name[64];
    struct bv_vqa counts;
};

// Zero-initialise.
struct bv_vqa_results {
    struct bv_vqa all;
    struct bv_vqa_kind kinds[BV_VQA_MAX_KINDS];
    size_t n_kinds;
};

// Counts a question. kind: its value in the column to report by; NULL without such a column. More
// than BV_VQA_MAX_KINDS of them are BV_ERR_LIMIT, a name of more than 63 bytes too.
enum bv_status bv_vqa_results_add(struct bv_vqa_results *results, const char *predicted,
                                  const char *answer, bool closed, const char *kind,
                                  struct bv_error *err);

// {"n_closed", "n_open", "closed", "open", "overall"}, and "by" with the same of each kind.
enum bv_status bv_vqa_results_json(const struct bv_vqa_results *results, json_t **json,
                                   struct bv_error *err);

// vqa_run.c: a fusion model asked the questions of a CSV file.

struct bv_vqa_options {
    struct bv_task_options task;
    const char *by;             // column whose values are also reported apart, or NULL
    const char *const *answers; // the vocabulary in the order of the model's head
    size_t n_answers;           // 0: the names that the model carries
};

// Columns: the image's path, "question", "answer", and "type" (or "answer_type") as
// bv_vqa_is_closed() reads it. The prediction is the answer of the largest score, the first of
// equals. Rows that cannot be used are in errors.csv and in no metric: the reasons of
// bv_labelled_next(), "no_question", "no_answer", "bad_type", or the status of the image reader. A
// model that answers no questions about images is BV_ERR_MODEL. The caller owns *metrics.
enum bv_status bv_vqa_run(const struct bv_vqa_options *options, struct bv_session *session,
                          struct bv_evaluation_counts *counts, json_t **metrics,
                          struct bv_error *err);

// vqa_table.c: accuracy of answers in a CSV file.

// Columns "prediction", "answer", and "type" (or "answer_type") as bv_vqa_is_closed() reads it. by:
// a column whose values are also reported apart, or NULL. A row that cannot be read is
// BV_ERR_FORMAT. *result as of bv_vqa_results_json().
enum bv_status bv_vqa_table(const char *path, const char *by, json_t **result,
                            struct bv_error *err);

#endif

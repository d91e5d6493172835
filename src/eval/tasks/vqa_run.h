// vqa_run.h: a fusion model asked the questions of a CSV file.
#ifndef BV_EVAL_TASKS_VQA_RUN_H
#define BV_EVAL_TASKS_VQA_RUN_H

#include "eval/run/task_run.h"
#include "model/session.h"

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

#endif

// vqa_metrics.h: accuracy of answers, closed questions and open ones apart (VQA-RAD, SLAKE).
#ifndef BV_EVAL_TASKS_VQA_METRICS_H
#define BV_EVAL_TASKS_VQA_METRICS_H

#include <stdbool.h>
#include <stddef.h>

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

#endif

// vqa_results.h: accuracies of answers as a JSON object, of all questions and by kind of question.
#ifndef BV_EVAL_TASKS_VQA_RESULTS_H
#define BV_EVAL_TASKS_VQA_RESULTS_H

#include <jansson.h>

#include "base/status.h"
#include "eval/tasks/vqa_metrics.h"

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

#endif

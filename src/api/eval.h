// eval.h: what the public calls of evaluation share.
#ifndef BV_API_EVAL_H
#define BV_API_EVAL_H

#include "biovl/eval.h"
#include "eval/run/evaluation.h"

// Fills a caller's counts; to may be NULL.
void bv_eval_counts_write(struct bv_eval_counts *to, const struct bv_evaluation_counts *counts);

#endif

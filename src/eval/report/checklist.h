// checklist.h: what reviewers ask of a study, as far as a run knows the answer (CLAIM 2024,
// TRIPOD+AI, STARD-AI).
#ifndef BV_EVAL_REPORT_CHECKLIST_H
#define BV_EVAL_REPORT_CHECKLIST_H

#include "eval/report/results.h"

// From the rows of the data to those in the metrics, with the reasons of what was lost.
void bv_checklist_flow(FILE *stream, const struct bv_results *results);

// A paragraph for a paper's methods.
void bv_checklist_methods(FILE *stream, const struct bv_results *results);

// The items: answered, or "to be written by you".
void bv_checklist_items(FILE *stream, const struct bv_results *results);

#endif

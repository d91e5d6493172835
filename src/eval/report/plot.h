// plot.h: the report's diagrams as inline SVG.
#ifndef BV_EVAL_REPORT_PLOT_H
#define BV_EVAL_REPORT_PLOT_H

#include <stdio.h>

#include "eval/metrics/level.h"

// The ROC and the precision-recall curve of one class, with at most 400 points each.
enum bv_status bv_plot_roc(FILE *stream, const char *label, const struct bv_ranked *ranked,
                           double auroc, struct bv_error *err);
enum bv_status bv_plot_pr(FILE *stream, const char *label, const struct bv_ranked *ranked,
                          double average_precision, struct bv_error *err);

// The fraction of positives over the mean score of each bin; after may be NULL (not calibrated).
void bv_plot_reliability(FILE *stream, const char *label, const struct bv_reliability *before,
                         const struct bv_reliability *after);

// The AUROC of every class with its DeLong interval, one row each.
void bv_plot_forest(FILE *stream, const struct bv_level_result *level);

#endif

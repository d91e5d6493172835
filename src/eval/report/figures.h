// figures.h: the report's diagrams as files of their own, and their numbers as CSV.
#ifndef BV_EVAL_REPORT_FIGURES_H
#define BV_EVAL_REPORT_FIGURES_H

#include "eval/report/results.h"

// Writes to folder/figures: roc.csv, precision_recall.csv, reliability.csv, calibration_curve.csv,
// decision_curve.csv, predictive_values.csv (all classes that have both labels, of images), and an
// SVG file for every class and diagram.
enum bv_status bv_figures_write(const struct bv_results *results, const char *folder,
                                struct bv_error *err);

#endif

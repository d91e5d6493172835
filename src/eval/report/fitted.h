// fitted.h: thresholds and calibrations in files of their own: fitted on one data set, applied to
// another. Both files are JSON and say which data, model, prompts and kind of score they are for.
#ifndef BV_EVAL_REPORT_FITTED_H
#define BV_EVAL_REPORT_FITTED_H

#include "eval/metrics/level.h"

// {"kind": "biovl.thresholds", "rule": …, "fitted_on": {…}, "score_kind", "model", "units":
//  {"image": {LABEL: threshold, …}, "study": …}}
enum bv_status bv_thresholds_json(json_t **thresholds, const json_t *setup, const char *rule,
                                  const struct bv_level_result *levels, size_t n_levels,
                                  struct bv_error *err);

// Whether what was fitted to one setup's scores fits another's: same model, prompts, preset and
// kind of score; BV_ERR_ARG says what differs and names path. Both have a member "model".
enum bv_status bv_fitted_check_model(const json_t *fitted, const json_t *setup, const char *path,
                                     struct bv_error *err);

// Checks that a thresholds or calibration file fits this run: same model, prompts and kind of
// score (BV_ERR_ARG says what differs), and not fitted on the data that it is to judge, unless
// same_data allows it. kind is "biovl.thresholds" or "biovl.calibration".
enum bv_status bv_fitted_load(json_t **fitted, const char *path, const char *kind,
                              const json_t *setup, bool same_data, struct bv_error *err);

// Thresholds by label, NaN where the file has none. values has room for all labels of setup.
void bv_thresholds_values(const json_t *thresholds, const json_t *setup, enum bv_unit unit,
                          double *values);

// Fits on a table. The kind of score says whether scores are probabilities. A label that cannot be
// calibrated is BV_ERR_ARG.
enum bv_status bv_calibration_json(json_t **calibration, const json_t *setup,
                                   enum bv_calibration_method method, const struct bv_ranked *lists,
                                   struct bv_error *err);

// The calibrations of setup's labels; the caller frees each and the array. A label that the file
// does not have is BV_ERR_ARG.
enum bv_status bv_calibration_values(const json_t *calibration, const json_t *setup,
                                     struct bv_calibration **values, struct bv_error *err);

#endif

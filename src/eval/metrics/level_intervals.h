// level_intervals.h: the intervals of a level that are resampled or know patients.
#ifndef BV_EVAL_METRICS_LEVEL_INTERVALS_H
#define BV_EVAL_METRICS_LEVEL_INTERVALS_H

#include "eval/metrics/level.h"

// result has its classes and ranked lists; those of its intervals that were NaN are filled.
enum bv_status bv_level_intervals(const struct bv_score_table *table,
                                  const struct bv_level_options *options,
                                  struct bv_level_result *result, struct bv_error *err);

#endif

// multiple.h: p-values of several tests, adjusted for their number.
#ifndef BV_STATS_MULTIPLE_H
#define BV_STATS_MULTIPLE_H

#include <stddef.h>

#include "base/status.h"

enum bv_adjustment {
    BV_ADJUST_HOLM,       // family-wise error
    BV_ADJUST_BENJAMINI,  // Benjamini and Hochberg: false discovery rate
    BV_ADJUST_BONFERRONI, // family-wise error, never better than Holm's
};

// adjusted[i] belongs to p[i]; NaN stays NaN and is not counted as a test. The arrays may be one.
enum bv_status bv_adjust(const double *p, size_t n, enum bv_adjustment how, double *adjusted,
                         struct bv_error *err);

#endif

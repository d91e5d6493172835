// multiclass.h: one true class per image (CheXpert 5×200, RSNA's two classes).
#ifndef BV_EVAL_METRICS_MULTICLASS_H
#define BV_EVAL_METRICS_MULTICLASS_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct bv_multiclass {
    size_t n; // images
    double accuracy;
    // Means over the classes, a class without predictions or images counting 0, as "macro avg" of
    // scikit-learn's classification_report.
    double precision, recall, f1;
};

// scores [n][n_classes]; the prediction is the largest score, the first of equals. truth[i] is a
// class number. counts, [n_classes][n_classes] (truth, prediction), may be NULL. n = 0 gives NaN.
enum bv_status bv_multiclass_evaluate(const double *scores, const uint32_t *truth, size_t n,
                                      size_t n_classes, uint64_t *counts,
                                      struct bv_multiclass *result, struct bv_error *err);

// Scores of each class to mean 0 and population variance 1 over the images, in place, as GLoRIA
// does before its argmax: the result then depends on the set that is evaluated. A constant column
// becomes 0.
void bv_multiclass_standardize(double *scores, size_t n, size_t n_classes);

#endif

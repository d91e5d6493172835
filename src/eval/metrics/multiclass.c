#include "eval/metrics/metric.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t argmax(const double *scores, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (scores[i] > scores[best])
            best = i;
    return best;
}

// A class against the others.
static struct bv_confusion one_against_rest(const uint64_t *counts, size_t n_classes, size_t c)
{
    struct bv_confusion one = {.tp = counts[c * n_classes + c]};
    for (size_t other = 0; other < n_classes; other++) {
        if (other == c)
            continue;
        one.fn += counts[c * n_classes + other];
        one.fp += counts[other * n_classes + c];
    }
    return one;
}

static double zero_if_undefined(double value)
{
    return isnan(value) ? 0 : value;
}

static void summarise(const uint64_t *counts, size_t n_classes, struct bv_multiclass *result)
{
    uint64_t right = 0;
    size_t n_present = 0;
    for (size_t c = 0; c < n_classes; c++) {
        struct bv_confusion one = one_against_rest(counts, n_classes, c);
        right += one.tp;
        if (!(one.tp + one.fn + one.fp)) // neither in the truth nor predicted: no row of the report
            continue;
        n_present++;
        result->precision += zero_if_undefined(bv_precision(&one));
        result->recall += zero_if_undefined(bv_sensitivity(&one));
        result->f1 += bv_f1(&one);
    }
    result->accuracy = (double)right / (double)result->n;
    result->precision /= (double)n_present;
    result->recall /= (double)n_present;
    result->f1 /= (double)n_present;
}

enum bv_status bv_multiclass_evaluate(const double *scores, const uint32_t *truth, size_t n,
                                      size_t n_classes, uint64_t *counts,
                                      struct bv_multiclass *result, struct bv_error *err)
{
    struct bv_multiclass made = {.n = n};
    uint64_t *table = calloc(n_classes * n_classes + 1, sizeof *table);
    if (!table)
        return bv_fail_nomem(err, "a confusion matrix");
    for (size_t i = 0; i < n; i++)
        table[truth[i] * n_classes + argmax(scores + i * n_classes, n_classes)]++;
    if (n)
        summarise(table, n_classes, &made);
    else
        made.accuracy = made.precision = made.recall = made.f1 = NAN;
    if (counts)
        memcpy(counts, table, n_classes * n_classes * sizeof *counts);
    free(table);
    *result = made;
    return BV_OK;
}

void bv_multiclass_standardize(double *scores, size_t n, size_t n_classes)
{
    for (size_t c = 0; c < n_classes; c++) {
        double mean = 0, variance = 0;
        for (size_t i = 0; i < n; i++)
            mean += scores[i * n_classes + c] / (double)n;
        for (size_t i = 0; i < n; i++)
            variance += pow(scores[i * n_classes + c] - mean, 2) / (double)n;
        double scale = variance > 0 ? 1 / sqrt(variance) : 0;
        for (size_t i = 0; i < n; i++)
            scores[i * n_classes + c] = (scores[i * n_classes + c] - mean) * scale;
    }
}

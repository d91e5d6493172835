#include "eval/metrics/calibration.h"

#include <math.h>

// The number of inner edges below p.
size_t bv_reliability_bin_of(double p)
{
    const double width = 1.0 / BV_RELIABILITY_BINS;
    size_t bin = 0;
    while (bin < BV_RELIABILITY_BINS - 1 && (double)(bin + 1) * width < p)
        bin++;
    return bin;
}

struct bv_reliability bv_reliability(const struct bv_ranked *lists, size_t n_lists)
{
    struct bv_reliability r = {.brier = NAN, .ece = NAN};
    double sums[BV_RELIABILITY_BINS] = {0}, squares = 0, gap = 0, n = 0;
    for (size_t l = 0; l < n_lists; l++) {
        for (size_t i = 0; i < lists[l].n; i++) {
            const struct bv_ranked_item *item = &lists[l].items[i];
            double error = item->score - (double)item->positive;
            size_t bin = bv_reliability_bin_of(item->score);
            r.bins[bin].n++;
            r.bins[bin].positives += item->positive;
            sums[bin] += item->score;
            squares += error * error;
        }
        n += (double)lists[l].n;
    }
    for (size_t i = 0; i < BV_RELIABILITY_BINS; i++) {
        r.bins[i].mean = r.bins[i].n ? sums[i] / (double)r.bins[i].n : NAN;
        gap += fabs(sums[i] - (double)r.bins[i].positives);
    }
    if (n > 0) {
        r.brier = squares / n;
        r.ece = gap / n;
    }
    return r;
}

bool bv_is_probability(const struct bv_ranked_item *items, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (items[i].score < 0 || items[i].score > 1)
            return false;
    return true;
}

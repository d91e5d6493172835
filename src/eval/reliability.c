#include "eval/reliability.h"

#include <math.h>

// The number of inner edges below p.
static size_t bin_of(double p)
{
    const double width = 1.0 / BV_RELIABILITY_BINS;
    size_t bin = 0;
    while (bin < BV_RELIABILITY_BINS - 1 && (double)(bin + 1) * width < p)
        bin++;
    return bin;
}

struct bv_reliability bv_reliability(const struct bv_ranked_item *items, size_t n)
{
    struct bv_reliability r = {.brier = NAN, .ece = NAN};
    double sums[BV_RELIABILITY_BINS] = {0}, squares = 0, gap = 0;
    for (size_t i = 0; i < n; i++) {
        double p = items[i].score, error = p - (double)items[i].positive;
        size_t bin = bin_of(p);
        r.bins[bin].n++;
        r.bins[bin].positives += items[i].positive;
        sums[bin] += p;
        squares += error * error;
    }
    for (size_t i = 0; i < BV_RELIABILITY_BINS; i++) {
        r.bins[i].mean = r.bins[i].n ? sums[i] / (double)r.bins[i].n : NAN;
        gap += fabs(sums[i] - (double)r.bins[i].positives);
    }
    if (n) {
        r.brier = squares / (double)n;
        r.ece = gap / (double)n;
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

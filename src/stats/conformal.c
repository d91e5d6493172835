#include "stats/comparison.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stats/distribution.h"

enum bv_status bv_conformal_alpha(const char *text, uint32_t *millionths, struct bv_error *err)
{
    const char *at = text;
    uint32_t value = 0, unit = BV_CONFORMAL_SCALE;
    if (*at == '0')
        at++;
    if (*at == '.') {
        for (at++; *at >= '0' && *at <= '9' && unit > 1; at++) {
            unit /= 10;
            value += unit * (uint32_t)(*at - '0');
        }
        while (*at == '0')
            at++;
    }
    if (*at || !value)
        return bv_fail(err, BV_ERR_ARG,
                       "alpha \"%.40s\": give a decimal between 0 and 1, with at most six places",
                       text);
    *millionths = value;
    return BV_OK;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct bv_conformal bv_conformal_fit(double *scores, size_t m, uint32_t millionths)
{
    // In whole numbers: 0.29 · 100 is 28.999… in double precision.
    struct bv_conformal c = {.m = m};
    c.k = (size_t)((uint64_t)millionths * ((uint64_t)m + 1) / BV_CONFORMAL_SCALE);
    if (m)
        qsort(scores, m, sizeof *scores, ascending);
    c.threshold = c.k ? scores[c.k - 1] : -INFINITY;
    c.expected = (double)c.k / ((double)m + 1);
    c.coverage_low = c.k ? bv_beta_quantile(0.05, (double)m + 1 - (double)c.k, (double)c.k) : 1;
    return c;
}

size_t bv_conformal_least(uint32_t millionths)
{
    return millionths ? (BV_CONFORMAL_SCALE + millionths - 1) / millionths - 1 : SIZE_MAX;
}

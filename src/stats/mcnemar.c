#include "stats/comparison.h"

#include <math.h>

#include "stats/distribution.h"

struct bv_mcnemar bv_mcnemar(uint64_t b, uint64_t c)
{
    struct bv_mcnemar m = {NAN, NAN, NAN, NAN, 1, 1};
    uint64_t n = b + c, smaller = b < c ? b : c;
    double gap = fabs((double)b - (double)c);
    if (n) {
        double corrected = gap > 0 ? gap - 1 : 0;
        m.chi2 = gap * gap / (double)n;
        m.p = bv_chi_squared_tail(m.chi2, 1);
        m.chi2_corrected = corrected * corrected / (double)n;
        m.p_corrected = bv_chi_squared_tail(m.chi2_corrected, 1);
        double below = 2 * bv_binomial_half_cdf(smaller, n);
        m.p_exact = b == c ? 1 : fmin(1, below);
        m.p_mid = below - bv_binomial_half_point(smaller, n);
    }
    return m;
}

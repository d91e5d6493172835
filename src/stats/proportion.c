#include "stats/comparison.h"

#include <math.h>

#include "stats/distribution.h"

static const struct bv_bounds none = {NAN, NAN};

struct bv_bounds bv_wilson(uint64_t k, uint64_t n, double level)
{
    double z = bv_normal_width(level), N = (double)n, p = (double)k / N;
    if (!n || k > n)
        return none;
    double scale = 1 + z * z / N, centre = (p + z * z / (2 * N)) / scale;
    double half = z * sqrt(p * (1 - p) / N + z * z / (4 * N * N)) / scale;
    return (struct bv_bounds){k ? fmax(0, centre - half) : 0, k < n ? fmin(1, centre + half) : 1};
}

struct bv_bounds bv_clopper_pearson(uint64_t k, uint64_t n, double level)
{
    double tail = (1 - level) / 2, K = (double)k, N = (double)n;
    if (!n || k > n)
        return none;
    return (struct bv_bounds){k ? bv_beta_quantile(tail, K, N - K + 1) : 0,
                              k < n ? bv_beta_upper_quantile(tail, K + 1, N - K) : 1};
}

struct bv_bounds bv_logit_interval(double value, double n, double level)
{
    if (!(value > 0) || !(value < 1) || !(n > 0))
        return none;
    double at = log(value / (1 - value));
    double half = bv_normal_width(level) / sqrt(n * value * (1 - value));
    return (struct bv_bounds){1 / (1 + exp(half - at)), 1 / (1 + exp(-half - at))};
}

// part / (part + rest), NaN for 0 / 0.
static double share(double part, double rest, double prevalence)
{
    if (!(prevalence >= 0) || !(prevalence <= 1) || !(part + rest > 0))
        return NAN;
    return part / (part + rest);
}

double bv_ppv_at(double sensitivity, double specificity, double prevalence)
{
    return share(sensitivity * prevalence, (1 - specificity) * (1 - prevalence), prevalence);
}

double bv_npv_at(double sensitivity, double specificity, double prevalence)
{
    return share(specificity * (1 - prevalence), (1 - sensitivity) * prevalence, prevalence);
}

#include "stats/calibration.h"

#include <math.h>
#include <stdbool.h>

#include "stats/distribution.h"

enum { MAX_STEPS = 100 };

struct rows {
    const double *p;
    const uint8_t *y;
    size_t n;
};

static bool is_extreme(double p)
{
    return !(p > 0) || !(p < 1);
}

static double logit(double p)
{
    return log(p) - log1p(-p);
}

static double logistic(double z)
{
    return z >= 0 ? 1 / (1 + exp(-z)) : exp(z) / (1 + exp(z));
}

struct bv_bounds bv_estimate_interval(const struct bv_estimate *estimate, double level)
{
    double half = bv_normal_width(level) * estimate->se;
    return (struct bv_bounds){estimate->value - half, estimate->value + half};
}

// Gradient and information of the log likelihood at (a, b).
struct derivatives {
    double ga, gb, aa, ab, bb, loss;
};

static struct derivatives derive(const struct rows *r, double a, double b)
{
    struct derivatives d = {0};
    for (size_t i = 0; i < r->n; i++) {
        if (is_extreme(r->p[i]))
            continue;
        double z = logit(r->p[i]), f = a + b * z, e = exp(-fabs(f));
        double q = f >= 0 ? 1 / (1 + e) : e / (1 + e); // logistic(f)
        double error = (double)r->y[i] - q, w = q * (1 - q);
        d.ga += error;
        d.gb += error * z;
        d.aa += w;
        d.ab += w * z;
        d.bb += w * z * z;
        d.loss += log1p(e) + fmax(r->y[i] ? -f : f, 0);
    }
    return d;
}

// Each step doubles the digits that are right: after one of 1e-9 nothing is left to gain.
static bool is_last(double by, double at)
{
    return fabs(by) <= 1e-9 * (1 + fabs(at));
}

// Of a sum over a million rows, at most: a step within it may look like one uphill.
static const double rounding = 1e-11;

// One Newton step, halved until the likelihood does not fall; false when nothing moves any more.
static bool step(const struct rows *r, bool with_slope, double *a, double *b, struct derivatives *d)
{
    double determinant = d->aa * d->bb - d->ab * d->ab;
    double da = with_slope ? (d->bb * d->ga - d->ab * d->gb) / determinant : d->ga / d->aa;
    double db = with_slope ? (d->aa * d->gb - d->ab * d->ga) / determinant : 0;
    if (is_last(da, *a) && is_last(db, *b)) {
        *a += da;
        *b += db;
        *d = derive(r, *a, *b);
        return false;
    }
    for (double scale = 1; scale > 1e-10; scale /= 2) {
        struct derivatives tried = derive(r, *a + scale * da, *b + scale * db);
        if (!(tried.loss <= d->loss + rounding * fabs(d->loss)))
            continue;
        *a += scale * da;
        *b += scale * db;
        *d = tried;
        return true;
    }
    return false;
}

// Whether a finite maximum exists: the classes overlap, and p has more than one value.
static bool has_maximum(const struct rows *r)
{
    double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
    for (size_t i = 0; i < r->n; i++) {
        if (is_extreme(r->p[i]))
            continue;
        low[r->y[i]] = fmin(low[r->y[i]], r->p[i]);
        high[r->y[i]] = fmax(high[r->y[i]], r->p[i]);
    }
    return low[1] < high[0] && low[0] < high[1];
}

static bool has_both(const struct rows *r)
{
    bool seen[2] = {false, false};
    for (size_t i = 0; i < r->n; i++)
        if (!is_extreme(r->p[i]))
            seen[r->y[i]] = true;
    return seen[0] && seen[1];
}

static void fit_both(const struct rows *r, struct bv_recalibration *result)
{
    double a = 0, b = 1;
    result->intercept = result->slope = (struct bv_estimate){NAN, NAN};
    if (!has_maximum(r))
        return;
    struct derivatives d = derive(r, a, b);
    for (int i = 0; i < MAX_STEPS && step(r, true, &a, &b, &d); i++)
        ;
    double determinant = d.aa * d.bb - d.ab * d.ab;
    result->intercept = (struct bv_estimate){a, sqrt(d.bb / determinant)};
    result->slope = (struct bv_estimate){b, sqrt(d.aa / determinant)};
}

static void fit_in_the_large(const struct rows *r, struct bv_recalibration *result)
{
    double a = 0, b = 1;
    result->in_the_large = (struct bv_estimate){NAN, NAN};
    if (!has_both(r))
        return;
    struct derivatives d = derive(r, a, b);
    for (int i = 0; i < MAX_STEPS && step(r, false, &a, &b, &d); i++)
        ;
    result->in_the_large = (struct bv_estimate){a, 1 / sqrt(d.aa)};
}

static void compare_sums(const struct rows *r, double level, struct bv_recalibration *result)
{
    double observed = 0, expected = 0, squares = 0, above = 0, variance = 0, n = (double)r->n;
    for (size_t i = 0; i < r->n; i++) {
        double p = r->p[i], error = p - (double)r->y[i], lever = 1 - 2 * p;
        observed += r->y[i];
        expected += p;
        squares += error * error;
        above -= error * lever;
        variance += lever * lever * p * (1 - p);
    }
    result->brier = r->n ? squares / n : NAN;
    result->observed_expected = expected > 0 ? observed / expected : NAN;
    result->observed_expected_interval = (struct bv_bounds){NAN, NAN};
    if (observed > 0 && expected > 0) {
        double half = bv_normal_width(level) * sqrt((1 - observed / n) / observed);
        result->observed_expected_interval = (struct bv_bounds){
            result->observed_expected * exp(-half), result->observed_expected * exp(half)};
    }
    result->spiegelhalter_z = variance > 0 ? above / sqrt(variance) : NAN;
    result->spiegelhalter_p =
        isnan(result->spiegelhalter_z) ? NAN : 2 * bv_normal_tail(fabs(result->spiegelhalter_z));
}

static void measure_curve(const struct rows *r, struct bv_recalibration *result)
{
    double sum = 0, largest = 0, a = result->intercept.value, b = result->slope.value;
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++) {
        if (is_extreme(r->p[i]))
            continue;
        double error = fabs(r->p[i] - logistic(a + b * logit(r->p[i])));
        sum += error;
        largest = fmax(largest, error);
        n++;
    }
    result->n_extreme = r->n - n;
    result->logistic_ici = isnan(a) || !n ? NAN : sum / (double)n;
    result->logistic_emax = isnan(a) || !n ? NAN : largest;
}

struct bv_recalibration bv_recalibrate(const double *p, const uint8_t *y, size_t n, double level)
{
    const struct rows rows = {p, y, n};
    struct bv_recalibration result = {.brier = NAN};
    fit_both(&rows, &result);
    fit_in_the_large(&rows, &result);
    compare_sums(&rows, level, &result);
    measure_curve(&rows, &result);
    return result;
}

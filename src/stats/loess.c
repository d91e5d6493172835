#include "stats/calibration.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

static const double span = 0.75;
enum { DEGREES = 3, MAX_EXACT = 4096, NODES = 400 };

struct row {
    double x;
    uint8_t y;
};

static int by_x(const void *a, const void *b)
{
    double x = ((const struct row *)a)->x, y = ((const struct row *)b)->x;
    return (x > y) - (x < y);
}

static void merge(struct bv_loess *l, const struct row *rows)
{
    for (size_t i = 0; i < l->n;) {
        double sum = 0, count = 0, x = rows[i].x;
        for (; i < l->n && rows[i].x == x; i++, count++)
            sum += rows[i].y;
        l->x[l->n_distinct] = x;
        l->mean[l->n_distinct] = sum / count;
        l->count[l->n_distinct++] = count;
    }
}

enum bv_status bv_loess_create(struct bv_loess *loess, const double *x, const uint8_t *y, size_t n,
                               struct bv_error *err)
{
    struct bv_loess l = {.n = n};
    struct row *rows = malloc(n * sizeof *rows + 1);
    l.x = calloc(n + 1, sizeof *l.x);
    l.mean = calloc(n + 1, sizeof *l.mean);
    l.count = calloc(n + 1, sizeof *l.count);
    l.weights = calloc(n + 1, sizeof *l.weights);
    if (!rows || !l.x || !l.mean || !l.count || !l.weights) {
        free(rows);
        bv_loess_free(&l);
        return bv_fail_nomem(err, "a calibration curve");
    }
    for (size_t i = 0; i < n; i++)
        rows[i] = (struct row){x[i], y[i] != 0};
    qsort(rows, n, sizeof *rows, by_x);
    merge(&l, rows);
    free(rows);
    *loess = l;
    return BV_OK;
}

void bv_loess_free(struct bv_loess *l)
{
    free(l->x);
    free(l->mean);
    free(l->count);
    free(l->weights);
    *l = (struct bv_loess){0};
}

// The values [first, end) of x that hold the nearest rows, taken from at outwards; *width is the
// distance of the last one taken.
static void find_window(const struct bv_loess *l, double at, size_t *first, size_t *end,
                        double *width)
{
    double wanted = floor(span * (double)l->n + 1e-5), taken = 0;
    size_t low = 0, high = l->n_distinct;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (l->x[middle] < at)
            low = middle + 1;
        else
            high = middle;
    }
    *width = 0;
    while (taken < wanted && (low > 0 || high < l->n_distinct)) {
        double left = low > 0 ? at - l->x[low - 1] : INFINITY;
        double right = high < l->n_distinct ? l->x[high] - at : INFINITY;
        size_t next = left <= right ? --low : high++;
        *width = fmin(left, right);
        taken += l->count[next];
    }
    *first = low;
    *end = high;
}

static double tricube(double distance, double width)
{
    double r = distance / width, u = 1 - r * r * r;
    return r < 1 ? u * u * u : 0;
}

// Orthonormal polynomials in t under weights of moments[] = Σ w t^k: what the least squares of a
// quadratic at t = 0 give to a row at t is w · (q[0] + q[1] t + q[2] t²).
struct lever {
    double q[DEGREES];
};

static double dot(const double *a, const double *b, const double moments[2 * DEGREES - 1])
{
    double sum = 0;
    for (int i = 0; i < DEGREES; i++)
        for (int k = 0; k < DEGREES; k++)
            sum += a[i] * b[k] * moments[i + k];
    return sum;
}

static struct lever make_lever(const double moments[2 * DEGREES - 1])
{
    double basis[DEGREES][DEGREES] = {{0}};
    struct lever lever = {{0}};
    for (int d = 0; d < DEGREES; d++) {
        double *b = basis[d], before = 0;
        b[d] = 1;
        before = sqrt(dot(b, b, moments));
        for (int pass = 0; pass < 2; pass++) { // twice is enough
            for (int k = 0; k < d; k++) {
                double shared = dot(b, basis[k], moments);
                for (int i = 0; i < DEGREES; i++)
                    b[i] -= shared * basis[k][i];
            }
        }
        double norm = sqrt(fmax(0, dot(b, b, moments)));
        bool is_new = norm > 1e-7 * before; // fewer values of x than degrees add nothing
        for (int i = 0; i < DEGREES; i++)
            b[i] = is_new ? b[i] / norm : 0;
        for (int i = 0; i < DEGREES; i++)
            lever.q[i] += b[i] * b[0];
    }
    return lever;
}

double bv_loess_at(struct bv_loess *l, double at, double *se)
{
    size_t first = 0, end = 0;
    double width = 0, moments[2 * DEGREES - 1] = {0}, value = 0, squares = 0;
    if (se)
        *se = NAN;
    if (!l->n)
        return NAN;
    find_window(l, at, &first, &end, &width);
    for (size_t i = first; i < end; i++) {
        double distance = fabs(l->x[i] - at), t = width > 0 ? (l->x[i] - at) / width : 0;
        double w = width > 0 ? tricube(distance, width) : 1, power = w * l->count[i];
        l->weights[i] = w;
        for (int k = 0; k < 2 * DEGREES - 1; k++, power *= t)
            moments[k] += power;
    }
    const struct lever lever = make_lever(moments);
    for (size_t i = first; i < end; i++) {
        double t = width > 0 ? (l->x[i] - at) / width : 0;
        double share = l->weights[i] * (lever.q[0] + t * (lever.q[1] + t * lever.q[2]));
        value += share * l->count[i] * l->mean[i];
        squares += share * share * l->count[i];
    }
    if (se)
        *se = sqrt(fmax(0, value * (1 - value)) * squares);
    return value;
}

struct error {
    double value, count;
};

static int by_value(const void *a, const void *b)
{
    double x = ((const struct error *)a)->value, y = ((const struct error *)b)->value;
    return (x > y) - (x < y);
}

// The k-th smallest over the rows, from 0.
static double nth(const struct error *errors, size_t n, double k)
{
    double seen = 0;
    for (size_t i = 0; i < n; i++)
        if ((seen += errors[i].count) > k)
            return errors[i].value;
    return errors[n - 1].value;
}

static double quantile(const struct error *errors, size_t n, double rows, double share)
{
    double at = share * (rows - 1), below = floor(at);
    double low = nth(errors, n, below), high = nth(errors, n, fmin(below + 1, rows - 1));
    return low + (at - below) * (high - low);
}

// The curve at every value of x.
static void trace(struct bv_loess *l, struct error *errors)
{
    double step = l->n_distinct > MAX_EXACT ? (double)l->n / NODES : 0, due = 0, seen = 0;
    size_t last = 0; // node
    double last_value = 0;
    for (size_t i = 0; i < l->n_distinct; i++) {
        seen += l->count[i];
        if (i && seen < due && i + 1 < l->n_distinct)
            continue;
        due = seen + step;
        double value = bv_loess_at(l, l->x[i], NULL);
        for (size_t k = i ? last + 1 : 0; k < i; k++) {
            double part = (l->x[k] - l->x[last]) / (l->x[i] - l->x[last]);
            errors[k].value = last_value + part * (value - last_value);
        }
        errors[i].value = value;
        last = i;
        last_value = value;
    }
    for (size_t i = 0; i < l->n_distinct; i++)
        errors[i] = (struct error){fabs(l->x[i] - errors[i].value), l->count[i]};
}

enum bv_status bv_loess_measure(struct bv_loess *l, struct bv_loess_errors *result,
                                struct bv_error *err)
{
    struct error *errors = calloc(l->n_distinct + 1, sizeof *errors);
    size_t n = l->n_distinct;
    double sum = 0, rows = (double)l->n;
    if (!errors)
        return bv_fail_nomem(err, "a calibration curve");
    *result = (struct bv_loess_errors){NAN, NAN, NAN, NAN};
    if (n) {
        trace(l, errors);
        for (size_t i = 0; i < n; i++)
            sum += errors[i].value * errors[i].count;
        qsort(errors, n, sizeof *errors, by_value);
        *result = (struct bv_loess_errors){sum / rows, quantile(errors, n, rows, 0.5),
                                           quantile(errors, n, rows, 0.9), errors[n - 1].value};
    }
    free(errors);
    return BV_OK;
}

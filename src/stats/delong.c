#include "stats/comparison.h"

#include <math.h>
#include <stdlib.h>

#include "stats/distribution.h"

struct row {
    double score;
    size_t at;
};

static int descending(const void *a, const void *b)
{
    double x = ((const struct row *)a)->score, y = ((const struct row *)b)->score;
    return (x < y) - (x > y);
}

// Walks groups of equal score from the top.
static void place(struct bv_placements *p, const struct row *rows)
{
    double P = (double)p->n_positive, N = (double)p->n_negative, above = 0, below = N, sum = 0;
    for (size_t i = 0, end; i < p->n; i = end) {
        double count[2] = {0};
        for (end = i; end < p->n && rows[end].score == rows[i].score; end++)
            count[p->positives[rows[end].at]]++;
        below -= count[0];
        double values[2] = {(above + count[1] / 2) / P, (below + count[0] / 2) / N};
        for (size_t k = i; k < end; k++)
            p->values[rows[k].at] = values[p->positives[rows[k].at]];
        sum += count[1] * (below + count[0] / 2);
        above += count[1];
    }
    p->auroc = sum / (P * N);
}

enum bv_status bv_placements_make(struct bv_placements *placements, const double *scores,
                                  const uint8_t *positives, size_t n, struct bv_error *err)
{
    struct bv_placements made = {.n = n, .auroc = NAN};
    struct row *rows = malloc(n * sizeof *rows + 1);
    made.values = calloc(n + 1, sizeof *made.values);
    made.positives = calloc(n + 1, sizeof *made.positives);
    if (!rows || !made.values || !made.positives) {
        free(rows);
        bv_placements_free(&made);
        return bv_fail_nomem(err, "placements");
    }
    for (size_t i = 0; i < n; i++) {
        rows[i] = (struct row){scores[i], i};
        made.positives[i] = positives[i] != 0;
        made.n_positive += made.positives[i];
    }
    made.n_negative = n - made.n_positive;
    if (made.n_positive && made.n_negative) {
        qsort(rows, n, sizeof *rows, descending);
        place(&made, rows);
    }
    free(rows);
    *placements = made;
    return BV_OK;
}

void bv_placements_free(struct bv_placements *placements)
{
    free(placements->values);
    free(placements->positives);
    *placements = (struct bv_placements){0};
}

double bv_delong_covariance(const struct bv_placements *a, const struct bv_placements *b)
{
    double sums[2] = {0}, P = (double)a->n_positive, N = (double)a->n_negative;
    if (a->n_positive < 2 || a->n_negative < 2)
        return NAN;
    for (size_t i = 0; i < a->n; i++)
        sums[a->positives[i]] += (a->values[i] - a->auroc) * (b->values[i] - b->auroc);
    return sums[1] / (P - 1) / P + sums[0] / (N - 1) / N;
}

// The sums of one cluster, of positives [1] and negatives [0].
struct cluster {
    double a[2], b[2];
    bool has[2];
};

enum bv_status bv_clustered_covariance(const struct bv_placements *a, const struct bv_placements *b,
                                       const uint32_t *clusters, size_t n_clusters,
                                       double *covariance, struct bv_error *err)
{
    struct cluster *sums = calloc(n_clusters + 1, sizeof *sums);
    double products[2] = {0}, crossed = 0, n[2] = {0}, all = 0;
    double M[2] = {(double)a->n_negative, (double)a->n_positive};
    if (!sums)
        return bv_fail_nomem(err, "the clusters of an AUROC");
    for (size_t i = 0; i < a->n; i++) {
        struct cluster *c = &sums[clusters[i]];
        int side = a->positives[i];
        c->has[side] = true;
        c->a[side] += a->values[i] - a->auroc;
        c->b[side] += b->values[i] - b->auroc;
    }
    for (size_t k = 0; k < n_clusters; k++) {
        const struct cluster *c = &sums[k];
        all += c->has[0] || c->has[1];
        for (int side = 0; side < 2; side++) {
            n[side] += c->has[side];
            products[side] += c->a[side] * c->b[side];
        }
        crossed += c->a[1] * c->b[0] + c->a[0] * c->b[1];
    }
    free(sums);
    *covariance = NAN;
    if (n[0] > 1 && n[1] > 1)
        *covariance = n[1] / (n[1] - 1) * products[1] / (M[1] * M[1]) +
                      n[0] / (n[0] - 1) * products[0] / (M[0] * M[0]) +
                      all / (all - 1) * crossed / (M[0] * M[1]);
    return BV_OK;
}

struct bv_bounds bv_auroc_interval(double auroc, double variance, double level)
{
    double half = bv_normal_width(level) * sqrt(variance);
    if (isnan(half) || isnan(auroc))
        return (struct bv_bounds){NAN, NAN};
    return (struct bv_bounds){fmax(0, auroc - half), fmin(1, auroc + half)};
}

struct bv_difference bv_difference_test(double value, double variance, double level)
{
    // A sum of variances that cancel may end a rounding error below 0.
    struct bv_difference d = {.value = value, .se = sqrt(fmax(variance, 0))};
    if (isnan(variance) || isnan(value))
        return (struct bv_difference){value, NAN, NAN, NAN, NAN, NAN, {NAN, NAN}};
    d.z = d.se > 0 ? value / d.se : value == 0 ? 0 : copysign(INFINITY, value);
    d.p = fmin(1, 2 * bv_normal_tail(fabs(d.z)));
    d.p_greater = bv_normal_tail(d.z);
    d.p_less = bv_normal_tail(-d.z);
    double half = bv_normal_width(level) * d.se;
    d.interval = (struct bv_bounds){value - half, value + half};
    return d;
}

double bv_noninferiority_p(const struct bv_difference *difference, double margin, double *z)
{
    double shifted = difference->value + margin;
    *z = difference->se > 0 ? shifted / difference->se : copysign(INFINITY, shifted);
    if (isnan(difference->se))
        *z = NAN;
    return isnan(*z) ? NAN : bv_normal_tail(*z);
}

struct bv_unpaired bv_delong_unpaired(const struct bv_placements *a, const struct bv_placements *b)
{
    double va = bv_delong_covariance(a, a), vb = bv_delong_covariance(b, b), v = va + vb;
    struct bv_unpaired u = {NAN, NAN, NAN, NAN};
    if (isnan(v))
        return u;
    double difference = a->auroc - b->auroc;
    u.statistic = v > 0             ? difference / sqrt(v)
                  : difference == 0 ? 0
                                    : copysign(INFINITY, difference);
    u.df = v * v / (va * va / ((double)a->n - 1) + vb * vb / ((double)b->n - 1));
    u.p = 2 * bv_student_tail(fabs(u.statistic), u.df);
    u.p_normal = 2 * bv_normal_tail(fabs(u.statistic));
    return u;
}

#include "stats/distribution.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// Centred rows of one set, or the triangle that stands for them: [n][d].
struct set {
    double *x, *mean;
    size_t n, d;
    double trace; // of the covariance, times (rows - 1)
};

static enum bv_status centre(struct set *s, const float *rows, size_t n, size_t d,
                             struct bv_error *err)
{
    *s = (struct set){malloc(n * d * sizeof *s->x), calloc(d, sizeof *s->mean), n, d, 0};
    if (!s->x || !s->mean)
        return bv_fail_nomem(err, "a feature distance");
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < d; j++)
            s->mean[j] += (double)rows[i * d + j] / (double)n;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < d; j++) {
            double v = (double)rows[i * d + j] - s->mean[j];
            s->x[i * d + j] = v;
            s->trace += v * v;
        }
    return BV_OK;
}

// Replaces more rows than columns by the triangle R of X = QR (Householder): Xᵀ X stays, and so do
// the singular values of X Yᵀ.
static void reduce(struct set *s)
{
    size_t n = s->n, d = s->d;
    if (n <= d)
        return;
    for (size_t k = 0; k < d; k++) {
        double norm = 0;
        for (size_t i = k; i < n; i++)
            norm = hypot(norm, s->x[i * d + k]);
        if (!(norm > 0))
            continue;
        double diagonal = s->x[k * d + k] > 0 ? -norm : norm;
        double head =
            s->x[k * d + k] - diagonal; // v = (head, x below), |v|² = -2 · diagonal · head
        for (size_t j = k + 1; j < d; j++) {
            double dot = head * s->x[k * d + j];
            for (size_t i = k + 1; i < n; i++)
                dot += s->x[i * d + k] * s->x[i * d + j];
            double scale = dot / (diagonal * head);
            s->x[k * d + j] += scale * head;
            for (size_t i = k + 1; i < n; i++)
                s->x[i * d + j] += scale * s->x[i * d + k];
        }
        s->x[k * d + k] = diagonal;
        for (size_t i = k + 1; i < n; i++)
            s->x[i * d + k] = 0;
    }
    s->n = d;
}

// Turns rows p and q of m [rows][columns] until they are orthogonal; whether they were not.
static bool turn(double *p, double *q, size_t columns)
{
    double pp = 0, qq = 0, pq = 0;
    for (size_t k = 0; k < columns; k++) {
        pp += p[k] * p[k];
        qq += q[k] * q[k];
        pq += p[k] * q[k];
    }
    if (!(fabs(pq) > 1e-15 * sqrt(pp * qq)))
        return false;
    double zeta = (qq - pp) / (2 * pq);
    double t = (zeta < 0 ? -1 : 1) / (fabs(zeta) + sqrt(1 + zeta * zeta));
    double c = 1 / sqrt(1 + t * t), s = c * t;
    for (size_t k = 0; k < columns; k++) {
        double x = p[k];
        p[k] = c * x - s * q[k];
        q[k] = s * x + c * q[k];
    }
    return true;
}

// The sum of the singular values of m [rows][columns], which is spent: one-sided Jacobi rotations
// (Hestenes, 1958) until all rows are orthogonal; their lengths are the values.
static double nuclear_norm(double *m, size_t rows, size_t columns)
{
    double sum = 0;
    bool turned = true;
    for (int sweep = 0; turned && sweep < 60; sweep++) {
        turned = false;
        for (size_t i = 0; i < rows; i++)
            for (size_t j = i + 1; j < rows; j++)
                turned |= turn(m + i * columns, m + j * columns, columns);
    }
    for (size_t i = 0; i < rows; i++) {
        double square = 0;
        for (size_t k = 0; k < columns; k++)
            square += m[i * columns + k] * m[i * columns + k];
        sum += sqrt(square);
    }
    return sum;
}

// The smaller set's rows are turned, against the larger's as columns.
static enum bv_status cross_norm(const struct set *a, const struct set *b, double *norm,
                                 struct bv_error *err)
{
    if (a->n > b->n)
        return cross_norm(b, a, norm, err);
    double *m = malloc(a->n * b->n * sizeof *m);
    if (!m)
        return bv_fail_nomem(err, "a feature distance");
    for (size_t i = 0; i < a->n; i++)
        for (size_t j = 0; j < b->n; j++) {
            double dot = 0;
            for (size_t k = 0; k < a->d; k++)
                dot += a->x[i * a->d + k] * b->x[j * a->d + k];
            m[i * b->n + j] = dot;
        }
    *norm = nuclear_norm(m, a->n, b->n);
    free(m);
    return BV_OK;
}

enum bv_status bv_frechet_distance(const float *a, size_t n_a, const float *b, size_t n_b, size_t d,
                                   double *distance, struct bv_error *err)
{
    struct set x = {0}, y = {0};
    double between = 0, norm = 0;
    if (n_a < 2 || n_b < 2 || d == 0)
        return bv_fail(err, BV_ERR_ARG, "a feature distance needs two images on each side");
    enum bv_status status = centre(&x, a, n_a, d, err);
    if (status == BV_OK)
        status = centre(&y, b, n_b, d, err);
    if (status == BV_OK) {
        reduce(&x);
        reduce(&y);
        status = cross_norm(&x, &y, &norm, err);
    }
    for (size_t j = 0; status == BV_OK && j < d; j++)
        between += (x.mean[j] - y.mean[j]) * (x.mean[j] - y.mean[j]);
    double da = (double)n_a - 1, db = (double)n_b - 1;
    if (status == BV_OK)
        *distance = between + x.trace / da + y.trace / db - 2 * norm / sqrt(da * db);
    free(x.x);
    free(x.mean);
    free(y.x);
    free(y.mean);
    return status;
}

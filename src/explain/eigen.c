#include "explain/eigen.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STEPS 24     // of Lanczos before it begins again from what it has found
#define RESTARTS 400 // most
#define RESIDUAL 1e-13

// The Gram matrix of the shorter side, in double.
struct gram {
    int64_t n;
    double *matrix;               // [n,n]
    double *basis;                // [STEPS + 1, n]
    double T[STEPS][STEPS];       // the matrix in that basis
    double vectors[STEPS][STEPS]; // T's eigenvectors, in columns
};

static double dot(const double *x, const double *y, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i] * y[i];
    return sum;
}

static void multiply(const struct gram *g, const double *x, double *y)
{
    for (int64_t i = 0; i < g->n; i++)
        y[i] = dot(g->matrix + i * g->n, x, g->n);
}

// Jacobi's rotations for a small symmetric matrix T of size m; the index of its largest eigenvalue.
static int diagonalise(struct gram *g, int m)
{
    double(*T)[STEPS] = g->T, (*V)[STEPS] = g->vectors;
    for (int i = 0; i < m; i++)
        for (int j = 0; j < m; j++)
            V[i][j] = i == j;
    for (int sweep = 0; sweep < 60; sweep++)
        for (int p = 0; p < m; p++)
            for (int q = p + 1; q < m; q++) {
                if (T[p][q] == 0)
                    continue;
                const double angle = 0.5 * atan2(2 * T[p][q], T[q][q] - T[p][p]);
                const double c = cos(angle), s = sin(angle);
                for (int k = 0; k < m; k++) {
                    const double x = T[k][p], y = T[k][q];
                    T[k][p] = c * x - s * y;
                    T[k][q] = s * x + c * y;
                }
                for (int k = 0; k < m; k++) {
                    const double x = T[p][k], y = T[q][k], v = V[k][p], w = V[k][q];
                    T[p][k] = c * x - s * y;
                    T[q][k] = s * x + c * y;
                    V[k][p] = c * v - s * w;
                    V[k][q] = s * v + c * w;
                }
            }
    int best = 0;
    for (int i = 1; i < m; i++)
        best = T[i][i] > T[best][best] ? i : best;
    return best;
}

// Takes from x what lies along the first m vectors of the basis, twice for rounding, and scales it
// to unit length; its length before.
static double orthogonalise(const struct gram *g, double *x, int m)
{
    for (int pass = 0; pass < 2; pass++)
        for (int k = 0; k < m; k++) {
            const double *b = g->basis + k * g->n, along = dot(x, b, g->n);
            for (int64_t i = 0; i < g->n; i++)
                x[i] -= along * b[i];
        }
    const double length = sqrt(dot(x, x, g->n));
    for (int64_t i = 0; length > 0 && i < g->n; i++)
        x[i] /= length;
    return length;
}

// One run of Lanczos from basis[0], which becomes the best vector found. Whether it is settled.
static bool improve(struct gram *g)
{
    int m = 0;
    double last = 0;
    memset(g->T, 0, sizeof g->T);
    while (m < STEPS && m < g->n) {
        double *x = g->basis + m * g->n, *next = x + g->n;
        multiply(g, x, next);
        g->T[m][m] = dot(x, next, g->n);
        m++;
        last = orthogonalise(g, next, m);
        if (last <= RESIDUAL * fabs(g->T[0][0]))
            break;
        if (m < STEPS && m < g->n)
            g->T[m - 1][m] = g->T[m][m - 1] = last;
    }
    const int best = diagonalise(g, m);
    double *x = g->basis + m * g->n; // of no use any more
    memset(x, 0, (size_t)g->n * sizeof *x);
    for (int k = 0; k < m; k++)
        for (int64_t i = 0; i < g->n; i++)
            x[i] += g->vectors[k][best] * g->basis[k * g->n + i];
    const double residual = fabs(last * g->vectors[m - 1][best]);
    memcpy(g->basis, x, (size_t)g->n * sizeof *x);
    (void)orthogonalise(g, g->basis, 0);
    return residual <= RESIDUAL * fabs(g->T[best][best]);
}

static enum bv_status find_vector(struct gram *g, struct bv_error *err)
{
    g->basis = calloc((size_t)(STEPS + 1) * (size_t)g->n, sizeof *g->basis);
    if (!g->basis)
        return bv_fail_nomem(err, "a principal component");
    for (int64_t i = 0; i < g->n; i++) // not along any axis, and the same each time
        g->basis[i] = 1 + 0.5 * sin((double)(i + 1));
    if (orthogonalise(g, g->basis, 0) > 0)
        for (int k = 0; k < RESTARTS && !improve(g); k++)
            ;
    return BV_OK;
}

// x [rows,columns] without its column means, or transposed.
static double *centred(const float *X, int64_t rows, int64_t columns)
{
    double *x = calloc((size_t)(rows * columns) + 1, sizeof *x);
    for (int64_t c = 0; x && c < columns; c++) {
        double mean = 0;
        for (int64_t r = 0; r < rows; r++)
            mean += (double)X[r * columns + c] / (double)rows;
        for (int64_t r = 0; r < rows; r++)
            x[r * columns + c] = (double)X[r * columns + c] - mean;
    }
    return x;
}

static void fill_gram(struct gram *g, const double *x, int64_t rows, int64_t columns)
{
    const bool by_rows = rows <= columns;
    for (int64_t i = 0; by_rows && i < rows; i++)
        for (int64_t j = 0; j < rows; j++)
            g->matrix[i * g->n + j] = dot(x + i * columns, x + j * columns, columns);
    for (int64_t r = 0; !by_rows && r < rows; r++)
        for (int64_t i = 0; i < columns; i++)
            for (int64_t j = 0; j < columns; j++)
                g->matrix[i * g->n + j] += x[r * columns + i] * x[r * columns + j];
}

// With v = basis[0]: X v, or of the longer side's vector √λ v itself.
static void write_component(const struct gram *g, const double *x, int64_t rows, int64_t columns,
                            float *out)
{
    double low = 0, high = 0;
    double *image = g->basis + g->n;
    multiply(g, g->basis, image);
    const double size = sqrt(fmax(dot(g->basis, image, g->n), 0));
    for (int64_t r = 0; r < rows; r++) {
        const double value =
            rows <= columns ? size * g->basis[r] : dot(x + r * columns, g->basis, columns);
        out[r] = (float)value;
        low = fmin(low, value);
        high = fmax(high, value);
    }
    for (int64_t r = 0; - low > high && r < rows; r++)
        out[r] = -out[r];
}

enum bv_status bv_first_component(const float *X, int64_t rows, int64_t columns, float *out,
                                  struct bv_error *err)
{
    struct gram *g = calloc(1, sizeof *g);
    double *x = centred(X, rows, columns);
    enum bv_status status = g && x ? BV_OK : bv_fail_nomem(err, "a principal component");
    if (status == BV_OK) {
        g->n = rows < columns ? rows : columns;
        g->matrix = calloc((size_t)(g->n * g->n) + 1, sizeof *g->matrix);
        status = g->matrix ? BV_OK : bv_fail_nomem(err, "a principal component");
    }
    if (status == BV_OK) {
        fill_gram(g, x, rows, columns);
        status = find_vector(g, err);
    }
    if (status == BV_OK)
        write_component(g, x, rows, columns, out);
    if (g) {
        free(g->basis);
        free(g->matrix);
    }
    free(g);
    free(x);
    return status;
}

// linear on OpenBLAS: the rows are split over the pool, each part is one single-threaded sgemm.
#include <cblas.h>
#include <math.h>

#include "base/thread.h"
#include "cpu/kernels.h"

static float activate(enum bv_activation activation, float x)
{
    switch (activation) {
    case BV_ACT_NONE:
        return x;
    case BV_ACT_RELU:
        return x < 0 ? 0 : x;
    case BV_ACT_GELU:
        return 0.5f * x * (1 + erff(x * 0.70710678f));
    case BV_ACT_QUICK_GELU:
        return x / (1 + expf(-1.702f * x));
    default:
        return (float)bv_activation_value(activation, x);
    }
}

void bv_cpu_epilogue(float *x, int64_t rows, int64_t n, int64_t ld, const float *bias,
                     const float *residual, enum bv_activation activation)
{
    for (int64_t i = 0; i < rows; i++) {
        float *row = x + i * ld;
        if (bias)
            for (int64_t j = 0; j < n; j++)
                row[j] += bias[j];
        if (residual)
            for (int64_t j = 0; j < n; j++)
                row[j] += residual[i * ld + j];
        if (activation == BV_ACT_RELU)
            for (int64_t j = 0; j < n; j++)
                row[j] = row[j] < 0 ? 0 : row[j];
        else if (activation != BV_ACT_NONE)
            for (int64_t j = 0; j < n; j++)
                row[j] = activate(activation, row[j]);
    }
}

static const int64_t rows_per_task = 64;

static void rows_task(void *arg, size_t task)
{
    const struct bv_kernel_args *a = arg;
    const struct bv_node *n = a->node;
    int64_t M = bv_rows(n->out), K = bv_last_dim(n->in[0]), N = bv_last_dim(n->out);
    int64_t first = (int64_t)task * rows_per_task;
    int64_t rows = M - first < rows_per_task ? M - first : rows_per_task;
    float *out = (float *)a->out + first * N;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)N, (int)K, 1.0f,
                (const float *)a->in[0] + first * K, (int)K, a->in[1], (int)K, 0.0f, out, (int)N);
    const float *residual = a->in[3] ? (const float *)a->in[3] + first * N : NULL;
    bv_cpu_epilogue(out, rows, N, N, a->in[2], residual, n->params.linear.activation);
}

void bv_cpu_linear(const struct bv_kernel_args *a)
{
    int64_t M = bv_rows(a->node->out);
    bv_pool_for(a->pool, (size_t)((M + rows_per_task - 1) / rows_per_task), rows_task,
                (void *)(uintptr_t)a);
}

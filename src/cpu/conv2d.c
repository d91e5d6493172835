// conv2d on OpenBLAS: tiles of output positions are gathered (im2col) and multiplied.
#include <cblas.h>
#include <string.h>

#include "base/thread.h"
#include "cpu/kernels.h"

static const int64_t tile_rows = 128;

static int64_t patch_size(const struct bv_node *n)
{
    const struct bv_tensor *w = n->in[1];
    return w->dim[1] * w->dim[2] * w->dim[3];
}

size_t bv_cpu_conv2d_scratch(const struct bv_node *node, int n_threads)
{
    (void)n_threads;
    int64_t tiles = (bv_rows(node->out) + tile_rows - 1) / tile_rows;
    return (size_t)(tiles * tile_rows * patch_size(node));
}

// Copies the receptive field of output position `at` for one group into patch.
static void gather_patch(const struct bv_kernel_args *a, int64_t at, int64_t group, float *patch)
{
    const struct bv_node *n = a->node;
    const struct bv_conv2d_params *p = &n->params.conv2d;
    const struct bv_tensor *X = n->in[0], *W = n->in[1], *out = n->out;
    int64_t C = W->dim[3], x = at % out->dim[2], y = at / out->dim[2] % out->dim[1];
    const float *image = (const float *)a->in[0] +
                         at / out->dim[2] / out->dim[1] * X->dim[1] * X->dim[2] * X->dim[3];
    for (int64_t i = 0; i < W->dim[1]; i++)
        for (int64_t j = 0; j < W->dim[2]; j++, patch += C) {
            int64_t row = y * p->stride_h - p->pad_h + i * p->dilation_h;
            int64_t column = x * p->stride_w - p->pad_w + j * p->dilation_w;
            if (row < 0 || row >= X->dim[1] || column < 0 || column >= X->dim[2])
                memset(patch, 0, (size_t)C * sizeof *patch);
            else
                memcpy(patch, image + (row * X->dim[2] + column) * X->dim[3] + group * C,
                       (size_t)C * sizeof *patch);
        }
}

static void tile_task(void *arg, size_t task)
{
    const struct bv_kernel_args *a = arg;
    const struct bv_node *n = a->node;
    const struct bv_conv2d_params *p = &n->params.conv2d;
    int64_t M = bv_rows(n->out), N = bv_last_dim(n->out), K = patch_size(n);
    int64_t first = (int64_t)task * tile_rows;
    int64_t rows = M - first < tile_rows ? M - first : tile_rows, per_group = N / p->groups;
    float *patches = a->scratch + (int64_t)task * tile_rows * K;
    float *out = (float *)a->out + first * N;
    for (int64_t group = 0; group < p->groups; group++) {
        for (int64_t i = 0; i < rows; i++)
            gather_patch(a, first + i, group, patches + i * K);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)per_group, (int)K,
                    1.0f, patches, (int)K, (const float *)a->in[1] + group * per_group * K, (int)K,
                    0.0f, out + group * per_group, (int)N);
    }
    const float *residual = a->in[3] ? (const float *)a->in[3] + first * N : NULL;
    bv_cpu_epilogue(out, rows, N, N, a->in[2], residual, p->activation);
}

void bv_cpu_conv2d(const struct bv_kernel_args *a)
{
    int64_t M = bv_rows(a->node->out);
    bv_pool_for(a->pool, (size_t)((M + tile_rows - 1) / tile_rows), tile_task,
                (void *)(uintptr_t)a);
}

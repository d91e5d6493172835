// group_norm. The moments of each channel are summed over blocks of positions, around the channel's
// value at the first position (a large mean would cost the variance its digits), and joined for
// each group in double precision: the cut into blocks does not depend on threads, so neither do the
// bits. The second pass is then the same scale and shift for every position.
#include <math.h>
#include <string.h>

#include "base/thread.h"
#include "cpu/isa.h"
#include "cpu/kernels.h"

enum {
    block = 256, // positions whose moments are summed in f32
    span = 4096, // channels that are normalised at a time
};

struct norm {
    int64_t N, rows, C, blocks;
    bool in_bf16, out_bf16;
    float *moments; // [N,blocks,2,C]
    float *affine;  // [N,3,C]: shift, factor, and beta with what rounding took from the shift
};

static struct norm describe(const struct bv_kernel_args *a)
{
    const struct bv_tensor *x = a->node->in[0];
    struct norm n = {.N = x->dim[0], .rows = x->dim[1] * x->dim[2], .C = x->dim[3]};
    n.blocks = (n.rows + block - 1) / block;
    n.in_bf16 = x->dtype == BV_BF16;
    n.out_bf16 = a->node->out->dtype == BV_BF16;
    if (a->scratch) { // not while its size is asked for
        n.moments = a->scratch;
        n.affine = a->scratch + n.N * n.blocks * 2 * n.C;
    }
    return n;
}

size_t bv_cpu_group_norm_scratch(const struct bv_node *node, enum bv_cpu_format format,
                                 int n_threads)
{
    (void)format;
    (void)n_threads;
    struct norm n = describe(&(struct bv_kernel_args){.node = node});
    return (size_t)(n.N * (n.blocks * 2 + 3) * n.C);
}

// Both passes read a position before it is written.
bool bv_cpu_group_norm_in_place(const struct bv_node *node, enum bv_cpu_format format)
{
    (void)format;
    return node->in[0]->dtype == node->out->dtype;
}

static const void *at(const struct norm *n, const struct bv_kernel_args *a, int64_t element)
{
    return (const char *)a->in[0] + element * (n->in_bf16 ? 2 : 4);
}

// The first position's channels, around which an image is summed; kept where shift will stand.
static void take_first(const struct norm *n, const struct bv_kernel_args *a)
{
    for (int64_t i = 0; i < n->N; i++) {
        float *first = n->affine + i * 3 * n->C;
        const void *x = at(n, a, i * n->rows * n->C);
        if (n->in_bf16)
            bv_cpu_isa()->from_bf16(x, n->C, first);
        else
            memcpy(first, x, (size_t)n->C * sizeof *first);
    }
}

static void sum_blocks(const void *arg, int64_t from, int64_t to)
{
    const struct bv_kernel_args *a = arg;
    struct norm n = describe(a);
    for (int64_t i = from; i < to; i++) {
        int64_t image = i / n.blocks, row = i % n.blocks * block;
        int64_t rows = n.rows - row < block ? n.rows - row : block;
        float *sum = n.moments + i * 2 * n.C;
        bv_cpu_isa()->moments(at(&n, a, (image * n.rows + row) * n.C), n.in_bf16, rows, n.C,
                              n.affine + image * 3 * n.C, sum, sum + n.C, n.C);
    }
}

// Mean and variance of channels c … c + size - 1 of an image.
static void join(const struct norm *n, const struct bv_kernel_args *a, int64_t image, int64_t c,
                 int64_t size, double *mean, double *variance)
{
    const float *first = n->affine + image * 3 * n->C;
    const float *offset = a->in[3] ? (const float *)a->in[3] + image * n->C : NULL;
    double sum = 0, squares = 0;
    const double base = (double)first[c] + (double)(offset ? offset[c] : 0);
    for (int64_t k = c; k < c + size; k++) {
        double s = 0, ss = 0, d = (double)first[k] + (double)(offset ? offset[k] : 0) - base;
        for (int64_t b = 0; b < n->blocks; b++) {
            const float *m = n->moments + (image * n->blocks + b) * 2 * n->C;
            s += (double)m[k];
            ss += (double)m[n->C + k];
        }
        sum += s + (double)n->rows * d;
        squares += ss + 2 * d * s + (double)n->rows * d * d;
    }
    double count = (double)(n->rows * size), m = sum / count;
    *mean = base + m;
    *variance = squares / count - m * m;
    *variance = *variance > 0 ? *variance : 0;
}

static void make_affine(const struct norm *n, const struct bv_kernel_args *a)
{
    const struct bv_group_norm_params *p = &a->node->params.group_norm;
    const float *gamma = a->in[1], *beta = a->in[2];
    int64_t size = n->C / p->groups;
    for (int64_t image = 0; image < n->N; image++) {
        float *shift = n->affine + image * 3 * n->C, *factor = shift + n->C;
        const float *offset = a->in[3] ? (const float *)a->in[3] + image * n->C : NULL;
        for (int64_t c = 0; c < n->C; c += size) {
            double mean, variance;
            join(n, a, image, c, size, &mean, &variance);
            double root = sqrt(variance + (double)p->eps);
            for (int64_t k = c; k < c + size; k++) {
                double exact = mean - (double)(offset ? offset[k] : 0), f = (double)gamma[k] / root;
                shift[k] = (float)exact;
                factor[k] = (float)f;
                factor[n->C + k] = (float)((double)beta[k] + ((double)shift[k] - exact) * f);
            }
        }
    }
}

static void normalize(const void *arg, int64_t from, int64_t to)
{
    const struct bv_kernel_args *a = arg;
    const struct bv_cpu_isa *isa = bv_cpu_isa();
    struct norm n = describe(a);
    float wide[span];
    for (int64_t i = from; i < to; i++)
        for (int64_t c = 0; c < n.C; c += span) {
            int64_t m = n.C - c < span ? n.C - c : span, element = i * n.C + c;
            const float *affine = n.affine + i / n.rows * 3 * n.C + c;
            const float *x = at(&n, a, element);
            float *out = n.out_bf16 ? wide : (float *)a->out + element;
            if (n.in_bf16) {
                isa->from_bf16(x, m, wide);
                x = wide;
            }
            isa->affine(a->node->params.group_norm.activation, x, affine, affine + n.C,
                        affine + 2 * n.C, false, out, m);
            if (n.out_bf16)
                isa->to_bf16(wide, m, (uint16_t *)a->out + element);
        }
}

void bv_cpu_group_norm(const struct bv_kernel_args *a)
{
    struct norm n = describe(a);
    take_first(&n, a);
    bv_pool_for_ranges(a->pool, n.N * n.blocks, block * n.C, sum_blocks, a);
    make_affine(&n, a);
    bv_pool_for_ranges(a->pool, n.N * n.rows, n.C, normalize, a);
}

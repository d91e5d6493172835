// activation, add, mul, scale, batch_norm: element by element, with runs of the broadcast operand.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/thread.h"
#include "cpu/isa.h"
#include "cpu/kernels.h"

// Elements are handed out in lines, so that long tensors split.
enum { line = 4096 };

static int64_t lines_of(const struct bv_node *n)
{
    return (bv_elements(n->out) + line - 1) / line;
}

// The elements of lines first … last-1: returns their number, *at is where they start.
static int64_t span(const struct bv_node *n, int64_t first, int64_t last, int64_t *at)
{
    int64_t end = last * line, total = bv_elements(n->out);
    *at = first * line;
    return (end < total ? end : total) - *at;
}

static void activation(const void *arg, int64_t first, int64_t last)
{
    const struct bv_kernel_args *a = arg;
    int64_t at, n = span(a->node, first, last, &at);
    enum bv_activation kind = a->node->params.activation.activation;
    const float *x = (const float *)a->in[0] + at;
    float values[line];
    if (a->node->out->dtype != BV_BF16)
        bv_cpu_isa()->activate(kind, x, (float *)a->out + at, n);
    else
        for (int64_t i = 0, m; i < n; i += m) {
            m = n - i < line ? n - i : line;
            bv_cpu_isa()->activate(kind, x + i, values, m);
            bv_cpu_isa()->to_bf16(values, m, (uint16_t *)a->out + at + i);
        }
}

void bv_cpu_activation(const struct bv_kernel_args *a)
{
    bv_pool_for_ranges(a->pool, lines_of(a->node), line, activation, a);
}

static void scale(const void *arg, int64_t first, int64_t last)
{
    const struct bv_kernel_args *a = arg;
    const struct bv_scale_params *p = &a->node->params.scale;
    int64_t at, n = span(a->node, first, last, &at);
    const float shift = 0, *x = (const float *)a->in[0] + at;
    float *out = (float *)a->out + at;
    if (a->node->in[0]->dtype == BV_BF16) {
        bv_cpu_isa()->from_bf16((const uint16_t *)a->in[0] + at, n, out);
        x = out;
    }
    bv_cpu_isa()->affine(BV_ACT_NONE, x, &shift, &p->factor, &p->offset, true, out, n);
}

void bv_cpu_scale(const struct bv_kernel_args *a)
{
    bv_pool_for_ranges(a->pool, lines_of(a->node), line, scale, a);
}

// The longest run of trailing dimensions in which b is read straight (returns its length, *one is
// false) or stays at one element (*one is true).
static int64_t run_length(const struct bv_tensor *a, const struct bv_tensor *b, bool *one)
{
    int shift = a->rank - b->rank;
    int64_t straight = 1, fixed = 1;
    int i = a->rank - 1, k = i;
    for (; i >= shift && b->dim[i - shift] == a->dim[i]; i--)
        straight *= a->dim[i];
    for (; k >= 0 && (k < shift || b->dim[k - shift] == 1); k--)
        fixed *= a->dim[k];
    *one = fixed > straight;
    return *one ? fixed : straight;
}

static void sum_runs(const void *arg, int64_t first, int64_t last)
{
    const struct bv_kernel_args *a = arg;
    const struct bv_node *n = a->node;
    bool one = false;
    int64_t run = run_length(n->in[0], n->in[1], &one);
    for (int64_t at = first * run; at < last * run; at += run) {
        const float *y = (const float *)a->in[1] + bv_broadcast_offset(n->in[0], n->in[1], at);
        const float *x = (const float *)a->in[0] + at;
        float *out = (float *)a->out + at;
        if (n->op == BV_OP_add)
            bv_cpu_isa()->add(n->params.add.activation, x, y, one, out, run);
        else
            bv_cpu_isa()->mul(x, y, one, out, run);
    }
}

static void equal_shapes(const void *arg, int64_t first, int64_t last)
{
    const struct bv_kernel_args *a = arg;
    const struct bv_node *node = a->node;
    int64_t at, n = span(node, first, last, &at);
    const float *x = (const float *)a->in[0] + at, *y = (const float *)a->in[1] + at;
    float *out = (float *)a->out + at;
    if (node->op == BV_OP_add)
        bv_cpu_isa()->add(node->params.add.activation, x, y, false, out, n);
    else
        bv_cpu_isa()->mul(x, y, false, out, n);
}

void bv_cpu_add(const struct bv_kernel_args *a)
{
    const struct bv_node *n = a->node;
    bool one = false;
    int64_t total = bv_elements(n->out), run = run_length(n->in[0], n->in[1], &one);
    if (bv_elements(n->in[1]) == total)
        bv_pool_for_ranges(a->pool, lines_of(n), line, equal_shapes, a);
    else
        bv_pool_for_ranges(a->pool, total / run, run, sum_runs, a);
}

void bv_cpu_mul(const struct bv_kernel_args *a)
{
    bv_cpu_add(a);
}

// (x - mean)·factor + beta: mean, factor and beta of all channels, in this order.
struct norm {
    const float *mean, *variance, *gamma, *beta;
    float eps;
    int64_t C;
};

static void make_factors(void *arg, void *memory)
{
    const struct norm *n = arg;
    float *mean = memory, *factor = mean + n->C, *beta = factor + n->C;
    for (int64_t c = 0; c < n->C; c++) {
        double root = sqrt((double)n->variance[c] + (double)n->eps);
        mean[c] = n->mean[c];
        factor[c] = (float)((double)(n->gamma ? n->gamma[c] : 1) / root);
        beta[c] = n->beta ? n->beta[c] : 0;
    }
}

enum bv_status bv_cpu_batch_norm_prepare(const struct bv_node *node,
                                         const struct bv_cpu_pack_context *how,
                                         const void **prepared, struct bv_error *err)
{
    struct norm n = {.eps = node->params.batch_norm.eps, .C = bv_last_dim(node->out)};
    const float **data[] = {&n.mean, &n.variance, &n.gamma, &n.beta};
    for (int i = 0; i < 4; i++) {
        const struct bv_tensor *t = node->in[i + 1];
        if (!t)
            continue;
        if (t->role != BV_ROLE_WEIGHT)
            return BV_OK;
        BV_TRY(bv_weights_f32(how->weights, t, data[i], err));
    }
    char key[3600]; // whole names: a cut one could be another's
    (void)snprintf(key, sizeof key, "factors %a: %s %s", (double)n.eps, node->in[1]->name,
                   node->in[3] ? node->in[3]->name : "");
    return bv_weights_derive(how->weights, key, (size_t)(3 * n.C) * sizeof(float), make_factors, &n,
                             prepared, err);
}

static void normalize(const void *arg, int64_t first, int64_t last)
{
    const struct bv_kernel_args *a = arg;
    int64_t C = bv_last_dim(a->node->out);
    const float *mean = a->prepared, *factor = mean + C, *beta = factor + C;
    for (int64_t i = first; i < last; i++)
        bv_cpu_isa()->affine(a->node->params.batch_norm.activation, (const float *)a->in[0] + i * C,
                             mean, factor, beta, false, (float *)a->out + i * C, C);
}

void bv_cpu_batch_norm(const struct bv_kernel_args *a)
{
    if (!a->prepared)
        bv_reference_batch_norm(a);
    else
        bv_pool_for_ranges(a->pool, bv_rows(a->node->out), bv_last_dim(a->node->out), normalize, a);
}

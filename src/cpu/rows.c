// Ops that treat each row (the last dimension) on its own: layer_norm, softmax, l2_normalize.
#include "base/thread.h"
#include "cpu/isa.h"
#include "cpu/kernels.h"

static void layer_norm(const void *arg, int64_t first, int64_t last)
{
    const struct bv_kernel_args *a = arg;
    int64_t C = bv_last_dim(a->node->out);
    bool bf16 = a->node->out->dtype == BV_BF16;
    for (int64_t i = first; i < last; i++)
        bv_cpu_isa()->layer_norm((const float *)a->in[0] + i * C,
                                 a->in[3] ? (const float *)a->in[3] + i * C : NULL, a->in[1],
                                 a->in[2], a->node->params.layer_norm.eps,
                                 (char *)a->out + i * C * (bf16 ? 2 : 4), bf16, C);
}

void bv_cpu_layer_norm(const struct bv_kernel_args *a)
{
    bv_pool_for_ranges(a->pool, bv_rows(a->node->out), bv_last_dim(a->node->out), layer_norm, a);
}

static void softmax(const void *arg, int64_t first, int64_t last)
{
    const struct bv_kernel_args *a = arg;
    const struct bv_cpu_isa *isa = bv_cpu_isa();
    int64_t C = bv_last_dim(a->node->out);
    for (int64_t i = first; i < last; i++) {
        float *out = (float *)a->out + i * C;
        float sum = isa->exponentials((const float *)a->in[0] + i * C,
                                      a->node->params.softmax.scale, NULL, out, C);
        float factor = 1 / sum;
        if (sum != 0) // else all were -inf
            isa->mul(out, &factor, true, out, C);
    }
}

void bv_cpu_softmax(const struct bv_kernel_args *a)
{
    bv_pool_for_ranges(a->pool, bv_rows(a->node->out), bv_last_dim(a->node->out), softmax, a);
}

static void l2_normalize(const void *arg, int64_t first, int64_t last)
{
    const struct bv_kernel_args *a = arg;
    int64_t C = bv_last_dim(a->node->out);
    for (int64_t i = first; i < last; i++)
        bv_cpu_isa()->l2_normalize((const float *)a->in[0] + i * C,
                                   a->node->params.l2_normalize.eps, (float *)a->out + i * C, C);
}

void bv_cpu_l2_normalize(const struct bv_kernel_args *a)
{
    bv_pool_for_ranges(a->pool, bv_rows(a->node->out), bv_last_dim(a->node->out), l2_normalize, a);
}

// rope: token by token; one token's channels stay in the first cache.
#include <string.h>

#include "base/thread.h"
#include "cpu/isa.h"
#include "cpu/kernels.h"

enum { span = 1024 }; // channels at a time, even

// Turns m channels of a token, from channel c on of its heads; angles: one head's.
static void turn(const float *x, const float *angles, int64_t head_dim, int64_t c, float *out,
                 int64_t m)
{
    int64_t at = c % head_dim;
    for (int64_t k = 0; k < m; k += 2) {
        float first = x[k], second = x[k + 1], cosine = angles[at], sine = angles[at + 1];
        out[k] = first * cosine - second * sine;
        out[k + 1] = second * cosine + first * sine;
        at += 2;
        if (at == head_dim)
            at = 0;
    }
}

static void turn_rows(const void *arg, int64_t first, int64_t last)
{
    const struct bv_kernel_args *a = arg;
    const struct bv_rope_params *p = &a->node->params.rope;
    const struct bv_tensor *x = a->node->in[0];
    const struct bv_cpu_isa *isa = bv_cpu_isa();
    bool from_bf16 = x->dtype == BV_BF16, to_bf16 = a->node->out->dtype == BV_BF16;
    int64_t T = x->dim[1], C = bv_last_dim(a->node->out);
    float read[span], turned[span];
    for (int64_t i = first; i < last; i++)
        for (int64_t c = 0; c < C; c += span) {
            int64_t m = C - c < span ? C - c : span, at = i * x->dim[2] + p->offset + c;
            int64_t place = i % T - p->skip;
            const float *in = (const float *)a->in[0] + at;
            float *out = to_bf16 ? turned : (float *)a->out + i * C + c;
            if (from_bf16) {
                isa->from_bf16((const uint16_t *)a->in[0] + at, m, read);
                in = read;
            }
            if (place >= 0)
                turn(in, (const float *)a->in[1] + place * p->head_dim, p->head_dim, c, out, m);
            else
                memcpy(out, in, (size_t)m * sizeof *out);
            if (to_bf16)
                isa->to_bf16(turned, m, (uint16_t *)a->out + i * C + c);
        }
}

void bv_cpu_rope(const struct bv_kernel_args *a)
{
    bv_pool_for_ranges(a->pool, bv_rows(a->node->out), 4 * bv_last_dim(a->node->out), turn_rows, a);
}

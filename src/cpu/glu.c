// glu: row by row, the gate through a buffer that stays in the first cache.
#include "base/thread.h"
#include "cpu/isa.h"
#include "cpu/kernels.h"

enum { span = 2048 }; // channels at a time

// `m` channels of x from element `at` on, as f32: in place, or converted to buffer.
static const float *widened(const struct bv_kernel_args *a, int64_t at, int64_t m, float *buffer)
{
    if (a->node->in[0]->dtype != BV_BF16)
        return (const float *)a->in[0] + at;
    bv_cpu_isa()->from_bf16((const uint16_t *)a->in[0] + at, m, buffer);
    return buffer;
}

static void gate_rows(const void *arg, int64_t first, int64_t last)
{
    const struct bv_kernel_args *a = arg;
    const struct bv_glu_params *p = &a->node->params.glu;
    const struct bv_cpu_isa *isa = bv_cpu_isa();
    bool bf16 = a->node->out->dtype == BV_BF16;
    int64_t C = bv_last_dim(a->node->out);
    float gate[span], value[span];
    for (int64_t i = first; i < last; i++)
        for (int64_t c = 0; c < C; c += span) {
            int64_t m = C - c < span ? C - c : span, at = 2 * i * C + c;
            isa->activate(p->activation, widened(a, at + (p->gate_last ? C : 0), m, gate), gate, m);
            const float *x = widened(a, at + (p->gate_last ? 0 : C), m, value);
            float *out = bf16 ? value : (float *)a->out + i * C + c;
            isa->mul(x, gate, false, out, m);
            if (bf16)
                isa->to_bf16(value, m, (uint16_t *)a->out + i * C + c);
        }
}

void bv_cpu_glu(const struct bv_kernel_args *a)
{
    bv_pool_for_ranges(a->pool, bv_rows(a->node->out), 2 * bv_last_dim(a->node->out), gate_rows, a);
}

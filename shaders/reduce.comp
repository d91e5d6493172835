#version 450
#extension GL_GOOGLE_include_directive : require
// reduce: [B,T,C] to [B,C] over T, or over the first lengths[b] rows: mean, maximum or sum.
// Grid: one thread per output element.
#include "lib/types.glsl"

layout(constant_id = 2) const uint KIND = 0; // 0: mean, 1: maximum, 2: sum
layout(constant_id = 3) const bool HAS_LENGTHS = false;

BV_INPUT(0, x)
BV_INDICES(1, lengths)
BV_OUTPUT(2, out)

layout(push_constant) uniform push
{
    bv_reduce_args p;
};

void main()
{
    uint i = thread_index();
    if (i >= p.count)
        return;
    uint b = i / p.c, c = i % p.c, n = HAS_LENGTHS ? uint(lengths[b]) : p.t;
    float sum = 0.0, largest = uintBitsToFloat(0xff800000u); // -inf
    for (uint t = 0; t < n; t++) {
        float value = load_x((b * p.t + t) * p.c + c);
        sum += value;
        largest = max(largest, value);
    }
    store_out(i, KIND == 1u ? largest : KIND == 0u ? sum / float(n) : sum);
}

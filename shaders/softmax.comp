#version 450
#extension GL_GOOGLE_include_directive : require
// softmax: out = exp(scale·x - max) / Σ over rows of c elements; a row of only -inf gives zeros.
// Grid: one workgroup per row.
#include "lib/types.glsl"
#include "lib/reduction.glsl"

BV_INPUT(0, x)
BV_OUTPUT(1, out)

layout(push_constant) uniform push
{
    bv_rows_args p;
};

const float MASKED = -3.0e38;

void main()
{
    uint group = group_index();
    if (group >= p.n_groups)
        return;
    uint base = group * p.c, t = gl_LocalInvocationID.x, threads = gl_WorkGroupSize.x;
    float largest = MASKED;
    for (uint c = t; c < p.c; c += threads)
        largest = max(largest, p.value * load_x(base + c));
    largest = workgroup_max(largest);
    float sum = 0.0;
    for (uint c = t; c < p.c; c += threads) {
        float s = p.value * load_x(base + c);
        sum += s <= MASKED ? 0.0 : exp(s - largest);
    }
    sum = workgroup_sum(sum);
    for (uint c = t; c < p.c; c += threads) {
        float s = p.value * load_x(base + c);
        store_out(base + c, s <= MASKED || sum == 0.0 ? 0.0 : exp(s - largest) / sum);
    }
}

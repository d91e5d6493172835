#version 450
#extension GL_GOOGLE_include_directive : require
// l2_normalize: out = x / max(‖x‖₂, eps) over rows of c elements.
// Grid: one workgroup per row.
#include "lib/types.glsl"
#include "lib/reduction.glsl"

BV_INPUT(0, x)
BV_OUTPUT(1, out)

layout(push_constant) uniform push
{
    bv_rows_args p;
};

void main()
{
    uint group = group_index();
    if (group >= p.n_groups)
        return;
    uint base = group * p.c, t = gl_LocalInvocationID.x, threads = gl_WorkGroupSize.x;
    // Dividing by the largest element first keeps the squares of huge and tiny rows in range.
    float largest = 0.0;
    for (uint c = t; c < p.c; c += threads)
        largest = max(largest, abs(load_x(base + c)));
    largest = workgroup_max(largest);
    float sum = 0.0;
    for (uint c = t; c < p.c; c += threads) {
        float x = largest > 0.0 ? load_x(base + c) / largest : 0.0;
        sum = fma(x, x, sum);
    }
    float norm = max(largest * sqrt(workgroup_sum(sum)), p.value);
    for (uint c = t; c < p.c; c += threads)
        store_out(base + c, load_x(base + c) / norm);
}

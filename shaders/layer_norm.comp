#version 450
#extension GL_GOOGLE_include_directive : require
// layer_norm: y = x + residual; out = (y - mean(y)) / sqrt(var(y) + eps) · gamma + beta over rows
// of c elements; the variance in a second pass around the mean, all in f32. The first element is
// taken from every y beforehand: a large common part would cost the mean its digits.
// Grid: one workgroup per row. Shared memory: 4 · CACHED bytes for the row (when c ≤ CACHED; longer
// rows are read again) + reduction.glsl's.
#include "lib/types.glsl"
#include "lib/reduction.glsl"

layout(constant_id = 2) const uint CACHED = 1024;
layout(constant_id = 3) const bool HAS_RESIDUAL = false;

BV_INPUT(0, x)
BV_INPUT(1, gamma)
BV_INPUT(2, beta)
BV_INPUT(3, residual)
BV_OUTPUT(4, out)

layout(push_constant) uniform push
{
    bv_rows_args p;
};

shared float row[CACHED];

float value(uint base, uint c)
{
    float y = load_x(base + c);
    if (HAS_RESIDUAL)
        y += load_residual(base + c);
    return y;
}

void main()
{
    uint group = group_index();
    if (group >= p.n_groups)
        return;
    uint base = group * p.c, t = gl_LocalInvocationID.x, threads = gl_WorkGroupSize.x;
    bool cached = p.c <= CACHED;
    float first = value(base, 0u), sum = 0.0;
    for (uint c = t; c < p.c; c += threads) {
        float y = value(base, c) - first;
        if (cached)
            row[c] = y; // read back by the same thread only
        sum += y;
    }
    float mean = workgroup_sum(sum) / float(p.c);
    float squares = 0.0;
    for (uint c = t; c < p.c; c += threads) {
        float d = (cached ? row[c] : value(base, c) - first) - mean;
        squares = fma(d, d, squares);
    }
    float factor = 1.0 / sqrt(workgroup_sum(squares) / float(p.c) + p.value);
    for (uint c = t; c < p.c; c += threads) {
        float y = (cached ? row[c] : value(base, c) - first) - mean;
        store_out(base + c, y * factor * load_gamma(c) + load_beta(c));
    }
}

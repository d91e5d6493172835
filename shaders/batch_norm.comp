#version 450
#extension GL_GOOGLE_include_directive : require
// batch_norm: out = act((x - mean) / sqrt(variance + eps) · gamma + beta), per channel of the last
// dimension.
// Grid: one thread per element.
#include "lib/types.glsl"
#include "lib/activation.glsl"

layout(constant_id = 2) const bool HAS_GAMMA = true;
layout(constant_id = 3) const bool HAS_BETA = true;
layout(constant_id = 4) const uint ACTIVATION = 0;

BV_INPUT(0, x)
BV_INPUT(1, mean)
BV_INPUT(2, variance)
BV_INPUT(3, gamma)
BV_INPUT(4, beta)
BV_OUTPUT(5, out)

layout(push_constant) uniform push
{
    bv_batch_norm_args p;
};

void main()
{
    uint i = thread_index();
    if (i >= p.count)
        return;
    uint c = i % p.c;
    float y = (load_x(i) - load_mean(c)) / sqrt(load_variance(c) + p.eps);
    if (HAS_GAMMA)
        y *= load_gamma(c);
    if (HAS_BETA)
        y += load_beta(c);
    store_out(i, activate(ACTIVATION, y));
}

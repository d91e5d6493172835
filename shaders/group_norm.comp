#version 450
#extension GL_GOOGLE_include_directive : require
// group_norm: y = x + offset; out = act((y - mean) / sqrt(var + eps) · gamma + beta), mean and
// variance over the positions and the `size` channels of one group of one image.
//
// x and out [images,rows,c], offset [images,c]. Three passes over the group: the mean, the variance
// around it, the result; its elements lie in pieces of `size` neighbours, c apart. The first element
// is taken from every y beforehand: a large common part would cost the mean its digits.
// Grid: one workgroup per group of an image. Shared memory: reduction.glsl's.
#include "lib/types.glsl"
#include "lib/activation.glsl"
#include "lib/reduction.glsl"

layout(constant_id = 2) const bool HAS_OFFSET = false;
layout(constant_id = 3) const uint ACTIVATION = 0;

BV_INPUT(0, x)
BV_INPUT(1, gamma)
BV_INPUT(2, beta)
BV_INPUT(3, offset)
BV_OUTPUT(4, out)

layout(push_constant) uniform push
{
    bv_group_norm_args p;
};

// Element i of the group: its place in x, its channel in c.
uint place(uint image, uint channel, uint i)
{
    return (image * p.rows + i / p.size) * p.c + channel + i % p.size;
}

float value(uint image, uint channel, uint i)
{
    float y = load_x(place(image, channel, i));
    if (HAS_OFFSET)
        y += load_offset(image * p.c + channel + i % p.size);
    return y;
}

void main()
{
    uint group = group_index();
    if (group >= p.n_groups)
        return;
    uint groups = p.c / p.size, image = group / groups, channel = group % groups * p.size;
    uint n = p.rows * p.size, t = gl_LocalInvocationID.x, threads = gl_WorkGroupSize.x;
    float first = value(image, channel, 0u), sum = 0.0, squares = 0.0;
    for (uint i = t; i < n; i += threads)
        sum += value(image, channel, i) - first;
    float mean = workgroup_sum(sum) / float(n);
    for (uint i = t; i < n; i += threads) {
        float d = value(image, channel, i) - first - mean;
        squares = fma(d, d, squares);
    }
    float factor = 1.0 / sqrt(workgroup_sum(squares) / float(n) + p.eps);
    for (uint i = t; i < n; i += threads) {
        uint c = channel + i % p.size;
        float y = (value(image, channel, i) - first - mean) * factor;
        store_out(place(image, channel, i),
                  activate(ACTIVATION, y * load_gamma(c) + load_beta(c)));
    }
}

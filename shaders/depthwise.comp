#version 450
#extension GL_GOOGLE_include_directive : require
// conv2d with one channel in each group: out = act(Σ + bias + residual), the sum over the kernel
// window, the order of the weight [C,KH,KW,1].
// Grid: one thread per output element, or per four neighbouring channels of one position.
#include "lib/types.glsl"
#include "lib/activation.glsl"

layout(constant_id = 2) const bool HAS_BIAS = false;
layout(constant_id = 3) const bool HAS_RESIDUAL = false;
layout(constant_id = 4) const uint ACTIVATION = 0;
layout(constant_id = 5) const bool FOUR = false; // C is a multiple of four

BV_INPUT(0, x)
BV_INPUT4(0, x)
BV_INPUT(1, weight)
BV_INPUT(2, bias)
BV_INPUT(3, residual)
BV_OUTPUT(4, out)

layout(push_constant) uniform push
{
    bv_depthwise_args p;
};

void finish(uint at, uint channel, float sum)
{
    if (HAS_BIAS)
        sum += load_bias(channel);
    if (HAS_RESIDUAL)
        sum += load_residual(at);
    store_out(at, activate(ACTIVATION, sum));
}

void main()
{
    uint width = FOUR ? 4u : 1u, at = thread_index() * width;
    if (at >= p.count)
        return;
    uint channel = at % p.c, position = at / p.c;
    int x0 = int(position % p.out_w) * p.stride_w - p.pad_w;
    int y0 = int(position / p.out_w % p.out_h) * p.stride_h - p.pad_h;
    uint image = position / p.out_w / p.out_h * p.h;
    uint taps = uint(p.kh * p.kw), w = channel * taps;
    vec4 sum = vec4(0.0);
    for (int i = 0; i < p.kh; i++)
        for (int j = 0; j < p.kw; j++, w++) {
            int y = y0 + i * p.dilation_h, x = x0 + j * p.dilation_w;
            if (uint(y) >= p.h || uint(x) >= p.w)
                continue;
            uint from = ((image + uint(y)) * p.w + uint(x)) * p.c + channel;
            if (FOUR)
                sum += load4_x(from / 4u) * vec4(load_weight(w), load_weight(w + taps),
                                                 load_weight(w + 2u * taps),
                                                 load_weight(w + 3u * taps));
            else
                sum.x += load_x(from) * load_weight(w);
        }
    for (uint k = 0; k < width; k++)
        finish(at + k, channel + k, sum[k]);
}

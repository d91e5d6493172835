#version 450
#extension GL_GOOGLE_include_directive : require
// pool2d: maximum (padding ignored) or mean (padding counted) over windows of [N,H,W,C].
// Grid: one thread per output element.
#include "lib/types.glsl"

layout(constant_id = 2) const bool MEAN = false;

BV_INPUT(0, x)
BV_OUTPUT(1, out)

layout(push_constant) uniform push
{
    bv_pool2d_args p;
};

void main()
{
    uint i = thread_index();
    if (i >= p.count)
        return;
    uint c = i % p.c, at = i / p.c;
    int x0 = int(at % p.out_w) * p.stride_w - p.pad_w;
    int y0 = int(at / p.out_w % p.out_h) * p.stride_h - p.pad_h;
    uint image = at / p.out_w / p.out_h * p.h;
    float sum = 0.0, largest = uintBitsToFloat(0xff800000u); // -inf
    for (int y = max(y0, 0); y < min(y0 + p.kernel_h, int(p.h)); y++)
        for (int x = max(x0, 0); x < min(x0 + p.kernel_w, int(p.w)); x++) {
            float value = load_x(((image + uint(y)) * p.w + uint(x)) * p.c + c);
            sum += value;
            largest = max(largest, value);
        }
    store_out(i, MEAN ? sum / float(p.kernel_h * p.kernel_w) : largest);
}

#version 450
#extension GL_GOOGLE_include_directive : require
// interpolate: [N,H,W,C] to another grid, as torch.nn.functional.interpolate without antialiasing
// (bicubic: a = -0.75).
// Grid: one thread per output element.
#include "lib/types.glsl"

layout(constant_id = 2) const uint MODE = 0; // 0: nearest, 1: bilinear, 2: bicubic
layout(constant_id = 3) const bool ALIGN_CORNERS = false;

BV_INPUT(0, x)
BV_OUTPUT(1, out)

layout(push_constant) uniform push
{
    bv_interpolate_args p;
};

float source(uint i, float scale)
{
    if (ALIGN_CORNERS || MODE == 0u)
        return scale * float(i);
    precise float at = scale * (float(i) + 0.5);
    at -= 0.5;
    return MODE == 1u ? max(at, 0.0) : at;
}

// Cubic convolution (Keys 1981) at distance d.
float cubic(float d)
{
    const float A = -0.75;
    d = abs(d);
    return d <= 1.0 ? ((A + 2.0) * d - (A + 3.0)) * d * d + 1.0
                    : ((A * d - 5.0 * A) * d + 8.0 * A) * d - 4.0 * A;
}

void taps(float where, uint size, out int at[4], out float weight[4])
{
    int base = int(floor(where)), last = int(size) - 1;
    float t = where - float(base);
    if (MODE == 2u) {
        for (int k = 0; k < 4; k++) {
            at[k] = clamp(base - 1 + k, 0, last);
            weight[k] = cubic(t - float(k - 1));
        }
        return;
    }
    at[0] = min(base, last);
    at[1] = min(base + 1, last);
    weight[0] = 1.0 - t;
    weight[1] = t;
    if (MODE == 0u)
        weight[0] = 1.0;
}

void main()
{
    uint i = thread_index();
    if (i >= p.count)
        return;
    uint c = i % p.c, at = i / p.c, x = at % p.out_w, y = at / p.out_w % p.out_h;
    uint image = at / p.out_w / p.out_h * p.h;
    int rows[4], columns[4];
    float row_weight[4], column_weight[4];
    taps(source(y, p.scale_h), p.h, rows, row_weight);
    taps(source(x, p.scale_w), p.w, columns, column_weight);
    const int N = MODE == 0u ? 1 : MODE == 1u ? 2 : 4;
    float sum = 0.0;
    for (int r = 0; r < N; r++)
        for (int k = 0; k < N; k++)
            sum += row_weight[r] * column_weight[k] *
                   load_x(((image + uint(rows[r])) * p.w + uint(columns[k])) * p.c + c);
    store_out(i, sum);
}

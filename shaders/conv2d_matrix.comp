#version 450
#extension GL_GOOGLE_include_directive : require
// conv2d_matrix: conv2d.comp on matrix units. The weight is f16. With VECTOR, x is f16 and the
// channels of a group a multiple of eight, so that eight of them are one load; without, x is of
// any type and taken element by element (the first layer of an image encoder).
// Grid: one workgroup per block and group. Shared memory: matrix_tile.glsl's + 12 · TILE_M bytes.
#include "lib/types.glsl"
#include "lib/activation.glsl"

layout(constant_id = 7) const bool VECTOR = true;
layout(constant_id = 8) const bool HAS_BIAS = false;
layout(constant_id = 9) const bool HAS_RESIDUAL = false;
layout(constant_id = 10) const uint ACTIVATION = 0;

BV_INPUT(0, x)
layout(std430, binding = 0) readonly buffer x_view8
{
    uvec4 x8[];
};
BV_INPUT(1, weight)
layout(std430, binding = 1) readonly buffer weight_view8
{
    uvec4 weight8[];
};
BV_INPUT(2, bias)
BV_INPUT(3, residual)
BV_OUTPUT(4, out)

layout(push_constant) uniform push
{
    bv_conv2d_args p;
};

uvec4 lhs8(uint i, uint k);
uvec4 rhs8(uint j, uint k);
#include "lib/matrix_tile.glsl"

// Of each row of the block: its image's first element, and the input position of its window.
shared uint row_image[TILE_M];
shared int row_y[TILE_M], row_x[TILE_M];

uint row0, column0, group_channel, group_output;

// Where element k of row i lies in x, or -1 outside the image.
int place(uint i, uint k)
{
    uint tap = k / p.c;
    int y = row_y[i] + int(tap / p.kw) * p.dilation_h;
    int x = row_x[i] + int(tap % p.kw) * p.dilation_w;
    if (k >= p.k || row0 + i >= p.m || uint(y) >= p.h || uint(x) >= p.w)
        return -1;
    return int(row_image[i] + (uint(y) * p.w + uint(x)) * p.channels + group_channel + k - tap * p.c);
}

uvec4 lhs8(uint i, uint k)
{
    if (VECTOR) {
        int at = place(i, k);
        return at < 0 ? uvec4(0) : x8[uint(at) / 8u];
    }
    uvec4 packed;
    for (int n = 0; n < 4; n++) {
        int at = place(i, k + 2 * n), next = place(i, k + 2 * n + 1);
        packed[n] = packHalf2x16(vec2(at < 0 ? 0.0 : load_x(uint(at)),
                                      next < 0 ? 0.0 : load_x(uint(next))));
    }
    return packed;
}

uvec4 rhs8(uint j, uint k)
{
    if (column0 + j >= p.n)
        return uvec4(0);
    uint at = (group_output + column0 + j) * p.k + k;
    if (VECTOR)
        return k < p.k ? weight8[at / 8u] : uvec4(0);
    uvec4 packed;
    for (int n = 0; n < 4; n++)
        packed[n] = packHalf2x16(vec2(k + 2 * n < p.k ? load_weight(at + 2 * n) : 0.0,
                                      k + 2 * n + 1 < p.k ? load_weight(at + 2 * n + 1) : 0.0));
    return packed;
}

void finish(uint i, uint j, float sum)
{
    uint row = row0 + i, column = column0 + j;
    if (row >= p.m || column >= p.n)
        return;
    column += group_output;
    uint at = row * p.out_channels + column;
    float x = sum;
    if (HAS_BIAS)
        x += load_bias(column);
    if (HAS_RESIDUAL)
        x += load_residual(at);
    store_out(at, activate(ACTIVATION, x));
}

void main()
{
    uint group = group_index();
    if (group >= p.n_groups)
        return;
    uint tile = group % (p.tiles_m * p.tiles_n), channel_group = group / (p.tiles_m * p.tiles_n);
    row0 = tile / p.tiles_n * TILE_M;
    column0 = tile % p.tiles_n * TILE_N;
    group_channel = channel_group * p.c;
    group_output = channel_group * p.n;
    for (uint i = gl_LocalInvocationID.x; i < TILE_M; i += gl_WorkGroupSize.x) {
        uint row = row0 + i, image = row / (p.out_h * p.out_w), at = row % (p.out_h * p.out_w);
        row_image[i] = image * p.h * p.w * p.channels;
        row_y[i] = int(at / p.out_w) * p.stride_h - p.pad_h;
        row_x[i] = int(at % p.out_w) * p.stride_w - p.pad_w;
    }
    barrier();
    BV_MULTIPLY_TILE(p.k, finish)
}

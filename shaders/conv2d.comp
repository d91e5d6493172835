#version 450
#extension GL_GOOGLE_include_directive : require
// conv2d as an implicit matrix product: rows are output positions (image, y, x), columns output
// channels of one group, the sum runs over (kernel row, kernel column, channel), the order of the
// weight [O,KH,KW,C]. out = act(Σ + bias + residual).
// Grid: one workgroup per block and group. Shared memory: tile.glsl's + 12 · TILE_M bytes.
#include "lib/types.glsl"
#include "lib/activation.glsl"

layout(constant_id = 8) const bool HAS_BIAS = false;
layout(constant_id = 9) const bool HAS_RESIDUAL = false;
layout(constant_id = 10) const uint ACTIVATION = 0;
const bool RHS_ROWS = true;

BV_INPUT(0, x)
BV_INPUT(1, weight)
BV_INPUT4(0, x)
BV_INPUT4(1, weight)
BV_INPUT(2, bias)
BV_INPUT(3, residual)
BV_OUTPUT(4, out)

layout(push_constant) uniform push
{
    bv_conv2d_args p;
};

float lhs(uint i, uint k);
float rhs(uint j, uint k);
vec4 lhs4(uint i, uint k);
vec4 rhs4(uint j, uint k);
void slab(uint k);
#include "lib/tile.glsl"

// Of each row of the block: its image's first element, and the input position of its window.
shared uint row_image[TILE_M];
shared int row_y[TILE_M], row_x[TILE_M];

uint row0, column0, group_channel, group_output;
int at_y, at_x; // the kernel position and channel of the current k
uint at_c;

void slab(uint k)
{
    uint tap = k / p.c;
    at_c = group_channel + k - tap * p.c;
    at_y = int(tap / p.kw) * p.dilation_h;
    at_x = int(tap % p.kw) * p.dilation_w;
}

// The element of x for row i and the current k; OUTSIDE in the padding and beyond the ends.
const uint OUTSIDE = 0xffffffffu;
uint place(uint i, uint k)
{
    int y = row_y[i] + at_y, x = row_x[i] + at_x;
    if (k >= p.k || row0 + i >= p.m || uint(y) >= p.h || uint(x) >= p.w)
        return OUTSIDE;
    return row_image[i] + (uint(y) * p.w + uint(x)) * p.channels + at_c;
}

float lhs(uint i, uint k)
{
    uint at = place(i, k);
    return at != OUTSIDE ? load_x(at) : 0.0;
}

// Four channels of one kernel position: channels are a multiple of four.
vec4 lhs4(uint i, uint k)
{
    uint at = place(i, k);
    return at != OUTSIDE ? load4_x(at / 4u) : vec4(0.0);
}

float rhs(uint j, uint k)
{
    return column0 + j < p.n && k < p.k ? load_weight((group_output + column0 + j) * p.k + k) : 0.0;
}

vec4 rhs4(uint j, uint k)
{
    return column0 + j < p.n && k < p.k
               ? load4_weight(((group_output + column0 + j) * p.k + k) / 4u)
               : vec4(0.0);
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
    multiply(p.k);
    BV_FINISH_TILE(finish)
}

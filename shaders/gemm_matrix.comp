#version 450
#extension GL_GOOGLE_include_directive : require
// gemm_matrix: gemm.comp on matrix units. a and b are f16 and their rows multiples of eight
// elements; b is [N,K].
// Grid: one workgroup per block of the result, columns fastest. Shared memory: matrix_tile.glsl.
#include "lib/types.glsl"
#include "lib/activation.glsl"

layout(constant_id = 8) const bool HAS_BIAS = false;
layout(constant_id = 9) const bool HAS_RESIDUAL = false;
layout(constant_id = 10) const uint ACTIVATION = 0;

layout(std430, binding = 0) readonly buffer a_view
{
    uvec4 a[];
};
layout(std430, binding = 1) readonly buffer b_view
{
    uvec4 b[];
};
BV_INPUT(2, bias)
BV_INPUT(3, residual)
BV_OUTPUT(4, out)

layout(push_constant) uniform push
{
    bv_gemm_args p;
};

uint row0, column0, a_base, b_base, c_base;

uvec4 lhs8(uint i, uint k)
{
    return row0 + i < p.m && k < p.k ? a[(a_base + (row0 + i) * p.lda + k) / 8u] : uvec4(0);
}

uvec4 rhs8(uint j, uint k)
{
    return column0 + j < p.n && k < p.k ? b[(b_base + (column0 + j) * p.ldb + k) / 8u] : uvec4(0);
}

#include "lib/matrix_tile.glsl"

void finish(uint i, uint j, float sum)
{
    uint row = row0 + i, column = column0 + j;
    if (row >= p.m || column >= p.n)
        return;
    uint at = c_base + row * p.ldc + column;
    float x = p.alpha * sum;
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
    uint tile = group % (p.tiles_m * p.tiles_n), batch = group / (p.tiles_m * p.tiles_n);
    row0 = tile / p.tiles_n * TILE_M;
    column0 = tile % p.tiles_n * TILE_N;
    a_base = batch * p.a_batch;
    b_base = batch * p.b_batch;
    c_base = batch * p.c_batch;
    BV_MULTIPLY_TILE(p.k, finish)
}

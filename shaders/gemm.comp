#version 450
#extension GL_GOOGLE_include_directive : require
// gemm: out[z,i,j] = act(alpha · Σ_k a[z,i,k] b[z,j,k] + bias[j] + residual[z,i,j]); with
// RHS_ROWS = false, b is [z,k,j]. The ops linear and matmul, and 1×1 convolutions.
// Grid: one workgroup per block of the result, columns fastest. Shared memory: see tile.glsl.
#include "lib/types.glsl"
#include "lib/activation.glsl"

layout(constant_id = 7) const bool RHS_ROWS = true;
layout(constant_id = 8) const bool HAS_BIAS = false;
layout(constant_id = 9) const bool HAS_RESIDUAL = false;
layout(constant_id = 10) const uint ACTIVATION = 0;

BV_INPUT(0, a)
BV_INPUT(1, b)
BV_INPUT4(0, a)
BV_INPUT4(1, b)
BV_INPUT(2, bias)
BV_INPUT(3, residual)
BV_OUTPUT(4, out)

layout(push_constant) uniform push
{
    bv_gemm_args p;
};

uint row0, column0, a_base, b_base, c_base;

void slab(uint k)
{
}

float lhs(uint i, uint k)
{
    return row0 + i < p.m && k < p.k ? load_a(a_base + (row0 + i) * p.lda + k) : 0.0;
}

float rhs(uint j, uint k)
{
    if (column0 + j >= p.n || k >= p.k)
        return 0.0;
    return load_b(b_base + (RHS_ROWS ? (column0 + j) * p.ldb + k : k * p.ldb + column0 + j));
}

vec4 lhs4(uint i, uint k)
{
    return row0 + i < p.m && k < p.k ? load4_a((a_base + (row0 + i) * p.lda + k) / 4u) : vec4(0.0);
}

vec4 rhs4(uint j, uint k)
{
    return column0 + j < p.n && k < p.k ? load4_b((b_base + (column0 + j) * p.ldb + k) / 4u)
                                        : vec4(0.0);
}

#include "lib/tile.glsl"

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
    multiply(p.k);
    BV_FINISH_TILE(finish)
}

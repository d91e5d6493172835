// tile.glsl: the portable matrix product: a TILE_M × TILE_N block of the result per workgroup,
// staged through shared memory in slabs of TILE_K.
//
// The including shader defines, before this file:
//     float lhs(uint i, uint k)   row i of the block (0 … TILE_M-1), k of the whole sum; 0 outside
//     float rhs(uint j, uint k)   column j of the block, likewise
//     vec4 lhs4(uint i, uint k), vec4 rhs4(uint j, uint k)   four from k on, a multiple of four
//     void slab(uint k)           called before the lhs of a new k (may be empty)
// VECTOR takes the forms of four, for operands whose rows are multiples of four elements.
//
// How it works: for TILE_K values of k at a time all threads copy the block's rows and columns from
// memory to shared memory, meet at a barrier, and multiply. There each thread sums THREAD_M ×
// THREAD_N elements in registers: per k it reads THREAD_M + THREAD_N values and does THREAD_M ·
// THREAD_N multiply-adds, so that a larger thread tile means fewer reads for the same work, until
// registers run out (vulkan/tile.c chooses). A thread's rows are DOWN apart and its columns ACROSS
// apart, so that neighbouring threads read neighbouring columns of a slab; slabs are stored
// by k with one element of padding, so that the copy, which runs along k, meets no bank twice. While
// copying, neighbouring threads have neighbouring k, which are neighbours in memory too; where the
// right side is stored as [k][j] they have neighbouring j instead (RHS_ROWS is false).
//
// Each sum runs over k in order, whatever the tile and whatever M: results do not depend on what
// else is in the batch.
// Threads: (TILE_M / THREAD_M) · (TILE_N / THREAD_N), a multiple of TILE_K.
// Shared memory: 4 · TILE_K · (TILE_M + TILE_N + 2) bytes.

layout(constant_id = 2) const uint TILE_M = 64;
layout(constant_id = 3) const uint TILE_N = 64;
layout(constant_id = 4) const uint TILE_K = 16;
layout(constant_id = 5) const uint THREAD_M = 8;
layout(constant_id = 6) const uint THREAD_N = 8;
layout(constant_id = 11) const bool VECTOR = false;

const uint LHS_STRIDE = TILE_M + 1; // odd strides keep a column out of a single bank
const uint RHS_STRIDE = TILE_N + 1;
shared float lhs_slab[TILE_K * LHS_STRIDE];
shared float rhs_slab[TILE_K * RHS_STRIDE];

float sums[THREAD_M * THREAD_N];

// The slabs of k0 … k0 + TILE_K - 1.
void stage_slabs(uint k0)
{
    const uint THREADS = gl_WorkGroupSize.x, PER_LOAD = VECTOR ? 4u : 1u;
    const uint LOADS = TILE_K / PER_LOAD; // of a row
    uint t = gl_LocalInvocationID.x, my_k = t % LOADS * PER_LOAD;
    slab(k0 + my_k);
    for (uint i = t / LOADS; i < TILE_M; i += THREADS / LOADS) {
        if (VECTOR) {
            vec4 x = lhs4(i, k0 + my_k);
            [[unroll]] for (uint c = 0; c < 4; c++)
                lhs_slab[(my_k + c) * LHS_STRIDE + i] = x[c];
        } else {
            lhs_slab[my_k * LHS_STRIDE + i] = lhs(i, k0 + my_k);
        }
    }
    if (!RHS_ROWS) {
        for (uint e = t; e < TILE_N * TILE_K; e += THREADS)
            rhs_slab[e / TILE_N * RHS_STRIDE + e % TILE_N] = rhs(e % TILE_N, k0 + e / TILE_N);
        return;
    }
    for (uint j = t / LOADS; j < TILE_N; j += THREADS / LOADS) {
        if (VECTOR) {
            vec4 x = rhs4(j, k0 + my_k);
            [[unroll]] for (uint c = 0; c < 4; c++)
                rhs_slab[(my_k + c) * RHS_STRIDE + j] = x[c];
        } else {
            rhs_slab[my_k * RHS_STRIDE + j] = rhs(j, k0 + my_k);
        }
    }
}

void multiply(uint k_end)
{
    const uint ACROSS = TILE_N / THREAD_N, DOWN = TILE_M / THREAD_M;
    uint t = gl_LocalInvocationID.x, column = t % ACROSS, row = t / ACROSS;
    [[unroll]] for (uint i = 0; i < THREAD_M * THREAD_N; i++)
        sums[i] = 0.0;
    for (uint k0 = 0; k0 < k_end; k0 += TILE_K) {
        stage_slabs(k0);
        barrier();
        for (uint k = 0; k < TILE_K; k++) {
            float a[THREAD_M], b[THREAD_N];
            [[unroll]] for (uint i = 0; i < THREAD_M; i++)
                a[i] = lhs_slab[k * LHS_STRIDE + row + i * DOWN];
            [[unroll]] for (uint j = 0; j < THREAD_N; j++)
                b[j] = rhs_slab[k * RHS_STRIDE + column + j * ACROSS];
            [[unroll]] for (uint i = 0; i < THREAD_M; i++)
                [[unroll]] for (uint j = 0; j < THREAD_N; j++)
                    sums[i * THREAD_N + j] = fma(a[i], b[j], sums[i * THREAD_N + j]);
        }
        barrier();
    }
}

// Calls finish(i, j, sum) for each element of this thread, i and j within the block.
#define BV_FINISH_TILE(finish)                                                                     \
    {                                                                                              \
        const uint ACROSS = TILE_N / THREAD_N, DOWN = TILE_M / THREAD_M;                           \
        uint t = gl_LocalInvocationID.x;                                                           \
        [[unroll]] for (uint i = 0; i < THREAD_M; i++)                                             \
            [[unroll]] for (uint j = 0; j < THREAD_N; j++)                                         \
                finish(t / ACROSS + i * DOWN, t % ACROSS + j * ACROSS, sums[i * THREAD_N + j]);    \
    }

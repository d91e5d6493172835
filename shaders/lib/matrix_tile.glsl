// matrix_tile.glsl: the matrix product on matrix units: a TILE_M × TILE_N block of the result per
// workgroup, each subgroup WARP_M × WARP_N of it in fragments. The next slab of TILE_K is fetched
// into registers while the present one is multiplied.
//
// The including shader defines, before this file:
//     uvec4 lhs8(uint i, uint k)   eight f16 of row i of the block from k on; 0 outside
//     uvec4 rhs8(uint j, uint k)   of column j
// Threads: SUBGROUP · (TILE_M / WARP_M) · (TILE_N / WARP_N).
// Shared memory: (TILE_M + TILE_N) · (2 TILE_K + 16) + 4 · FRAG_M · FRAG_N · subgroups bytes.

layout(constant_id = 2) const uint TILE_M = 64;
layout(constant_id = 3) const uint TILE_N = 64;
layout(constant_id = 4) const uint TILE_K = 32;
layout(constant_id = 5) const uint WARP_M = 32;
layout(constant_id = 6) const uint WARP_N = 32;

const uint CHUNKS = TILE_K / 8;         // of eight f16 in a row of a slab
const uint SLAB_STRIDE = CHUNKS + 1;    // 16 bytes of skew keep rows out of the same banks
const uint ACROSS = TILE_N / WARP_N;    // subgroups side by side
const uint SUBGROUPS = TILE_M / WARP_M * ACROSS;
shared uvec4 lhs_slab[TILE_M * SLAB_STRIDE];
shared uvec4 rhs_slab[TILE_N * SLAB_STRIDE];

#include "fragment.glsl"

shared float stage[SUBGROUPS * FRAG_M * FRAG_N]; // where a sum passes to the epilogue

const uint FRAGS_M = WARP_M / FRAG_M, FRAGS_N = WARP_N / FRAG_N;
const uint THREADS = SUBGROUPS * SUBGROUP;
const uint LHS_LOADS = (TILE_M * CHUNKS + THREADS - 1) / THREADS;
const uint RHS_LOADS = (TILE_N * CHUNKS + THREADS - 1) / THREADS;

uint my_subgroup()
{
#if BV_FRAGMENT == 3
    return gl_LocalInvocationID.x / SUBGROUP;
#else
    return gl_SubgroupID;
#endif
}

uint my_lane()
{
#if BV_FRAGMENT == 3
    return gl_LocalInvocationID.x % SUBGROUP;
#else
    return gl_SubgroupInvocationID;
#endif
}

// Computes the block and calls finish(i, j, sum) for each element, i and j within the block.
#define BV_MULTIPLY_TILE(k_end, finish)                                                            \
    {                                                                                              \
        uint t = gl_LocalInvocationID.x;                                                           \
        uint row = my_subgroup() / ACROSS * WARP_M, column = my_subgroup() % ACROSS * WARP_N;      \
        SUM_FRAGMENTS(sums, FRAGS_M *FRAGS_N);                                                     \
        uvec4 lhs_next[LHS_LOADS], rhs_next[RHS_LOADS];                                            \
        [[unroll]] for (uint f = 0; f < FRAGS_M * FRAGS_N; f++) { CLEAR(sums[f]); }                \
        FETCH(0u)                                                                                  \
        for (uint k0 = 0; k0 < k_end; k0 += TILE_K) {                                              \
            [[unroll]] for (uint n = 0; n < LHS_LOADS; n++) {                                      \
                uint e = t + n * THREADS;                                                          \
                if (e < TILE_M * CHUNKS)                                                           \
                    lhs_slab[e / CHUNKS * SLAB_STRIDE + e % CHUNKS] = lhs_next[n];                 \
            }                                                                                      \
            [[unroll]] for (uint n = 0; n < RHS_LOADS; n++) {                                      \
                uint e = t + n * THREADS;                                                          \
                if (e < TILE_N * CHUNKS)                                                           \
                    rhs_slab[e / CHUNKS * SLAB_STRIDE + e % CHUNKS] = rhs_next[n];                 \
            }                                                                                      \
            barrier();                                                                             \
            if (k0 + TILE_K < k_end) {                                                             \
                FETCH(k0 + TILE_K)                                                                 \
            }                                                                                      \
            [[unroll]] for (uint k = 0; k < TILE_K; k += FRAG_K) {                                 \
                LHS_FRAGMENT a[FRAGS_M];                                                           \
                [[unroll]] for (uint i = 0; i < FRAGS_M; i++)                                      \
                    LOAD_LHS(a[i], (row + i * FRAG_M) * SLAB_STRIDE + k / 8);                      \
                [[unroll]] for (uint j = 0; j < FRAGS_N; j++) {                                    \
                    RHS_FRAGMENT b;                                                                \
                    LOAD_RHS(b, (column + j * FRAG_N) * SLAB_STRIDE + k / 8);                      \
                    [[unroll]] for (uint i = 0; i < FRAGS_M; i++) {                                \
                        MULTIPLY_ADD(sums[i * FRAGS_N + j], a[i], b);                              \
                    }                                                                              \
                }                                                                                  \
            }                                                                                      \
            barrier();                                                                             \
        }                                                                                          \
        [[unroll]] for (uint f = 0; f < FRAGS_M * FRAGS_N; f++) {                                  \
            uint base = my_subgroup() * FRAG_M * FRAG_N;                                           \
            STORE_SUM(sums[f], base);                                                              \
            barrier();                                                                             \
            for (uint e = my_lane(); e < FRAG_M * FRAG_N; e += SUBGROUP)                           \
                finish(row + f / FRAGS_N * FRAG_M + e / FRAG_N,                                    \
                       column + f % FRAGS_N * FRAG_N + e % FRAG_N, stage[base + e]);               \
            barrier();                                                                             \
        }                                                                                          \
    }

#define FETCH(k1)                                                                                  \
    [[unroll]] for (uint n = 0; n < LHS_LOADS; n++) {                                              \
        uint e = t + n * THREADS;                                                                  \
        if (e < TILE_M * CHUNKS)                                                                   \
            lhs_next[n] = lhs8(e / CHUNKS, (k1) + e % CHUNKS * 8);                                 \
    }                                                                                              \
    [[unroll]] for (uint n = 0; n < RHS_LOADS; n++) {                                              \
        uint e = t + n * THREADS;                                                                  \
        if (e < TILE_N * CHUNKS)                                                                   \
            rhs_next[n] = rhs8(e / CHUNKS, (k1) + e % CHUNKS * 8);                                 \
    }

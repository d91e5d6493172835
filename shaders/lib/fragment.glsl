// fragment.glsl: pieces of matrices that a subgroup multiplies as one, in three forms:
//   BV_FRAGMENT=1  GL_KHR_cooperative_matrix (AMD, Intel, NVIDIA)
//   BV_FRAGMENT=2  GL_NV_cooperative_matrix (NVIDIA, and compilers before glslang 13)
//   BV_FRAGMENT=3  emulated with plain arithmetic: slow, for testing everything around it
//
// A left fragment is FRAG_M rows of FRAG_K, a right one FRAG_N rows of FRAG_K (the transposed
// factor), both f16 in lhs_slab and rhs_slab, whose rows are SLAB_STRIDE uvec4 apart, eight f16 in
// each; `at` is the uvec4 it starts at. Sums are f32.
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#if BV_FRAGMENT == 1
#extension GL_KHR_cooperative_matrix : require
#elif BV_FRAGMENT == 2
#extension GL_NV_cooperative_matrix : require
#endif
#if BV_FRAGMENT != 3
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#endif

layout(constant_id = 11) const uint FRAG_M = 16;
layout(constant_id = 12) const uint FRAG_N = 16;
layout(constant_id = 13) const uint FRAG_K = 16;
layout(constant_id = 14) const uint SUBGROUP = 32; // its size

#if BV_FRAGMENT == 1

#define LHS_FRAGMENT coopmat<float16_t, gl_ScopeSubgroup, FRAG_M, FRAG_K, gl_MatrixUseA>
#define RHS_FRAGMENT coopmat<float16_t, gl_ScopeSubgroup, FRAG_K, FRAG_N, gl_MatrixUseB>
#define SUM_FRAGMENT coopmat<float, gl_ScopeSubgroup, FRAG_M, FRAG_N, gl_MatrixUseAccumulator>
#define SUM_FRAGMENTS(name, n) SUM_FRAGMENT name[n]
#define CLEAR(sum) sum = SUM_FRAGMENT(0.0)
#define LOAD_LHS(f, at)                                                                            \
    coopMatLoad(f, lhs_slab, at, SLAB_STRIDE, gl_CooperativeMatrixLayoutRowMajor)
#define LOAD_RHS(f, at)                                                                            \
    coopMatLoad(f, rhs_slab, at, SLAB_STRIDE, gl_CooperativeMatrixLayoutColumnMajor)
#define MULTIPLY_ADD(sum, a, b) sum = coopMatMulAdd(a, b, sum)
#define STORE_SUM(sum, at)                                                                         \
    coopMatStore(sum, stage, at, FRAG_N, gl_CooperativeMatrixLayoutRowMajor)

#elif BV_FRAGMENT == 2

#define LHS_FRAGMENT fcoopmatNV<16, gl_ScopeSubgroup, FRAG_M, FRAG_K>
#define RHS_FRAGMENT fcoopmatNV<16, gl_ScopeSubgroup, FRAG_K, FRAG_N>
#define SUM_FRAGMENT fcoopmatNV<32, gl_ScopeSubgroup, FRAG_M, FRAG_N>
#define SUM_FRAGMENTS(name, n) SUM_FRAGMENT name[n]
#define CLEAR(sum) sum = SUM_FRAGMENT(0.0)
#define LOAD_LHS(f, at) coopMatLoadNV(f, lhs_slab, at, SLAB_STRIDE, false)
#define LOAD_RHS(f, at) coopMatLoadNV(f, rhs_slab, at, SLAB_STRIDE, true)
#define MULTIPLY_ADD(sum, a, b) sum = coopMatMulAddNV(a, b, sum)
#define STORE_SUM(sum, at) coopMatStoreNV(sum, stage, at, FRAG_N, false)

#else

// A fragment is where it lies; each lane holds every SUBGROUP-th element of a sum.
#define LHS_FRAGMENT uint
#define RHS_FRAGMENT uint
#define PER_LANE (FRAG_M * FRAG_N / SUBGROUP)
#define SUM_FRAGMENTS(name, n) float name[n][PER_LANE]
#define CLEAR(sum)                                                                                 \
    for (uint e = 0; e < PER_LANE; e++)                                                            \
    sum[e] = 0.0
#define LOAD_LHS(f, at) f = at
#define LOAD_RHS(f, at) f = at
#define MULTIPLY_ADD(sum, a, b)                                                                    \
    for (uint e = 0; e < PER_LANE; e++)                                                            \
    sum[e] += emulated_product(a, b, e)
#define STORE_SUM(sum, at)                                                                         \
    for (uint e = 0; e < PER_LANE; e++)                                                            \
    stage[at + gl_LocalInvocationID.x % SUBGROUP + e * SUBGROUP] = sum[e]

float emulated_product(uint a, uint b, uint e)
{
    uint element = gl_LocalInvocationID.x % SUBGROUP + e * SUBGROUP;
    uint row = a + element / FRAG_N * SLAB_STRIDE, column = b + element % FRAG_N * SLAB_STRIDE;
    float sum = 0.0;
    for (uint k = 0; k < FRAG_K / 8; k++) {
        uvec4 x = lhs_slab[row + k], y = rhs_slab[column + k];
        for (int i = 0; i < 4; i++)
            sum += dot(unpackHalf2x16(x[i]), unpackHalf2x16(y[i]));
    }
    return sum;
}

#endif

#include "cpu/simd/simd.h"

#include "cpu/simd/gemm_kernel.h"

#define TEXT(x) #x
#define TEXT_OF(x) TEXT(x)

const struct bv_cpu_isa ISA(isa) = {
    .name = TEXT_OF(BV_ISA),
    .nr = NR,
    .mr = MR,
#if defined(LOW_PRECISION)
    .tile = {ISA(tile), ISA(tile_bf16), ISA(tile_int8)},
    .to_bf16 = ISA(to_bf16),
    .from_bf16 = ISA(from_bf16),
    .pair_bf16 = ISA(pair_bf16),
    .to_bytes = ISA(to_bytes),
    .magnitude = ISA(magnitude),
#else
    .tile = {ISA(tile)},
#endif
    .depthwise = ISA(depthwise),
    .pack = ISA(pack),
    .activate = ISA(activate),
    .activate_tile = ISA(activate_tile),
    .add = ISA(add),
    .mul = ISA(mul),
    .affine = ISA(affine),
    .max = ISA(max),
    .pool = ISA(pool),
    .layer_norm = ISA(layer_norm),
    .moments = ISA(moments),
    .l2_normalize = ISA(l2_normalize),
    .exponentials = ISA(exponentials),
};

#include "cpu/simd/simd.h"

#include "cpu/simd/tile.h"

#define TEXT(x) #x
#define TEXT_OF(x) TEXT(x)

const struct bv_cpu_isa ISA(isa) = {
    .name = TEXT_OF(BV_ISA),
    .panel = PANEL,
    .strip = STRIP,
    .tile = ISA(tile),
    .pack = ISA(pack),
    .activate = ISA(activate),
    .add = ISA(add),
    .mul = ISA(mul),
    .affine = ISA(affine),
    .max = ISA(max),
    .layer_norm = ISA(layer_norm),
    .l2_normalize = ISA(l2_normalize),
    .exponentials = ISA(exponentials),
};

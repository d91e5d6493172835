#include "op/case.h"

static const float x[] = {-1, 2, 3, 4}, y[] = {0, 8};

static const struct op_case cases[] = {
    {"by hand", .params.glu = {BV_ACT_RELU, false}, .in = {VALUES(x, 1, 4)}, .expected = y},
    {"one channel", .params.glu = {BV_ACT_GELU, true}, .in = {INPUT(7, 2)}, .batch = 1},
    {"geglu", .params.glu = {BV_ACT_GELU, true}, .in = {INPUT(2, 9, 1280)}, .batch = 1},
    {"swiglu", .params.glu = {BV_ACT_SILU, false}, .in = {INPUT(2, 5, 202)}, .batch = 1},
    {"wide", .params.glu = {BV_ACT_SIGMOID, true}, .in = {INPUT(3, 10242)}, .batch = 1},
    {"tails", .params.glu = {BV_ACT_GELU, true}, .in = {{SHAPE(3, 4, 66), .fill = FILL_WIDE}},
     .batch = 1},
};

OP_TABLE(glu, cases,
         .f32 = {1e-13, 5e-7},  // measured 1.1e-14, 1.1e-7 (portable, AVX2, Vulkan: the worst)
         .bf16 = {1e-5, 7e-3}); // one rounding of the result

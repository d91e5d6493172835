#include "op/case.h"

static const float x[] = {1, 2, 3, 4}, gamma[] = {1, 1, 2, 1}, beta[] = {0, 0, 1, 0};
// mean 2.5, variance 1.25
static const float y[] = {-1.3416408f, -0.4472136f, 1.8944272f, 1.3416408f};

#define AFFINE(n) WEIGHT(n), WEIGHT(n)

static const struct op_case cases[] = {
    {"by hand", .params.layer_norm = {0},
     .in = {VALUES(x, 1, 4), VALUES(gamma, 4), VALUES(beta, 4)}, .expected = y},
    {"one channel", .params.layer_norm = {1e-5f}, .in = {INPUT(3, 1), AFFINE(1)}, .batch = 1},
    {"three", .params.layer_norm = {1e-5f}, .in = {INPUT(5, 3), AFFINE(3)}, .batch = 1},
    {"prime", .params.layer_norm = {1e-5f}, .in = {INPUT(2, 7, 101), AFFINE(101)}, .batch = 1},
    {"bert", .params.layer_norm = {1e-12f}, .in = {INPUT(2, 9, 768), AFFINE(768)}, .batch = 1},
    {"wide", .params.layer_norm = {1e-6f}, .in = {INPUT(3, 4099), AFFINE(4099)}, .batch = 1},
    {"residual", .params.layer_norm = {1e-5f}, .in = {INPUT(2, 5, 97), AFFINE(97), INPUT(2, 5, 97)},
     .batch = 9},
    {"residual, f16 weights", .params.layer_norm = {1e-5f},
     .in = {INPUT(5, 64),
            {SHAPE(64), .weight = true, .dtype = BV_F16},
            {SHAPE(64), .weight = true, .dtype = BV_F16},
            INPUT(5, 64)},
     .batch = 9},
    {"constant: variance 0", .params.layer_norm = {1e-5f},
     .in = {{SHAPE(3, 65), .fill = FILL_CONSTANT}, AFFINE(65)}, .batch = 1},
    {"large mean", .params.layer_norm = {1e-5f},
     .in = {{SHAPE(3, 257), .fill = FILL_LARGE_MEAN}, AFFINE(257)}, .batch = 1},
    {"extremes", .params.layer_norm = {1e-5f},
     .in = {{SHAPE(3, 128), .fill = FILL_ALTERNATING}, AFFINE(128)}, .batch = 1},
};

OP_TABLE(layer_norm, cases,
         .f32 = {4e-14, 3e-7},  // measured 4.4e-15, 6.3e-8 (portable, AVX2, AVX-512: the worst)
         .bf16 = {1e-5, 7e-3}); // measured 3.7e-6, 2.2e-3

#include "op/case.h"

static const float x[] = {1, 2, 3, 4}, w[] = {1, 0, 0, 1, 1, -1}, b[] = {10, 20, 30},
                   r[] = {0.5f, 0.5f, 0.5f, 0, 0, -100};
static const float y[] = {11.5f, 22.5f, 29.5f, 13, 24, 0}; // relu

#define ACT(kind, id)                                                                              \
    {                                                                                              \
        "activation " id, .params.linear = {kind},                                                 \
                          .in = {INPUT(7, 37), WEIGHT(50, 37), WEIGHT(50)}, .batch = 1             \
    }

static const struct op_case cases[] = {
    {"by hand", .params.linear = {BV_ACT_RELU},
     .in = {VALUES(x, 2, 2), VALUES(w, 3, 2), VALUES(b, 3), VALUES(r, 2, 3)}, .expected = y},
    {"one", .in = {INPUT(1, 1), WEIGHT(1, 1), WEIGHT(1)}},
    {"one row", .in = {INPUT(1, 768), WEIGHT(512, 768)}},
    {"a vector", .in = {INPUT(67), WEIGHT(35, 67), WEIGHT(35)}},
    {"one column", .in = {INPUT(33, 65), WEIGHT(1, 65), WEIGHT(1)}, .batch = 1},
    {"K of one", .in = {INPUT(33, 1), WEIGHT(65, 1), WEIGHT(65)}, .batch = 1},
    {"primes", .in = {INPUT(17, 31), WEIGHT(47, 31), WEIGHT(47)}, .batch = 1},
    {"rank 3", .in = {INPUT(3, 11, 100), WEIGHT(77, 100), WEIGHT(77)}, .batch = 1},
    {"tile and one", .in = {INPUT(3, 65, 129), WEIGHT(97, 129), WEIGHT(97)}, .batch = 1},
    {"many tiles", .in = {INPUT(2, 197, 192), WEIGHT(576, 192), WEIGHT(576)}, .batch = 1},
    {"deep", .in = {INPUT(2, 5, 3072), WEIGHT(65, 3072), WEIGHT(65)}, .batch = 1},
    {"residual", .in = {INPUT(3, 9, 65), WEIGHT(70, 65), WEIGHT(70), INPUT(3, 9, 70)}, .batch = 9},
    {"residual, gelu, no bias", .params.linear = {BV_ACT_GELU},
     .in = {INPUT(5, 64), WEIGHT(64, 64), ABSENT, INPUT(5, 64)}, .batch = 9},
    {"f16 weights",
     .in = {INPUT(9, 40),
            {SHAPE(24, 40), .weight = true, .dtype = BV_F16},
            {SHAPE(24), .weight = true, .dtype = BV_F16}},
     .batch = 1},
    {"bf16 weights",
     .in = {INPUT(9, 40), {SHAPE(24, 40), .weight = true, .dtype = BV_BF16}, WEIGHT(24)},
     .batch = 1},
    {"tall", .in = {INPUT(2100, 36), WEIGHT(80, 36)}},
    {"tall, gelu, residual", .params.linear = {BV_ACT_GELU},
     .in = {INPUT(2051, 37), WEIGHT(67, 37), WEIGHT(67), INPUT(2051, 67)}},
    {"weight as an input", .in = {INPUT(9, 40), INPUT(24, 40), INPUT(24)}, .batch = 1},
    ACT(BV_ACT_RELU, "relu"),
    ACT(BV_ACT_GELU, "gelu"),
    ACT(BV_ACT_GELU_TANH, "gelu_tanh"),
    ACT(BV_ACT_QUICK_GELU, "quick_gelu"),
    ACT(BV_ACT_TANH, "tanh"),
    ACT(BV_ACT_SIGMOID, "sigmoid"),
    ACT(BV_ACT_SILU, "silu"),
    ACT(BV_ACT_ELU, "elu"),
    ACT(BV_ACT_LEAKY_RELU, "leaky_relu"),
    ACT(BV_ACT_EXP, "exp"),
    ACT(BV_ACT_RELU6, "relu6"),
    {"extremes", .in = {{SHAPE(4, 64), .fill = FILL_ALTERNATING}, WEIGHT(33, 64), WEIGHT(33)},
     .batch = 1},
    {"large mean", .in = {{SHAPE(4, 96), .fill = FILL_LARGE_MEAN}, WEIGHT(33, 96), WEIGHT(33)},
     .batch = 1},
    {"constant", .in = {{SHAPE(4, 96), .fill = FILL_CONSTANT}, WEIGHT(33, 96), WEIGHT(33)},
     .batch = 1},
};

OP_TABLE(linear, cases,
         .f32 = {5e-12, 6e-6},  // measured 8.7e-13, 1.5e-6 (portable, AVX2, AVX-512: the worst)
         .bf16 = {2e-5, 8e-3},  // measured 9.3e-6, 3.5e-3
         .int8 = {4e-4, 4e-2}); // measured 1.2e-4, 1.3e-2

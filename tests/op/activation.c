#include "op/case.h"

static const float ends[] = {-INFINITY, INFINITY, -0.0f, 0, 1, -1, 2, -2};
static const float relu[] = {0, INFINITY, 0, 0, 1, 0, 2, 0};
static const float steps[] = {-INFINITY, INFINITY, -0.0f, 0, 6, 6.5f, 5.5f, -6};
static const float relu6[] = {0, 6, 0, 0, 6, 6, 5.5f, 0};
static const float sigmoid[] = {0,           1,           0.5f,        0.5f,
                                0.73105858f, 0.26894142f, 0.88079708f, 0.11920292f};
static const float tanhs[] = {-1, 1, 0, 0, 0.76159416f, -0.76159416f, 0.96402758f, -0.96402758f};
static const float points[] = {0, 1, -1, 2, -2, 3, -3, 0.5f};
// x Φ(x), by a table of the normal distribution
static const float gelu[] = {0,           0.84134475f, -0.15865525f,   1.9544997f,
                             -0.0455003f, 2.9959503f,  -0.0040496941f, 0.34573123f};

#define EACH(kind, id)                                                                             \
    {id " one", .params.activation = {kind}, .in = {INPUT(1)}},                                    \
        {id " odd", .params.activation = {kind}, .in = {INPUT(3, 7, 13)}, .batch = 1},             \
        {id " tails", .params.activation = {kind},                                                 \
         .in = {{SHAPE(2, 1031), .fill = kind == BV_ACT_EXP ? FILL_NORMAL : FILL_WIDE}},           \
         .batch = 1},                                                                              \
    {                                                                                              \
        id " small", .params.activation = {kind}, .in = { {SHAPE(257), .fill = FILL_SMALL} }       \
    }

static const struct op_case cases[] = {
    EACH(BV_ACT_NONE, "none"),
    EACH(BV_ACT_RELU, "relu"),
    EACH(BV_ACT_GELU, "gelu"),
    EACH(BV_ACT_GELU_TANH, "gelu_tanh"),
    EACH(BV_ACT_QUICK_GELU, "quick_gelu"),
    EACH(BV_ACT_TANH, "tanh"),
    EACH(BV_ACT_SIGMOID, "sigmoid"),
    EACH(BV_ACT_SILU, "silu"),
    EACH(BV_ACT_ELU, "elu"),
    EACH(BV_ACT_LEAKY_RELU, "leaky_relu"),
    EACH(BV_ACT_EXP, "exp"),
    EACH(BV_ACT_RELU6, "relu6"),
    {"relu by hand", .params.activation = {BV_ACT_RELU}, .in = {VALUES(ends, 8)}, .expected = relu},
    {"relu6 by hand", .params.activation = {BV_ACT_RELU6}, .in = {VALUES(steps, 8)},
     .expected = relu6},
    {"sigmoid by hand", .params.activation = {BV_ACT_SIGMOID}, .in = {VALUES(ends, 8)},
     .expected = sigmoid},
    {"tanh by hand", .params.activation = {BV_ACT_TANH}, .in = {VALUES(ends, 8)},
     .expected = tanhs},
    {"gelu by hand", .params.activation = {BV_ACT_GELU}, .in = {VALUES(points, 8)},
     .expected = gelu},
    {"gelu extremes", .params.activation = {BV_ACT_GELU},
     .in = {{SHAPE(64), .fill = FILL_ALTERNATING}}},
    {"quick_gelu extremes", .params.activation = {BV_ACT_QUICK_GELU},
     .in = {{SHAPE(64), .fill = FILL_ALTERNATING}}},
    {"exp extremes", .params.activation = {BV_ACT_EXP},
     .in = {{SHAPE(64), .fill = FILL_ALTERNATING}}},
    {"elu extremes", .params.activation = {BV_ACT_ELU},
     .in = {{SHAPE(64), .fill = FILL_ALTERNATING}}},
};

OP_TABLE(activation, cases,
         .f32 = {3e-13, 5e-7},  // measured 5.9e-14, 1.0e-7 (portable, AVX2, AVX-512: the worst)
         .bf16 = {5e-6, 6e-3}); // measured 1.5e-6, 1.9e-3

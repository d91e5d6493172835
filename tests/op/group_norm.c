#include "op/case.h"

static const float x[] = {1, 2, 3, 4, 5, 6, 7, 8}; // two positions of four channels
static const float gamma[] = {1, 1, 2, 1}, beta[] = {0, 0, 1, 0}, offset[] = {0, 0, 1, 2};
// groups {1, 2, 5, 6}: mean 3.5, variance 4.25; with the offset {4, 6, 8, 10}: mean 7, variance 5.
static const float y[] = {-1.2126781f, -0.7276069f, -1.6832816f, -0.4472136f,
                          0.7276069f,  1.2126781f,  1.8944272f,  1.3416408f};

#define AFFINE(n) WEIGHT(n), WEIGHT(n)
#define NORM(groups, eps, act) .params.group_norm = {groups, eps, act}

static const struct op_case cases[] = {
    {"by hand", NORM(2, 0, BV_ACT_NONE),
     .in = {VALUES(x, 1, 1, 2, 4), VALUES(gamma, 4), VALUES(beta, 4), VALUES(offset, 1, 4)},
     .expected = y},
    {"one channel", NORM(1, 1e-5f, BV_ACT_NONE), .in = {INPUT(2, 3, 5, 1), AFFINE(1)}, .batch = 1},
    {"one position", NORM(2, 1e-5f, BV_ACT_NONE), .in = {INPUT(2, 1, 1, 6), AFFINE(6)}, .batch = 1},
    {"a group a channel", NORM(7, 1e-5f, BV_ACT_NONE), .in = {INPUT(1, 5, 3, 7), AFFINE(7)}},
    {"one group", NORM(1, 1e-6f, BV_ACT_SILU), .in = {INPUT(2, 9, 7, 24), AFFINE(24)}, .batch = 1},
    {"stable diffusion", NORM(32, 1e-5f, BV_ACT_SILU),
     .in = {INPUT(2, 17, 13, 320), AFFINE(320), INPUT(2, 320)}, .batch = 9},
    {"many positions", NORM(16, 1e-6f, BV_ACT_SILU), .in = {INPUT(1, 61, 67, 32), AFFINE(32)}},
    {"more channels than a block", NORM(3, 1e-5f, BV_ACT_RELU),
     .in = {INPUT(1, 2, 3, 5001), AFFINE(5001)}},
    {"f16 weights", NORM(4, 1e-5f, BV_ACT_NONE),
     .in = {INPUT(2, 4, 4, 12),
            {SHAPE(12), .weight = true, .dtype = BV_F16},
            {SHAPE(12), .weight = true, .dtype = BV_F16}},
     .batch = 1},
    {"constant: variance 0", NORM(2, 1e-5f, BV_ACT_NONE),
     .in = {{SHAPE(1, 6, 6, 8), .fill = FILL_CONSTANT}, AFFINE(8)}},
    {"large mean", NORM(4, 1e-5f, BV_ACT_NONE),
     .in = {{SHAPE(2, 16, 16, 20), .fill = FILL_LARGE_MEAN}, AFFINE(20)}, .batch = 1},
    {"extremes", NORM(2, 1e-5f, BV_ACT_NONE),
     .in = {{SHAPE(1, 8, 8, 6), .fill = FILL_ALTERNATING}, AFFINE(6)}},
};

OP_TABLE(group_norm, cases,
         .f32 = {2e-12, 2e-6},  // measured 2.3e-13, 3.4e-7 (portable, AVX2, Vulkan: the worst)
         .bf16 = {1e-5, 7e-3}); // layer_norm's: one rounding of the result

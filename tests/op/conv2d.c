#include "op/case.h"

// 3×3 ones over a 3×3 ramp with padding 1, bias 1.
static const float ramp[] = {1, 2, 3, 4, 5, 6, 7, 8, 9}, ones[] = {1, 1, 1, 1, 1, 1, 1, 1, 1},
                   one[] = {1};
static const float sums[] = {13, 22, 17, 28, 46, 34, 25, 40, 29};

//              stride  pad   dilation groups activation
#define SAME(k)                                                                                    \
    {                                                                                              \
        1, 1, (k) / 2, (k) / 2, 1, 1, 1, BV_ACT_NONE                                               \
    }
#define HALF(k)                                                                                    \
    {                                                                                              \
        2, 2, (k) / 2, (k) / 2, 1, 1, 1, BV_ACT_NONE                                               \
    }

static const struct op_case cases[] = {
    {"by hand", .params.conv2d = SAME(3),
     .in = {VALUES(ramp, 1, 3, 3, 1), VALUES(ones, 1, 3, 3, 1), VALUES(one, 1)}, .expected = sums},
    {"one", .params.conv2d = SAME(1), .in = {INPUT(1, 1, 1, 1), WEIGHT(1, 1, 1, 1)}},
    {"1x1", .params.conv2d = SAME(1), .in = {INPUT(2, 7, 5, 33), WEIGHT(35, 1, 1, 33), WEIGHT(35)},
     .batch = 1},
    {"1x1, stride 2", .params.conv2d = HALF(1), .in = {INPUT(2, 7, 6, 64), WEIGHT(65, 1, 1, 64)},
     .batch = 1},
    {"1x1, many", .params.conv2d = SAME(1),
     .in = {INPUT(2, 14, 14, 128), WEIGHT(96, 1, 1, 128), WEIGHT(96)}, .batch = 1},
    {"1x1, padded", .params.conv2d = {1, 1, 1, 1, 1, 1, 1, BV_ACT_NONE},
     .in = {INPUT(2, 3, 3, 8), WEIGHT(9, 1, 1, 8), WEIGHT(9)}, .batch = 1},
    {"3x3", .params.conv2d = SAME(3), .in = {INPUT(2, 9, 7, 17), WEIGHT(31, 3, 3, 17), WEIGHT(31)},
     .batch = 1},
    {"3x3 on 1x1", .params.conv2d = SAME(3), .in = {INPUT(3, 1, 1, 16), WEIGHT(16, 3, 3, 16)},
     .batch = 1},
    {"3x3, stride 2", .params.conv2d = HALF(3),
     .in = {INPUT(2, 14, 14, 32), WEIGHT(48, 3, 3, 32), WEIGHT(48)}, .batch = 1},
    {"3x3, stride 2, odd", .params.conv2d = HALF(3),
     .in = {INPUT(2, 15, 13, 20), WEIGHT(21, 3, 3, 20), WEIGHT(21)}, .batch = 1},
    {"3x3, many", .params.conv2d = SAME(3),
     .in = {INPUT(2, 28, 28, 64), WEIGHT(64, 3, 3, 64), WEIGHT(64)}, .batch = 1},
    {"3x3, without padding", .params.conv2d = {1, 1, 0, 0, 1, 1, 1, BV_ACT_RELU},
     .in = {INPUT(2, 8, 9, 16), WEIGHT(24, 3, 3, 16), WEIGHT(24)}, .batch = 1},
    {"3x3, dilation 2", .params.conv2d = {1, 1, 2, 2, 2, 2, 1, BV_ACT_NONE},
     .in = {INPUT(1, 11, 11, 16), WEIGHT(24, 3, 3, 16), WEIGHT(24)}},
    {"residual and relu", .params.conv2d = {1, 1, 1, 1, 1, 1, 1, BV_ACT_RELU},
     .in = {INPUT(2, 7, 7, 32), WEIGHT(33, 3, 3, 32), WEIGHT(33), INPUT(2, 7, 7, 33)}, .batch = 9},
    {"1x1, residual and relu", .params.conv2d = {1, 1, 0, 0, 1, 1, 1, BV_ACT_RELU},
     .in = {INPUT(2, 7, 7, 32), WEIGHT(70, 1, 1, 32), WEIGHT(70), INPUT(2, 7, 7, 70)}, .batch = 9},
    {"stem 7x7", .params.conv2d = {2, 2, 3, 3, 1, 1, 1, BV_ACT_RELU},
     .in = {INPUT(2, 32, 32, 3), WEIGHT(64, 7, 7, 3), WEIGHT(64)}, .batch = 1},
    {"stem 7x7 of 1 channel", .params.conv2d = {2, 2, 3, 3, 1, 1, 1, BV_ACT_NONE},
     .in = {INPUT(1, 31, 33, 1), WEIGHT(64, 7, 7, 1)}},
    {"stem 7x7 over odd lines", .params.conv2d = {2, 2, 3, 3, 1, 1, 1, BV_ACT_NONE},
     .in = {INPUT(2, 15, 17, 3), WEIGHT(40, 7, 7, 3), WEIGHT(40)}, .batch = 1},
    {"stem 3x3, stride 2, 3 channels", .params.conv2d = {2, 2, 1, 1, 1, 1, 1, BV_ACT_RELU},
     .in = {INPUT(1, 33, 32, 3), WEIGHT(32, 3, 3, 3), WEIGHT(32)}},
    {"patches", .params.conv2d = {16, 16, 0, 0, 1, 1, 1, BV_ACT_NONE},
     .in = {INPUT(2, 48, 32, 3), WEIGHT(100, 16, 16, 3), WEIGHT(100)}, .batch = 1},
    {"patches of 4, rest", .params.conv2d = {4, 4, 0, 0, 1, 1, 1, BV_ACT_NONE},
     .in = {INPUT(2, 18, 19, 3), WEIGHT(96, 4, 4, 3), WEIGHT(96)}, .batch = 1},
    {"patches of many channels", .params.conv2d = {16, 16, 0, 0, 1, 1, 1, BV_ACT_NONE},
     .in = {INPUT(1, 64, 48, 24), WEIGHT(40, 16, 16, 24), WEIGHT(40)}},
    {"a window of 289 taps", .params.conv2d = {3, 3, 2, 2, 1, 1, 1, BV_ACT_NONE},
     .in = {INPUT(1, 21, 20, 20), WEIGHT(9, 17, 17, 20), WEIGHT(9)}},
    {"groups", .params.conv2d = {1, 1, 1, 1, 1, 1, 4, BV_ACT_NONE},
     .in = {INPUT(2, 7, 7, 32), WEIGHT(40, 3, 3, 8), WEIGHT(40)}, .batch = 1},
    {"depthwise", .params.conv2d = {1, 1, 1, 1, 1, 1, 33, BV_ACT_NONE},
     .in = {INPUT(2, 7, 7, 33), WEIGHT(33, 3, 3, 1), WEIGHT(33)}, .batch = 1},
    {"uneven window", .params.conv2d = {2, 1, 0, 2, 1, 1, 1, BV_ACT_NONE},
     .in = {INPUT(2, 9, 8, 12), WEIGHT(18, 1, 5, 12), WEIGHT(18)}, .batch = 1},
    {"wide window", .params.conv2d = {1, 1, 3, 0, 1, 1, 1, BV_ACT_NONE},
     .in = {INPUT(2, 9, 8, 12), WEIGHT(18, 7, 2, 12), WEIGHT(18)}, .batch = 1},
    {"padding wider than the image", .params.conv2d = {1, 1, 4, 4, 1, 1, 1, BV_ACT_NONE},
     .in = {INPUT(1, 2, 2, 8), WEIGHT(8, 3, 3, 8)}},
    {"gelu", .params.conv2d = {1, 1, 1, 1, 1, 1, 1, BV_ACT_GELU},
     .in = {INPUT(1, 5, 5, 8), WEIGHT(8, 3, 3, 8), WEIGHT(8)}},
    {"f16 weights", .params.conv2d = SAME(3),
     .in = {INPUT(2, 5, 5, 8), {SHAPE(9, 3, 3, 8), .weight = true, .dtype = BV_F16}}, .batch = 1},
    {"weight as an input", .params.conv2d = SAME(3),
     .in = {INPUT(2, 5, 5, 8), INPUT(9, 3, 3, 8), INPUT(9)}, .batch = 1},
    {"extremes", .params.conv2d = SAME(3),
     .in = {{SHAPE(1, 6, 6, 16), .fill = FILL_ALTERNATING}, WEIGHT(17, 3, 3, 16)}},
    {"constant", .params.conv2d = SAME(3),
     .in = {{SHAPE(1, 6, 6, 16), .fill = FILL_CONSTANT}, WEIGHT(17, 3, 3, 16)}},
};

OP_TABLE(conv2d, cases,
         .f32 = {5e-12, 5e-6},  // measured 1.6e-12, 1.6e-6 (portable, AVX2, AVX-512: the worst)
         .bf16 = {2e-5, 8e-3},  // measured 9.4e-6, 4.2e-3
         .int8 = {4e-4, 4e-2}); // measured 1.3e-4, 1.2e-2

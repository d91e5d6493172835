#include "op/case.h"

// 3×3 ones over a 3×3 ramp with padding 1, bias 1.
static const float ramp[] = {1, 2, 3, 4, 5, 6, 7, 8, 9}, ones[] = {1, 1, 1, 1, 1, 1, 1, 1, 1},
                   one[] = {1};
static const float sums[] = {13, 22, 17, 28, 46, 34, 25, 40, 29};

//              stride  pad   dilation groups activation  more padding below, right
#define SAME(k)                                                                                    \
    {                                                                                              \
        1, 1, (k) / 2, (k) / 2, 1, 1, 1, BV_ACT_NONE, 0, 0                                         \
    }
#define HALF(k)                                                                                    \
    {                                                                                              \
        2, 2, (k) / 2, (k) / 2, 1, 1, 1, BV_ACT_NONE, 0, 0                                         \
    }

// Values beyond both ends of relu6.
#define WIDE(...)                                                                                  \
    {                                                                                              \
        SHAPE(__VA_ARGS__), .fill = FILL_WIDE                                                      \
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
    {"1x1, padded", .params.conv2d = {1, 1, 1, 1, 1, 1, 1, BV_ACT_NONE, 0, 0},
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
    {"3x3, without padding", .params.conv2d = {1, 1, 0, 0, 1, 1, 1, BV_ACT_RELU, 0, 0},
     .in = {INPUT(2, 8, 9, 16), WEIGHT(24, 3, 3, 16), WEIGHT(24)}, .batch = 1},
    {"3x3, dilation 2", .params.conv2d = {1, 1, 2, 2, 2, 2, 1, BV_ACT_NONE, 0, 0},
     .in = {INPUT(1, 11, 11, 16), WEIGHT(24, 3, 3, 16), WEIGHT(24)}},
    {"residual and relu", .params.conv2d = {1, 1, 1, 1, 1, 1, 1, BV_ACT_RELU, 0, 0},
     .in = {INPUT(2, 7, 7, 32), WEIGHT(33, 3, 3, 32), WEIGHT(33), INPUT(2, 7, 7, 33)}, .batch = 9},
    {"1x1, residual and relu", .params.conv2d = {1, 1, 0, 0, 1, 1, 1, BV_ACT_RELU, 0, 0},
     .in = {INPUT(2, 7, 7, 32), WEIGHT(70, 1, 1, 32), WEIGHT(70), INPUT(2, 7, 7, 70)}, .batch = 9},
    {"stem 7x7", .params.conv2d = {2, 2, 3, 3, 1, 1, 1, BV_ACT_RELU, 0, 0},
     .in = {INPUT(2, 32, 32, 3), WEIGHT(64, 7, 7, 3), WEIGHT(64)}, .batch = 1},
    {"stem 7x7 of 1 channel", .params.conv2d = {2, 2, 3, 3, 1, 1, 1, BV_ACT_NONE, 0, 0},
     .in = {INPUT(1, 31, 33, 1), WEIGHT(64, 7, 7, 1)}},
    {"stem 7x7 over odd lines", .params.conv2d = {2, 2, 3, 3, 1, 1, 1, BV_ACT_NONE, 0, 0},
     .in = {INPUT(2, 15, 17, 3), WEIGHT(40, 7, 7, 3), WEIGHT(40)}, .batch = 1},
    {"stem 3x3, stride 2, 3 channels", .params.conv2d = {2, 2, 1, 1, 1, 1, 1, BV_ACT_RELU, 0, 0},
     .in = {INPUT(1, 33, 32, 3), WEIGHT(32, 3, 3, 3), WEIGHT(32)}},
    {"patches", .params.conv2d = {16, 16, 0, 0, 1, 1, 1, BV_ACT_NONE, 0, 0},
     .in = {INPUT(2, 48, 32, 3), WEIGHT(100, 16, 16, 3), WEIGHT(100)}, .batch = 1},
    {"patches of 4, rest", .params.conv2d = {4, 4, 0, 0, 1, 1, 1, BV_ACT_NONE, 0, 0},
     .in = {INPUT(2, 18, 19, 3), WEIGHT(96, 4, 4, 3), WEIGHT(96)}, .batch = 1},
    {"patches of many channels", .params.conv2d = {16, 16, 0, 0, 1, 1, 1, BV_ACT_NONE, 0, 0},
     .in = {INPUT(1, 64, 48, 24), WEIGHT(40, 16, 16, 24), WEIGHT(40)}},
    {"a window of 289 taps", .params.conv2d = {3, 3, 2, 2, 1, 1, 1, BV_ACT_NONE, 0, 0},
     .in = {INPUT(1, 21, 20, 20), WEIGHT(9, 17, 17, 20), WEIGHT(9)}},
    {"groups", .params.conv2d = {1, 1, 1, 1, 1, 1, 4, BV_ACT_NONE, 0, 0},
     .in = {INPUT(2, 7, 7, 32), WEIGHT(40, 3, 3, 8), WEIGHT(40)}, .batch = 1},
    {"depthwise", .params.conv2d = {1, 1, 1, 1, 1, 1, 33, BV_ACT_NONE, 0, 0},
     .in = {INPUT(2, 7, 7, 33), WEIGHT(33, 3, 3, 1), WEIGHT(33)}, .batch = 1},
    {"depthwise by hand", .params.conv2d = {1, 1, 1, 1, 1, 1, 1, BV_ACT_NONE, 0, 0},
     .in = {VALUES(ramp, 1, 3, 3, 1),
            {SHAPE(1, 3, 3, 1), .weight = true, .values = ones},
            {SHAPE(1), .weight = true, .values = one}},
     .expected = sums},
    {"depthwise, relu6", .params.conv2d = {1, 1, 1, 1, 1, 1, 96, BV_ACT_RELU6, 0, 0},
     .in = {WIDE(2, 9, 7, 96), WEIGHT(96, 3, 3, 1), WEIGHT(96)}, .batch = 1},
    {"depthwise 5x5, stride 2, uneven padding",
     .params.conv2d = {2, 2, 1, 1, 1, 1, 144, BV_ACT_RELU6, 1, 1},
     .in = {WIDE(2, 10, 12, 144), WEIGHT(144, 5, 5, 1), WEIGHT(144)}, .batch = 1},
    {"depthwise 3x3, stride 2, uneven padding",
     .params.conv2d = {2, 2, 0, 0, 1, 1, 20, BV_ACT_NONE, 1, 1},
     .in = {INPUT(2, 8, 6, 20), WEIGHT(20, 3, 3, 1)}, .batch = 1},
    {"depthwise on 1x1", .params.conv2d = {1, 1, 2, 2, 1, 1, 64, BV_ACT_RELU, 0, 0},
     .in = {INPUT(3, 1, 1, 64), WEIGHT(64, 5, 5, 1), WEIGHT(64)}, .batch = 1},
    {"depthwise, residual and relu", .params.conv2d = {1, 1, 1, 1, 1, 1, 40, BV_ACT_RELU, 0, 0},
     .in = {INPUT(2, 5, 6, 40), WEIGHT(40, 3, 3, 1), WEIGHT(40), INPUT(2, 5, 6, 40)}, .batch = 9},
    {"depthwise, dilation and gelu", .params.conv2d = {1, 2, 2, 4, 2, 3, 12, BV_ACT_GELU, 0, 0},
     .in = {INPUT(2, 9, 11, 12), WEIGHT(12, 3, 3, 1), WEIGHT(12)}, .batch = 1},
    {"depthwise, weight as an input", .params.conv2d = {1, 1, 1, 1, 1, 1, 16, BV_ACT_NONE, 0, 0},
     .in = {INPUT(2, 5, 5, 16), INPUT(16, 3, 3, 1), INPUT(16)}, .batch = 1},
    {"depthwise, f16 weights", .params.conv2d = {1, 1, 1, 1, 1, 1, 24, BV_ACT_NONE, 0, 0},
     .in = {INPUT(2, 5, 5, 24), {SHAPE(24, 3, 3, 1), .weight = true, .dtype = BV_F16}}, .batch = 1},
    {"depthwise, many", .params.conv2d = {1, 1, 2, 2, 1, 1, 240, BV_ACT_RELU6, 0, 0},
     .in = {INPUT(2, 20, 20, 240), WEIGHT(240, 5, 5, 1), WEIGHT(240)}, .batch = 1},
    {"depthwise, 169 taps", .params.conv2d = {2, 2, 6, 6, 1, 1, 20, BV_ACT_NONE, 0, 0},
     .in = {INPUT(1, 14, 14, 20), WEIGHT(20, 13, 13, 1)}},
    {"two outputs for each channel", .params.conv2d = {1, 1, 1, 1, 1, 1, 12, BV_ACT_NONE, 0, 0},
     .in = {INPUT(1, 5, 5, 12), WEIGHT(24, 3, 3, 1)}},
    {"3x3, stride 2, uneven padding, relu6",
     .params.conv2d = {2, 2, 0, 0, 1, 1, 1, BV_ACT_RELU6, 1, 1},
     .in = {WIDE(2, 8, 10, 24), WEIGHT(33, 3, 3, 24), WEIGHT(33)}, .batch = 1},
    {"1x1, zeros below and right", .params.conv2d = {1, 1, 0, 0, 1, 1, 1, BV_ACT_NONE, 1, 2},
     .in = {INPUT(2, 3, 4, 16), WEIGHT(8, 1, 1, 16), WEIGHT(8)}, .batch = 1},
    {"stem 3x3 of 1 channel, uneven padding",
     .params.conv2d = {2, 2, 0, 0, 1, 1, 1, BV_ACT_RELU6, 1, 1},
     .in = {WIDE(2, 32, 30, 1), WEIGHT(32, 3, 3, 1), WEIGHT(32)}, .batch = 1},
    {"stem 3x3 of 3 channels, uneven padding",
     .params.conv2d = {2, 2, 0, 0, 1, 1, 1, BV_ACT_NONE, 1, 1},
     .in = {INPUT(2, 16, 18, 3), WEIGHT(40, 3, 3, 3), WEIGHT(40)}, .batch = 1},
    {"uneven window", .params.conv2d = {2, 1, 0, 2, 1, 1, 1, BV_ACT_NONE, 0, 0},
     .in = {INPUT(2, 9, 8, 12), WEIGHT(18, 1, 5, 12), WEIGHT(18)}, .batch = 1},
    {"wide window", .params.conv2d = {1, 1, 3, 0, 1, 1, 1, BV_ACT_NONE, 0, 0},
     .in = {INPUT(2, 9, 8, 12), WEIGHT(18, 7, 2, 12), WEIGHT(18)}, .batch = 1},
    {"padding wider than the image", .params.conv2d = {1, 1, 4, 4, 1, 1, 1, BV_ACT_NONE, 0, 0},
     .in = {INPUT(1, 2, 2, 8), WEIGHT(8, 3, 3, 8)}},
    {"gelu", .params.conv2d = {1, 1, 1, 1, 1, 1, 1, BV_ACT_GELU, 0, 0},
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

#include "op/case.h"

static const float x[] = {1, 2, 3, 4, 5, 6, 7, 8, -9};
static const float largest[] = {5, 6, 8, 8}, mean[] = {3, 4, 6, 2.5f};
static const float padded[] = {1, 3, 7, 8}; // windows of 2, stride 2, padding 1

static const struct op_case cases[] = {
    {"maximum by hand", .params.pool2d = {BV_POOL_MAX, 2, 2, 1, 1, 0, 0},
     .in = {VALUES(x, 1, 3, 3, 1)}, .expected = largest},
    {"mean by hand", .params.pool2d = {BV_POOL_MEAN, 2, 2, 1, 1, 0, 0},
     .in = {VALUES(x, 1, 3, 3, 1)}, .expected = mean},
    {"padded maximum by hand", .params.pool2d = {BV_POOL_MAX, 2, 2, 2, 2, 1, 1},
     .in = {VALUES(x, 1, 3, 3, 1)}, .expected = padded},
    {"one", .params.pool2d = {BV_POOL_MAX, 1, 1, 1, 1, 0, 0}, .in = {INPUT(1, 1, 1, 1)}},
    {"resnet", .params.pool2d = {BV_POOL_MAX, 3, 3, 2, 2, 1, 1}, .in = {INPUT(2, 28, 28, 64)},
     .batch = 1},
    {"resnet, odd", .params.pool2d = {BV_POOL_MAX, 3, 3, 2, 2, 1, 1}, .in = {INPUT(2, 13, 11, 37)},
     .batch = 1},
    {"padded mean", .params.pool2d = {BV_POOL_MEAN, 3, 3, 2, 2, 1, 1}, .in = {INPUT(2, 9, 9, 17)},
     .batch = 1},
    {"densenet", .params.pool2d = {BV_POOL_MEAN, 2, 2, 2, 2, 0, 0}, .in = {INPUT(2, 14, 15, 130)},
     .batch = 1},
    {"global", .params.pool2d = {BV_POOL_MEAN, 7, 7, 1, 1, 0, 0}, .in = {INPUT(2, 7, 7, 515)},
     .batch = 1},
    {"uneven", .params.pool2d = {BV_POOL_MAX, 2, 5, 1, 3, 1, 2}, .in = {INPUT(1, 6, 9, 5)}},
    {"extremes", .params.pool2d = {BV_POOL_MEAN, 3, 3, 1, 1, 1, 1},
     .in = {{SHAPE(1, 5, 5, 9), .fill = FILL_ALTERNATING}}},
    {"-inf", .params.pool2d = {BV_POOL_MAX, 3, 3, 2, 2, 1, 1},
     .in = {{SHAPE(1, 5, 5, 9), .fill = FILL_MASK_ALL}}},
};

OP_TABLE(pool2d, cases,
         .f32 = {1e-13, 6e-7},  // measured 1.9e-14, 1.2e-7 (portable, AVX2, AVX-512: the worst)
         .bf16 = {2e-5, 1e-2}); // measured 5.7e-6, 3.5e-3

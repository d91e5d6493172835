#include "op/case.h"

static const float x[] = {1, 10, 2, 20, 6, -30};
static const float mean[] = {3, 0}, largest[] = {6, 20}, sum[] = {9, 0};

static const struct op_case cases[] = {
    {"mean by hand", .params.reduce = {BV_REDUCE_MEAN}, .in = {VALUES(x, 1, 3, 2)},
     .expected = mean},
    {"maximum by hand", .params.reduce = {BV_REDUCE_MAX}, .in = {VALUES(x, 1, 3, 2)},
     .expected = largest},
    {"sum by hand", .params.reduce = {BV_REDUCE_SUM}, .in = {VALUES(x, 1, 3, 2)}, .expected = sum},
    {"one", .params.reduce = {BV_REDUCE_MEAN}, .in = {INPUT(1, 1, 1)}},
    {"global mean", .params.reduce = {BV_REDUCE_MEAN}, .in = {INPUT(3, 49, 517)}, .batch = 1},
    {"maximum", .params.reduce = {BV_REDUCE_MAX}, .in = {INPUT(3, 50, 65)}, .batch = 1},
    {"sum", .params.reduce = {BV_REDUCE_SUM}, .in = {INPUT(3, 50, 33)}, .batch = 1},
    {"mean of lengths", .params.reduce = {BV_REDUCE_MEAN}, .in = {INPUT(5, 23, 96), INTS(1, 23, 5)},
     .batch = 3},
    {"maximum of lengths", .params.reduce = {BV_REDUCE_MAX},
     .in = {INPUT(5, 23, 96), INTS(1, 23, 5)}, .batch = 3},
    {"sum of lengths", .params.reduce = {BV_REDUCE_SUM}, .in = {INPUT(5, 23, 97), INTS(1, 23, 5)},
     .batch = 3},
    {"large mean", .params.reduce = {BV_REDUCE_MEAN},
     .in = {{SHAPE(2, 197, 40), .fill = FILL_LARGE_MEAN}}, .batch = 1},
    {"extremes", .params.reduce = {BV_REDUCE_SUM},
     .in = {{SHAPE(2, 101, 3), .fill = FILL_ALTERNATING}}, .batch = 1},
};

OP_TABLE(reduce, cases,
         .f32 = {2e-13, 3e-6},  // measured 3.9e-14, 6.1e-7 (portable, AVX2, AVX-512: the worst)
         .bf16 = {8e-6, 6e-3}); // measured 2.6e-6, 2.0e-3

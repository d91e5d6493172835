#include "op/case.h"

static const float a[] = {1, 2, 3, -4, 5, -6}, b[] = {10, -20};
static const float product[] = {10, 20, 30, 80, -100, 120};

static const struct op_case cases[] = {
    {"by hand", .in = {VALUES(a, 2, 3), VALUES(b, 2, 1)}, .expected = product},
    {"one", .in = {INPUT(1), INPUT(1)}},
    {"same shape", .in = {INPUT(3, 5, 7), INPUT(3, 5, 7)}, .batch = 3},
    {"last dimension", .in = {INPUT(4, 5, 131), WEIGHT(131)}, .batch = 1},
    {"a column", .in = {INPUT(3, 5, 17), INPUT(3, 5, 1)}, .batch = 3},
    {"a gate per channel", .in = {INPUT(3, 7, 7, 33), INPUT(3, 1, 1, 33)}, .batch = 3},
    {"a map per pixel", .in = {INPUT(3, 7, 7, 33), INPUT(3, 7, 7, 1)}, .batch = 3},
    {"both ends", .in = {INPUT(2, 3, 4, 5, 6), INPUT(1, 3, 1, 5, 1)}, .batch = 1},
    {"a scalar", .in = {INPUT(2, 33), INPUT(1)}, .batch = 1},
    {"extremes",
     .in = {{SHAPE(2, 64), .fill = FILL_ALTERNATING}, {SHAPE(64), .fill = FILL_LARGE_MEAN}},
     .batch = 1},
    {"large", .in = {INPUT(3, 11, 4099), INPUT(4099)}, .batch = 1},
};

OP_TABLE(mul, cases, .f32 = {2e-14, 3e-7}); // measured 0, 0 (portable, AVX2, AVX-512: the worst)

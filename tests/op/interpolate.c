#include "op/case.h"

static const float x[] = {1, 3};

static const struct op_case cases[] = {
    {"bilinear by hand", .params.interpolate = {BV_INTERPOLATE_BILINEAR, false, 1, 4},
     .in = {VALUES(x, 1, 1, 2, 1)}, .expected = (const float[]){1, 1.5f, 2.5f, 3}},
    {"aligned by hand", .params.interpolate = {BV_INTERPOLATE_BILINEAR, true, 1, 3},
     .in = {VALUES(x, 1, 1, 2, 1)}, .expected = (const float[]){1, 2, 3}},
    {"nearest by hand", .params.interpolate = {BV_INTERPOLATE_NEAREST, false, 1, 4},
     .in = {VALUES(x, 1, 1, 2, 1)}, .expected = (const float[]){1, 1, 3, 3}},
    {"nearest", .params.interpolate = {BV_INTERPOLATE_NEAREST, false, 11, 5},
     .in = {INPUT(2, 7, 9, 17)}, .batch = 1},
    {"bilinear up", .params.interpolate = {BV_INTERPOLATE_BILINEAR, false, 17, 23},
     .in = {INPUT(2, 7, 9, 17)}, .batch = 1},
    {"bilinear down", .params.interpolate = {BV_INTERPOLATE_BILINEAR, false, 3, 4},
     .in = {INPUT(2, 7, 9, 17)}, .batch = 1},
    {"bilinear, aligned", .params.interpolate = {BV_INTERPOLATE_BILINEAR, true, 13, 11},
     .in = {INPUT(2, 7, 9, 5)}, .batch = 1},
    {"position grid", .params.interpolate = {BV_INTERPOLATE_BICUBIC, false, 14, 14},
     .in = {INPUT(1, 7, 7, 96)}},
    {"bicubic, aligned", .params.interpolate = {BV_INTERPOLATE_BICUBIC, true, 9, 6},
     .in = {INPUT(1, 5, 5, 7)}},
    {"from one pixel", .params.interpolate = {BV_INTERPOLATE_BICUBIC, false, 3, 3},
     .in = {INPUT(1, 1, 1, 7)}},
};

OP_TABLE(interpolate, cases,
         .f32 = {5e-13, 3e-6}); // measured 1.6e-13, 7.1e-7 (lavapipe; 0, 0 on the processor)

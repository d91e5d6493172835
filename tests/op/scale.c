#include "op/case.h"

static const float x[] = {1, -2, 0.5f, 4}, y[] = {1, -5, 0, 7};

static const struct op_case cases[] = {
    {"by hand", .params.scale = {2, -1}, .in = {VALUES(x, 4)}, .expected = y},
    {"one", .params.scale = {0.5f, 0}, .in = {INPUT(1)}},
    {"odd", .params.scale = {-1.7f, 0.3f}, .in = {INPUT(3, 5, 7)}, .batch = 1},
    {"long", .params.scale = {0.125f, 3}, .in = {INPUT(2, 4099)}, .batch = 1},
    {"extremes", .params.scale = {3, 1}, .in = {{SHAPE(65), .fill = FILL_ALTERNATING}}},
};

OP_TABLE(scale, cases,
         .f32 = {2e-14, 4e-7}); // measured 3.6e-15, 1.0e-7 (portable, AVX2, AVX-512: the worst)

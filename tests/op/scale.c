#include "op/case.h"

static const float x[] = {1, -2, 0.5f, 4}, y[] = {1, -5, 0, 7};

static const struct op_case cases[] = {
    {"by hand", .params.scale = {2, -1}, .in = {VALUES(x, 4)}, .expected = y},
    {"one", .params.scale = {0.5f, 0}, .in = {INPUT(1)}},
    {"odd", .params.scale = {-1.7f, 0.3f}, .in = {INPUT(3, 5, 7)}, .batch = 1},
    {"long", .params.scale = {0.125f, 3}, .in = {INPUT(2, 4099)}, .batch = 1},
    {"extremes", .params.scale = {3, 1}, .in = {{SHAPE(65), .fill = FILL_ALTERNATING}}},
};

OP_TABLE(scale, cases, .f32 = {1e-13, 5e-7}); // measured 7.2e-16, 5.9e-8

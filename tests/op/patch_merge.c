#include "op/case.h"

static const float x[] = {1, 2, 3, 4};

static const struct op_case cases[] = {
    {"by hand: column by column", .in = {VALUES(x, 1, 2, 2, 1)},
     .expected = (const float[]){1, 3, 2, 4}},
    {"swin", .in = {INPUT(2, 14, 14, 96)}, .batch = 1},
    {"odd channels", .in = {INPUT(2, 6, 4, 17)}, .batch = 1},
};

OP_TABLE(patch_merge, cases, .f32 = {0, 0}); // a copy

#include "op/case.h"

static const float a[] = {1, 2, 3, 4}, b[] = {5, 6};

static const struct op_case cases[] = {
    {"by hand", .params.concat = {1}, .in = {VALUES(a, 2, 2), VALUES(b, 2, 1)},
     .expected = (const float[]){1, 2, 5, 3, 4, 6}},
    {"one part", .params.concat = {0}, .in = {INPUT(3)}},
    {"first axis", .params.concat = {0}, .in = {INPUT(2, 7), INPUT(3, 7)}},
    {"tokens", .params.concat = {1}, .in = {INPUT(3, 1, 65), INPUT(3, 49, 65)}, .batch = 3},
    {"channels", .params.concat = {3}, .in = {INPUT(2, 7, 7, 33), INPUT(2, 7, 7, 32)}, .batch = 3},
    {"eight", .params.concat = {2},
     .in = {INPUT(2, 3, 1), INPUT(2, 3, 2), INPUT(2, 3, 3), INPUT(2, 3, 4), INPUT(2, 3, 5),
            INPUT(2, 3, 6), INPUT(2, 3, 7), INPUT(2, 3, 8)},
     .batch = 255},
};

OP_TABLE(concat, cases, .f32 = {0, 0}); // a copy

#include "op/case.h"

static const float x[] = {1, 2, 3, 4, 5, 6};

static const struct op_case cases[] = {
    {"by hand", .in = {VALUES(x, 1, 3, 2), INTS(1, 1, 1, 2)},
     .expected = (const float[]){3, 4, 3, 4}},
    {"one", .in = {INPUT(1, 1, 1), INTS(0, 0, 1, 1)}},
    {"end of text", .in = {INPUT(5, 77, 64), INTS(0, 76, 5, 1)}, .batch = 3},
    {"several", .in = {INPUT(3, 9, 33), INTS(0, 8, 3, 5)}, .batch = 3},
};

OP_TABLE(gather, cases, .f32 = {0, 0}); // a copy

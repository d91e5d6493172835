#include "op/case.h"

static const float table[] = {1, 2, 3, 4, 5, 6};

static const struct op_case cases[] = {
    {"by hand: the last row", .in = {INTS(2, 2, 1), VALUES(table, 3, 2)},
     .expected = (const float[]){5, 6}},
    {"one", .in = {INTS(0, 0, 1), WEIGHT(1, 1)}},
    {"tokens", .in = {INTS(0, 30, 3, 17), WEIGHT(31, 96)}, .batch = 1},
    {"odd width", .in = {INTS(0, 12, 5), WEIGHT(13, 67)}, .batch = 1},
    {"f16", .in = {INTS(0, 12, 2, 5), {SHAPE(13, 67), .weight = true, .dtype = BV_F16}},
     .batch = 1},
    {"bf16", .in = {INTS(0, 12, 2, 5), {SHAPE(13, 67), .weight = true, .dtype = BV_BF16}},
     .batch = 1},
    {"rank 4", .in = {INTS(0, 4, 2, 3, 2, 2), WEIGHT(5, 8)}, .batch = 1},
};

OP_TABLE(embed, cases, .f32 = {0, 0}); // a copy

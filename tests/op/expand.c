#include "op/case.h"

static const float x[] = {1, 2};

static const struct op_case cases[] = {
    {"by hand", .params.expand = {{2, 2}}, .in = {VALUES(x, 1, 2)},
     .expected = (const float[]){1, 2, 1, 2}},
    {"a column", .params.expand = {{2, 3}}, .in = {VALUES(x, 2, 1)},
     .expected = (const float[]){1, 1, 1, 2, 2, 2}},
    {"class token", .params.expand = {{5, 1, 65}}, .in = {WEIGHT(1, 1, 65)}},
    {"nothing to repeat", .params.expand = {{3, 4}}, .in = {INPUT(3, 4)}},
    {"both ends", .params.expand = {{3, 4, 5, 6}}, .in = {INPUT(1, 4, 1, 6)}},
    {"a scalar", .params.expand = {{7, 9}}, .in = {INPUT(1, 1)}},
};

OP_TABLE(expand, cases, .f32 = {0, 0}); // a copy

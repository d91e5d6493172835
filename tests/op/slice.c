#include "op/case.h"

static const float x[] = {1, 2, 3, 4, 5, 6};

static const struct op_case cases[] = {
    {"by hand", .params.slice = {1, 1, 2, 1}, .in = {VALUES(x, 2, 3)},
     .expected = (const float[]){2, 3, 5, 6}},
    {"steps by hand", .params.slice = {0, 1, 2, 3}, .in = {VALUES(x, 6)},
     .expected = (const float[]){2, 5}},
    {"class token", .params.slice = {1, 0, 1, 1}, .in = {INPUT(3, 50, 65)}, .batch = 1},
    {"patch tokens", .params.slice = {1, 1, 49, 1}, .in = {INPUT(3, 50, 65)}, .batch = 1},
    {"channels", .params.slice = {2, 17, 33, 1}, .in = {INPUT(2, 9, 96)}, .batch = 1},
    {"every third", .params.slice = {2, 2, 5, 3}, .in = {INPUT(2, 9, 15)}, .batch = 1},
    {"all", .params.slice = {0, 0, 4, 1}, .in = {INPUT(4, 5)}},
    {"the last", .params.slice = {3, 6, 1, 1}, .in = {INPUT(2, 3, 4, 7)}, .batch = 1},
};

OP_TABLE(slice, cases, .f32 = {0, 0}); // a copy

#include "op/case.h"

// One head of two pairs, turned by a quarter and by nothing; the first token is left as it is.
static const float x[] = {9, 1, 2, 3, 4, 9, 5, 6, 7, 8}, table[] = {0, 1, 1, 0},
                   y[] = {1, 2, 3, 4, -6, 5, 7, 8};

static const struct op_case cases[] = {
    {"by hand", .params.rope = {.heads = 1, .head_dim = 4, .offset = 1, .skip = 1},
     .in = {VALUES(x, 1, 2, 5), VALUES(table, 1, 4)}, .expected = y},
    {"one pair", .params.rope = {.heads = 1, .head_dim = 2}, .in = {INPUT(1, 1, 2), INPUT(1, 2)}},
    {"keys of a stack", .params.rope = {.heads = 3, .head_dim = 64, .offset = 192, .skip = 1},
     .in = {INPUT(2, 50, 576), WEIGHT(49, 64)}, .batch = 1},
    {"queries alone", .params.rope = {.heads = 5, .head_dim = 22, .skip = 3},
     .in = {INPUT(3, 7, 110), WEIGHT(4, 22)}, .batch = 1},
    {"wide", .params.rope = {.heads = 12, .head_dim = 96, .skip = 1},
     .in = {{SHAPE(1, 10, 1152), .fill = FILL_WIDE}, WEIGHT(9, 96)}, .batch = 1},
    {"large mean", .params.rope = {.heads = 2, .head_dim = 16},
     .in = {{SHAPE(1, 5, 32), .fill = FILL_LARGE_MEAN}, INPUT(5, 16)}, .batch = 1},
    {"no token turned", .params.rope = {.heads = 2, .head_dim = 4, .skip = 2},
     .in = {INPUT(1, 3, 8), INPUT(1, 4)}},
};

OP_TABLE(rope, cases, .f32 = {1e-13, 5e-7}, .bf16 = {1e-5, 7e-3});

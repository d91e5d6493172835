#include "op/case.h"

static const float x[] = {1, 2, 3, 4, 5, 6};

static const struct op_case cases[] = {
    {"by hand", .params.permute = {{1, 0}}, .in = {VALUES(x, 2, 3)},
     .expected = (const float[]){1, 4, 2, 5, 3, 6}},
    {"identity", .params.permute = {{0, 1, 2}}, .in = {INPUT(3, 5, 7)}, .batch = 1},
    {"nchw to nhwc", .params.permute = {{0, 2, 3, 1}}, .in = {INPUT(2, 33, 7, 5)}, .batch = 1},
    {"heads", .params.permute = {{0, 2, 1, 3}}, .in = {INPUT(2, 50, 3, 32)}, .batch = 1},
    {"reversed", .params.permute = {{4, 3, 2, 1, 0}}, .in = {INPUT(2, 3, 4, 5, 6)}},
    {"a wide matrix", .params.permute = {{1, 0}}, .in = {INPUT(67, 131)}},
    {"rank 1", .params.permute = {{0}}, .in = {INPUT(9)}},
};

OP_TABLE(permute, cases, .f32 = {0, 0}); // a copy

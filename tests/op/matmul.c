#include "op/case.h"

static const float a[] = {1, 2, 3, 4}, b[] = {5, 6, 7, 8};
static const float ab[] = {38, 44, 86, 100}, abt[] = {34, 46, 78, 106};

static const struct op_case cases[] = {
    {"by hand", .params.matmul = {false, 2}, .in = {VALUES(a, 2, 2), VALUES(b, 2, 2)},
     .expected = ab},
    {"transposed by hand", .params.matmul = {true, 2}, .in = {VALUES(a, 2, 2), VALUES(b, 2, 2)},
     .expected = abt},
    {"one", .params.matmul = {false, 1}, .in = {INPUT(1, 1), INPUT(1, 1)}},
    {"row by column", .params.matmul = {false, 1}, .in = {INPUT(1, 67), INPUT(67, 1)}},
    {"column by row", .params.matmul = {false, 1}, .in = {INPUT(67, 1), INPUT(1, 35)}},
    {"primes", .params.matmul = {false, 0.5f}, .in = {INPUT(17, 31), INPUT(31, 47)}, .batch = 0},
    {"primes, transposed", .params.matmul = {true, 0.5f}, .in = {INPUT(17, 31), INPUT(47, 31)}},
    {"batched", .params.matmul = {false, 1}, .in = {INPUT(3, 19, 33), INPUT(3, 33, 21)},
     .batch = 3},
    {"batched, transposed", .params.matmul = {true, 0.125f},
     .in = {INPUT(2, 3, 50, 64), INPUT(2, 3, 50, 64)}, .batch = 3},
    {"shared b", .params.matmul = {false, 1}, .in = {INPUT(4, 7, 65), INPUT(65, 66)}, .batch = 1},
    {"shared b, transposed", .params.matmul = {true, 1}, .in = {INPUT(4, 7, 65), WEIGHT(66, 65)},
     .batch = 1},
    {"a projection", .params.matmul = {false, 1}, .in = {INPUT(3, 768), WEIGHT(768, 513)}},
    {"tile and one", .params.matmul = {false, 1}, .in = {INPUT(2, 65, 129), INPUT(2, 129, 97)},
     .batch = 3},
    {"similarities", .params.matmul = {true, 100}, .in = {INPUT(5, 512), INPUT(9, 512)}},
    {"extremes", .params.matmul = {false, 1},
     .in = {{SHAPE(4, 64), .fill = FILL_ALTERNATING}, INPUT(64, 33)}},
};

OP_TABLE(matmul, cases,
         .f32 = {2e-12, 4e-6}); // measured 2.6e-13, 8.9e-7 (portable, AVX2, AVX-512: the worst)

#include "op/case.h"

static const float x[] = {3, 4, 0, 0}, y[] = {0.6f, 0.8f, 0, 0};

static const struct op_case cases[] = {
    {"by hand", .params.l2_normalize = {1e-12f}, .in = {VALUES(x, 2, 2)}, .expected = y},
    {"one", .params.l2_normalize = {1e-12f}, .in = {INPUT(1, 1)}},
    {"prime", .params.l2_normalize = {1e-12f}, .in = {INPUT(3, 509)}, .batch = 1},
    {"embedding", .params.l2_normalize = {0}, .in = {INPUT(5, 512)}, .batch = 1},
    {"rank 3", .params.l2_normalize = {1e-8f}, .in = {INPUT(2, 49, 129)}, .batch = 1},
    {"below eps", .params.l2_normalize = {100}, .in = {INPUT(2, 16)}, .batch = 1},
    {"zero", .params.l2_normalize = {1e-12f}, .in = {{SHAPE(2, 16), .fill = FILL_ZERO}}},
    {"extremes", .params.l2_normalize = {1e-12f}, .in = {{SHAPE(2, 515), .fill = FILL_ALTERNATING}},
     .batch = 1},
};

OP_TABLE(l2_normalize, cases,
         .f32 = {4e-14, 2e-7}); // measured 7.1e-15, 3.0e-8 (portable, AVX2, AVX-512: the worst)

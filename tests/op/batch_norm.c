#include "op/case.h"

#define POSITIVE(n)                                                                                \
    {                                                                                              \
        SHAPE(n), .weight = true, .fill = FILL_POSITIVE                                            \
    }

static const float x[] = {1, 2, 3, 4}, mean[] = {2, 1}, variance[] = {4, 9}, gamma[] = {2, 3},
                   beta[] = {1, -1};
static const float y[] = {0, 0, 2, 2}; // eps 0: (1-2)/2·2+1, (2-1)/3·3-1, …

static const struct op_case cases[] = {
    {"by hand", .params.batch_norm = {0, BV_ACT_NONE},
     .in = {VALUES(x, 2, 2), VALUES(mean, 2), VALUES(variance, 2), VALUES(gamma, 2),
            VALUES(beta, 2)},
     .expected = y},
    {"one channel", .params.batch_norm = {1e-5f, BV_ACT_NONE},
     .in = {INPUT(2, 3, 3, 1), WEIGHT(1), POSITIVE(1), WEIGHT(1), WEIGHT(1)}, .batch = 1},
    {"odd", .params.batch_norm = {1e-5f, BV_ACT_RELU},
     .in = {INPUT(3, 5, 7, 67), WEIGHT(67), POSITIVE(67), WEIGHT(67), WEIGHT(67)}, .batch = 1},
    {"without gamma and beta", .params.batch_norm = {1e-5f, BV_ACT_NONE},
     .in = {INPUT(4, 130), WEIGHT(130), POSITIVE(130)}, .batch = 1},
    {"gelu", .params.batch_norm = {1e-3f, BV_ACT_GELU},
     .in = {INPUT(4, 33), WEIGHT(33), POSITIVE(33), POSITIVE(33), WEIGHT(33)}, .batch = 1},
    {"bf16", .params.batch_norm = {1e-5f, BV_ACT_NONE},
     .in = {INPUT(4, 33),
            {SHAPE(33), .weight = true, .dtype = BV_BF16},
            {SHAPE(33), .weight = true, .dtype = BV_BF16, .fill = FILL_POSITIVE}},
     .batch = 1},
    {"large mean", .params.batch_norm = {1e-5f, BV_ACT_NONE},
     .in = {{SHAPE(4, 33), .fill = FILL_LARGE_MEAN},
            {SHAPE(33), .weight = true, .fill = FILL_LARGE_MEAN},
            POSITIVE(33),
            POSITIVE(33),
            WEIGHT(33)},
     .batch = 1},
};

OP_TABLE(batch_norm, cases,
         .f32 = {4e-14, 4e-7}); // measured 7.6e-15, 8.1e-8 (portable, AVX2, AVX-512: the worst)

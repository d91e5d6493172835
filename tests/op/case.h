// case.h: how a file of this folder states the cases of its op.
//
// tests/op/<op>.c defines one table, `const struct op_table op_table_<op>`. The runner builds a
// graph of that one node for each case, runs it on a backend, and compares with the reference
// kernel of src/op; where a case states the expected values itself, with those too.
#ifndef BV_TESTS_OP_CASE_H
#define BV_TESTS_OP_CASE_H

#include <math.h>

#include "graph/op.h"

// What an input is filled with. All are fixed sequences of the case's and the input's number.
enum op_fill {
    FILL_NORMAL,      // mean 0, deviation 1
    FILL_CONSTANT,    // 0.75 everywhere
    FILL_ALTERNATING, // +1000, -1000, …
    FILL_LARGE_MEAN,  // 1000 + a hundredth of FILL_NORMAL
    FILL_POSITIVE,    // 0.25 to 4
    FILL_SMALL,       // a twentieth of FILL_NORMAL, as weights are
    FILL_WIDE,        // FILL_NORMAL times 30: the tails of activations and softmax
    FILL_ZERO,
    FILL_MASK,     // 0, or -inf about every third
    FILL_MASK_ALL, // -inf everywhere
    FILL_RANGE,    // i32 from low to high, both taken
};

struct op_input {
    int rank; // 0: absent
    int64_t dim[BV_MAX_RANK];
    enum op_fill fill;
    enum bv_dtype dtype;
    bool weight;         // stands in the weight store, at an odd address; else a graph input
    int32_t low, high;   // of FILL_RANGE
    const float *values; // instead of fill
};

#define SHAPE(...)                                                                                 \
    .rank = (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), .dim = {__VA_ARGS__}
#define INPUT(...)                                                                                 \
    {                                                                                              \
        SHAPE(__VA_ARGS__)                                                                         \
    }
#define WEIGHT(...)                                                                                \
    {                                                                                              \
        SHAPE(__VA_ARGS__), .weight = true, .fill = FILL_SMALL                                     \
    }
#define VALUES(list, ...)                                                                          \
    {                                                                                              \
        SHAPE(__VA_ARGS__), .values = (list)                                                       \
    }
#define INTS(from, to, ...)                                                                        \
    {                                                                                              \
        SHAPE(__VA_ARGS__), .dtype = BV_I32, .fill = FILL_RANGE, .low = (from), .high = (to)       \
    }
#define ABSENT                                                                                     \
    {                                                                                              \
        .rank = 0                                                                                  \
    }

struct op_case {
    const char *name;
    union bv_params params;
    struct op_input in[BV_MAX_INPUTS];
    // Inputs (bit i: in[i]) whose first dimension is the batch: item by item gives the same bits.
    unsigned batch;
    const float *expected; // computed by hand, or NULL
};

// Largest errors allowed against the reference: nmse = Σ(x-r)²/Σr²; max = max|x-r| / max(1,
// max|r|).
struct op_limits {
    double nmse, max;
};

struct op_table {
    const struct op_case *cases;
    int n_cases;
    struct op_limits f32;
    struct op_limits bf16, int8; // of backends with such operands; zero: as f32
};

#define OP_TABLE(op, list, ...)                                                                    \
    extern const struct op_table op_table_##op;                                                    \
    const struct op_table op_table_##op = {                                                        \
        .cases = (list), .n_cases = (int)(sizeof(list) / sizeof *(list)), __VA_ARGS__}

#endif

// backends.h: the backends that the op tests run on.
#ifndef BV_TESTS_OP_BACKENDS_H
#define BV_TESTS_OP_BACKENDS_H

#include <stdbool.h>

#include "base/thread.h"
#include "graph/backend.h"
#include "op/case.h"

struct op_backend {
    const char *name; // the first argument of the program
    // BV_ERR_DEVICE: this machine has none, and the test is skipped with err's sentence.
    enum bv_status (*create)(struct bv_backend **backend, struct bv_weights *weights,
                             struct bv_pool *pool, struct bv_error *err);
    // Same bits whatever the number of threads and whatever else is in the batch.
    bool deterministic;
    // Keeps tensors as f16: cases run on values that f16 holds, between nodes that pass them on,
    // and may differ by f16's rounding.
    bool half;
    bool between; // may keep tensors in fewer bits, so cases run between nodes that pass them on
    const struct op_limits *(*limits)(const struct op_table *table); // NULL: table's f32
    // What went wrong beside the results (a validation layer's message), or NULL; may be absent.
    const char *(*complaint)(const struct bv_backend *backend);
};

// NULL when there is none of that name.
const struct op_backend *op_backend_find(const char *name);

#endif

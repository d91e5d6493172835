// preparation.h: how weights are made ready for the kernels.
#ifndef BV_CPU_PREPARATION_H
#define BV_CPU_PREPARATION_H

#include "base/thread.h"
#include "cpu/isa.h"
#include "graph/weights.h"

// Memory for one packed weight at a time. Zero-initialise; the owner frees memory.
struct bv_cpu_room {
    void *memory;
    size_t bytes;
};

struct bv_cpu_preparation {
    enum bv_cpu_format format; // of the backend's precision; a kernel may stay above it
    struct bv_weights *weights;
    struct bv_pool *pool;
    // Where a packed weight stands until the next is made; NULL: the store keeps it. What the store
    // has already is taken from there.
    struct bv_cpu_room *room;
};

#endif

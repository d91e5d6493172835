// cpu.h: the backend that runs on the processor.
#ifndef BV_CPU_CPU_H
#define BV_CPU_CPU_H

#include "base/thread.h"
#include "graph/backend.h"

// Creates a backend over a model's weights (which must outlive it) and a pool (borrowed, may be
// NULL: one thread).
enum bv_status bv_cpu_create(struct bv_backend **backend, struct bv_weights *weights,
                             struct bv_pool *pool, struct bv_error *err);

// The same with the reference kernels of src/op only: slow, for tests and `verify`.
enum bv_status bv_cpu_create_reference(struct bv_backend **backend, struct bv_weights *weights,
                                       struct bv_error *err);

#endif

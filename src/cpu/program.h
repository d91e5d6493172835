// program.h: a graph as a list of kernel calls.
#ifndef BV_CPU_PROGRAM_H
#define BV_CPU_PROGRAM_H

#include "base/thread.h"
#include "cpu/isa.h"
#include "graph/backend.h"

// The backend that cpu.h creates.
struct bv_cpu {
    struct bv_backend base;
    struct bv_weights *weights;
    struct bv_pool *pool;
    bool reference; // kernels of src/op only
    enum bv_cpu_format format;
};

// struct bv_backend_ops.
enum bv_status bv_cpu_compile(struct bv_backend *backend, struct bv_graph *graph,
                              struct bv_program **program, struct bv_error *err);
bool bv_cpu_prefers_items(const struct bv_backend *backend, const struct bv_graph *one,
                          int64_t n_items);
enum bv_status bv_cpu_compile_items(struct bv_backend *backend, struct bv_graph *one,
                                    int64_t n_items, struct bv_program **program,
                                    struct bv_error *err);
enum bv_status bv_cpu_run(struct bv_program *program, const void *const *inputs,
                          float *const *outputs, struct bv_error *err);
void bv_cpu_destroy_program(struct bv_program *program);

#endif

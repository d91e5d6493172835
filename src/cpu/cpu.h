// cpu.h: the backend that runs on the processor.
#ifndef BV_CPU_CPU_H
#define BV_CPU_CPU_H

#include "base/thread.h"
#include "cpu/isa.h"
#include "graph/backend.h"

// Creates a backend over a model's weights (which must outlive it) and a pool (borrowed, may be
// NULL: one thread). Results are f32 and the same bits whatever the batch and the threads.
enum bv_status bv_cpu_create(struct bv_backend **backend, struct bv_weights *weights,
                             struct bv_pool *pool, struct bv_error *err);

// The same with fewer bits in the operands of linear and conv2d: "bf16" (both operands rounded to
// bf16, sums in f32), or "int8" (weights per output channel, activations per token, or per image
// where windows overlap; sums in int32; pixels bf16). Everything else stays f32.
// "f32" is bv_cpu_create. BV_ERR_UNSUPPORTED for another precision, or without AVX512-BF16 and
// AVX512-VNNI.
enum bv_status bv_cpu_create_precision(struct bv_backend **backend, struct bv_weights *weights,
                                       struct bv_pool *pool, const char *precision,
                                       struct bv_error *err);

// Which of the built instruction sets this processor gets: "avx512bf16", "avx512", "avx2" or
// "portable". The environment variable BIOVL_CPU, read once, names the most to use.
const char *bv_cpu_instructions(void);

// Whether bv_cpu_create_precision() offers bf16 and int8 here.
bool bv_cpu_has_low_precision(void);

// The same with the reference kernels of src/op only: slow, for tests and `verify`.
enum bv_status bv_cpu_create_reference(struct bv_backend **backend, struct bv_weights *weights,
                                       struct bv_error *err);

// program.c: a graph as a list of kernel calls.

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

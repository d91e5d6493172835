// cpu.h: the backend that runs on the processor.
#ifndef BV_CPU_CPU_H
#define BV_CPU_CPU_H

#include "base/thread.h"
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

#endif

// synthetic.h: what the benchmarks of search share: a clock, made-up vectors, giving up.
#ifndef BV_BENCH_SYNTHETIC_H
#define BV_BENCH_SYNTHETIC_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/status.h"

static inline double bench_now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline void bench_must(enum bv_status status, const struct bv_error *err)
{
    if (status == BV_OK)
        return;
    (void)fprintf(stderr, "%s\n", err->text);
    exit(1);
}

// Marsaglia's xorshift*; sums of uniforms are Gaussian enough.
static inline float bench_uniform(void)
{
    static uint64_t state = 1;
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (float)((state * 0x2545F4914F6CDD1DULL) >> 40) / 16777216.0f - 0.5f;
}

// Seeded, Gaussian, L2-normalised: no structure that would flatter a search.
static inline void bench_unit_vector(float *v, size_t n)
{
    float norm = 0.0f;
    for (size_t i = 0; i < n; i++) {
        v[i] = bench_uniform() + bench_uniform() + bench_uniform() + bench_uniform();
        norm += v[i] * v[i];
    }
    for (size_t i = 0; i < n; i++)
        v[i] /= sqrtf(norm);
}

#endif

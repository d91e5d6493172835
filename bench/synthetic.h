// synthetic.h: made-up vectors for the benchmarks of search.
#ifndef BV_BENCH_SYNTHETIC_H
#define BV_BENCH_SYNTHETIC_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

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

// What vector units can do at best: multiply-adds on registers alone, in f32, bf16 and
// int8 (AVX-512 with VNNI and BF16 where the processor has them, else AVX2).
//
//     ceiling [THREADS]
//
// A line for each format: its name, and how many 10⁹ multiplications and additions a second all
// threads together do, by their processor time, the median of 20 rounds.
#include <immintrin.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

enum { CHAINS = 12, STEPS = 1000000, ROUNDS = 20, MAX_THREADS = 256 };

// name: a loop of STEPS times CHAINS multiply-adds, each chain on a register of its own; as many as
// hide an instruction's latency.
#define EACH(x) x(a) x(b) x(c) x(d) x(e) x(f) x(g) x(h) x(i) x(j) x(k) x(l)
#define CEILING(name, isa, vector, zero, step)                                                     \
    __attribute__((target(isa), noinline)) static void name(void)                                  \
    {                                                                                              \
        vector EACH(DECLARE) last = zero;                                                          \
        EACH(START) for (int n = 0; n < STEPS; n++){EACH(step)}(void)last;                         \
    }
#define DECLARE(v) v,
#define START(v) v = last;
#define DONE(v) __asm__ volatile("" : "+v"(v)); // neither left out nor merged

#define FMA_AVX2(v)                                                                                \
    v = _mm256_fmadd_ps(v, v, v);                                                                  \
    DONE(v)
#define FMA_AVX512(v)                                                                              \
    v = _mm512_fmadd_ps(v, v, v);                                                                  \
    DONE(v)
#define DOT_BF16(v)                                                                                \
    v = _mm512_dpbf16_ps(v, (__m512bh)v, (__m512bh)v);                                             \
    DONE(v)
#define DOT_INT8(v)                                                                                \
    v = _mm512_dpbusd_epi32(v, v, v);                                                              \
    DONE(v)

CEILING(fma_avx2, "avx2,fma", __m256, _mm256_setzero_ps(), FMA_AVX2)
CEILING(fma_avx512, "avx512f", __m512, _mm512_setzero_ps(), FMA_AVX512)
CEILING(dot_bf16, "avx512f,avx512bf16", __m512, _mm512_setzero_ps(), DOT_BF16)
CEILING(dot_int8, "avx512f,avx512vnni", __m512i, _mm512_setzero_si512(), DOT_INT8)

struct work {
    void (*loop)(void);
    double seconds;
};

static void *run(void *arg)
{
    struct work *w = arg;
    double seconds[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        double start = bench_seconds(CLOCK_THREAD_CPUTIME_ID);
        w->loop();
        seconds[round] = bench_seconds(CLOCK_THREAD_CPUTIME_ID) - start;
    }
    w->seconds = bench_median(seconds, ROUNDS);
    return NULL;
}

static void report(const char *name, void (*loop)(void), int pairs, int n_threads)
{
    pthread_t threads[MAX_THREADS];
    struct work work[MAX_THREADS];
    double rate = 0;
    int n = 0;
    for (; n < n_threads; n++) {
        work[n] = (struct work){loop, 0};
        if (pthread_create(&threads[n], NULL, run, &work[n]) != 0)
            break;
    }
    for (int i = 0; i < n; i++) {
        (void)pthread_join(threads[i], NULL);
        rate += 2.0 * pairs * CHAINS * STEPS / work[i].seconds;
    }
    printf("%s %.0f\n", name, rate / 1e9);
}

int main(int argc, char **argv)
{
    int threads = argc > 1 ? atoi(argv[1]) : 1;
    threads = threads < 1 ? 1 : threads > MAX_THREADS ? MAX_THREADS : threads;
    if (__builtin_cpu_supports("avx512f"))
        report("f32", fma_avx512, 16, threads);
    else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        report("f32", fma_avx2, 8, threads);
    if (__builtin_cpu_supports("avx512bf16"))
        report("bf16", dot_bf16, 32, threads);
    if (__builtin_cpu_supports("avx512vnni"))
        report("int8", dot_int8, 64, threads);
    return 0;
}

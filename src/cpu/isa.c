#include "cpu/isa.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/simd/simd.h"

static bool supported(const struct bv_cpu_isa *isa)
{
#if defined(__x86_64__)
    // These ask the operating system too whether it saves the registers.
    __builtin_cpu_init();
    if (isa == &bv_cpu_isa_avx512bf16)
        return supported(&bv_cpu_isa_avx512) && __builtin_cpu_supports("avx512bf16") &&
               __builtin_cpu_supports("avx512vnni");
    if (isa == &bv_cpu_isa_avx512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("fma");
    if (isa == &bv_cpu_isa_avx2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    return isa == &bv_cpu_isa_portable;
}

static const struct bv_cpu_isa *const best_first[] = {
#if defined(__x86_64__)
    &bv_cpu_isa_avx512bf16,
    &bv_cpu_isa_avx512,
    &bv_cpu_isa_avx2,
#endif
    &bv_cpu_isa_portable,
};
enum { N_BUILT = sizeof best_first / sizeof *best_first };

static const struct bv_cpu_isa *chosen;

static void choose(void)
{
    const char *most = getenv("BIOVL_CPU");
    int i = 0;
    for (int k = 0; most && k < N_BUILT; k++)
        if (strcmp(best_first[k]->name, most) == 0)
            i = k;
    while (!supported(best_first[i]))
        i++;
    chosen = best_first[i];
}

const struct bv_cpu_isa *bv_cpu_isa(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, choose);
    return chosen;
}

const char *bv_cpu_isa_built(size_t i)
{
    return i < N_BUILT ? best_first[i]->name : NULL;
}

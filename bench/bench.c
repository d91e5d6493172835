#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>

double bench_seconds(clockid_t clock)
{
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double bench_now(void)
{
    return bench_seconds(CLOCK_MONOTONIC);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, by_value);
    return values[n / 2];
}

void bench_must(enum bv_status status, const struct bv_error *err)
{
    if (status == BV_OK)
        return;
    (void)fprintf(stderr, "%s\n", err->text);
    exit(1);
}

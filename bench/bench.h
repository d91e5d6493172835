// bench.h: what the programs of this folder share: clocks, medians, and giving up.
#ifndef BV_BENCH_BENCH_H
#define BV_BENCH_BENCH_H

#include <stddef.h>
#include <time.h>

#include "base/status.h"

// CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID.
double bench_seconds(clockid_t clock);

double bench_now(void); // of CLOCK_MONOTONIC

// Sorts values; the middle one, of an even number the higher of two.
double bench_median(double *values, size_t n);

// Says why and ends the program unless status is BV_OK.
void bench_must(enum bv_status status, const struct bv_error *err);

#endif

// thread.h: a pool of worker threads for data-parallel loops.
#ifndef BV_BASE_THREAD_H
#define BV_BASE_THREAD_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct bv_pool;

// The processors this process may use (affinity mask and cgroup limit), at least 1.
int bv_processor_count(void);

// A pool of n_threads in all, the calling thread included (1: no thread is started). 0 means
// bv_processor_count(). Unless they are more than that, threads stay awake for 0.2 ms after a loop.
// The owner destroys it.
enum bv_status bv_pool_create(struct bv_pool **pool, int n_threads, struct bv_error *err);

// Joins the workers, frees, and sets *pool to NULL. Accepts a NULL pool.
void bv_pool_destroy(struct bv_pool **pool);

int bv_pool_threads(const struct bv_pool *pool); // 1 for NULL

// Calls body(arg, i) for each i in [0, n), spread over the pool; returns when all are done. The
// split decides which thread runs which i, never what is computed. A NULL pool runs in order on
// the caller. One loop at a time per pool: it belongs to one thread, and body must not start
// another loop on the same pool. Each thread has an equal run of the items, then takes from
// the others'; more than UINT32_MAX items run on the caller.
void bv_pool_for(struct bv_pool *pool, size_t n, void (*body)(void *arg, size_t i), void *arg);

// The same in ranges: calls body(arg, first, last) over [0, n), two ranges to a thread, fewer where
// there is little to do. cost: elements touched per item.
void bv_pool_for_ranges(struct bv_pool *pool, int64_t n, int64_t cost,
                        void (*body)(const void *arg, int64_t first, int64_t last),
                        const void *arg);

// How many processors this process may use.

// Processors that the CPU limits of a control group and of those around it leave, rounded up; 0
// without a limit. root: where cgroups are mounted ("/sys/fs/cgroup"); list: the text of
// /proc/self/cgroup. Knows version 2 (cpu.max) and version 1 (cpu.cfs_quota_us).
int bv_cgroup_processors(const char *root, const char *list);

#endif

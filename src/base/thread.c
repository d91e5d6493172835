// A loop's items are shared out evenly, so that a thread meets in each loop the rows it wrote in
// the one before; who is done takes from the others. Between loops the workers spin for a while,
// since a network is hundreds of loops of some ten microseconds, and sleep when none comes. The
// caller waits for items, never for workers: one that sleeps or was descheduled delays nobody.
#define _GNU_SOURCE
#include "base/thread.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

// What is left of one thread's share of the items: the loop's generation in the upper half, the
// number of items that nobody has taken in the lower. Taking one is a compare and exchange: it
// fails when the loop is over, and while an item is left, the pool's fields stay as they are.
struct share {
    _Alignas(64) atomic_uint_least64_t ticket;
    struct bv_pool *pool;
};

struct bv_pool {
    int n_threads, n_started;
    bool spins;            // there is a processor for each thread
    pthread_t *workers;    // n_threads - 1
    struct share *shares;  // n_threads; the caller's is the first
    pthread_mutex_t mutex; // of both conditions
    pthread_cond_t wake, done;
    atomic_uint generation; // changes once per loop
    atomic_int n_sleeping;
    atomic_bool stopping, caller_sleeps;
    // The current loop. Latecomers of the last one may read them, and then take nothing.
    atomic_size_t n;
    void (*_Atomic body)(void *, size_t);
    void *_Atomic arg;
    atomic_size_t n_left; // items not finished
};

enum { SPIN_NS = 50 * 1000, YIELD_NS = 200 * 1000 };

// The first item of share t of a loop over n; t = n_threads: n.
static size_t share_start(const struct bv_pool *pool, size_t n, size_t t)
{
    return n * t / (size_t)pool->n_threads;
}

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

// Waits awake until ready(pool, seen); false when that takes too long to stay awake.
static bool spin(struct bv_pool *pool, bool (*ready)(struct bv_pool *, unsigned), unsigned seen)
{
    if (!pool->spins)
        return ready(pool, seen);
    int64_t start = now_ns(), waited = 0;
    do {
        for (int i = 0; i < 32; i++) {
            if (ready(pool, seen))
                return true;
            relax();
        }
        waited = now_ns() - start;
        if (waited > SPIN_NS)
            (void)sched_yield();
    } while (waited < YIELD_NS);
    return false;
}

static void finish_item(struct bv_pool *pool)
{
    if (atomic_fetch_sub(&pool->n_left, 1) != 1 || !atomic_load(&pool->caller_sleeps))
        return;
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_signal(&pool->done);
    pthread_mutex_unlock(&pool->mutex);
}

// Does what is left of share t of a loop.
static void take_share(struct bv_pool *pool, size_t t, unsigned generation)
{
    atomic_uint_least64_t *at = &pool->shares[t].ticket;
    uint_least64_t ticket = atomic_load_explicit(at, memory_order_acquire);
    while (ticket >> 32 == generation && (uint32_t)ticket > 0) {
        size_t n = atomic_load_explicit(&pool->n, memory_order_relaxed);
        void (*body)(void *, size_t) = atomic_load_explicit(&pool->body, memory_order_relaxed);
        void *arg = atomic_load_explicit(&pool->arg, memory_order_relaxed);
        if (!atomic_compare_exchange_weak_explicit(at, &ticket, ticket - 1, memory_order_acq_rel,
                                                   memory_order_acquire))
            continue;
        body(arg, share_start(pool, n, t + 1) - (uint32_t)ticket);
        finish_item(pool);
        ticket = atomic_load_explicit(at, memory_order_acquire);
    }
}

static void take_part(struct bv_pool *pool, size_t own, unsigned generation)
{
    size_t n = (size_t)pool->n_threads;
    for (size_t k = 0; k < n; k++)
        take_share(pool, (own + k) % n, generation);
}

static bool has_news(struct bv_pool *pool, unsigned seen)
{
    return atomic_load(&pool->generation) != seen || atomic_load(&pool->stopping);
}

static void sleep_until_news(struct bv_pool *pool, unsigned seen)
{
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->n_sleeping, 1); // before the look at generation: see wake_workers
    while (!has_news(pool, seen))
        pthread_cond_wait(&pool->wake, &pool->mutex);
    atomic_fetch_sub(&pool->n_sleeping, 1);
    pthread_mutex_unlock(&pool->mutex);
}

static void *worker(void *arg)
{
    const struct share *own = arg;
    struct bv_pool *pool = own->pool;
    unsigned seen = 0;
    while (!atomic_load(&pool->stopping)) {
        if (!spin(pool, has_news, seen))
            sleep_until_news(pool, seen);
        seen = atomic_load(&pool->generation);
        take_part(pool, (size_t)(own - pool->shares), seen);
    }
    return NULL;
}

// After a change of generation or stopping; either a worker sees the change before it sleeps, or
// it is seen here. As many as there is work for.
static void wake_workers(struct bv_pool *pool, size_t wanted)
{
    if (atomic_load(&pool->n_sleeping) == 0)
        return;
    pthread_mutex_lock(&pool->mutex);
    if (wanted < (size_t)pool->n_started)
        for (size_t i = 0; i < wanted; i++)
            pthread_cond_signal(&pool->wake);
    else
        pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
}

enum bv_status bv_pool_create(struct bv_pool **out, int n_threads, struct bv_error *err)
{
    if (n_threads < 0 || n_threads > 1024)
        return bv_fail(err, BV_ERR_ARG, "%d threads: choose 1 to 1024, or 0 for all processors",
                       n_threads);
    int processors = bv_processor_count();
    if (n_threads == 0)
        n_threads = processors;
    struct bv_pool *pool = calloc(1, sizeof *pool);
    pthread_t *workers = calloc((size_t)n_threads, sizeof *workers);
    struct share *shares = aligned_alloc(64, (size_t)n_threads * sizeof *shares);
    if (!pool || !workers || !shares) {
        free(pool);
        free(workers);
        free(shares);
        return bv_fail_nomem(err, "the thread pool");
    }
    pool->n_threads = n_threads;
    pool->spins = n_threads <= processors;
    pool->workers = workers;
    pool->shares = shares;
    for (int i = 0; i < n_threads; i++) {
        shares[i].pool = pool;
        atomic_init(&shares[i].ticket, 0);
    }
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_cond_init(&pool->done, NULL);
    for (int i = 1; i < n_threads; i++, pool->n_started++) {
        if (pthread_create(&workers[i - 1], NULL, worker, &shares[i]) != 0) {
            bv_pool_destroy(&pool);
            return bv_fail(err, BV_ERR_NOMEM, "cannot start %d threads", n_threads);
        }
    }
    *out = pool;
    return BV_OK;
}

void bv_pool_destroy(struct bv_pool **out)
{
    struct bv_pool *pool = *out;
    if (!pool)
        return;
    atomic_store(&pool->stopping, true);
    wake_workers(pool, SIZE_MAX);
    for (int i = 0; i < pool->n_started; i++)
        pthread_join(pool->workers[i], NULL);
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->mutex);
    free(pool->shares);
    free(pool->workers);
    free(pool);
    *out = NULL;
}

int bv_pool_threads(const struct bv_pool *pool)
{
    return pool ? pool->n_threads : 1;
}

static void hand_out(struct bv_pool *pool, size_t n, void (*body)(void *arg, size_t i), void *arg)
{
    unsigned generation = atomic_load(&pool->generation) + 1;
    atomic_store_explicit(&pool->n, n, memory_order_relaxed);
    atomic_store_explicit(&pool->body, body, memory_order_relaxed);
    atomic_store_explicit(&pool->arg, arg, memory_order_relaxed);
    atomic_store(&pool->n_left, n);
    for (size_t t = 0; t < (size_t)pool->n_threads; t++) {
        size_t items = share_start(pool, n, t + 1) - share_start(pool, n, t);
        atomic_store_explicit(&pool->shares[t].ticket, (uint_least64_t)generation << 32 | items,
                              memory_order_release);
    }
    atomic_store(&pool->generation, generation);
    wake_workers(pool, n - 1);
}

static bool all_finished(struct bv_pool *pool, unsigned unused)
{
    (void)unused;
    return atomic_load(&pool->n_left) == 0;
}

void bv_pool_for(struct bv_pool *pool, size_t n, void (*body)(void *arg, size_t i), void *arg)
{
    if (!pool || pool->n_started == 0 || n < 2 || n > UINT32_MAX) {
        for (size_t i = 0; i < n; i++)
            body(arg, i);
        return;
    }
    hand_out(pool, n, body, arg);
    take_part(pool, 0, atomic_load(&pool->generation));
    if (spin(pool, all_finished, 0))
        return;
    pthread_mutex_lock(&pool->mutex);
    atomic_store(&pool->caller_sleeps, true);
    while (!all_finished(pool, 0))
        pthread_cond_wait(&pool->done, &pool->mutex);
    atomic_store(&pool->caller_sleeps, false);
    pthread_mutex_unlock(&pool->mutex);
}

struct ranges {
    int64_t n, count;
    void (*body)(const void *arg, int64_t first, int64_t last);
    const void *arg;
};

static void range_task(void *arg, size_t task)
{
    const struct ranges *r = arg;
    int64_t i = (int64_t)task;
    r->body(r->arg, r->n * i / r->count, r->n * (i + 1) / r->count);
}

void bv_pool_for_ranges(struct bv_pool *pool, int64_t n, int64_t cost,
                        void (*body)(const void *arg, int64_t first, int64_t last), const void *arg)
{
    const int64_t least_work = 16384; // elements: less costs more to hand out than to do
    int64_t threads = bv_pool_threads(pool), count = threads == 1 ? 1 : 2 * threads;
    int64_t most = n * cost / least_work + 1;
    count = count > most ? most : count;
    count = count > n ? n : count;
    struct ranges r = {n, count, body, arg};
    bv_pool_for(pool, (size_t)count, range_task, &r);
}

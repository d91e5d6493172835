#define _GNU_SOURCE
#include "base/thread.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

struct bv_pool {
    int n_threads;
    pthread_t *workers; // n_threads - 1
    int n_started;
    pthread_mutex_t mutex;
    pthread_cond_t wake, done;
    // The loop at hand. generation changes once per loop; n_busy workers still take part in it.
    unsigned generation;
    int n_busy;
    bool stopping;
    size_t n;
    void (*body)(void *, size_t);
    void *arg;
    atomic_size_t next;
};

// The processors that a cgroup (v2) CPU limit leaves, rounded up; 0 when there is no limit.
static int cgroup_limit(void)
{
    FILE *f = fopen("/sys/fs/cgroup/cpu.max", "r");
    if (!f)
        return 0;
    long long quota = 0, period = 0;
    int fields = fscanf(f, "%lld %lld", &quota, &period); // "max 100000" reads no field
    (void)fclose(f);
    return fields == 2 && quota > 0 && period > 0 ? (int)((quota + period - 1) / period) : 0;
}

int bv_processor_count(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    int limit = cgroup_limit();
    if (limit > 0 && limit < n)
        n = limit;
    return n > 0 ? n : 1;
}

static void take_part(struct bv_pool *pool)
{
    for (size_t i; (i = atomic_fetch_add(&pool->next, 1)) < pool->n;)
        pool->body(pool->arg, i);
}

static void *worker(void *arg)
{
    struct bv_pool *pool = arg;
    unsigned seen = 0;
    pthread_mutex_lock(&pool->mutex);
    for (;;) {
        while (!pool->stopping && pool->generation == seen)
            pthread_cond_wait(&pool->wake, &pool->mutex);
        if (pool->stopping)
            break;
        seen = pool->generation;
        pthread_mutex_unlock(&pool->mutex);
        take_part(pool);
        pthread_mutex_lock(&pool->mutex);
        if (--pool->n_busy == 0)
            pthread_cond_signal(&pool->done);
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

enum bv_status bv_pool_create(struct bv_pool **out, int n_threads, struct bv_error *err)
{
    if (n_threads < 0 || n_threads > 1024)
        return bv_fail(err, BV_ERR_ARG, "%d threads: choose 1 to 1024, or 0 for all processors",
                       n_threads);
    if (n_threads == 0)
        n_threads = bv_processor_count();
    struct bv_pool *pool = calloc(1, sizeof *pool);
    pthread_t *workers = calloc((size_t)n_threads, sizeof *workers);
    if (!pool || !workers) {
        free(pool);
        free(workers);
        return bv_fail_nomem(err, "the thread pool");
    }
    pool->n_threads = n_threads;
    pool->workers = workers;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_cond_init(&pool->done, NULL);
    for (; pool->n_started < n_threads - 1; pool->n_started++) {
        if (pthread_create(&workers[pool->n_started], NULL, worker, pool) != 0) {
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
    pthread_mutex_lock(&pool->mutex);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
    for (int i = 0; i < pool->n_started; i++)
        pthread_join(pool->workers[i], NULL);
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->mutex);
    free(pool->workers);
    free(pool);
    *out = NULL;
}

int bv_pool_threads(const struct bv_pool *pool)
{
    return pool ? pool->n_threads : 1;
}

void bv_pool_for(struct bv_pool *pool, size_t n, void (*body)(void *arg, size_t i), void *arg)
{
    if (!pool || pool->n_started == 0 || n < 2) {
        for (size_t i = 0; i < n; i++)
            body(arg, i);
        return;
    }
    pthread_mutex_lock(&pool->mutex);
    pool->n = n;
    pool->body = body;
    pool->arg = arg;
    atomic_store(&pool->next, 0);
    pool->n_busy = pool->n_started;
    pool->generation++;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
    take_part(pool);
    pthread_mutex_lock(&pool->mutex);
    while (pool->n_busy > 0)
        pthread_cond_wait(&pool->done, &pool->mutex);
    pthread_mutex_unlock(&pool->mutex);
}

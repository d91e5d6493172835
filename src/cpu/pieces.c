#include "cpu/pieces.h"

#include "base/thread.h"

struct pieces {
    const struct bv_kernel_args *a;
    int64_t n, count;
    void (*body)(const struct bv_kernel_args *a, int64_t first, int64_t last);
};

static void piece_task(void *arg, size_t task)
{
    const struct pieces *p = arg;
    int64_t i = (int64_t)task;
    p->body(p->a, p->n * i / p->count, p->n * (i + 1) / p->count);
}

void bv_cpu_in_pieces(const struct bv_kernel_args *a, int64_t n, int64_t cost,
                      void (*body)(const struct bv_kernel_args *a, int64_t first, int64_t last))
{
    int64_t threads = bv_pool_threads(a->pool), count = threads == 1 ? 1 : 2 * threads;
    int64_t worth = n * cost / 16384 + 1;
    if (count > worth)
        count = worth;
    if (count > n)
        count = n;
    struct pieces p = {a, n, count, body};
    bv_pool_for(a->pool, (size_t)count, piece_task, &p);
}

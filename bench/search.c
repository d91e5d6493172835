// Exact search against FAISS IndexFlatIP in the same run.
//
//   search [ROWS] [DIMENSION] [THREADS]
//
// FAISS takes its threads from OMP_NUM_THREADS and OPENBLAS_NUM_THREADS: give all three the same
// number (bench/search.sh does). Prints one JSON object per line. Vectors are seeded, Gaussian and
// L2-normalised: no structure that would flatter the 8-bit scan's recall.
#include <stdio.h>
#include <stdlib.h>

#include "base/dtype.h"
#include "bench/bench.h"
#include "bench/synthetic.h"
#include "retrieval/ann_index.h"
#include "retrieval/vectors.h"

enum { QUERIES = 64, K = 10, ROUNDS = 5, RECALL_QUERIES = 256, RERANK = 100 };

struct bench {
    struct bv_vectors v;
    struct bv_faiss *flat;
    struct bv_pool *pool;
    float *queries; // [RECALL_QUERIES][dimension]
    int64_t *rows;  // [QUERIES][K]
    struct bv_candidates found[RECALL_QUERIES];
    double flat_ms; // median of the FAISS run before
};

static void release(struct bench *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        bv_candidates_free(&b->found[i]);
}

static void run_flat(struct bench *b, size_t n)
{
    struct bv_error err = {0};
    bench_must(bv_faiss_search(b->flat, b->queries, n, K, 0, b->rows, &err), &err);
}

static void run_f16(struct bench *b, size_t n)
{
    struct bv_error err = {0};
    const struct bv_search search = {b->queries, n, K, 0, NULL};
    bench_must(bv_vectors_search(&b->v, &search, b->pool, b->found, &err), &err);
    release(b, n);
}

static void run_i8(struct bench *b, size_t n)
{
    struct bv_error err = {0};
    const struct bv_search search = {b->queries, n, K, RERANK, NULL};
    bench_must(bv_vectors_search_i8(&b->v, &search, b->pool, b->found, &err), &err);
    release(b, n);
}

// Median, least and greatest of ROUNDS runs in ms, and the ratio to FAISS.
static void measure(struct bench *b, const char *name, size_t n_queries,
                    void (*run)(struct bench *, size_t))
{
    double ms[ROUNDS];
    run(b, n_queries);
    for (int i = 0; i < ROUNDS; i++) {
        double start = bench_now();
        run(b, n_queries);
        ms[i] = 1e3 * (bench_now() - start);
    }
    double median = bench_median(ms, ROUNDS);
    if (run == run_flat)
        b->flat_ms = median;
    printf("{\"search\":\"%s\",\"rows\":%zu,\"dimension\":%zu,\"threads\":%d,\"queries\":%zu,"
           "\"ms\":%.2f,\"min\":%.2f,\"max\":%.2f,\"of_faiss\":%.3f}\n",
           name, b->v.n, b->v.dimension, bv_pool_threads(b->pool), n_queries, median, ms[0],
           ms[ROUNDS - 1], median / b->flat_ms);
    (void)fflush(stdout);
}

static void measure_recall(struct bench *b)
{
    struct bv_error err = {0};
    static struct bv_candidates exact[RECALL_QUERIES];
    size_t hits = 0;
    const struct bv_search search = {b->queries, RECALL_QUERIES, K, RERANK, NULL};
    bench_must(bv_vectors_search(&b->v, &search, b->pool, exact, &err), &err);
    bench_must(bv_vectors_search_i8(&b->v, &search, b->pool, b->found, &err), &err);
    for (size_t q = 0; q < RECALL_QUERIES; q++) {
        for (size_t i = 0; i < K; i++) {
            for (size_t j = 0; j < K; j++)
                hits += exact[q].items[i].row == b->found[q].items[j].row;
        }
        bv_candidates_free(&exact[q]);
    }
    release(b, RECALL_QUERIES);
    printf("{\"recall\":\"i8, %d reranked\",\"at\":%d,\"value\":%.5f}\n", RERANK, K,
           (double)hits / (RECALL_QUERIES * K));
}

int main(int argc, char **argv)
{
    struct bv_error err = {0};
    struct bench b = {0};
    size_t n = argc > 1 ? (size_t)strtoull(argv[1], NULL, 10) : 1000000;
    size_t dimension = argc > 2 ? (size_t)strtoull(argv[2], NULL, 10) : 512;
    bench_must(bv_pool_create(&b.pool, argc > 3 ? atoi(argv[3]) : 1, &err), &err);
    bench_must(bv_vectors_create(&b.v, n, dimension, &err), &err);
    b.queries = malloc(RECALL_QUERIES * dimension * sizeof *b.queries);
    b.rows = malloc(sizeof *b.rows * QUERIES * K);
    if (!b.queries || !b.rows)
        return 1;
    for (size_t q = 0; q < RECALL_QUERIES; q++)
        bench_unit_vector(b.queries + q * dimension, dimension);
    float *row = b.queries; // every row starts as a fresh vector; the queries are made again below
    for (size_t i = 0; i < n; i++) {
        bench_unit_vector(row, dimension);
        bv_f32_to_f16_array(row, b.v.rows + i * b.v.stride, dimension);
    }
    bench_unit_vector(row, dimension);
    bench_must(bv_faiss_build(&b.flat, "flat", &b.v, &err), &err);
    double start = bench_now();
    bench_must(bv_vectors_quantize(&b.v, b.pool, &err), &err);
    printf("{\"quantize_ms\":%.0f,\"form\":\"%s\"}\n", 1e3 * (bench_now() - start),
           bv_scan_best()->name);
    measure(&b, "faiss IndexFlatIP f32", 1, run_flat);
    measure(&b, "biovl f16", 1, run_f16);
    measure(&b, "biovl i8 + rerank", 1, run_i8);
    measure(&b, "faiss IndexFlatIP f32", QUERIES, run_flat);
    measure(&b, "biovl f16", QUERIES, run_f16);
    measure(&b, "biovl i8 + rerank", QUERIES, run_i8);
    measure_recall(&b);
    bv_faiss_free(&b.flat);
    bv_vectors_free(&b.v);
    bv_pool_destroy(&b.pool);
    free(b.queries);
    free(b.rows);
    return 0;
}

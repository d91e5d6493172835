// An index file of many made-up vectors: adding, opening, the first and further exact searches;
// then the first 100,000 rows taken out and added again.
//
//   index FOLDER [ROWS] [DIMENSION] [THREADS] [sorted]
//
// Prints one JSON object per line. Ids are keyed hashes as real ones are: 32 random hexadecimal
// digits, one study each; "sorted" gives ascending ones, which are added without searching for
// their place. Vectors are made outside the time that is measured.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/synthetic.h"
#include "retrieval/store.h"

enum { COMMIT_ROWS = 32768, K = 10, SEARCHES = 5 };

static long peak_mib(void)
{
    struct rusage usage = {0};
    (void)getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss / 1024;
}

// The id of a row, 32 hexadecimal digits.
static void name_row(size_t i, bool sorted, char id[40])
{
    uint64_t x = (i + 1) * 0x9e3779b97f4a7c15u;
    x = sorted ? i << 32 : (x ^ x >> 31) * 0xbf58476d1ce4e5b9u;
    (void)snprintf(id, 40, "%016llx%016llx", (unsigned long long)(sorted ? x : x ^ x >> 29),
                   (unsigned long long)(x * 0x94d049bb133111ebu));
}

// One transaction of rows [first, end); returns the seconds it took.
static double add_rows(struct bv_store *store, const float *rows, size_t first, size_t end,
                       bool sorted)
{
    struct bv_error err = {0};
    size_t dimension = bv_store_info(store)->dimension;
    double start = bench_now();
    bench_must(bv_store_begin(store, &err), &err);
    for (size_t i = first; i < end; i++) {
        char id[40];
        name_row(i, sorted, id);
        struct bv_item item = {
            .id = id, .study = id, .kind = BV_KIND_IMAGE, .vector = rows + (i - first) * dimension};
        bench_must(bv_store_add(store, &item, &err), &err);
    }
    bench_must(bv_store_commit(store, &err), &err);
    return bench_now() - start;
}

static void fill(const char *path, size_t n, size_t dimension, bool sorted)
{
    struct bv_error err = {0};
    struct bv_store *store = NULL;
    struct bv_store_info info = {.dimension = dimension,
                                 .fingerprint = "bench",
                                 .model = "bench",
                                 .key_check = "",
                                 .accelerator = "exact"};
    float *rows = malloc(COMMIT_ROWS * dimension * sizeof *rows);
    double seconds = 0, part = 0;
    if (!rows)
        exit(1);
    bench_must(bv_store_create(path, &info, &err), &err);
    bench_must(bv_store_open(&store, path, true, &err), &err);
    for (size_t first = 0, told = 0; first < n; first += COMMIT_ROWS) {
        size_t end = first + COMMIT_ROWS < n ? first + COMMIT_ROWS : n;
        for (size_t i = first; i < end; i++)
            bench_unit_vector(rows + (i - first) * dimension, dimension);
        double took = add_rows(store, rows, first, end, sorted);
        seconds += took;
        part += took;
        if (end - told >= n / 5 || end == n) {
            printf("{\"added\":%zu,\"rows_per_s\":%.0f,\"lately\":%.0f}\n", end,
                   (double)end / seconds, (double)(end - told) / part);
            (void)fflush(stdout);
            told = end;
            part = 0;
        }
    }
    bv_store_close(&store);
    free(rows);
}

// Opens the index and answers one question, then some more.
static void ask(const char *path, struct bv_pool *pool, const float *query)
{
    struct bv_error err = {0};
    struct bv_store *store = NULL;
    struct bv_vectors v = {0};
    const char *state = NULL;
    double start = bench_now();
    bench_must(bv_store_open(&store, path, false, &err), &err);
    double opened = bench_now();
    bench_must(
        bv_vector_file_load(store, BV_KIND_IMAGE, BV_VECTOR_FILE_LEAST, pool, &v, &state, &err),
        &err);
    double loaded = bench_now(), best = 1e9;
    const struct bv_search search = {.queries = query, .n = 1, .k = K};
    for (int i = 0; i < SEARCHES; i++) {
        struct bv_candidates found = {0};
        double before = bench_now();
        bench_must(bv_vectors_search(&v, &search, pool, &found, &err), &err);
        double took = bench_now() - before;
        bv_candidates_free(&found);
        best = took < best ? took : best;
        if (i == 0)
            printf("{\"vectors\":\"%s\",\"open_ms\":%.0f,\"load_ms\":%.0f,\"search_ms\":%.0f,"
                   "\"first_answer_ms\":%.0f",
                   state, 1e3 * (opened - start), 1e3 * (loaded - opened), 1e3 * took,
                   1e3 * (bench_now() - start));
    }
    printf(",\"best_search_ms\":%.0f,\"peak_mib\":%ld}\n", 1e3 * best, peak_mib());
    (void)fflush(stdout);
    bv_vectors_free(&v);
    bv_store_close(&store);
}

// Takes the first n rows out as `index remove` does, in one transaction, and adds them again.
static void replace(const char *path, size_t n, size_t dimension, bool sorted)
{
    struct bv_error err = {0};
    struct bv_store *store = NULL;
    struct bv_store_counts counts = {.studies = 0};
    float *rows = malloc(COMMIT_ROWS * dimension * sizeof *rows);
    if (!rows)
        exit(1);
    bench_must(bv_store_open(&store, path, true, &err), &err);
    double start = bench_now();
    bench_must(bv_store_begin(store, &err), &err);
    for (size_t i = 0; i < n; i++) {
        char id[40];
        name_row(i, sorted, id);
        bench_must(bv_store_remove(store, BV_NAMED_ITEM, id, &counts, &err), &err);
    }
    bench_must(bv_store_sweep(store, &err), &err);
    bench_must(bv_store_commit(store, &err), &err);
    bench_must(bv_store_shrink(store, &err), &err);
    double removing = bench_now() - start, adding = 0;
    for (size_t first = 0; first < n; first += COMMIT_ROWS) {
        size_t end = first + COMMIT_ROWS < n ? first + COMMIT_ROWS : n;
        for (size_t i = first; i < end; i++)
            bench_unit_vector(rows + (i - first) * dimension, dimension);
        adding += add_rows(store, rows, first, end, sorted);
    }
    printf("{\"removed\":%zu,\"rows_per_s\":%.0f,\"added_again_per_s\":%.0f}\n",
           counts.items[BV_KIND_IMAGE], (double)n / removing, (double)n / adding);
    bv_store_close(&store);
    free(rows);
}

int main(int argc, char **argv)
{
    struct bv_error err = {0};
    struct bv_pool *pool = NULL;
    char path[4096], beside[4200];
    size_t n = argc > 2 ? (size_t)strtoull(argv[2], NULL, 10) : 1000000;
    size_t dimension = argc > 3 ? (size_t)strtoull(argv[3], NULL, 10) : 512;
    if (argc < 2)
        return 2;
    (void)snprintf(path, sizeof path, "%s/bench.biovl", argv[1]);
    (void)snprintf(beside, sizeof beside, "%s.image.vectors", path);
    (void)unlink(path);
    (void)unlink(beside);
    bench_must(bv_pool_create(&pool, argc > 4 ? atoi(argv[4]) : 1, &err), &err);
    float *query = malloc(dimension * sizeof *query);
    if (!query)
        return 1;
    bench_unit_vector(query, dimension);
    fill(path, n, dimension, argc > 5);
    ask(path, pool, query); // makes the file of vectors
    ask(path, pool, query);
    replace(path, n < 100000 ? n : 100000, dimension, argc > 5);
    (void)unlink(path);
    (void)unlink(beside);
    free(query);
    bv_pool_destroy(&pool);
    return 0;
}

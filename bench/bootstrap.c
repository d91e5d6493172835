// How long the bootstrap of all metrics takes: rows × labels of made-up scores, whole patients
// resampled. bench_bootstrap ROWS LABELS REPLICATES THREADS [CSV]: with a file name the data is
// written there too (patient, then label and score of each class), for bench/bootstrap.py.
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "base/mt19937.h"
#include "eval/metrics/bootstrap.h"

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double uniform(struct bv_mt19937 *mt)
{
    return (bv_mt19937_next(mt) + 0.5) / 4294967296.0;
}

static void write_rows(const char *path, struct bv_ranked_item *const *items,
                       const uint32_t *patients, size_t rows, size_t labels)
{
    FILE *f = fopen(path, "w");
    if (!f)
        return;
    for (size_t i = 0; i < rows; i++) {
        (void)fprintf(f, "%u", patients[i]);
        for (size_t l = 0; l < labels; l++)
            (void)fprintf(f, ",%u,%.17g", items[l][i].positive, items[l][i].score);
        (void)fputc('\n', f);
    }
    (void)fclose(f);
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        (void)fprintf(stderr, "usage: bench_bootstrap ROWS LABELS REPLICATES THREADS [CSV]\n");
        return 2;
    }
    size_t rows = strtoul(argv[1], NULL, 10), labels = strtoul(argv[2], NULL, 10);
    size_t replicates = strtoul(argv[3], NULL, 10), n_patients = rows / 2 + 1;
    struct bv_mt19937 mt;
    struct bv_error err = {0};
    struct bv_pool *pool = NULL;
    struct bv_ranked_item **items = calloc(labels, sizeof *items);
    struct bv_bootstrap_class *classes = calloc(labels, sizeof *classes);
    uint32_t *patients = calloc(rows, sizeof *patients);
    double *values = calloc((labels + 2) * BV_METRIC_COUNT * replicates, sizeof *values);
    if (!items || !classes || !patients || !values ||
        bv_pool_create(&pool, (int)strtol(argv[4], NULL, 10), &err) != BV_OK)
        return 1;
    bv_mt19937_seed(&mt, 1);
    for (size_t i = 0; i < rows; i++)
        patients[i] = bv_mt19937_below(&mt, (uint32_t)n_patients);
    for (size_t l = 0; l < labels; l++) {
        if (!(items[l] = calloc(rows, sizeof **items)))
            return 1;
        for (size_t i = 0; i < rows; i++) {
            uint32_t y = uniform(&mt) < 0.02 + 0.02 * (double)l;
            items[l][i] =
                (struct bv_ranked_item){(uniform(&mt) + uniform(&mt) + y) / 3, (uint32_t)i, y};
        }
    }
    if (argc > 5)
        write_rows(argv[5], items, patients, rows, labels);
    double start = now();
    for (size_t l = 0; l < labels; l++) {
        bv_ranked_sort(items[l], rows);
        classes[l] = (struct bv_bootstrap_class){{items[l], rows}, 0.5, true};
    }
    const struct bv_bootstrap b = {rows, patients, n_patients, replicates};
    if (bv_bootstrap_metrics(&b, classes, labels, pool, values, &err) != BV_OK)
        return 1;
    double seconds = now() - start;
    struct bv_interval i = bv_interval_percentile(values, replicates);
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    printf("%zu rows, %zu labels, %zu replicates of %d metrics, %s threads: %.2f s, %ld MB; first "
           "AUROC %.6f-%.6f\n",
           rows, labels, replicates, BV_METRIC_COUNT, argv[4], seconds, usage.ru_maxrss / 1024,
           i.low, i.high);
    for (size_t l = 0; l < labels; l++)
        free(items[l]);
    free(items);
    free(classes);
    free(patients);
    free(values);
    bv_pool_destroy(&pool);
    return 0;
}

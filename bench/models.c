// Times one architecture with random weights: models ARCH BATCH [THREADS [TOKENS [ROUNDS
// [PRECISION]]]] One JSON line per round of at least 0.3 s: CPU milliseconds (of all threads) and
// wall milliseconds per item.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "cpu/cpu.h"
#include "measure/measure.h"

static double now(clockid_t clock)
{
    return 1e3 * bench_seconds(clock);
}

struct run {
    struct bv_weights *weights;
    struct bv_pool *pool;
    struct bv_backend *backend;
    struct bv_graph *graph;
    struct bv_program *program;
    void *inputs[BV_MAX_GRAPH_INPUTS];
    float *output;
};

static enum bv_status prepare(struct run *r, const char *arch, int batch, int threads, int tokens,
                              const char *precision, struct bv_error *err)
{
    BV_TRY(bv_weights_create(&r->weights, err));
    BV_TRY(bv_arch_weights(arch, r->weights, err));
    BV_TRY(bv_pool_create(&r->pool, threads, err));
    BV_TRY(bv_cpu_create_precision(&r->backend, r->weights, r->pool, precision, err));
    BV_TRY(bv_graph_create(&r->graph, r->weights, err));
    bv_arch_build(arch, r->graph, batch, tokens);
    BV_TRY(bv_program_compile(r->backend, &r->graph, &r->program, err));
    const struct bv_graph *g = r->program->graph;
    for (int i = 0; i < g->n_inputs; i++) {
        int64_t n = bv_elements(g->inputs[i]);
        r->inputs[i] = malloc((size_t)n * sizeof(float));
        if (!r->inputs[i])
            return bv_fail_nomem(err, "an input");
        for (int64_t k = 0; k < n; k++)
            if (g->inputs[i]->dtype == BV_F32)
                ((float *)r->inputs[i])[k] = (float)(k * 7919 % 2003) / 1001.5f - 1;
            else // ids, then lengths, then the last position
                ((int32_t *)r->inputs[i])[k] = i == 0   ? (int32_t)(k * 7919 % 28996)
                                               : i == 1 ? tokens
                                                        : tokens - 1;
    }
    r->output = malloc((size_t)bv_elements(g->outputs[0]) * sizeof(float));
    return r->output ? BV_OK : bv_fail_nomem(err, "the output");
}

static void release(struct run *r)
{
    for (int i = 0; i < BV_MAX_GRAPH_INPUTS; i++)
        free(r->inputs[i]);
    free(r->output);
    bv_program_destroy(&r->program);
    bv_backend_destroy(&r->backend);
    bv_pool_destroy(&r->pool);
    bv_weights_destroy(&r->weights);
}

static enum bv_status time_rounds(struct run *r, const char *arch, int batch, int threads,
                                  int tokens, int rounds, struct bv_error *err)
{
    const void *const *inputs = (const void *const *)r->inputs;
    BV_TRY(bv_program_run(r->program, inputs, &r->output, err));
    for (int round = 0; round < rounds; round++) {
        double cpu = now(CLOCK_PROCESS_CPUTIME_ID), wall = now(CLOCK_MONOTONIC);
        int n = 0;
        do {
            BV_TRY(bv_program_run(r->program, inputs, &r->output, err));
            n++;
        } while (now(CLOCK_PROCESS_CPUTIME_ID) - cpu < 300);
        printf("{\"arch\":\"%s\",\"batch\":%d,\"threads\":%d,\"tokens\":%d,"
               "\"cpu_ms_per_item\":%.3f,\"ms_per_item\":%.3f}\n",
               arch, batch, threads, tokens, (now(CLOCK_PROCESS_CPUTIME_ID) - cpu) / n / batch,
               (now(CLOCK_MONOTONIC) - wall) / n / batch);
        (void)fflush(stdout);
    }
    return BV_OK;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        (void)fprintf(stderr, "usage: models ARCH BATCH [THREADS [TOKENS [ROUNDS [PRECISION]]]]\n");
        return 2;
    }
    int threads = argc > 3 ? atoi(argv[3]) : 1, tokens = argc > 4 ? atoi(argv[4]) : 128;
    int batch = atoi(argv[2]), rounds = argc > 5 ? atoi(argv[5]) : 5;
    struct bv_error err = {0};
    struct run r = {0};
    enum bv_status status =
        prepare(&r, argv[1], batch, threads, tokens, argc > 6 ? argv[6] : "f32", &err);
    if (status == BV_OK)
        status = time_rounds(&r, argv[1], batch, threads, tokens, rounds, &err);
    if (status != BV_OK)
        (void)fprintf(stderr, "%s\n", err.text);
    release(&r);
    return status == BV_OK ? 0 : 1;
}

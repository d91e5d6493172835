// Times a Vulkan device: gpu PRECISION SECONDS [small]. Matrix products, convolutions and
// memory-bound ops and whole encoders by GPU timestamps, the encoders also by the wall clock; one
// JSON line each. bench/gpu.sh runs it beside PyTorch. "small" cuts the sizes to what a software
// device can do.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "measure/measure.h"
#include "vulkan/vulkan.h"

enum { max_runs = 400 };

struct bench {
    enum bv_vk_precision precision;
    double seconds;
    struct bv_weights *weights;
    struct bv_backend *backend;
    struct bv_program *program;
    void *inputs[BV_MAX_GRAPH_INPUTS];
    float *output;
    float *memory; // of the weights
};

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void close_bench(struct bench *b)
{
    bv_program_destroy(&b->program);
    bv_backend_destroy(&b->backend);
    bv_weights_destroy(&b->weights);
    for (int i = 0; i < BV_MAX_GRAPH_INPUTS; i++) {
        free(b->inputs[i]);
        b->inputs[i] = NULL;
    }
    free(b->output);
    free(b->memory);
    b->output = b->memory = NULL;
}

static enum bv_status open_bench(struct bench *b, bool timing, struct bv_error *err)
{
    BV_TRY(bv_weights_create(&b->weights, err));
    BV_TRY(bv_vk_create(&b->backend, b->weights, NULL, b->precision, err));
    return timing ? bv_vk_enable_timing(b->backend, err) : BV_OK;
}

static enum bv_status add_weight(struct bench *b, int rank, const int64_t *dim,
                                 struct bv_error *err)
{
    struct bv_weight w = {.name = "op.weight", .dtype = BV_F32, .rank = rank};
    int64_t n = 1;
    for (int i = 0; i < rank; i++)
        n *= w.dim[i] = dim[i];
    b->memory = malloc((size_t)n * sizeof *b->memory);
    if (!b->memory)
        return bv_fail_nomem(err, "a weight");
    for (int64_t i = 0; i < n; i++)
        b->memory[i] = (float)(i * 7919 % 2003) / 20030.0F - 0.05F;
    w.data = b->memory;
    return bv_weights_add(b->weights, &w, err);
}

// Compiles a graph and fills its inputs: floats in -1 … 1; ids, lengths and last positions.
static enum bv_status compile(struct bench *b, struct bv_graph *g, int tokens, struct bv_error *err)
{
    BV_TRY(bv_program_compile(b->backend, &g, &b->program, err));
    g = b->program->graph;
    for (int i = 0; i < g->n_inputs; i++) {
        int64_t n = bv_elements(g->inputs[i]);
        b->inputs[i] = malloc((size_t)n * 4);
        if (!b->inputs[i])
            return bv_fail_nomem(err, "an input");
        for (int64_t k = 0; k < n; k++)
            if (g->inputs[i]->dtype == BV_F32)
                ((float *)b->inputs[i])[k] = (float)(k * 7919 % 2003) / 1001.5F - 1;
            else
                ((int32_t *)b->inputs[i])[k] = i == 0   ? (int32_t)(k * 7919 % 28996)
                                               : i == 1 ? tokens
                                                        : tokens - 1;
    }
    b->output = malloc((size_t)bv_elements(g->outputs[0]) * sizeof *b->output);
    return b->output ? BV_OK : bv_fail_nomem(err, "the output");
}

static enum bv_status run(struct bench *b, struct bv_error *err)
{
    return bv_program_run(b->program, (const void *const *)b->inputs, &b->output, err);
}

static const char *precision_name(const struct bench *b)
{
    return b->precision == BV_VK_F16 ? "f16" : "f32";
}

// The median of one op's timestamps over runs of about b->seconds.
static enum bv_status time_op(struct bench *b, const char *item, const char *shape, const char *op,
                              double bytes, struct bv_error *err)
{
    double samples[max_runs], end = 0, flops = 0;
    char kernel[40] = "";
    int n = 0;
    for (int warm = 0; warm < 2; warm++)
        BV_TRY(run(b, err));
    end = now() + b->seconds;
    while (n < max_runs && (n < 5 || now() < end)) {
        const struct bv_vk_timing *timings = NULL;
        int n_nodes = 0;
        BV_TRY(run(b, err));
        BV_TRY(bv_vk_timings(b->program, &timings, &n_nodes, err));
        samples[n] = 0;
        for (int i = 0; i < n_nodes; i++)
            if (strcmp(timings[i].op, op) == 0) {
                samples[n] += timings[i].seconds;
                flops = timings[i].flops;
                (void)snprintf(kernel, sizeof kernel, "%s", timings[i].kernel);
            }
        n++;
    }
    qsort(samples, (size_t)n, sizeof *samples, ascending);
    double s = samples[n / 2] > 0 ? samples[n / 2] : 1e-9;
    printf("{\"item\":\"%s\",\"shape\":\"%s\",\"precision\":\"%s\",\"kernel\":\"%s\",\"runs\":%d,"
           "\"ms\":%.5f,\"p10\":%.5f,\"p90\":%.5f,\"tflops\":%.4f,\"gbps\":%.2f}\n",
           item, shape, precision_name(b), kernel, n, s * 1e3, samples[n / 10] * 1e3,
           samples[n * 9 / 10] * 1e3, flops / s * 1e-12, bytes / s * 1e-9);
    (void)fflush(stdout);
    return BV_OK;
}

// x through an activation that does nothing, so that it is stored as the precision says.
static struct bv_tensor *stored_input(struct bv_graph *g, int rank, const int64_t *dim)
{
    return bv_activate(g, bv_graph_input(g, "x", BV_F32, rank, dim), BV_ACT_NONE);
}

// The result summed over its rows: copying all of it back would take longer than the op.
static void small_output(struct bv_graph *g, struct bv_tensor *t)
{
    if (t)
        t = bv_reshape(g, t, 3, (int64_t[]){1, bv_rows(t), bv_last_dim(t)});
    (void)bv_graph_output(g, bv_reduce(g, t, NULL, BV_REDUCE_MAX), "out");
}

static enum bv_status gemm(struct bench *b, int64_t M, int64_t N, int64_t K, struct bv_error *err)
{
    char shape[64];
    struct bv_graph *g = NULL;
    (void)snprintf(shape, sizeof shape, "%lldx%lldx%lld", (long long)M, (long long)N, (long long)K);
    BV_TRY(open_bench(b, true, err));
    BV_TRY(add_weight(b, 2, (int64_t[]){N, K}, err));
    BV_TRY(bv_graph_create(&g, b->weights, err));
    small_output(g, bv_linear(g, stored_input(g, 2, (int64_t[]){M, K}), "op"));
    BV_TRY(compile(b, g, 0, err));
    return time_op(b, "gemm", shape, "linear", 0, err);
}

static enum bv_status conv(struct bench *b, int64_t batch, int64_t side, int64_t C, int64_t O,
                           int64_t kernel, int stride, struct bv_error *err)
{
    char shape[64];
    struct bv_graph *g = NULL;
    (void)snprintf(shape, sizeof shape, "%lldx%lldx%lldx%lld k%lld s%d o%lld", (long long)batch,
                   (long long)side, (long long)side, (long long)C, (long long)kernel, stride,
                   (long long)O);
    BV_TRY(open_bench(b, true, err));
    BV_TRY(add_weight(b, 4, (int64_t[]){O, kernel, kernel, C}, err));
    BV_TRY(bv_graph_create(&g, b->weights, err));
    struct bv_tensor *x = stored_input(g, 4, (int64_t[]){batch, side, side, C});
    small_output(g, bv_conv2d(g, x, stride, (int)(kernel / 2), "op"));
    BV_TRY(compile(b, g, 0, err));
    return time_op(b, "conv2d", shape, "conv2d", 0, err);
}

// An op that reads and writes every element once: softmax, layer norm, and the copy that bounds
// them (permute would be strided: a scale by one is the plainest copy).
enum memory_op { COPY, SOFTMAX, LAYER_NORM };

static enum bv_status memory_bound(struct bench *b, enum memory_op kind, int64_t rows, int64_t C,
                                   struct bv_error *err)
{
    static const char *const items[] = {"copy", "softmax", "layer_norm"};
    static const char *const ops[] = {"scale", "softmax", "layer_norm"};
    char shape[64];
    struct bv_graph *g = NULL;
    (void)snprintf(shape, sizeof shape, "%lldx%lld", (long long)rows, (long long)C);
    BV_TRY(open_bench(b, true, err));
    if (kind == LAYER_NORM) {
        BV_TRY(add_weight(b, 1, (int64_t[]){C}, err));
        struct bv_weight bias = {
            .name = "op.bias", .dtype = BV_F32, .rank = 1, .dim = {C}, .data = b->memory};
        BV_TRY(bv_weights_add(b->weights, &bias, err));
    }
    BV_TRY(bv_graph_create(&g, b->weights, err));
    struct bv_tensor *x = bv_graph_input(g, "x", BV_F32, 2, (int64_t[]){rows, C});
    small_output(g, kind == COPY      ? bv_scale(g, x, 1, 0)
                    : kind == SOFTMAX ? bv_softmax(g, x, 1)
                                      : bv_layer_norm(g, x, 1e-5F, "op"));
    BV_TRY(compile(b, g, 0, err));
    // Stored as the precision says: a norm's result is f16 there.
    double out_bytes = kind == LAYER_NORM && b->precision == BV_VK_F16 ? 2 : 4;
    return time_op(b, items[kind], shape, ops[kind], (4 + out_bytes) * (double)(rows * C), err);
}

// Median seconds of the GPU's work, and of the whole run with copies in and out.
static enum bv_status time_run(struct bench *b, double *gpu, double *wall, int *n_runs,
                               struct bv_error *err)
{
    double on_gpu[max_runs], whole[max_runs], end = 0;
    int n = 0;
    for (int warm = 0; warm < 3; warm++)
        BV_TRY(run(b, err));
    end = now() + b->seconds;
    while (n < max_runs && (n < 5 || now() < end)) {
        const struct bv_vk_timing *timings = NULL;
        int n_nodes = 0;
        double start = now();
        BV_TRY(run(b, err));
        whole[n] = now() - start;
        on_gpu[n] = 0;
        BV_TRY(bv_vk_timings(b->program, &timings, &n_nodes, err));
        for (int i = 0; i < n_nodes; i++)
            on_gpu[n] += timings[i].seconds;
        n++;
    }
    qsort(on_gpu, (size_t)n, sizeof *on_gpu, ascending);
    qsort(whole, (size_t)n, sizeof *whole, ascending);
    *gpu = on_gpu[n / 2];
    *wall = whole[n / 2];
    *n_runs = n;
    return BV_OK;
}

static enum bv_status arch(struct bench *b, const char *name, int batch, int tokens,
                           struct bv_error *err)
{
    double gpu = 0, wall = 0;
    struct bv_graph *g = NULL;
    int n = 0;
    BV_TRY(open_bench(b, true, err));
    BV_TRY(bv_arch_weights(name, b->weights, err));
    BV_TRY(bv_graph_create(&g, b->weights, err));
    bv_arch_build(name, g, batch, tokens);
    BV_TRY(compile(b, g, tokens, err));
    BV_TRY(time_run(b, &gpu, &wall, &n, err));
    printf("{\"item\":\"%s\",\"shape\":\"batch %d\",\"precision\":\"%s\",\"runs\":%d,"
           "\"ms\":%.4f,\"wall_ms\":%.4f,\"items_per_s\":%.1f}\n",
           name, batch, precision_name(b), n, gpu * 1e3, wall * 1e3, batch / wall);
    (void)fflush(stdout);
    return BV_OK;
}

// The device, and the path its matrix products take at this precision.
static enum bv_status show_device(struct bench *b, struct bv_error *err)
{
    struct bv_vk_matrix_shape f = {0};
    BV_TRY(open_bench(b, false, err));
    const struct bv_vk_device_info *d = bv_vk_device(b->backend);
    const char *path = bv_vk_matrix_path(b->backend, &f);
    char fragment[40] = "";
    if (f.m)
        (void)snprintf(fragment, sizeof fragment, "%ux%ux%u", f.m, f.n, f.k);
    printf("{\"item\":\"device\",\"precision\":\"%s\",\"name\":\"%s\",\"driver\":\"%s\","
           "\"path\":\"%s\",\"fragment\":\"%s\"}\n",
           precision_name(b), d->name, d->driver, path, fragment);
    (void)fflush(stdout);
    return BV_OK;
}

// Reports a failure and goes on: the other rows are worth having.
static int finish(struct bench *b, const char *what, enum bv_status status, struct bv_error *err)
{
    if (status != BV_OK)
        printf("{\"item\":\"%s\",\"precision\":\"%s\",\"error\":\"%s\"}\n", what, precision_name(b),
               bv_status_name(status));
    if (status != BV_OK)
        (void)fprintf(stderr, "%s: %s\n", what, err->text);
    close_bench(b);
    return status != BV_OK;
}

int main(int argc, char **argv)
{
    struct bv_error err = {0};
    struct bench b = {.precision = argc > 1 && strcmp(argv[1], "f16") == 0 ? BV_VK_F16 : BV_VK_F32,
                      .seconds = argc > 2 ? atof(argv[2]) : 1};
    bool small = argc > 3 && strcmp(argv[3], "small") == 0;
    int failures = 0;
    const int64_t gemms[][3] = {{8192, 8192, 8192}, {4096, 4096, 4096},    {64 * 197, 3072, 768},
                                {197, 3072, 768},   {64 * 128, 768, 3072}, {128, 768, 768}};
    const int64_t small_gemms[][3] = {{256, 256, 256}, {50, 96, 64}};
    size_t n_gemms = small ? 2 : 6;
    if (finish(&b, "device", show_device(&b, &err), &err))
        return 1;
    for (size_t i = 0; i < n_gemms; i++) {
        const int64_t *s = small ? small_gemms[i] : gemms[i];
        failures += finish(&b, "gemm", gemm(&b, s[0], s[1], s[2], &err), &err);
    }
    int64_t batch = small ? 1 : 64, scale = small ? 4 : 1;
    failures += finish(&b, "conv2d", conv(&b, batch, 224 / scale, 3, 64, 7, 2, &err), &err);
    failures += finish(&b, "conv2d", conv(&b, batch, 56 / scale, 64, 64, 3, 1, &err), &err);
    failures +=
        finish(&b, "conv2d", conv(&b, batch, 14, 256 / scale, 256 / scale, 3, 1, &err), &err);
    const int64_t rows = small ? 256 : 65536;
    failures += finish(&b, "copy", memory_bound(&b, COPY, rows, 1024, &err), &err);
    failures += finish(&b, "softmax", memory_bound(&b, SOFTMAX, rows, 1024, &err), &err);
    failures += finish(&b, "layer_norm", memory_bound(&b, LAYER_NORM, rows, 1024, &err), &err);
    static const char *const archs[] = {"resnet50", "vit-b16", "swin-t", "bert-base"};
    for (size_t i = 0; i < (small ? 1 : 4); i++)
        for (int k = 0; k < (small ? 1 : 2); k++)
            failures +=
                finish(&b, archs[i], arch(&b, archs[i], k ? 64 : 1, i == 3 ? 128 : 0, &err), &err);
    return failures > 0;
}

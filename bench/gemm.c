// The matrix products of the standard architectures, cold as in a model (weights cycle through
// 100 MB), on one thread: ours beside OpenBLAS and oneDNN, each timed in turn in one run.
//
//     gemm [BATCH [ROUNDS]]
//
// Milliseconds of processor time per image or text, the best round of each. Ours includes turning
// the rows into words; the libraries get their operands ready made.
#include <cblas.h>
#include <dnnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cpu/gemm.h"

struct shape {
    int count, M, N, K; // M rows per item
};

static const struct shape vit_b16[] = {{1, 196, 768, 768},   {12, 197, 2304, 768},
                                       {12, 197, 768, 768},  {12, 197, 3072, 768},
                                       {12, 197, 768, 3072}, {0, 0, 0, 0}};
static const struct shape bert_32[] = {{12, 32, 2304, 768},
                                       {12, 32, 768, 768},
                                       {12, 32, 3072, 768},
                                       {12, 32, 768, 3072},
                                       {0, 0, 0, 0}};
static const struct shape bert_128[] = {{12, 128, 2304, 768},
                                        {12, 128, 768, 768},
                                        {12, 128, 3072, 768},
                                        {12, 128, 768, 3072},
                                        {0, 0, 0, 0}};
static const struct shape swin_t[] = {{1, 3136, 96, 48},  {2, 3136, 288, 96},  {2, 3136, 96, 96},
                                      {2, 3136, 384, 96}, {2, 3136, 96, 384},  {1, 784, 192, 384},
                                      {2, 784, 576, 192}, {2, 784, 192, 192},  {2, 784, 768, 192},
                                      {2, 784, 192, 768}, {1, 196, 384, 768},  {6, 196, 1152, 384},
                                      {6, 196, 384, 384}, {6, 196, 1536, 384}, {6, 196, 384, 1536},
                                      {1, 49, 768, 1536}, {2, 49, 2304, 768},  {2, 49, 768, 768},
                                      {2, 49, 3072, 768}, {2, 49, 768, 3072},  {0, 0, 0, 0}};

static const struct {
    const char *name;
    const struct shape *shapes;
} models[] = {
    {"vit-b16", vit_b16}, {"bert-32", bert_32}, {"bert-128", bert_128}, {"swin-t", swin_t}};

// One way to compute y [M,N] = x [M,K] times weights number i.
struct way {
    const char *name;
    enum bv_cpu_format format; // of ours
    dnnl_data_type_t type;     // of oneDNN's
    enum { OPENBLAS, ONEDNN, OURS } by;
};

static const struct way ways[] = {
    {"OpenBLAS f32", BV_CPU_F32, dnnl_f32, OPENBLAS},
    {"oneDNN f32", BV_CPU_F32, dnnl_f32, ONEDNN},
    {"ours f32", BV_CPU_F32, dnnl_f32, OURS},
    {"oneDNN bf16", BV_CPU_BF16, dnnl_bf16, ONEDNN},
    {"ours bf16", BV_CPU_BF16, dnnl_f32, OURS},
    {"oneDNN int8", BV_CPU_INT8, dnnl_s8, ONEDNN},
    {"ours int8", BV_CPU_INT8, dnnl_f32, OURS},
};
#define N_WAYS (sizeof ways / sizeof *ways)

static struct {
    float *x, *y, *words, *scale, *weights;
    size_t weight_words; // of 32 bits
    dnnl_engine_t engine;
    dnnl_stream_t stream;
} bench;

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

struct problem {
    dnnl_primitive_t primitive;
    dnnl_memory_t x, w, y;
    size_t words; // one weight's, in 32-bit words
};

static size_t words_of(const struct way *way, const struct shape *s, struct problem *p, int M)
{
    if (way->by == OURS)
        return bv_cpu_packed_size(way->format, s->N, s->K);
    if (way->by == OPENBLAS)
        return (size_t)s->N * (size_t)s->K;
    dnnl_dims_t dx = {M, s->K}, dw = {s->K, s->N}, dy = {M, s->N};
    dnnl_memory_desc_t x, w, y;
    dnnl_matmul_desc_t d;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_data_type_t out = way->type == dnnl_s8 ? dnnl_f32 : way->type;
    dnnl_memory_desc_init_by_tag(&x, 2, dx, way->type, dnnl_ab);
    dnnl_memory_desc_init_by_tag(&w, 2, dw, way->type, dnnl_format_tag_any);
    dnnl_memory_desc_init_by_tag(&y, 2, dy, out, dnnl_ab);
    if (dnnl_matmul_desc_init(&d, &x, &w, NULL, &y) != dnnl_success ||
        dnnl_primitive_desc_create(&pd, &d, NULL, bench.engine, NULL) != dnnl_success)
        return 0;
    const dnnl_memory_desc_t *packed = dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
    p->words = (dnnl_memory_desc_get_size(packed) + 63) / 64 * 16;
    dnnl_primitive_create(&p->primitive, pd);
    dnnl_memory_create(&p->x, &x, bench.engine, bench.x);
    dnnl_memory_create(&p->w, packed, bench.engine, bench.weights);
    dnnl_memory_create(&p->y, &y, bench.engine, bench.y);
    dnnl_primitive_desc_destroy(pd);
    return p->words;
}

static void multiply(const struct way *way, const struct shape *s, struct problem *p, int M,
                     float *w)
{
    if (way->by == OPENBLAS) {
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, M, s->N, s->K, 1, bench.x, s->K, w,
                    s->K, 0, bench.y, s->N);
    } else if (way->by == ONEDNN) {
        dnnl_memory_set_data_handle(p->w, w);
        const dnnl_exec_arg_t args[] = {
            {DNNL_ARG_SRC, p->x}, {DNNL_ARG_WEIGHTS, p->w}, {DNNL_ARG_DST, p->y}};
        dnnl_primitive_execute(p->primitive, bench.stream, 3, args);
        dnnl_stream_wait(bench.stream);
    } else {
        struct bv_cpu_matrix x = {bench.x, s->K};
        if (way->format != BV_CPU_F32) {
            bv_cpu_convert_rows(NULL, way->format, bench.x, M, s->K, 1, bench.words, bench.scale);
            x = (struct bv_cpu_matrix){bench.words, s->K / bv_cpu_channels_per_word(way->format)};
        }
        const struct bv_cpu_gemm product = {.rows = M,
                                            .columns = s->N,
                                            .taps = 1,
                                            .depth = x.ld,
                                            .format = way->format,
                                            .panels = w,
                                            .row_scale = bench.scale,
                                            .out = bench.y,
                                            .ldo = s->N,
                                            .point = bv_cpu_point_matrix,
                                            .source = &x};
        bv_cpu_gemm(NULL, &product);
    }
}

// Milliseconds of all products of a model; below 0 when the way does not offer them.
static double time_model(const struct way *way, const struct shape *shapes, int batch)
{
    double total = 0;
    for (const struct shape *s = shapes; s->count; s++) {
        struct problem p = {0};
        int M = s->M * batch;
        size_t words = words_of(way, s, &p, M), at = 0;
        if (words == 0 || (way->by == OURS && !bv_cpu_isa()->tile[way->format]))
            return -1;
        double start = now();
        for (int i = 0; i < s->count; i++, at += words) {
            if (at + words > bench.weight_words)
                at = 0;
            multiply(way, s, &p, M, bench.weights + at);
        }
        total += now() - start;
        if (p.primitive) {
            dnnl_primitive_destroy(p.primitive);
            dnnl_memory_destroy(p.x);
            dnnl_memory_destroy(p.w);
            dnnl_memory_destroy(p.y);
        }
    }
    return total;
}

static float *numbers(size_t n)
{
    float *x = aligned_alloc(64, (n * sizeof *x + 63) / 64 * 64);
    uint32_t random = 1;
    for (size_t i = 0; x && i < n; i++) {
        random = random * 1664525u + 1013904223u;
        x[i] = (float)(random >> 8) * 0x1p-24f - 0.5f;
    }
    return x;
}

int main(int argc, char **argv)
{
    int batch = argc > 1 ? atoi(argv[1]) : 1, rounds = argc > 2 ? atoi(argv[2]) : 5;
    size_t rows = (size_t)(batch > 0 ? batch : 1) * 3136 * 768;
    bench.weight_words = 25000000;
    bench.weights = numbers(bench.weight_words);
    bench.x = numbers(rows);
    bench.y = numbers(rows);
    bench.words = numbers(rows);
    bench.scale = numbers(rows);
    if (!bench.weights || !bench.x || !bench.y || !bench.words || !bench.scale ||
        dnnl_engine_create(&bench.engine, dnnl_cpu, 0) != dnnl_success ||
        dnnl_stream_create(&bench.stream, bench.engine, dnnl_stream_default_flags) != dnnl_success)
        return 1;
    printf("%-10s", "");
    for (size_t w = 0; w < N_WAYS; w++)
        printf(" %14s", ways[w].name);
    printf("\n");
    for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
        double best[N_WAYS];
        for (int round = 0; round < rounds; round++)
            for (size_t w = 0; w < N_WAYS; w++) {
                double t = time_model(&ways[w], models[m].shapes, batch) / batch;
                if (round == 0 || t < best[w])
                    best[w] = t;
            }
        printf("%-10s", models[m].name);
        for (size_t w = 0; w < N_WAYS; w++)
            printf(" %14.2f", best[w]);
        printf("\n");
        (void)fflush(stdout);
    }
    return 0;
}

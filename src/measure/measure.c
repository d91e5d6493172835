#include "measure/measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/session.h"
#include "vulkan/vulkan.h"

// Everything that one measurement opens; released in one place.
struct bench {
    const struct bv_measurement *m;
    struct bv_weights *own; // of an architecture
    struct bv_pool *pool;
    struct bv_backend *backend;
    struct bv_program *program;
    const char *precision;
    void *inputs[BV_MAX_GRAPH_INPUTS];
    float *outputs[BV_MAX_GRAPH_OUTPUTS];
};

static void release(struct bench *b)
{
    for (int i = 0; i < BV_MAX_GRAPH_INPUTS; i++)
        free(b->inputs[i]);
    for (int i = 0; i < BV_MAX_GRAPH_OUTPUTS; i++)
        free(b->outputs[i]);
    bv_program_destroy(&b->program);
    bv_backend_destroy(&b->backend);
    bv_pool_destroy(&b->pool);
    bv_weights_destroy(&b->own);
}

static enum bv_status build(const void *arg, int64_t batch, struct bv_graph **graph,
                            struct bv_error *err)
{
    const struct bench *b = arg;
    const struct bv_measurement *m = b->m;
    if (m->model && m->tokens > 0)
        return bv_model_text_graph(m->model, batch, m->tokens, graph, err);
    if (m->model) {
        return bv_model_image_graph(m->model, batch, m->model->image_height, m->model->image_width,
                                    bv_recipe_channels(m->model->recipe), graph, err);
    }
    BV_TRY(bv_graph_create(graph, b->own, err));
    bv_arch_build(m->arch, *graph, batch, m->tokens);
    return bv_graph_status(*graph, err);
}

// The largest id that every embedding table takes.
static int32_t id_range(const struct bv_graph *g)
{
    int64_t least = 1000;
    for (const struct bv_node *n = g->first; n; n = n->next)
        if (n->op == BV_OP_embed && n->in[1]->dim[0] < least)
            least = n->in[1]->dim[0];
    return (int32_t)least;
}

// Fixed pseudo-random pixels and ids: zeros would flatter some processors.
static enum bv_status fill_inputs(struct bench *b, struct bv_error *err)
{
    const struct bv_graph *g = b->program->graph;
    int32_t ids = id_range(g);
    for (int i = 0; i < g->n_inputs; i++) {
        const struct bv_tensor *t = g->inputs[i];
        int64_t n = b->program->n_items * bv_elements(t);
        b->inputs[i] = malloc((size_t)n * 4);
        if (!b->inputs[i])
            return bv_fail_nomem(err, "an input");
        for (int64_t k = 0; k < n; k++) {
            if (t->dtype == BV_F32)
                ((float *)b->inputs[i])[k] = (float)(k * 7919 % 2003) / 1001.5f - 1;
            else if (strcmp(t->name, "lengths") == 0)
                ((int32_t *)b->inputs[i])[k] = b->m->tokens;
            else if (strcmp(t->name, "last") == 0)
                ((int32_t *)b->inputs[i])[k] = b->m->tokens - 1;
            else
                ((int32_t *)b->inputs[i])[k] = (int32_t)(k * 7919 % ids);
        }
    }
    for (int i = 0; i < g->n_outputs; i++) {
        b->outputs[i] =
            calloc((size_t)(b->program->n_items * bv_elements(g->outputs[i])), sizeof(float));
        if (!b->outputs[i])
            return bv_fail_nomem(err, "an output");
    }
    return BV_OK;
}

static enum bv_status prepare(struct bench *b, struct bv_error *err)
{
    const struct bv_measurement *m = b->m;
    struct bv_error unused = {0};
    if (m->batch < 1 || m->batch > 4096 || m->tokens < 0 || m->tokens > 4096)
        return bv_fail(err, BV_ERR_ARG, "batch %d, tokens %d: choose 1 to 4096", m->batch,
                       m->tokens);
    BV_TRY(bv_pool_create(&b->pool, m->threads, err));
    if (!m->model) {
        BV_TRY(bv_weights_create(&b->own, err));
        BV_TRY(bv_arch_weights(m->arch, b->own, err));
    }
    b->precision = m->precision ? m->precision : "auto";
    BV_TRY(bv_device_open(&b->backend, m->model ? m->model->weights : b->own,
                          m->device ? m->device : "auto", &b->precision, b->pool, &unused, err));
    if (m->ops && strncmp(b->backend->ops->describe(b->backend), "vulkan", 6) == 0)
        BV_TRY(bv_vk_enable_timing(b->backend, err));
    BV_TRY(bv_program_compile_batch(b->backend, build, b, m->batch, &b->program, err));
    return fill_inputs(b, err);
}

static double now(clockid_t clock)
{
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

struct times {
    double sum, sum_of_squares, least; // milliseconds per item
    double processor; // milliseconds of processor time per item, all threads together
    int n;
};

static enum bv_status repeat(struct bench *b, struct times *t, struct bv_error *err)
{
    const void *const *inputs = (const void *const *)b->inputs;
    BV_TRY(bv_program_run(b->program, inputs, b->outputs, err));
    double end = now(CLOCK_MONOTONIC) + b->m->seconds;
    double processor = now(CLOCK_PROCESS_CPUTIME_ID);
    t->least = INFINITY;
    while (t->n < 5 || now(CLOCK_MONOTONIC) < end) {
        double start = now(CLOCK_MONOTONIC);
        BV_TRY(bv_program_run(b->program, inputs, b->outputs, err));
        double ms = (now(CLOCK_MONOTONIC) - start) * 1e3 / b->m->batch;
        t->sum += ms;
        t->sum_of_squares += ms * ms;
        t->least = fmin(t->least, ms);
        t->n++;
    }
    t->processor = (now(CLOCK_PROCESS_CPUTIME_ID) - processor) * 1e3 / t->n / b->m->batch;
    return BV_OK;
}

static enum bv_status add_ops(const struct bench *b, json_t *row, struct bv_error *err)
{
    const struct bv_vk_timing *timings = NULL;
    int n = 0;
    BV_TRY(bv_vk_timings(b->program, &timings, &n, err));
    json_t *list = json_array();
    for (int i = 0; i < n; i++)
        (void)json_array_append_new(
            list,
            json_pack("{s:s, s:s, s:s, s:f, s:f}", "op", timings[i].op, "name", timings[i].name,
                      "kernel", timings[i].kernel, "ms", timings[i].seconds * 1e3, "gflops",
                      timings[i].seconds > 0 ? timings[i].flops / timings[i].seconds * 1e-9 : 0.0));
    (void)json_object_set_new(row, "ops", list);
    return BV_OK;
}

static enum bv_status report(const struct bench *b, const struct times *t, json_t **row,
                             struct bv_error *err)
{
    double mean = t->sum / t->n;
    double variance = fmax(0, t->sum_of_squares / t->n - mean * mean) * t->n / (t->n - 1);
    const struct bv_measurement *m = b->m;
    *row = json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:f, s:f, s:f, s:f}", "arch",
                     m->arch ? m->arch : m->model->name, "device",
                     b->backend->ops->describe(b->backend), "precision", b->precision, "threads",
                     bv_pool_threads(b->pool), "batch", m->batch, "tokens", m->tokens, "runs", t->n,
                     "ms_per_item", mean, "sd", sqrt(variance), "min_ms", t->least, "cpu_ms",
                     t->processor);
    if (!*row)
        return bv_fail_nomem(err, "a measurement");
    if (m->ops && strncmp(b->backend->ops->describe(b->backend), "vulkan", 6) == 0)
        return add_ops(b, *row, err);
    return BV_OK;
}

enum bv_status bv_measure(const struct bv_measurement *m, json_t **row, struct bv_error *err)
{
    struct bench b = {.m = m};
    struct times t = {0};
    enum bv_status status = prepare(&b, err);
    if (status == BV_OK)
        status = repeat(&b, &t, err);
    if (status == BV_OK)
        status = report(&b, &t, row, err);
    release(&b);
    return status;
}

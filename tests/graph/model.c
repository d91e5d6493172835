#include "graph/model.h"

#include <stdlib.h>
#include <string.h>

#include "cpu/cpu.h"
#include "support/check.h"

static void *owned[256];
static int n_owned;

void model_numbers(unsigned seed, float *out, int64_t n)
{
    uint32_t state = seed * 2654435761u + 1;
    for (int64_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        out[i] = (float)(state >> 8) * 0x1p-23f - 1;
    }
}

void model_weight(struct bv_weights *weights, const char *name, float low, float range, int rank,
                  const int64_t *dim)
{
    struct bv_weight w = {.name = name, .dtype = BV_F32, .rank = rank};
    int64_t n = 1;
    unsigned seed = 0;
    for (const char *p = name; *p; p++)
        seed = 31 * seed + (unsigned char)*p;
    for (int i = 0; i < rank; i++)
        n *= w.dim[i] = dim[i];
    float *data = malloc((size_t)n * sizeof *data);
    assert_non_null(data);
    assert_true(n_owned < 256);
    owned[n_owned++] = data;
    model_numbers(seed, data, n);
    for (int64_t i = 0; i < n; i++)
        data[i] = low + range * (data[i] + 1) / 2;
    w.data = data;
    struct bv_error err = {0};
    assert_ok(bv_weights_add(weights, &w, &err), err);
}

void model_free(void)
{
    while (n_owned > 0)
        free(owned[--n_owned]);
}

float *model_run_plain(struct bv_graph *g)
{
    struct bv_error err = {0};
    struct bv_backend *backend = NULL;
    struct bv_program *program = NULL;
    assert_ok(bv_graph_status(g, &err), err);
    assert_ok(bv_cpu_create_reference(&backend, g->weights, &err), err);
    assert_ok(backend->ops->compile(backend, g, &program, &err), err);
    void *inputs[BV_MAX_GRAPH_INPUTS] = {NULL};
    for (int i = 0; i < g->n_inputs; i++) {
        int64_t n = bv_elements(g->inputs[i]);
        inputs[i] = calloc((size_t)n, sizeof(float));
        assert_non_null(inputs[i]);
        if (g->inputs[i]->dtype == BV_F32)
            model_numbers((unsigned)i, inputs[i], n);
        else
            for (int64_t k = 0; k < n; k++)
                ((int32_t *)inputs[i])[k] = 1;
    }
    float *outputs[BV_MAX_GRAPH_OUTPUTS] = {NULL};
    float *out = outputs[0] = malloc((size_t)bv_elements(g->outputs[0]) * sizeof *out);
    assert_non_null(out);
    assert_ok(bv_program_run(program, (const void *const *)inputs, outputs, &err), err);
    for (int i = 0; i < g->n_inputs; i++)
        free(inputs[i]);
    bv_program_destroy(&program);
    bv_backend_destroy(&backend);
    return out;
}

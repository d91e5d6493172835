#include "cpu/cpu.h"

#include <stdlib.h>
#include <string.h>

#include "base/large.h"
#include "cpu/kernels.h"
#include "cpu/product.h"

struct cpu {
    struct bv_backend base;
    struct bv_weights *weights;
    struct bv_pool *pool;
    bool reference;
    enum bv_cpu_format format;
};

struct step {
    bv_kernel *run;
    struct bv_kernel_args args;
};

struct cpu_program {
    struct bv_program base;
    struct step *steps;
    char *arena;
    float *scratch;
};

static const size_t alignment = 64;

static void destroy_program(struct bv_program *program)
{
    struct cpu_program *p = (struct cpu_program *)program;
    free(p->steps);
    free(p->arena);
    free(p->scratch);
    free(p);
}

static enum bv_status resolve_input(struct cpu *cpu, struct cpu_program *p, struct step *s, int i,
                                    struct bv_error *err)
{
    const struct bv_node *node = s->args.node;
    struct bv_tensor *t = node->in[i];
    if (!t)
        return BV_OK;
    if (t->role != BV_ROLE_WEIGHT) {
        s->args.in[i] = p->arena + p->base.plan.offset[t->id];
    } else if (node->op == BV_OP_embed) {
        s->args.in[i] = t->data;                // tables are read row by row in their own type
    } else if (!(i == 1 && s->args.prepared)) { // a packed weight needs no second copy in f32
        const float *data = NULL;
        BV_TRY(bv_weights_f32(cpu->weights, t, &data, err));
        s->args.in[i] = data;
    }
    return BV_OK;
}

static enum bv_status make_steps(struct cpu *cpu, struct cpu_program *p, size_t *scratch,
                                 struct bv_error *err)
{
    int i = 0;
    for (struct bv_node *node = p->base.graph->first; node; node = node->next, i++) {
        struct step *s = &p->steps[i];
        struct bv_cpu_kernel kernel = {.run = bv_reference(node->op)};
        if (!cpu->reference)
            kernel = bv_cpu_kernel_for(node);
        s->run = kernel.run;
        s->args = (struct bv_kernel_args){.node = node, .pool = cpu->pool};
        if (kernel.prepare)
            BV_TRY(
                kernel.prepare(node, cpu->format, cpu->weights, cpu->pool, &s->args.prepared, err));
        for (int k = 0; k < BV_MAX_INPUTS; k++)
            BV_TRY(resolve_input(cpu, p, s, k, err));
        s->args.out = p->arena + p->base.plan.offset[node->out->id];
        size_t wanted =
            kernel.scratch ? kernel.scratch(node, cpu->format, bv_pool_threads(cpu->pool)) : 0;
        if (wanted > *scratch)
            *scratch = wanted;
    }
    return BV_OK;
}

static enum bv_status compile(struct bv_backend *backend, struct bv_graph *graph,
                              struct bv_program **program, struct bv_error *err)
{
    struct cpu *cpu = (struct cpu *)backend;
    struct cpu_program *p = calloc(1, sizeof *p);
    if (!p)
        return bv_fail_nomem(err, "a program");
    p->base.backend = backend;
    p->base.graph = graph;
    size_t scratch = 0;
    if (cpu->format != BV_CPU_F32 && !cpu->reference)
        bv_cpu_choose_storage(graph, cpu->format);
    enum bv_status status = bv_plan_make(&p->base.plan, graph, alignment, err);
    if (status == BV_OK) {
        p->steps = calloc((size_t)graph->n_nodes + 1, sizeof *p->steps);
        p->arena = bv_alloc_large(p->base.plan.arena_bytes);
        if (!p->steps || !p->arena)
            status = bv_fail(err, BV_ERR_NOMEM, "out of memory for %zu bytes of activations",
                             p->base.plan.arena_bytes);
    }
    if (status == BV_OK)
        status = make_steps(cpu, p, &scratch, err);
    if (status == BV_OK && scratch > 0) {
        p->scratch = bv_alloc_large(scratch * sizeof(float));
        if (!p->scratch)
            status = bv_fail_nomem(err, "scratch memory");
        for (int i = 0; i < graph->n_nodes; i++)
            p->steps[i].args.scratch = p->scratch;
    }
    if (status != BV_OK) {
        bv_plan_free(&p->base.plan);
        destroy_program(&p->base);
        return status;
    }
    *program = &p->base;
    return BV_OK;
}

static enum bv_status run(struct bv_program *program, const void *const *inputs,
                          float *const *outputs, struct bv_error *err)
{
    (void)err;
    struct cpu_program *p = (struct cpu_program *)program;
    const struct bv_graph *g = program->graph;
    for (int i = 0; i < g->n_inputs; i++) {
        const struct bv_tensor *t = g->inputs[i];
        memcpy(p->arena + program->plan.offset[t->id], inputs[i],
               (size_t)bv_elements(t) * bv_dtype_size(t->dtype));
    }
    for (int i = 0; i < program->plan.n_nodes; i++)
        p->steps[i].run(&p->steps[i].args);
    for (int i = 0; i < g->n_outputs; i++) {
        const struct bv_tensor *t = g->outputs[i];
        if (outputs[i])
            memcpy(outputs[i], p->arena + program->plan.offset[t->id],
                   (size_t)bv_elements(t) * sizeof(float));
    }
    return BV_OK;
}

static void destroy(struct bv_backend *backend)
{
    free(backend);
}

static void forget(struct bv_backend *backend)
{
    bv_weights_forget(((struct cpu *)backend)->weights, bv_cpu_panels_key);
}

static const char *describe(const struct bv_backend *backend)
{
    return ((const struct cpu *)backend)->reference ? "reference" : "cpu";
}

static enum bv_status create(struct bv_backend **backend, struct bv_weights *weights,
                             struct bv_pool *pool, bool reference, enum bv_cpu_format format,
                             struct bv_error *err)
{
    static const struct bv_backend_ops ops = {.compile = compile,
                                              .run = run,
                                              .destroy_program = destroy_program,
                                              .destroy = destroy,
                                              .describe = describe,
                                              .forget = forget,
                                              .computes_weights = true};
    struct cpu *cpu = calloc(1, sizeof *cpu);
    if (!cpu)
        return bv_fail_nomem(err, "the CPU backend");
    *cpu = (struct cpu){{&ops}, weights, pool, reference, format};
    *backend = &cpu->base;
    return BV_OK;
}

enum bv_status bv_cpu_create(struct bv_backend **backend, struct bv_weights *weights,
                             struct bv_pool *pool, struct bv_error *err)
{
    return create(backend, weights, pool, false, BV_CPU_F32, err);
}

enum bv_status bv_cpu_create_precision(struct bv_backend **backend, struct bv_weights *weights,
                                       struct bv_pool *pool, const char *precision,
                                       struct bv_error *err)
{
    static const char *const names[] = {
        [BV_CPU_F32] = "f32", [BV_CPU_BF16] = "bf16", [BV_CPU_INT8] = "int8"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(precision, names[i]) == 0 && bv_cpu_isa()->tile[i])
            return create(backend, weights, pool, false, (enum bv_cpu_format)i, err);
    return bv_fail(err, BV_ERR_UNSUPPORTED, "precision %s is not available on this processor (%s)",
                   precision, bv_cpu_isa()->name);
}

const char *bv_cpu_instructions(void)
{
    return bv_cpu_isa()->name;
}

bool bv_cpu_has_low_precision(void)
{
    return bv_cpu_isa()->to_bf16 != NULL;
}

enum bv_status bv_cpu_create_reference(struct bv_backend **backend, struct bv_weights *weights,
                                       struct bv_error *err)
{
    return create(backend, weights, NULL, true, BV_CPU_F32, err);
}

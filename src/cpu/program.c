// A program has one slot, whose kernels share their loops among the threads, or, for a batch run
// item by item, a slot per thread: each image then stays in one core's cache and no thread waits
// for another within a network.
#include "cpu/cpu.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cpu/kernels.h"

struct step {
    bv_kernel *run;
    struct bv_kernel_args args;
};

// The memory of one run of the graph.
struct slot {
    struct step *steps;
    char *arena;
    float *scratch;
    atomic_flag busy;
};

struct cpu_program {
    struct bv_program base;
    struct slot *slots;
    int n_slots;
    bool ready, has_run; // ready: the steps have their weights
};

static const size_t alignment = 64;
static const int64_t least_in_place = 16 << 20; // bytes

// How often a weight must be used for one item before reading it again for the next costs nothing.
// ViT-B/32 (50) is slower by items, BERT-base with 128 tokens faster.
static const double least_reuse = 96;

// Items that the slowest thread may have more than the mean, as a part of the mean.
static const double most_idle = 0.13;

static void free_slot(struct slot *slot)
{
    free(slot->steps);
    free(slot->arena);
    free(slot->scratch);
}

void bv_cpu_destroy_program(struct bv_program *program)
{
    struct cpu_program *p = (struct cpu_program *)program;
    for (int i = 0; i < p->n_slots; i++)
        free_slot(&p->slots[i]);
    free(p->slots);
    free(p);
}

static struct bv_cpu_kernel kernel_for(const struct bv_cpu *cpu, const struct bv_node *node)
{
    if (cpu->reference)
        return (struct bv_cpu_kernel){.run = bv_reference(node->op)};
    return bv_cpu_kernel_for(node);
}

static enum bv_status resolve_weight(struct bv_cpu *cpu, struct step *s, int i,
                                     struct bv_error *err)
{
    const struct bv_node *node = s->args.node;
    struct bv_tensor *t = node->in[i];
    if (node->op == BV_OP_embed) {
        s->args.in[i] = t->data;                // tables are read row by row in their own type
    } else if (!(i == 1 && s->args.prepared)) { // a packed weight needs no second copy in f32
        const float *data = NULL;
        BV_TRY(bv_weights_f32(cpu->weights, t, &data, err));
        s->args.in[i] = data;
    }
    return BV_OK;
}

// Gives a step its weights; those that are packed are in buffer until the next step, or are kept.
static enum bv_status prepare_step(struct bv_cpu *cpu, struct step *s,
                                   struct bv_cpu_pack_buffer *buffer, struct bv_error *err)
{
    const struct bv_node *node = s->args.node;
    const struct bv_cpu_pack_context how = {cpu->format, cpu->weights, cpu->pool, buffer};
    struct bv_cpu_kernel kernel = kernel_for(cpu, node);
    if (kernel.prepare)
        BV_TRY(kernel.prepare(node, &how, &s->args.prepared, err));
    for (int i = 0; i < BV_MAX_INPUTS; i++)
        if (node->in[i] && node->in[i]->role == BV_ROLE_WEIGHT)
            BV_TRY(resolve_weight(cpu, s, i, err));
    return BV_OK;
}

// Everything about the steps but their weights. Returns the scratch memory that they want.
static size_t make_steps(const struct bv_cpu *cpu, const struct cpu_program *p, struct slot *slot,
                         struct bv_pool *pool)
{
    const struct bv_plan *plan = &p->base.plan;
    struct step *s = slot->steps;
    size_t scratch = 0;
    for (struct bv_node *node = p->base.graph->first; node; node = node->next, s++) {
        struct bv_cpu_kernel kernel = kernel_for(cpu, node);
        s->run = kernel.run;
        s->args = (struct bv_kernel_args){.node = node, .pool = pool};
        for (int i = 0; i < BV_MAX_INPUTS; i++)
            if (node->in[i] && node->in[i]->role != BV_ROLE_WEIGHT)
                s->args.in[i] = slot->arena + plan->offset[node->in[i]->id];
        s->args.out = slot->arena + plan->offset[node->out->id];
        size_t wanted =
            kernel.scratch ? kernel.scratch(node, cpu->format, bv_pool_threads(pool)) : 0;
        scratch = wanted > scratch ? wanted : scratch;
    }
    return scratch;
}

// A slot whose kernels run on a pool (NULL: on the thread that runs it).
static enum bv_status make_slot(const struct bv_cpu *cpu, const struct cpu_program *p,
                                struct slot *slot, struct bv_pool *pool, struct bv_error *err)
{
    const struct bv_graph *graph = p->base.graph;
    atomic_flag_clear(&slot->busy);
    slot->steps = calloc((size_t)graph->n_nodes + 1, sizeof *slot->steps);
    slot->arena = bv_alloc_large(p->base.plan.arena_bytes);
    if (!slot->steps || !slot->arena)
        return bv_fail(err, BV_ERR_NOMEM, "out of memory for %zu bytes of activations",
                       p->base.plan.arena_bytes);
    size_t scratch = make_steps(cpu, p, slot, pool);
    if (scratch == 0)
        return BV_OK;
    slot->scratch = bv_alloc_large(scratch * sizeof(float));
    if (!slot->scratch)
        return bv_fail_nomem(err, "scratch memory");
    for (int i = 0; i < graph->n_nodes; i++)
        slot->steps[i].args.scratch = slot->scratch;
    return BV_OK;
}

// Only for images that are large beside a processor's caches: in small ones a place of its own
// costs nothing.
static bool in_place(const void *backend, const struct bv_node *node)
{
    const struct bv_cpu *cpu = backend;
    const struct bv_tensor *out = node->out;
    struct bv_cpu_kernel kernel = kernel_for(cpu, node);
    return bv_elements(out) * (int64_t)bv_dtype_size(out->dtype) >= least_in_place &&
           kernel.in_place && kernel.in_place(node, cpu->format);
}

static enum bv_status make_slots(struct bv_cpu *cpu, struct cpu_program *p, int n,
                                 struct bv_pool *pool, struct bv_error *err)
{
    const struct bv_plan_rules rules = {alignment, in_place, cpu};
    BV_TRY(bv_plan_make(&p->base.plan, p->base.graph, &rules, err));
    p->slots = calloc((size_t)n, sizeof *p->slots);
    if (!p->slots)
        return bv_fail_nomem(err, "a program");
    p->n_slots = n;
    for (int i = 0; i < n; i++)
        BV_TRY(make_slot(cpu, p, &p->slots[i], pool, err));
    return BV_OK;
}

// pool: where the loops of a slot's kernels run.
static enum bv_status compile(struct bv_cpu *cpu, struct bv_graph *graph, int64_t n_items,
                              int n_slots, struct bv_pool *pool, struct bv_program **program,
                              struct bv_error *err)
{
    struct cpu_program *p = calloc(1, sizeof *p);
    if (!p)
        return bv_fail_nomem(err, "a program");
    p->base.backend = &cpu->base;
    p->base.graph = graph;
    p->base.n_items = n_items;
    if (cpu->format != BV_CPU_F32 && !cpu->reference)
        bv_cpu_choose_precision(graph, cpu->format);
    enum bv_status status = make_slots(cpu, p, n_slots, pool, err);
    if (status != BV_OK) {
        bv_plan_free(&p->base.plan);
        bv_cpu_destroy_program(&p->base);
        return status;
    }
    *program = &p->base;
    return BV_OK;
}

enum bv_status bv_cpu_compile(struct bv_backend *backend, struct bv_graph *graph,
                              struct bv_program **program, struct bv_error *err)
{
    struct bv_cpu *cpu = (struct bv_cpu *)backend;
    return compile(cpu, graph, 1, 1, cpu->pool, program, err);
}

// Threads that n items keep busy.
static int slots_for(const struct bv_cpu *cpu, int64_t n_items)
{
    int n_threads = bv_pool_threads(cpu->pool);
    return n_items < n_threads ? (int)n_items : n_threads;
}

enum bv_status bv_cpu_compile_items(struct bv_backend *backend, struct bv_graph *one,
                                    int64_t n_items, struct bv_program **program,
                                    struct bv_error *err)
{
    struct bv_cpu *cpu = (struct bv_cpu *)backend;
    return compile(cpu, one, n_items, slots_for(cpu, n_items), NULL, program, err);
}

// Multiplications of a graph's products by elements of their weights.
static double weight_reuse(const struct bv_graph *g)
{
    double products = 0, elements = 0;
    for (const struct bv_node *n = g->first; n; n = n->next) {
        if (n->op != BV_OP_linear && n->op != BV_OP_conv2d)
            continue;
        double size = (double)bv_elements(n->in[1]);
        elements += size;
        products += size / (double)n->in[1]->dim[0] * (double)bv_elements(n->out);
    }
    return elements > 0 ? products / elements : 0;
}

bool bv_cpu_prefers_items(const struct bv_backend *backend, const struct bv_graph *one,
                          int64_t n_items)
{
    const struct bv_cpu *cpu = (const struct bv_cpu *)backend;
    if (cpu->reference)
        return false;
    int n_threads = bv_pool_threads(cpu->pool);
    int64_t rounds = (n_items + n_threads - 1) / n_threads;
    return (double)(rounds * n_threads) <= (1 + most_idle) * (double)n_items &&
           weight_reuse(one) >= least_reuse;
}

static void copy_inputs(const struct bv_program *program, const struct slot *slot,
                        const void *const *inputs, size_t item)
{
    const struct bv_graph *g = program->graph;
    for (int i = 0; i < g->n_inputs; i++) {
        const struct bv_tensor *t = g->inputs[i];
        size_t bytes = (size_t)bv_elements(t) * bv_dtype_size(t->dtype);
        memcpy(slot->arena + program->plan.offset[t->id], (const char *)inputs[i] + item * bytes,
               bytes);
    }
}

static void copy_outputs(const struct bv_program *program, const struct slot *slot,
                         float *const *outputs, size_t item)
{
    const struct bv_graph *g = program->graph;
    for (int i = 0; i < g->n_outputs; i++) {
        const struct bv_tensor *t = g->outputs[i];
        size_t n = (size_t)bv_elements(t);
        if (outputs[i])
            memcpy(outputs[i] + item * n, slot->arena + program->plan.offset[t->id],
                   n * sizeof(float));
    }
}

static void run_slot(const struct bv_program *program, const struct slot *slot,
                     const void *const *inputs, float *const *outputs, size_t item)
{
    copy_inputs(program, slot, inputs, item);
    for (int i = 0; i < program->plan.n_nodes; i++)
        slot->steps[i].run(&slot->steps[i].args);
    copy_outputs(program, slot, outputs, item);
}

// The run of a program that may not run again: weights are packed, used and overwritten. Keeping
// them would mean as much memory again as the model, which the kernel clears first.
static enum bv_status run_once(struct bv_cpu *cpu, struct cpu_program *p, const void *const *inputs,
                               float *const *outputs, struct bv_error *err)
{
    struct bv_cpu_pack_buffer buffer = {0};
    const struct slot *slot = &p->slots[0];
    enum bv_status status = BV_OK;
    copy_inputs(&p->base, slot, inputs, 0);
    for (int i = 0; status == BV_OK && i < p->base.plan.n_nodes; i++) {
        status = prepare_step(cpu, &slot->steps[i], &buffer, err);
        if (status == BV_OK)
            slot->steps[i].run(&slot->steps[i].args);
    }
    free(buffer.memory);
    if (status == BV_OK)
        copy_outputs(&p->base, slot, outputs, 0);
    return status;
}

static void share_weights(const struct step *from, struct step *to)
{
    to->args.prepared = from->args.prepared;
    for (int i = 0; i < BV_MAX_INPUTS; i++)
        if (from->args.node->in[i] && from->args.node->in[i]->role == BV_ROLE_WEIGHT)
            to->args.in[i] = from->args.in[i];
}

static enum bv_status prepare_steps(struct bv_cpu *cpu, struct cpu_program *p, struct bv_error *err)
{
    for (int i = 0; i < p->base.plan.n_nodes; i++) {
        struct step *first = &p->slots[0].steps[i];
        BV_TRY(prepare_step(cpu, first, NULL, err));
        for (int slot = 1; slot < p->n_slots; slot++)
            share_weights(first, &p->slots[slot].steps[i]);
    }
    p->ready = true;
    return BV_OK;
}

struct batch_run {
    struct cpu_program *program;
    const void *const *inputs;
    float *const *outputs;
};

// There is a slot for each thread, so one is free. A thread meets its own again, as in bv_pool_for.
static void run_item(void *arg, size_t item)
{
    const struct batch_run *r = arg;
    struct cpu_program *p = r->program;
    size_t n_slots = (size_t)p->n_slots, i = item * n_slots / (size_t)p->base.n_items;
    while (atomic_flag_test_and_set_explicit(&p->slots[i].busy, memory_order_acquire))
        i = (i + 1) % n_slots;
    run_slot(&p->base, &p->slots[i], r->inputs, r->outputs, item);
    atomic_flag_clear_explicit(&p->slots[i].busy, memory_order_release);
}

enum bv_status bv_cpu_run(struct bv_program *program, const void *const *inputs,
                          float *const *outputs, struct bv_error *err)
{
    struct cpu_program *p = (struct cpu_program *)program;
    struct bv_cpu *cpu = (struct bv_cpu *)program->backend;
    struct batch_run r = {p, inputs, outputs};
    bool first = !p->has_run;
    p->has_run = true;
    if (first && program->once && program->n_items == 1)
        return run_once(cpu, p, inputs, outputs, err);
    if (!p->ready)
        BV_TRY(prepare_steps(cpu, p, err));
    if (program->n_items == 1)
        run_slot(program, &p->slots[0], inputs, outputs, 0);
    else
        bv_pool_for(cpu->pool, (size_t)program->n_items, run_item, &r);
    return BV_OK;
}

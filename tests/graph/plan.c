// The memory plan: tensors that are needed at the same time never share memory.
#include "graph/backend.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph/model.h"
#include "op/kernel.h"
#include "support/check.h"

static const struct bv_plan_rules apart = {.alignment = 64};

static unsigned state_of_random = 1;

static int below(int n)
{
    state_of_random = state_of_random * 1664525u + 1013904223u;
    return (int)((state_of_random >> 8) % (unsigned)n);
}

// A graph of adds, slices, concatenations, activations and reshapes that read tensors at random.
static struct bv_graph *random_graph(struct bv_weights *weights, unsigned seed)
{
    struct bv_error err = {0};
    struct bv_graph *g = NULL;
    struct bv_tensor *pool[64];
    int n = 0;
    state_of_random = seed;
    assert_ok(bv_graph_create(&g, weights, &err), err);
    for (int i = 0; i < 3; i++)
        pool[n++] = bv_graph_input(g, "x", BV_F32, 2, (int64_t[]){3, 4 + 3 * i});
    int length = 5 + below(50);
    while (n < length) {
        struct bv_tensor *x = pool[below(n)], *y = pool[below(n)];
        int64_t C = bv_last_dim(x);
        switch (below(5)) {
        case 0:
            pool[n++] = bv_activate(g, x, BV_ACT_TANH);
            break;
        case 1:
            pool[n++] = bv_slice(g, x, 1, C / 2, C - C / 2);
            break;
        case 2:
            pool[n] = C + bv_last_dim(y) < 100 ? bv_concat(g, 2, (struct bv_tensor *[]){x, y}, 1)
                                               : bv_scale(g, x, 0.5f, 1);
            n++;
            break;
        case 3:
            pool[n++] = bv_add(g, x, bv_reshape(g, x, 2, (int64_t[]){3, -1}));
            break;
        default:
            pool[n++] = bv_last_dim(y) == C ? bv_add(g, x, y) : bv_scale(g, x, -1, 0.25f);
        }
    }
    for (int i = 0; i < 1 + below(3); i++)
        (void)bv_graph_output(g, bv_reshape(g, pool[n - 1 - below(n - 1)], 1, (int64_t[]){-1}),
                              "y");
    bv_graph_sweep(g);
    assert_ok(bv_graph_status(g, &err), err);
    return g;
}

static bool takes_place(const void *backend, const struct bv_node *node)
{
    (void)backend;
    return node->op == BV_OP_activation || node->op == BV_OP_scale;
}

static const struct bv_plan_rules in_place = {.alignment = 64, .in_place = takes_place};

// Runs the nodes by hand in an arena of NaN and makes the memory of each tensor NaN as soon as
// nothing will read it: an overlap of live tensors turns results into NaN.
// Returns the sum of the outputs' numbers.
static double run_poisoned(struct bv_graph *g, const struct bv_plan *plan)
{
    double sum = 0;
    int last_use[512];
    assert_true(g->n_tensors <= 512);
    for (int i = 0; i < 512; i++)
        last_use[i] = -1;
    for (const struct bv_node *n = g->first; n; n = n->next)
        for (int i = 0; i < BV_MAX_INPUTS; i++)
            if (n->in[i])
                last_use[bv_storage_of(n->in[i])->id] = n->index;
    for (int i = 0; i < g->n_outputs; i++)
        last_use[bv_storage_of(g->outputs[i])->id] = g->n_nodes;
    char *arena = malloc(plan->arena_bytes + 1);
    assert_non_null(arena);
    memset(arena, 0xff, plan->arena_bytes);
    for (int i = 0; i < g->n_inputs; i++)
        model_numbers((unsigned)i, (void *)(arena + plan->offset[g->inputs[i]->id]),
                      bv_elements(g->inputs[i]));
    for (const struct bv_node *n = g->first; n; n = n->next) {
        struct bv_kernel_args a = {.node = n, .out = arena + plan->offset[n->out->id]};
        for (int i = 0; i < BV_MAX_INPUTS; i++)
            if (n->in[i])
                a.in[i] = arena + plan->offset[n->in[i]->id];
        bv_reference(n->op)(&a);
        for (int i = 0; i < g->n_tensors; i++)
            if (last_use[i] == n->index && !g->tensors[i]->alias_of &&
                plan->offset[i] != plan->offset[n->out->id])
                memset(arena + plan->offset[i], 0xff,
                       (size_t)bv_elements(g->tensors[i]) * sizeof(float));
    }
    for (int i = 0; i < g->n_outputs; i++) {
        const float *y = (const void *)(arena + plan->offset[g->outputs[i]->id]);
        for (int64_t k = 0; k < bv_elements(g->outputs[i]); k++) {
            if (isnan(y[k]))
                fail_msg("output %d is NaN at %lld: memory was reused too early", i, (long long)k);
            sum += (double)y[k] * (double)(k % 7 + 1);
        }
    }
    free(arena);
    return sum;
}

static void test_random_graphs(void **state)
{
    (void)state;
    struct bv_error err = {0};
    struct bv_weights *weights = NULL;
    assert_ok(bv_weights_create(&weights, &err), err);
    int fewer = 0; // graphs that need less memory where results may be written in place
    for (unsigned seed = 1; seed <= 300; seed++) {
        struct bv_graph *g = random_graph(weights, seed);
        struct bv_plan plan = {0};
        assert_ok(bv_plan_make(&plan, g, &apart, &err), err);
        for (int i = 0; i < g->n_tensors; i++)
            if (plan.offset[i] != BV_NO_OFFSET)
                assert_int_equal(plan.offset[i] % 64, 0);
        double sum = run_poisoned(g, &plan);
        size_t bytes = plan.arena_bytes;
        bv_plan_free(&plan);
        assert_ok(bv_plan_make(&plan, g, &in_place, &err), err);
        assert_true(run_poisoned(g, &plan) == sum);
        fewer += plan.arena_bytes < bytes;
        bv_plan_free(&plan);
        bv_graph_destroy(&g);
    }
    assert_true(fewer > 30);
    bv_weights_destroy(&weights);
}

// A chain needs two buffers, whatever its length.
static void test_chain_reuses(void **state)
{
    (void)state;
    struct bv_error err = {0};
    struct bv_weights *weights = NULL;
    struct bv_graph *g = NULL;
    struct bv_plan plan = {0};
    assert_ok(bv_weights_create(&weights, &err), err);
    assert_ok(bv_graph_create(&g, weights, &err), err);
    struct bv_tensor *x = bv_graph_input(g, "x", BV_F32, 1, (int64_t[]){1024});
    for (int i = 0; i < 40; i++)
        x = bv_activate(g, x, BV_ACT_TANH);
    (void)bv_graph_output(g, x, "y");
    assert_ok(bv_plan_make(&plan, g, &apart, &err), err);
    assert_int_equal(plan.arena_bytes, 2 * 4096);
    bv_plan_free(&plan);
    assert_ok(bv_plan_make(&plan, g, &in_place, &err), err);
    assert_int_equal(plan.arena_bytes, 2 * 4096); // the input keeps its own
    bv_plan_free(&plan);
    bv_graph_destroy(&g);
    bv_weights_destroy(&weights);
}

static void test_too_large(void **state)
{
    (void)state;
    struct bv_error err = {0};
    struct bv_weights *weights = NULL;
    struct bv_graph *g = NULL;
    struct bv_plan plan = {0};
    assert_ok(bv_weights_create(&weights, &err), err);
    assert_ok(bv_graph_create(&g, weights, &err), err);
    struct bv_tensor *x = bv_graph_input(g, "x", BV_F32, 2, (int64_t[]){1 << 30, 1 << 28});
    for (int i = 0; i < 40; i++)
        x = bv_activate(g, x, BV_ACT_TANH);
    (void)bv_graph_output(g, x, "y");
    assert_int_equal(bv_plan_make(&plan, g, &apart, &err), BV_ERR_LIMIT);
    assert_null(plan.offset);
    bv_graph_destroy(&g);
    bv_weights_destroy(&weights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_graphs),
        cmocka_unit_test(test_chain_reuses),
        cmocka_unit_test(test_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

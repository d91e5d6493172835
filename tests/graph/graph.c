// The builder's sticky error, and what a run refuses.
#include "graph/graph.h"

#include <stdlib.h>
#include <string.h>

#include "cpu/cpu.h"
#include "graph/model.h"
#include "support/check.h"

static struct bv_weights *weights;

static int make_weights(void **state)
{
    (void)state;
    struct bv_error err = {0};
    assert_ok(bv_weights_create(&weights, &err), err);
    model_weight(weights, "table", -1, 2, DIM(7, 8));
    model_weight(weights, "a.weight", -1, 2, DIM(8, 8));
    model_weight(weights, "wide.weight", -1, 2, DIM(8, 9));
    return 0;
}

static int free_weights(void **state)
{
    (void)state;
    bv_weights_destroy(&weights);
    model_free();
    return 0;
}

static struct bv_graph *new_graph(void)
{
    struct bv_error err = {0};
    struct bv_graph *g = NULL;
    assert_ok(bv_graph_create(&g, weights, &err), err);
    return g;
}

static void test_first_error_sticks(void **state)
{
    (void)state;
    struct bv_error err = {0};
    struct bv_graph *g = new_graph();
    struct bv_tensor *x = bv_graph_input(g, "x", BV_F32, DIM(2, 8));
    assert_non_null(x);
    assert_null(bv_linear(g, x, "wide"));
    assert_null(bv_graph_fail(g, BV_ERR_LIMIT, "a later failure"));
    assert_null(bv_activate(g, x, BV_ACT_RELU));
    assert_null(bv_reshape(g, x, DIM(16)));
    assert_null(bv_graph_output(g, x, "y"));
    assert_int_equal(bv_graph_status(g, &err), BV_ERR_MODEL);
    assert_non_null(strstr(err.text, "wide.weight"));
    struct bv_backend *backend = NULL;
    struct bv_program *program = NULL;
    assert_ok(bv_cpu_create(&backend, weights, NULL, &err), err);
    assert_int_equal(bv_program_compile(backend, &g, &program, &err), BV_ERR_MODEL);
    assert_null(g); // taken in failure too
    assert_null(program);
    bv_backend_destroy(&backend);
}

static void expect_failure(struct bv_graph *g, enum bv_status expected)
{
    struct bv_error err = {0};
    assert_int_equal(bv_graph_status(g, &err), expected);
    bv_graph_destroy(&g);
}

static void test_impossible_shapes(void **state)
{
    (void)state;
    struct bv_graph *g = new_graph();
    assert_null(bv_graph_input(g, "x", BV_F32, DIM(3, 0)));
    expect_failure(g, BV_ERR_MODEL);
    g = new_graph();
    assert_null(bv_graph_input(g, "x", BV_F32, DIM(INT64_MAX / 2, 4)));
    expect_failure(g, BV_ERR_MODEL);
    g = new_graph();
    struct bv_tensor *x = bv_graph_input(g, "x", BV_F32, DIM(3, 4));
    assert_null(bv_reshape(g, x, DIM(5, -1)));
    expect_failure(g, BV_ERR_MODEL);
    g = new_graph();
    x = bv_graph_input(g, "x", BV_F32, DIM(3, 4));
    assert_null(bv_reshape(g, x, DIM(1, 1, 1, 1, 3, 4))); // more than BV_MAX_RANK
    expect_failure(g, BV_ERR_MODEL);
    g = new_graph();
    x = bv_graph_input(g, "x", BV_F32, DIM(3, 4));
    assert_null(bv_reshape(g, x, DIM(-1, -1)));
    expect_failure(g, BV_ERR_MODEL);
    g = new_graph();
    x = bv_graph_input(g, "x", BV_F32, DIM(3, 4, 5));
    assert_null(bv_slice(g, x, 1, 2, 3));
    expect_failure(g, BV_ERR_MODEL);
}

// Results are what the graph computes, in f32.
static void test_outputs_are_computed(void **state)
{
    (void)state;
    struct bv_graph *g = new_graph();
    assert_null(bv_graph_output(g, bv_weight(g, "table"), "y"));
    expect_failure(g, BV_ERR_MODEL);
    g = new_graph();
    assert_null(bv_graph_output(g, bv_graph_input(g, "ids", BV_I32, DIM(4)), "y"));
    expect_failure(g, BV_ERR_MODEL);
}

struct refusal {
    struct bv_program *program;
    struct bv_backend *backend;
    int32_t values[4];
    float x[64], y[64];
    bool ids_first;
};

static void compile(struct refusal *r, struct bv_graph *g)
{
    struct bv_error err = {0};
    assert_ok(bv_graph_status(g, &err), err);
    assert_ok(bv_cpu_create(&r->backend, weights, NULL, &err), err);
    assert_ok(bv_program_compile(r->backend, &g, &r->program, &err), err);
}

static enum bv_status run_with(struct refusal *r, int32_t value)
{
    struct bv_error err = {0};
    r->values[1] = value;
    const void *in[2] = {r->x, r->values};
    if (r->ids_first)
        in[0] = r->values;
    memset(r->y, 0, sizeof r->y);
    enum bv_status status = bv_program_run(r->program, in, (float *const[]){r->y}, &err);
    assert_true((status == BV_OK) == (err.text[0] == 0));
    return status;
}

static void release(struct refusal *r)
{
    bv_program_destroy(&r->program);
    bv_backend_destroy(&r->backend);
}

static void test_ids_in_range(void **state)
{
    (void)state;
    struct refusal r = {.ids_first = true};
    struct bv_graph *g = new_graph();
    struct bv_tensor *ids = bv_graph_input(g, "ids", BV_I32, DIM(4));
    ids = bv_reshape(g, ids, DIM(2, 2)); // the check sees through reshapes
    (void)bv_graph_output(g, bv_embed(g, ids, "table"), "y");
    compile(&r, g);
    assert_int_equal(run_with(&r, 6), BV_OK);
    assert_int_equal(run_with(&r, 7), BV_ERR_ARG);
    assert_int_equal(run_with(&r, -1), BV_ERR_ARG);
    assert_int_equal(run_with(&r, INT32_MIN), BV_ERR_ARG);
    release(&r);
}

static void test_index_in_range(void **state)
{
    (void)state;
    struct refusal r = {0};
    struct bv_graph *g = new_graph();
    struct bv_tensor *x = bv_graph_input(g, "x", BV_F32, DIM(2, 4, 8));
    struct bv_tensor *index = bv_graph_input(g, "index", BV_I32, DIM(2, 2));
    (void)bv_graph_output(g, bv_gather_rows(g, x, index), "y");
    compile(&r, g);
    assert_int_equal(run_with(&r, 3), BV_OK);
    assert_int_equal(run_with(&r, 4), BV_ERR_ARG);
    assert_int_equal(run_with(&r, -1), BV_ERR_ARG);
    release(&r);
}

static void test_lengths_in_range(void **state)
{
    (void)state;
    const struct bv_attention_params heads = {.heads = 2, .head_dim = 4, .scale = 0.5f};
    for (int which = 0; which < 2; which++) {
        struct refusal r = {.values = {1, 1}};
        struct bv_graph *g = new_graph();
        struct bv_tensor *x = bv_graph_input(g, "x", BV_F32, DIM(2, 4, 8));
        struct bv_tensor *lengths = bv_graph_input(g, "lengths", BV_I32, DIM(2, 1));
        lengths = bv_reshape(g, lengths, DIM(2));
        struct bv_tensor *y = which ? bv_reduce(g, x, lengths, BV_REDUCE_MEAN)
                                    : bv_attention(g, x, x, x, NULL, lengths, &heads);
        (void)bv_graph_output(g, y, "y");
        compile(&r, g);
        assert_int_equal(run_with(&r, 4), BV_OK);
        assert_int_equal(run_with(&r, 5), BV_ERR_ARG);
        assert_int_equal(run_with(&r, 0), BV_ERR_ARG);
        release(&r);
    }
}

// Ids that the model file holds were never checked: they are refused when the graph is compiled.
static void test_ids_from_a_weight(void **state)
{
    (void)state;
    struct bv_error err = {0};
    struct bv_weights *own = NULL;
    struct bv_graph *g = NULL;
    static const int32_t ids[] = {0, 900};
    static const float table[4];
    const struct bv_weight w = {"ids", BV_I32, 1, {2}, ids};
    const struct bv_weight t = {"table", BV_F32, 2, {2, 2}, table};
    assert_ok(bv_weights_create(&own, &err), err);
    assert_ok(bv_weights_add(own, &w, &err), err);
    assert_ok(bv_weights_add(own, &t, &err), err);
    assert_ok(bv_graph_create(&g, own, &err), err);
    (void)bv_graph_output(g, bv_embed(g, bv_weight(g, "ids"), "table"), "y");
    struct bv_backend *backend = NULL;
    struct bv_program *program = NULL;
    assert_ok(bv_cpu_create(&backend, own, NULL, &err), err);
    assert_int_equal(bv_program_compile(backend, &g, &program, &err), BV_ERR_MODEL);
    bv_backend_destroy(&backend);
    bv_weights_destroy(&own);
}

// Inputs find their places by name, in any order, and one that is missing is named.
static void test_inputs_by_name(void **state)
{
    (void)state;
    struct bv_error err = {0};
    struct refusal r = {.ids_first = false};
    struct bv_graph *g = new_graph();
    struct bv_tensor *x = bv_graph_input(g, "x", BV_F32, DIM(2, 3));
    struct bv_tensor *shift = bv_graph_input(g, "shift", BV_F32, DIM(2, 3));
    (void)bv_graph_output(g, bv_add(g, x, shift), "y");
    compile(&r, g);
    const float a[6] = {0}, b[6] = {1};
    const void *bound[BV_MAX_GRAPH_INPUTS] = {NULL};
    struct bv_input inputs[] = {{"none", b}, {"shift", b}, {"x", a}};
    assert_ok(bv_program_bind(r.program, inputs, 3, bound, &err), err);
    assert_ptr_equal(bound[0], a);
    assert_ptr_equal(bound[1], b);
    inputs[1].data = NULL;
    assert_int_equal(bv_program_bind(r.program, inputs, 3, bound, &err), BV_ERR_ARG);
    assert_non_null(strstr(err.text, "\"shift\""));
    release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_error_sticks),   cmocka_unit_test(test_impossible_shapes),
        cmocka_unit_test(test_outputs_are_computed), cmocka_unit_test(test_ids_in_range),
        cmocka_unit_test(test_index_in_range),       cmocka_unit_test(test_lengths_in_range),
        cmocka_unit_test(test_ids_from_a_weight),    cmocka_unit_test(test_inputs_by_name),
    };
    return cmocka_run_group_tests(tests, make_weights, free_weights);
}

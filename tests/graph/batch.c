// Batches run as a whole and item by item give the same bits.
#include <stdlib.h>
#include <string.h>

#include "cpu/cpu.h"
#include "graph/model.h"
#include "support/check.h"

enum { WIDTH = 16, MOST_ITEMS = 9, MOST_TOKENS = 128 };

static struct bv_weights *weights;

static int make_weights(void **state)
{
    (void)state;
    struct bv_error err = {0};
    assert_ok(bv_weights_create(&weights, &err), err);
    model_weight(weights, "table", -1, 2, DIM(50, WIDTH));
    model_weight(weights, "qkv.weight", -1, 2, DIM(WIDTH, WIDTH));
    model_weight(weights, "out.weight", -1, 2, DIM(WIDTH, WIDTH));
    return 0;
}

static int free_weights(void **state)
{
    (void)state;
    bv_weights_destroy(&weights);
    model_free();
    return 0;
}

// A layer of a text encoder; its weights are used once per token.
static enum bv_status build(const void *arg, int64_t batch, struct bv_graph **graph,
                            struct bv_error *err)
{
    int64_t tokens = *(const int64_t *)arg;
    const struct bv_attention_params heads = {.heads = 2, .head_dim = WIDTH / 2, .scale = 0.5f};
    BV_TRY(bv_graph_create(graph, weights, err));
    struct bv_graph *g = *graph;
    struct bv_tensor *ids = bv_graph_input(g, "ids", BV_I32, DIM(batch, tokens));
    struct bv_tensor *lengths = bv_graph_input(g, "lengths", BV_I32, DIM(batch));
    struct bv_tensor *x = bv_linear(g, bv_embed(g, ids, "table"), "qkv");
    x = bv_attention(g, x, x, x, NULL, lengths, &heads);
    x = bv_graph_output(g, bv_linear(g, x, "out"), "local");
    (void)bv_graph_output(g, bv_reduce(g, x, lengths, BV_REDUCE_MEAN), "global");
    return bv_graph_status(g, err);
}

struct batch {
    int32_t ids[MOST_ITEMS * MOST_TOKENS], lengths[MOST_ITEMS];
    float local[MOST_ITEMS * MOST_TOKENS * WIDTH], global[MOST_ITEMS * WIDTH];
};

static void fill(struct batch *b, int64_t items, int64_t tokens)
{
    memset(b, 0, sizeof *b);
    for (int64_t i = 0; i < items; i++) {
        b->lengths[i] = (int32_t)(tokens - i);
        for (int64_t t = 0; t < tokens; t++)
            b->ids[i * tokens + t] = (int32_t)((i * 31 + t * 7) % 50);
    }
}

static enum bv_status run(struct bv_program *program, struct batch *b)
{
    struct bv_error err = {0};
    const void *const inputs[] = {b->ids, b->lengths};
    float *const outputs[] = {b->local, b->global};
    return bv_program_run(program, inputs, outputs, &err);
}

// Returns how many items the program of the batch has.
static int64_t compare(struct bv_backend *backend, int64_t items, int64_t tokens)
{
    struct bv_error err = {0};
    struct bv_program *whole = NULL, *program = NULL;
    struct bv_graph *graph = NULL;
    struct batch *want = malloc(sizeof *want), *got = malloc(sizeof *got);
    assert_non_null(want);
    assert_non_null(got);
    fill(want, items, tokens);
    fill(got, items, tokens);
    assert_ok(build(&tokens, items, &graph, &err), err);
    assert_ok(bv_program_compile(backend, &graph, &whole, &err), err);
    assert_ok(bv_program_compile_batch(backend, build, &tokens, items, &program, &err), err);
    assert_int_equal(run(whole, want), BV_OK);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(run(program, got), BV_OK);
        assert_memory_equal(got, want, sizeof *got);
    }
    got->lengths[items - 1] = (int32_t)tokens + 1;
    assert_int_equal(run(program, got), BV_ERR_ARG);
    int64_t n = program->n_items;
    bv_program_destroy(&program);
    bv_program_destroy(&whole);
    free(got);
    free(want);
    return n;
}

static void test_batches(const char *precision)
{
    static const struct {
        int threads;
        int64_t items, tokens, expected;
    } cases[] = {
        {1, 1, 128, 1}, {1, 5, 128, 5}, // one thread: always one after another
        {2, 2, 128, 2}, {2, 8, 128, 8}, {2, 9, 128, 9}, {3, 6, 128, 6},
        {2, 5, 128, 1}, {3, 4, 128, 1}, {3, 2, 128, 1}, // threads would stand idle
        {2, 8, 64, 1},                                  // each weight is used too seldom
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bv_error err = {0};
        struct bv_pool *pool = NULL;
        struct bv_backend *backend = NULL;
        assert_ok(bv_pool_create(&pool, cases[i].threads, &err), err);
        assert_ok(bv_cpu_create_precision(&backend, weights, pool, precision, &err), err);
        assert_int_equal(compare(backend, cases[i].items, cases[i].tokens), cases[i].expected);
        bv_backend_destroy(&backend);
        bv_pool_destroy(&pool);
    }
}

static void test_f32(void **state)
{
    (void)state;
    test_batches("f32");
}

static void test_low_precision(void **state)
{
    (void)state;
    if (!bv_cpu_has_low_precision())
        skip();
    test_batches("bf16");
    test_batches("int8");
}

static void test_reference_runs_whole(void **state)
{
    (void)state;
    struct bv_error err = {0};
    struct bv_backend *backend = NULL;
    assert_ok(bv_cpu_create_reference(&backend, weights, &err), err);
    assert_int_equal(compare(backend, 4, MOST_TOKENS), 1);
    bv_backend_destroy(&backend);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_f32),
        cmocka_unit_test(test_low_precision),
        cmocka_unit_test(test_reference_runs_whole),
    };
    return cmocka_run_group_tests(tests, make_weights, free_weights);
}

// A program that may run only once keeps nothing of the weights, and gives the same bits.
#include <stdlib.h>
#include <string.h>

#include "cpu/cpu.h"
#include "graph/model.h"
#include "support/check.h"

enum { SIDE = 9, CHANNELS = 3, WIDTH = 40 };
enum { FOLDED_BIAS = 4 * WIDTH }; // bytes: not packed, so kept at once

static void add_weights(struct bv_weights *weights)
{
    model_weight(weights, "stem.weight", -1, 2, DIM(WIDTH, 7, 7, CHANNELS));
    model_weight(weights, "conv.weight", -1, 2, DIM(WIDTH, 3, 3, WIDTH));
    model_weight(weights, "norm.weight", 0.5f, 1, DIM(WIDTH));
    model_weight(weights, "norm.bias", -1, 2, DIM(WIDTH));
    model_weight(weights, "norm.running_mean", -1, 2, DIM(WIDTH));
    model_weight(weights, "norm.running_var", 0.5f, 1, DIM(WIDTH));
    model_weight(weights, "fc.weight", -1, 2, DIM(2 * WIDTH, WIDTH));
}

// The norm is folded into the convolution, whose weight is computed then.
static struct bv_program *compile(struct bv_backend *backend, struct bv_weights *weights)
{
    struct bv_error err = {0};
    struct bv_graph *g = NULL;
    struct bv_program *program = NULL;
    assert_ok(bv_graph_create(&g, weights, &err), err);
    struct bv_tensor *x = bv_graph_input(g, "pixels", BV_F32, DIM(1, SIDE, SIDE, CHANNELS));
    x = bv_conv2d(g, x, 2, 3, "stem");
    x = bv_batch_norm(g, bv_conv2d(g, x, 1, 1, "conv"), 1e-5f, "norm");
    x = bv_linear(g, bv_reduce(g, x, NULL, BV_REDUCE_MEAN), "fc");
    (void)bv_graph_output(g, x, "global");
    assert_ok(bv_program_compile(backend, &g, &program, &err), err);
    return program;
}

static void run(struct bv_program *program, float out[2 * WIDTH])
{
    struct bv_error err = {0};
    float pixels[SIDE * SIDE * CHANNELS];
    const void *const inputs[] = {pixels};
    float *const outputs[] = {out};
    model_numbers(1, pixels, SIDE * SIDE * CHANNELS);
    assert_ok(bv_program_run(program, inputs, outputs, &err), err);
}

static void test_precision(const char *precision)
{
    struct bv_error err = {0};
    struct bv_weights *weights = NULL;
    struct bv_backend *backend = NULL;
    float want[2 * WIDTH], got[2 * WIDTH];
    assert_ok(bv_weights_create(&weights, &err), err);
    add_weights(weights);
    assert_ok(bv_cpu_create_precision(&backend, weights, NULL, precision, &err), err);
    struct bv_program *once = compile(backend, weights), *often = compile(backend, weights);
    size_t before = bv_weights_derived_bytes(weights);
    once->once = true;
    run(once, got);
    assert_true(bv_weights_derived_bytes(weights) <= before + FOLDED_BIAS);
    run(often, want);
    assert_memory_equal(got, want, sizeof want);
    size_t kept = bv_weights_derived_bytes(weights);
    assert_true(kept > before + FOLDED_BIAS);
    for (int again = 0; again < 2; again++) { // now from what is kept
        memset(got, 0, sizeof got);
        run(once, got);
        assert_memory_equal(got, want, sizeof want);
        assert_int_equal(bv_weights_derived_bytes(weights), kept);
    }
    bv_program_destroy(&once);
    bv_program_destroy(&often);
    bv_backend_destroy(&backend);
    bv_weights_destroy(&weights);
    model_free();
}

static void test_f32(void **state)
{
    (void)state;
    test_precision("f32");
}

static void test_low_precision(void **state)
{
    (void)state;
    if (!bv_cpu_has_low_precision())
        skip();
    test_precision("bf16");
    test_precision("int8");
}

// The second run alone, without another program's weights to take.
static void test_twice(void **state)
{
    (void)state;
    struct bv_error err = {0};
    struct bv_weights *weights = NULL;
    struct bv_backend *backend = NULL;
    float first[2 * WIDTH], second[2 * WIDTH];
    assert_ok(bv_weights_create(&weights, &err), err);
    add_weights(weights);
    assert_ok(bv_cpu_create(&backend, weights, NULL, &err), err);
    struct bv_program *program = compile(backend, weights);
    program->once = true;
    run(program, first);
    size_t before = bv_weights_derived_bytes(weights);
    run(program, second);
    assert_true(bv_weights_derived_bytes(weights) > before);
    assert_memory_equal(first, second, sizeof first);
    bv_program_destroy(&program);
    bv_backend_destroy(&backend);
    bv_weights_destroy(&weights);
    model_free();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_f32),
        cmocka_unit_test(test_low_precision),
        cmocka_unit_test(test_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// Large images: a normalisation and a convolution write their results over what they read, with the
// bits that they have where the image is kept.
#include <stdlib.h>
#include <string.h>

#include "cpu/cpu.h"
#include "graph/model.h"
#include "support/check.h"

enum { C = 48 };

struct shape {
    int64_t n, height, width, out, kernel;
    bool smaller; // the plan, by a whole image
};

static struct bv_weights *weights;

static int make_weights(void **state)
{
    struct bv_error err = {0};
    (void)state;
    assert_ok(bv_weights_create(&weights, &err), err);
    model_weight(weights, "norm.weight", -1, 2, DIM(C));
    model_weight(weights, "norm.bias", -1, 2, DIM(C));
    model_weight(weights, "3x3x48.weight", -1, 2, DIM(48, 3, 3, C));
    model_weight(weights, "3x3x48.bias", -1, 2, DIM(48));
    model_weight(weights, "3x3x44.weight", -1, 2, DIM(44, 3, 3, C));
    model_weight(weights, "5x5x48.weight", -1, 2, DIM(48, 5, 5, C));
    model_weight(weights, "1x1x48.weight", -1, 2, DIM(48, 1, 1, C));
    model_weight(weights, "3x3x50.weight", -1, 2, DIM(50, 3, 3, C));
    return 0;
}

static int free_weights(void **state)
{
    (void)state;
    bv_weights_destroy(&weights);
    model_free();
    return 0;
}

// The result; kept: with what lies between as outputs too, which then nothing may overwrite.
static float *run(struct bv_backend *backend, const struct shape *s, bool kept, size_t *bytes)
{
    struct bv_error err = {0};
    struct bv_graph *g = NULL;
    struct bv_program *program = NULL;
    size_t n = (size_t)(s->n * s->height * s->width);
    float *in = malloc(n * C * sizeof *in), *out = malloc(n * (size_t)s->out * sizeof *out);
    float *first = malloc(n * C * sizeof *in), *second = malloc(n * C * sizeof *in);
    assert_true(in && out && first && second);
    model_numbers(7, in, (int64_t)n * C);
    assert_ok(bv_graph_create(&g, weights, &err), err);
    struct bv_tensor *x = bv_graph_input(g, "x", BV_F32, DIM(s->n, s->height, s->width, C));
    struct bv_tensor *scaled = bv_scale(g, x, 2, 0.5f);
    struct bv_tensor *norm = bv_group_norm(g, scaled, NULL, 8, 1e-5f, "norm");
    norm = bv_activate(g, norm, BV_ACT_SILU);
    struct bv_tensor *y = bv_conv2d(g, norm, 1, (int)s->kernel / 2, "%dx%dx%d", (int)s->kernel,
                                    (int)s->kernel, (int)s->out);
    (void)bv_graph_output(g, y, "y");
    if (kept) {
        (void)bv_graph_output(g, scaled, "scaled");
        (void)bv_graph_output(g, norm, "norm");
    }
    assert_ok(bv_graph_status(g, &err), err);
    assert_ok(bv_program_compile(backend, &g, &program, &err), err);
    const void *const inputs[] = {in};
    float *const outputs[] = {out, first, second};
    assert_ok(bv_program_run(program, inputs, outputs, &err), err);
    *bytes = program->plan.arena_bytes;
    bv_program_destroy(&program);
    free(in);
    free(first);
    free(second);
    return out;
}

static void test_same_bits(void **state)
{
    static const struct shape shapes[] = {
        {1, 301, 307, 48, 3, true}, {2, 161, 283, 44, 3, true},  {1, 290, 303, 48, 5, true},
        {1, 320, 300, 48, 1, true}, {1, 301, 307, 50, 3, false}, // more channels than there were
        {1, 31, 2900, 48, 3, true}, {1, 33, 2800, 48, 3, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const struct shape *s = &shapes[i];
        struct bv_error err = {0};
        struct bv_pool *pool = NULL;
        struct bv_backend *backend = NULL;
        size_t image = (size_t)(s->n * s->height * s->width) * C * sizeof(float), least, most;
        assert_ok(bv_pool_create(&pool, 2, &err), err);
        assert_ok(bv_cpu_create_precision(&backend, weights, pool, "f32", &err), err);
        float *want = run(backend, s, true, &most), *got = run(backend, s, false, &least);
        if (memcmp(want, got, image / C * (size_t)s->out) != 0)
            fail_msg("shape %zu: other bits in place", i);
        if (s->smaller && least > 2 * image + 4096) // the input and one image
            fail_msg("shape %zu: %zu bytes for images of %zu", i, least, image);
        assert_true(least < most);
        free(want);
        free(got);
        bv_backend_destroy(&backend);
        bv_pool_destroy(&pool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_bits)};
    return cmocka_run_group_tests(tests, make_weights, free_weights);
}

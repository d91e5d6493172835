// The image encoders with small fixed weights, against the implementations that are their models
// (expected.inc, made by reference.py): torchvision's ResNet with basic blocks and bottlenecks,
// open_clip's modified ResNet with attention pooling, timm's ViT and DenseNet,
// efficientnet_lite_pytorch.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/cpu.h"
#include "support/check.h"
#include "support/fixed.h"
#include "vision/vision.h"

struct shape {
    const char *name;
    int rank;
    int64_t dim[4];
};

#include "vision/expected.inc"

// Adds a weight of fixed values, which the caller frees after the weights.
static float *make_weight(struct bv_weights *weights, const struct shape *s)
{
    struct bv_weight w = {.name = s->name, .rank = s->rank};
    struct bv_error err = {0};
    int64_t n = 1;
    for (int i = 0; i < s->rank; i++) {
        w.dim[i] = s->dim[i];
        n *= s->dim[i];
    }
    float *data = malloc((size_t)n * sizeof *data);
    assert_non_null(data);
    fixed_weight(s->name, s->rank, s->dim, data);
    w.data = data;
    assert_ok(bv_weights_add(weights, &w, &err), err);
    return data;
}

// measured: 8.7e-7 over all cases
static const double limit = 1e-5;

// Builds the architecture, runs two images, and compares the first 12 channels of a feature.
static void check(const char *config_text, const struct shape *shapes, size_t n_shapes, int size,
                  const char *feature, const double *expected)
{
    struct bv_error err = {0};
    struct bv_weights *weights = NULL;
    struct bv_backend *backend = NULL;
    struct bv_graph *g = NULL;
    struct bv_program *program = NULL;
    float *data[256];
    assert_true(n_shapes <= 256);
    assert_ok(bv_weights_create(&weights, &err), err);
    for (size_t i = 0; i < n_shapes; i++)
        data[i] = make_weight(weights, &shapes[i]);
    json_t *config = json_loads(config_text, 0, NULL);
    struct bv_features features = {0};
    assert_ok(bv_graph_create(&g, weights, &err), err);
    struct bv_tensor *x = bv_graph_input(g, "pixels", BV_F32, 4, (int64_t[]){2, size, size, 3});
    bv_vision_build(g, config, "", x, &features);
    struct bv_tensor *y = bv_features_find(&features, feature);
    if (y && y->rank == 4)
        y = bv_reduce(g, y, NULL, BV_REDUCE_MEAN);
    (void)bv_graph_output(g, y, "y");
    assert_ok(bv_cpu_create(&backend, weights, NULL, &err), err);
    assert_ok(bv_program_compile(backend, &g, &program, &err), err);
    int64_t channels = program->graph->outputs[0]->dim[1], n_pixels = 2 * (int64_t)size * size * 3;
    float *pixels = malloc((size_t)n_pixels * sizeof *pixels);
    float *out = malloc((size_t)(2 * channels) * sizeof *out);
    assert_non_null(pixels);
    assert_non_null(out);
    fixed_values("pixels", 0, 1.5f, n_pixels, pixels);
    assert_ok(bv_program_run(program, (const void *[]){pixels}, &out, &err), err);
    double worst = 0;
    for (int i = 0; i < 2; i++)
        for (int c = 0; c < 12; c++)
            worst = fmax(worst, fabs(out[i * channels + c] - expected[12 * i + c]));
    print_message("%s: largest difference %.2g\n", config_text, worst);
    assert_true(worst <= limit);
    free(pixels);
    free(out);
    bv_program_destroy(&program);
    bv_backend_destroy(&backend);
    bv_weights_destroy(&weights);
    json_decref(config);
    for (size_t i = 0; i < n_shapes; i++)
        free(data[i]);
}

#define CHECK(config, case_name, size, feature)                                                    \
    check(config, shapes_##case_name, sizeof shapes_##case_name / sizeof *shapes_##case_name,      \
          size, feature, expected_##case_name)

static void test_resnet(void **state)
{
    (void)state;
    CHECK("{\"arch\":\"resnet\"}", resnet_basic, 40, "map");
    CHECK("{\"arch\":\"resnet\"}", resnet_bottleneck, 40, "map");
}

static void test_clip_resnet(void **state)
{
    (void)state;
    CHECK("{\"arch\":\"clip-resnet\",\"heads\":4}", clip_resnet, 64, "pooled");
}

// Heads that do not divide the width are no single head.
static void test_clip_resnet_heads(void **state)
{
    (void)state;
    static const char *const configs[] = {"{\"arch\":\"clip-resnet\",\"heads\":0}",
                                          "{\"arch\":\"clip-resnet\",\"heads\":3}",
                                          "{\"arch\":\"clip-resnet\",\"heads\":4294967300}"};
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        struct bv_error err = {0};
        struct bv_weights *weights = NULL;
        struct bv_graph *g = NULL;
        struct bv_features features = {0};
        float *data[256];
        const size_t n = sizeof shapes_clip_resnet / sizeof *shapes_clip_resnet;
        assert_ok(bv_weights_create(&weights, &err), err);
        for (size_t k = 0; k < n; k++)
            data[k] = make_weight(weights, &shapes_clip_resnet[k]);
        json_t *config = json_loads(configs[i], 0, NULL);
        assert_ok(bv_graph_create(&g, weights, &err), err);
        struct bv_tensor *x = bv_graph_input(g, "pixels", BV_F32, 4, (int64_t[]){1, 64, 64, 3});
        bv_vision_build(g, config, "", x, &features);
        assert_int_equal(bv_graph_status(g, &err), BV_ERR_MODEL);
        assert_non_null(strstr(err.text, "heads"));
        bv_graph_destroy(&g);
        bv_weights_destroy(&weights);
        json_decref(config);
        for (size_t k = 0; k < n; k++)
            free(data[k]);
    }
}

static void test_vit(void **state)
{
    (void)state;
    CHECK("{\"arch\":\"vit\",\"heads\":3}", vit, 32, "cls");
}

static void test_densenet(void **state)
{
    (void)state;
    CHECK("{\"arch\":\"densenet\"}", densenet, 40, "relu_map");
}

// Sizes 40, 20, 10, 5, 3, 2: even and odd ones are padded.
static void test_efficientnet(void **state)
{
    (void)state;
    CHECK("{\"arch\":\"efficientnet-lite\"}", efficientnet, 40, "map");
    check("{\"arch\":\"efficientnet-lite\"}", shapes_efficientnet,
          sizeof shapes_efficientnet / sizeof *shapes_efficientnet, 40, "stage7",
          expected_efficientnet_stage7);
}

// What cannot be built says so.
static void test_failures(void **state)
{
    (void)state;
    struct bv_error err = {0};
    struct bv_weights *weights = NULL;
    static const char *const configs[] = {"{\"arch\":\"perceptron\"}",
                                          "{\"arch\":\"resnet\"}",
                                          "{\"arch\":\"clip-resnet\"}",
                                          "{\"arch\":\"vit\"}",
                                          "{\"arch\":\"swin\"}",
                                          "{\"arch\":\"densenet\"}",
                                          "{\"arch\":\"efficientnet-lite\"}"};
    assert_ok(bv_weights_create(&weights, &err), err);
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        struct bv_graph *g = NULL;
        struct bv_features features = {0};
        json_t *config = json_loads(configs[i], 0, NULL);
        assert_ok(bv_graph_create(&g, weights, &err), err);
        struct bv_tensor *x = bv_graph_input(g, "pixels", BV_F32, 4, (int64_t[]){1, 32, 32, 3});
        bv_vision_build(g, config, "image.", x, &features);
        enum bv_status status = bv_graph_status(g, &err);
        assert_int_equal(status, i == 0 ? BV_ERR_UNSUPPORTED : BV_ERR_MODEL);
        assert_non_null(strstr(err.text, i == 0 ? "perceptron" : "image."));
        bv_graph_destroy(&g);
        json_decref(config);
    }
    bv_weights_destroy(&weights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resnet),
        cmocka_unit_test(test_clip_resnet),
        cmocka_unit_test(test_clip_resnet_heads),
        cmocka_unit_test(test_vit),
        cmocka_unit_test(test_densenet),
        cmocka_unit_test(test_efficientnet),
        cmocka_unit_test(test_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

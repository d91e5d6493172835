// Systems of which no reference outputs of the authors exist: small checkpoints (LViT's in
// its only size) under the published tensor names, against outputs in double precision (*.inc, made
// by reference.py): of the authors' own modules for LViT and BERTHop, of independent PyTorch
// modules for the heads of M3AE and UNITER, PixelBERT and Wang et al. 2021.
//
//     test_fusion_published SYSTEM [DEVICE]
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fusion/files.h"
#include "model/fusion_session.h"
#include "support/check.h"
#include "support/fixed.h"
#include "support/reference.h"
#include "support/silent.h"

struct shape {
    const char *name;
    int rank;
    int64_t dim[4];
};

// Every stride-th element of an output, n of them.
struct expected {
    const char *output;
    size_t stride, n;
    const double *values;
};

#include "fusion/lvit.inc"
#include "fusion/published.inc"

enum { VOCABULARY = 40, REGIONS = 6, WIDTH = 24 };

struct published {
    const char *name;
    const struct shape *shapes;
    size_t n_shapes;
    const struct expected *expected;
    size_t n_expected;
    int side; // of the pixels; 0: regions
    const char *set[3];
};

#define CASE(name, case_name, side, ...)                                                           \
    {                                                                                              \
        name, shapes_##case_name, sizeof shapes_##case_name / sizeof *shapes_##case_name,          \
            expected_##case_name, sizeof expected_##case_name / sizeof *expected_##case_name,      \
            side,                                                                                  \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

static const struct published systems[] = {
    CASE("lvit", lvit, 224, NULL),
    CASE("berthop", berthop, 0, "fusion.heads=4"),
    CASE("pixelbert", pixelbert, 128, "fusion.heads=4"),
    CASE("wang2021", wang2021, 128, "fusion.heads=4"),
    CASE("m3ae-cls", m3ae_cls, 32, "fusion.heads=4", "text.heads=4", "image.heads=4"),
    CASE("m3ae-irtr", m3ae_irtr, 32, "fusion.heads=4", "text.heads=4", "image.heads=4"),
    CASE("uniter-retrieval", uniter_retrieval, 0, "fusion.heads=4"),
};

static const struct published *the_system;
static const char *device = "cpu";
static bool skipped;

// ---- Weights and inputs by formula ----

static float *make(const char *name, float mean, float spread, int64_t n)
{
    float *x = malloc((size_t)n * sizeof *x);
    assert_non_null(x);
    fixed_values(name, mean, spread, n, x);
    return x;
}

static struct bv_safetensors_spec make_tensor(const struct shape *s)
{
    struct bv_safetensors_spec spec = {.name = s->name, .dtype = BV_F32, .n_dims = s->rank};
    int64_t n = 1;
    for (int i = 0; i < s->rank; i++)
        n *= spec.shape[i] = s->dim[i];
    float *x = malloc((size_t)n * sizeof *x);
    assert_non_null(x);
    fixed_weight(s->name, s->rank, s->dim, x);
    spec.data = x;
    return spec;
}

static void convert(const struct published *p, const struct files *files)
{
    struct bv_error err = {0};
    size_t n_set = 0;
    struct bv_safetensors_spec *specs = calloc(p->n_shapes, sizeof *specs);
    assert_non_null(specs);
    for (size_t i = 0; i < p->n_shapes; i++)
        specs[i] = make_tensor(&p->shapes[i]);
    while (n_set < 3 && p->set[n_set])
        n_set++;
    assert_ok(files_convert(files, specs, p->n_shapes, NULL, p->set, n_set, &err), err);
    for (size_t i = 0; i < p->n_shapes; i++)
        free((void *)(uintptr_t)specs[i].data);
    free(specs);
}

static int ascending(const void *a, const void *b)
{
    const float *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

// Boxes whose corners are in order.
static float *make_boxes(void)
{
    float *boxes = make("boxes", 0.5f, 0.5f, 4 * REGIONS);
    for (float *b = boxes; b < boxes + 4 * REGIONS; b += 4)
        for (int axis = 0; axis < 2; axis++) {
            float pair[] = {b[axis], b[axis + 2]};
            qsort(pair, 2, sizeof *pair, ascending);
            b[axis] = pair[0];
            b[axis + 2] = pair[1];
        }
    return boxes;
}

static void make_image(const struct published *p, struct bv_session *s,
                       struct bv_fusion_image *image)
{
    struct bv_error err = {0};
    bool lvit = bv_model_fusion_wants(bv_session_model(s)).pixels;
    if (p->side == 0) {
        float *features = make("features", 0, 1, REGIONS * WIDTH), *boxes = make_boxes();
        assert_ok(bv_fusion_image_regions(s, features, REGIONS, WIDTH, boxes, 4, image, &err), err);
        free(features);
        free(boxes);
        return;
    }
    float *pixels =
        make("pixels", lvit ? 0.5f : 0, lvit ? 0.5f : 1.5f, (int64_t)p->side * p->side * 3);
    assert_ok(bv_fusion_image_encode(s, pixels, p->side, p->side, 3, image, &err), err);
    free(pixels);
}

// ---- The comparison ----

// The largest difference of one output.
static double compare(struct bv_session *s, const struct bv_fusion_image *image,
                      const struct expected *e)
{
    int32_t ids[] = {2, 5, 9, 14, 20, 33, 3}, types[7] = {0};
    const struct bv_tokens words = {.ids = ids, .types = types, .n = 7};
    struct bv_error err = {0};
    struct bv_output_shape shape = {0};
    bool lvit = bv_model_fusion_wants(bv_session_model(s)).text_features;
    float *text = make("text", 0, 1, 10 * 768);
    const struct bv_fusion_extra extra = {text, 10, 768, NULL};
    assert_ok(bv_session_fusion_shape(s, image, lvit ? 0 : 7, lvit ? &extra : NULL, e->output,
                                      &shape, &err),
              err);
    size_t n = 1;
    for (int i = 0; i < shape.rank; i++)
        n *= (size_t)shape.dim[i];
    float *out = malloc(n * sizeof *out);
    const struct bv_wanted wanted = {e->output, out, n};
    assert_non_null(out);
    assert_true((e->n - 1) * e->stride < n);
    assert_ok(
        bv_session_fuse_one(s, image, lvit ? NULL : &words, lvit ? &extra : NULL, &wanted, &err),
        err);
    double worst = 0;
    for (size_t i = 0; i < e->n; i++)
        worst = fmax(worst, fabs((double)out[i * e->stride] - e->values[i]));
    free(out);
    free(text);
    return worst;
}

// measured: 2.3e-6 on the processor, 2.1e-6 on Mesa's software device, both of LViT's "y1"
static const double limit = 2e-5;

static void test_published(void **state)
{
    (void)state;
    struct bv_error err = {0};
    struct files files;
    struct bv_model *model = NULL;
    struct bv_session *session = NULL;
    struct bv_session_options options = {.device = device, .precision = "f32"};
    struct bv_fusion_image image = {0};
    files_make(&files, VOCABULARY);
    convert(the_system, &files);
    assert_ok(bv_model_load(&model, files.model, &err), err);
    assert_string_equal(model->name, the_system->name);
    enum bv_status status = bv_session_open(&session, model, &options, &err);
    skipped = status == BV_ERR_DEVICE || status == BV_ERR_UNSUPPORTED;
    if (skipped)
        print_message("skipped: %s\n", err.text);
    else
        assert_non_null(session);
    if (!skipped)
        make_image(the_system, session, &image);
    for (size_t i = 0; !skipped && i < the_system->n_expected; i++) {
        const struct expected *e = &the_system->expected[i];
        double worst = compare(session, &image, e);
        print_message("%s %s: largest difference %.2g\n", the_system->name, e->output, worst);
        assert_true(worst <= limit);
    }
    if (!skipped && strcmp(device, "vulkan") == 0)
        assert_silent(bv_session_backend(session));
    bv_fusion_image_free(&image);
    bv_session_close(&session);
    bv_model_unload(&model);
    files_remove(&files);
}

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof systems / sizeof *systems; i++)
        if (strcmp(systems[i].name, argv[1]) == 0)
            the_system = &systems[i];
    if (!the_system) {
        (void)fprintf(stderr, "usage: %s SYSTEM [DEVICE]\n", argv[0]);
        return 2;
    }
    if (argc > 2)
        device = argv[2];
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_published)};
    int result = cmocka_run_group_tests(tests, NULL, NULL);
    return skipped && result == 0 ? TEST_SKIPPED : result;
}

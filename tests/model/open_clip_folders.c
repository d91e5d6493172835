// Folders of open_clip with options that no published folder among the conformance files has, made
// of fixed values, through conversion by their configuration: embeddings against the library's
// (open_clip_folders.inc, made by open_clip_folders.py).
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/temporary.h"
#include "convert/convert.h"
#include "model/folder.h"
#include "model/session.h"
#include "support/check.h"
#include "support/fixed.h"

#include "model/open_clip_folders.inc"

// measured: 8e-7 over all embeddings
static const double limit = 1e-5;
static double largest;

enum { SIDE = 64, DIM = 16 };

static const struct folder_case {
    const char *name, *config;
    const struct shape *shapes;
    size_t n_shapes;
    const double *image, *text;
} folders[] = {
#define FOLDER(name)                                                                               \
    {                                                                                              \
#name, config_##name, shapes_##name, sizeof shapes_##name / sizeof *shapes_##name,         \
            image_##name, text_##name                                                              \
    }
    FOLDER(resnet),
    FOLDER(mean),
    FOLDER(mean_normed),
    FOLDER(class_normed),
};

static void compare(const char *name, const char *what, const float *ours, const double *expected)
{
    for (int i = 0; i < DIM; i++) {
        double difference = fabs(ours[i] - expected[i]);
        largest = fmax(largest, difference);
        if (!(difference <= limit))
            fail_msg("%s, %s: element %d is %g, expected %g", name, what, i, (double)ours[i],
                     expected[i]);
    }
}

static void check(struct bv_session *session, const struct folder_case *c)
{
    struct bv_error err = {0};
    struct bv_tokens tokens = {0};
    const struct bv_tokens *one = &tokens;
    float out[DIM], *pixels = malloc(sizeof *pixels * SIDE * SIDE * 3);
    const struct bv_wanted wanted = {"global", out, DIM};
    assert_non_null(pixels);
    fixed_values("pixels", 0, 1.5f, (int64_t)SIDE * SIDE * 3, pixels);
    const struct bv_pixel_batch batch = {pixels, NULL, 1, SIDE, SIDE, 3};
    assert_ok(bv_session_encode_pixels(session, &batch, &wanted, 1, &err), err);
    compare(c->name, "image", out, c->image);
    assert_ok(bv_tokenizer_encode(bv_session_model(session)->tokenizer, "ab cd", 5, &tokens, &err),
              err);
    assert_ok(bv_session_encode_tokens(session, &one, 1, &wanted, &err), err);
    compare(c->name, "text", out, c->text);
    bv_tokens_free(&tokens);
    free(pixels);
}

static void test_folders(void **state)
{
    static const char merges[] = "#version: 0.2\nc d</w>\nx y\na b</w>\n";
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        struct bv_error err = {0};
        const struct folder_case *c = &folders[i];
        (void)folder_weights(state, "open_clip_model.safetensors", c->shapes, c->n_shapes,
                             VALUES_SCALED, NULL);
        (void)temporary_file(state, "open_clip_config.json", c->config, strlen(c->config));
        (void)temporary_file(state, "merges.txt", merges, strlen(merges));
        const char *out = temporary_path(state, "out.bin");
        struct bv_import_options options = {.dtype = BV_F32};
        struct bv_import_report report;
        struct bv_session_options cpu = {"cpu", "f32", NULL};
        struct bv_model *model = NULL;
        struct bv_session *session = NULL;
        assert_ok(bv_import(*state, out, &options, &report, &err), err);
        assert_string_equal(report.system, "open-clip");
        assert_ok(bv_model_load(&model, out, &err), err);
        assert_ok(bv_session_open(&session, model, &cpu, &err), err);
        check(session, c);
        bv_session_close(&session);
        bv_model_unload(&model);
    }
    (void)printf("largest difference %.2g\n", largest);
}

// Options of a ResNet whose heads cannot be: too many for a number, not whole, none.
static void test_heads(void **state)
{
    static const char *const changes[][2] = {{"\"width\": 8,", "\"width\": 576460752303423488,"},
                                             {"\"width\": 8,", "\"width\": -8,"},
                                             {"\"head_width\": 32", "\"head_width\": 5"},
                                             {"\"head_width\": 32", "\"head_width\": 0"}};
    const struct folder_case *c = &folders[0];
    (void)folder_weights(state, "open_clip_model.safetensors", c->shapes, c->n_shapes,
                         VALUES_SCALED, NULL);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        char config[2048];
        const char *at = strstr(c->config, changes[i][0]);
        struct bv_import_options options = {.dtype = BV_F32};
        struct bv_import_report report;
        struct bv_error err = {0};
        assert_non_null(at);
        const int n = snprintf(config, sizeof config, "%.*s%s%s", (int)(at - c->config), c->config,
                               changes[i][1], at + strlen(changes[i][0]));
        assert_in_range(n, 1, sizeof config - 1);
        (void)temporary_file(state, "open_clip_config.json", config, (size_t)n);
        const char *out = temporary_path(state, "out.bin");
        assert_int_equal(bv_import(*state, out, &options, &report, &err), BV_ERR_MODEL);
        assert_non_null(strstr(err.text, "head_width"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_heads, temporary_folder, temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_folders, temporary_folder, temporary_folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

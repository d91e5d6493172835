// Model files: from a path and from memory, facts, verification.
#include "api/fixture.h"

static void test_facts(void **state)
{
    struct fixture *f = *state;
    struct bv_model_info facts = {.size = sizeof facts};
    must(f->context, bv_model_facts(f->model, &facts));
    assert_string_equal(facts.system, "biovl-cxr-small");
    assert_int_equal(strlen(facts.sha256), 64);
    assert_true(facts.has_image && facts.has_text && facts.has_fusion && !facts.takes_prior);
    assert_true(facts.n_parameters > 1000000 && facts.max_tokens > 8 && facts.image_height > 0);
    assert_non_null(facts.preset);
    char *json = NULL;
    must(f->context, bv_model_describe(f->context, f->model, &json));
    assert_non_null(strstr(json, facts.sha256));
    bv_free(json);
}

static void test_bytes(void **state)
{
    struct fixture *f = *state;
    FILE *file = fopen(MODEL, "rb");
    assert_non_null(file);
    size_t room = (size_t)1 << 24;
    char *bytes = malloc(room);
    assert_non_null(bytes);
    size_t size = fread(bytes, 1, room, file);
    (void)fclose(file);
    struct bv_model *model = NULL;
    struct bv_engine *engine = NULL;
    must(f->context, bv_model_open_bytes(f->context, bytes, size, &model));
    must(f->context, bv_engine_open(f->context, model, NULL, &engine));
    float ours[2048], theirs[2048];
    const struct bv_image *image = f->image;
    size_t dim = bv_engine_image_dim(engine);
    const struct bv_engine_options cpu = {.size = sizeof cpu, .device = "cpu", .precision = "f32"};
    bv_engine_close(&engine);
    must(f->context, bv_engine_open(f->context, model, &cpu, &engine));
    must(f->context, bv_engine_embed_images(engine, &image, 1, 0, ours, dim, NULL));
    must(f->context, bv_engine_embed_images(f->engine, &image, 1, 0, theirs, dim, NULL));
    assert_memory_equal(ours, theirs, dim * sizeof *ours);
    bv_engine_trim(engine); // which must not touch memory that is the caller's
    must(f->context, bv_engine_embed_images(engine, &image, 1, 0, ours, dim, NULL));
    assert_memory_equal(ours, theirs, dim * sizeof *ours);
    bv_engine_close(&engine);
    bv_model_close(&model);
    assert_int_equal(bv_model_open_bytes(f->context, bytes, size - 1, &model), BV_ERR_FORMAT);
    assert_int_equal(bv_model_open_bytes(f->context, bytes + 4, size - 4, &model), BV_ERR_ARG);
    assert_int_equal(bv_model_open_bytes(f->context, bytes, 0, &model), BV_ERR_FORMAT);
    assert_null(model);
    free(bytes);
}

static void test_lists(void **state)
{
    struct fixture *f = *state;
    char *json = NULL;
    must(f->context, bv_systems(f->context, &json));
    assert_true(json[0] == '[');
    bv_free(json);
    must(f->context, bv_prompt_sets(f->context, &json));
    assert_true(json[0] == '[');
    bv_free(json);
    must(f->context, bv_devices(f->context, &json));
    assert_non_null(strstr(json, "cpu"));
    bv_free(json);
}

static void test_verify(void **state)
{
    struct fixture *f = *state;
    char *json = NULL;
    must(f->context, bv_verify(f->context, MODEL, "cpu", &json));
    assert_non_null(strstr(json, "\"digest\":\"ok\""));
    bv_free(json);
}

static void test_refused(void **state)
{
    struct fixture *f = *state;
    struct bv_model *model = NULL;
    assert_int_equal(bv_model_open(f->context, SAMPLE, &model), BV_ERR_FORMAT);
    assert_int_equal(bv_model_open(f->context, "/no/such", &model), BV_ERR_IO);
    const struct bv_convert_options convert = {.size = sizeof convert};
    assert_int_not_equal(
        bv_convert(f->context, SAMPLE, fixture_path("out.safetensors"), &convert, NULL), BV_OK);
    const struct bv_quantize_options quantize = {.size = sizeof quantize};
    assert_int_equal(
        bv_quantize(f->context, MODEL, fixture_path("out.safetensors"), &quantize, NULL),
        BV_ERR_ARG); // nothing to calibrate with
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_facts),  cmocka_unit_test(test_bytes),   cmocka_unit_test(test_lists),
        cmocka_unit_test(test_verify), cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}

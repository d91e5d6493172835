// Generators: what is refused without a text-to-image model. Pictures: cli.generate, diffusion.*.
#include <sys/stat.h>
#include <unistd.h>

#include "api/fixture.h"

#include <biovl/generate.h>

static void test_options(void **state)
{
    (void)state;
    struct bv_generate_options o;
    bv_generate_options_init(&o);
    assert_int_equal(o.size, sizeof o);
    assert_true(o.width == 512 && o.height == 512 && o.steps == 75 && o.guidance == 4);
}

static void test_refused(void **state)
{
    struct fixture *f = *state;
    struct bv_generator *g = NULL;
    assert_int_equal(bv_generator_open(f->context, MODEL, "cpu", "f32", &g), BV_ERR_MODEL);
    assert_int_equal(bv_generator_open(f->context, "/no/such", "cpu", "f32", &g), BV_ERR_IO);
    assert_null(g);
    bv_generator_close(&g);
}

static void test_start(void **state)
{
    struct fixture *f = *state;
    static uint8_t rgb[64 * 48 * 3 + 1];
    rgb[sizeof rgb - 1] = 77;
    must(f->context, bv_generate_load_image(f->context, SAMPLE, 64, 48, rgb, sizeof rgb - 1));
    assert_int_equal(rgb[sizeof rgb - 1], 77);
    for (size_t i = 0; i < sizeof rgb - 1; i += 3)
        assert_true(rgb[i] == rgb[i + 1] && rgb[i] == rgb[i + 2]);
    assert_int_equal(bv_generate_load_image(f->context, SAMPLE, 64, 48, rgb, sizeof rgb - 2),
                     BV_ERR_ARG);
}

static int stop_at_second(void *arg, size_t done, size_t total)
{
    (void)arg;
    (void)total;
    return done >= 1;
}

static void remove_all(const char *path)
{
    char command[4200];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", path);
    assert_int_equal(system(command), 0);
}

// The reduced pipeline of the conformance folder.
static void test_picture(void **state)
{
    struct fixture *f = *state;
    const char *conformance = getenv("BIOVL_CONFORMANCE");
    char source[4096], model[4096], out[4096], table[4096];
    (void)snprintf(source, sizeof source, "%s/roentgen/small-roentgen",
                   conformance ? conformance : "../shared/conformance");
    if (access(source, F_OK) != 0) {
        print_message("skipped: no %s\n", source);
        skip();
    }
    struct bv_generator *g = NULL;
    (void)snprintf(model, sizeof model, "%s", fixture_path("model.safetensors"));
    must(f->context, bv_convert(f->context, source, model, NULL, NULL));
    must(f->context, bv_generator_open(f->context, model, "cpu", "f32", &g));
    assert_string_equal(bv_generator_device(g), "cpu");
    assert_string_equal(bv_generator_precision(g), "f32");
    assert_null(bv_generator_fallback(g));
    assert_string_not_equal(bv_generator_scheduler(g), "");
    struct bv_generate_options o;
    bv_generate_options_init(&o);
    o.text = "pleural effusion";
    o.width = o.height = 64;
    o.steps = 2;
    static uint8_t rgb[64 * 64 * 3], again[64 * 64 * 3];
    int truncated = -1;
    assert_int_equal(bv_generate(g, &o, rgb, sizeof rgb - 1, NULL), BV_ERR_ARG);
    must(f->context, bv_generate(g, &o, rgb, sizeof rgb, &truncated));
    assert_int_equal(truncated, 0);
    must(f->context, bv_generate(g, &o, again, sizeof again, NULL));
    assert_memory_equal(rgb, again, sizeof rgb);
    // Cancelled: the picture is untouched.
    const struct bv_observer observer = {.size = sizeof observer, .progress = stop_at_second};
    must(f->context, bv_context_observe(f->context, &observer));
    o.seed = 5;
    assert_int_equal(bv_generate(g, &o, again, sizeof again, NULL), BV_ERR_CANCELLED);
    assert_memory_equal(rgb, again, sizeof rgb);
    must(f->context, bv_context_observe(f->context, NULL));
    o.seed = 0;
    char *json = NULL;
    must(f->context, bv_generated_describe(g, &o, &json));
    assert_non_null(strstr(json, "\"synthetic\":true"));
    bv_free(json);
    (void)snprintf(out, sizeof out, "%s", fixture_path("picture"));
    must(f->context, bv_generated_write_png(g, &o, rgb, out));
    must(f->context, bv_generated_write_dicom(g, &o, rgb, out));
    remove_all(out);
    (void)snprintf(table, sizeof table, "%s", fixture_path("prompts.csv"));
    FILE *file = fopen(table, "w");
    assert_non_null(file);
    (void)fputs("text\nnormal\n", file);
    assert_int_equal(fclose(file), 0);
    struct bv_generate_counts counts = {.size = sizeof counts};
    must(f->context, bv_generate_batch(g, &o, table, out, &counts));
    assert_int_equal(counts.made, 1);
    remove_all(out);
    remove_all(table);
    remove_all(model);
    bv_generator_close(&g);
    bv_generator_close(&g);
}

// The shipped sample twice, asked for and not: nothing tells the two apart.
static void test_judged(void **state)
{
    struct fixture *f = *state;
    struct bv_zero_shot *z = NULL;
    char list[4200], folder[4096], cwd[2048], *json = NULL;
    const struct bv_zero_shot_options labels = {.size = sizeof labels, .labels = "Edema\n"};
    (void)snprintf(folder, sizeof folder, "%s", fixture_path("judged"));
    assert_non_null(getcwd(cwd, sizeof cwd));
    assert_int_equal(mkdir(folder, 0700), 0);
    (void)snprintf(list, sizeof list, "%s/images.csv", folder);
    FILE *file = fopen(list, "w");
    assert_non_null(file);
    (void)fprintf(file, "path,text\n%s/" SAMPLE ",edema\n%s/" SAMPLE ",no edema\n", cwd, cwd);
    assert_int_equal(fclose(file), 0);
    must(f->context, bv_zero_shot_open(f->engine, &labels, &z));
    struct bv_eval_synthetic_options o = {.size = sizeof o, .folder = folder, .real = list};
    must(f->context, bv_eval_synthetic(z, &o, &json));
    assert_non_null(strstr(json, "\"asked\":1,\"not_asked\":1,\"auroc\":0.5"));
    assert_non_null(strstr(json, "\"diversity\":null"));
    assert_non_null(strstr(json, "\"real\":2"));
    bv_free(json);
    o.folder = "/no/such";
    assert_int_equal(bv_eval_synthetic(z, &o, &json), BV_ERR_IO);
    bv_zero_shot_close(&z);
    remove_all(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_start),   cmocka_unit_test(test_picture),
        cmocka_unit_test(test_judged),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}

// Heat maps of a small model with drawn weights whose card makes them: LoVT's architecture with
// BioViL's maps.
#include "api/fixture.h"

#include <math.h>

#include "checkpoint/temporary.h"
#include "model/folder.h"

#include "model/systems.inc"

#define LINEAR(name) "[\"linear\",\"image.project_local.projection_" name "\"]"

static const char words[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nsmall\nleft\neffusion\nno\n##s\n";
static const char *const card[] = {
    "text.heads=4",
    "image.outputs.patches={\"from\":\"map\",\"steps\":[" LINEAR("before") "," LINEAR(
        "after") ",[\"l2\"]]}",
    // a little larger than what the recipe keeps: a border of the image is not looked at
    "heatmap={\"output\":\"patches\",\"resize_shorter\":256,\"sigma\":0}",
};

struct maps {
    void *folder; // of checkpoint/temporary.h
    struct bv_context *context;
    struct bv_model *model;
    struct bv_engine *engine;
    struct bv_image *image;
    size_t n; // pixels
};

static int open_maps(void **state)
{
    static struct maps maps;
    struct maps *m = *state = &maps;
    assert_int_equal(temporary_folder(&m->folder), 0);
    const char *file =
        folder_weights(&m->folder, "weights.safetensors", shapes_lovt,
                       sizeof shapes_lovt / sizeof *shapes_lovt, VALUES_SCALED, NULL);
    (void)temporary_file(&m->folder, "vocab.txt", words, strlen(words));
    const char *path = temporary_path(&m->folder, "lovt.safetensors");
    const struct bv_convert_options convert = {.size = sizeof convert,
                                               .overrides = card,
                                               .n_overrides = sizeof card / sizeof *card,
                                               .dtype = "f32"};
    const struct bv_engine_options cpu = {.size = sizeof cpu, .device = "cpu"};
    struct bv_image_facts facts = {.size = sizeof facts};
    must(NULL, bv_context_open(&m->context, 2));
    must(m->context, bv_convert(m->context, file, path, &convert, NULL));
    must(m->context, bv_model_open(m->context, path, &m->model));
    must(m->context, bv_engine_open(m->context, m->model, &cpu, &m->engine));
    must(m->context, bv_image_open(m->context, SAMPLE, NULL, &m->image));
    must(m->context, bv_image_describe(m->image, &facts));
    m->n = (size_t)facts.width * (size_t)facts.height;
    return 0;
}

static int close_maps(void **state)
{
    struct maps *m = *state;
    bv_image_close(&m->image);
    bv_engine_close(&m->engine);
    bv_model_close(&m->model);
    bv_context_close(&m->context);
    return temporary_folder_remove(&m->folder);
}

// The smallest and the largest cosine of the patches with a text.
static void extremes(const struct maps *m, const char *text, double range[2])
{
    struct bv_shape shape = {0};
    float words_vector[64];
    size_t dim = bv_engine_text_dim(m->engine);
    assert_true(dim > 0 && dim <= 64);
    must(m->context, bv_engine_image_output_shape(m->engine, m->image, "patches", &shape));
    assert_int_equal(shape.rank, 3);
    assert_int_equal(shape.dim[2], dim);
    size_t patches = (size_t)(shape.dim[0] * shape.dim[1]);
    float *values = malloc(patches * dim * sizeof *values);
    assert_non_null(values);
    must(m->context, bv_engine_image_output(m->engine, m->image, "patches", values, patches * dim));
    must(m->context, bv_engine_embed_texts(m->engine, &text, 1, 0, words_vector, dim, NULL, NULL));
    range[0] = 1;
    range[1] = -1;
    for (size_t i = 0; i < patches; i++) {
        double cosine = 0;
        for (size_t d = 0; d < dim; d++)
            cosine += (double)values[i * dim + d] * (double)words_vector[d];
        range[0] = fmin(range[0], cosine);
        range[1] = fmax(range[1], cosine);
    }
    free(values);
}

static void test_map(void **state)
{
    const struct maps *m = *state;
    double range[2], least = 2, most = -2;
    size_t unseen = 0;
    float *map = malloc((m->n + 1) * sizeof *map), *other = malloc(m->n * sizeof *other);
    assert_true(map && other);
    map[m->n] = 1234;
    must(m->context, bv_engine_heat_map(m->engine, m->image, "left effusion", map, m->n));
    assert_true(map[m->n] == 1234);
    for (size_t i = 0; i < m->n; i++) {
        unseen += isnan(map[i]) ? 1 : 0;
        least = isnan(map[i]) ? least : fmin(least, (double)map[i]);
        most = isnan(map[i]) ? most : fmax(most, (double)map[i]);
    }
    // Interpolation stays between the patches' values and, away from the border of the image,
    // reaches them nearly (measured: within 0.2 % of the range).
    extremes(m, "left effusion", range);
    double slack = 1e-6, near = 0.02 * (range[1] - range[0]);
    assert_true(range[1] - range[0] > 0.01);
    assert_true(least >= range[0] - slack && least <= range[0] + near);
    assert_true(most <= range[1] + slack && most >= range[1] - near);
    assert_true(unseen > m->n / 20 && unseen < m->n / 2); // measured: 31 %
    must(m->context, bv_engine_heat_map(m->engine, m->image, "no", other, m->n));
    assert_memory_not_equal(map, other, m->n * sizeof *map);
    assert_int_equal(bv_engine_heat_map(m->engine, m->image, "no", other, m->n - 1), BV_ERR_ARG);
    free(map);
    free(other);
}

// A result's map is that of its label's text; its picture is drawn with it.
static void test_result(void **state)
{
    const struct maps *m = *state;
    struct bv_zero_shot *z = NULL;
    struct bv_result *r = NULL;
    static const struct bv_zero_shot_options labels = {
        .size = sizeof labels, .labels = "effusion = left effusion ! no\nsmall = small ! no\n"};
    uint8_t *rgb = NULL;
    int width = 0, height = 0;
    must(m->context, bv_zero_shot_open(m->engine, &labels, &z));
    must(m->context, bv_zero_shot_classify(z, m->image, &r));
    float *map = malloc(m->n * sizeof *map), *same = malloc(m->n * sizeof *same);
    assert_true(map && same);
    must(m->context, bv_result_heat_map(r, 0, map, m->n));
    must(m->context, bv_engine_heat_map(m->engine, m->image, "left effusion", same, m->n));
    assert_memory_equal(map, same, m->n * sizeof *map);
    assert_int_equal(bv_result_heat_map(r, 0, map, m->n - 1), BV_ERR_ARG);
    must(m->context, bv_result_picture(r, &rgb, &width, &height));
    size_t coloured = 0;
    for (size_t i = 0; i < (size_t)width * (size_t)height; i++)
        coloured += rgb[3 * i] != rgb[3 * i + 1] ? 1 : 0;
    assert_true(coloured > m->n / 10);
    bv_free(rgb);
    free(map);
    free(same);
    bv_result_free(&r);
    bv_zero_shot_close(&z);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map),
        cmocka_unit_test(test_result),
    };
    return cmocka_run_group_tests(tests, open_maps, close_maps);
}

// Heat maps: of texts, of labels, what they say, as pictures.
#include "api/fixture.h"

#include <math.h>
#include <unistd.h>

#include <biovl/explain.h>
#include <biovl/pacs.h>

static const struct bv_explain_options gradcam = {.size = sizeof gradcam, .method = "gradcam"};

static const char *const texts[] = {"cardiomegaly", "pleural effusion", "pneumothorax"};

static void check_facts(struct fixture *f, const struct bv_explained *e, size_t i)
{
    struct bv_explained_map map = {.size = sizeof map};
    struct bv_image_facts image = {.size = sizeof image};
    must(f->context, bv_image_describe(f->image, &image));
    must(f->context, bv_explained_facts(e, i, &map));
    assert_string_equal(map.text, texts[i]);
    assert_true(fabs(map.score) <= 1 && isfinite(map.peak));
    assert_true(map.null_peak > map.null_median);
    assert_int_equal(map.nothing_here, !(map.peak > map.null_peak));
    assert_true(map.peak_x >= 0 && map.peak_x < image.width);
    assert_true(map.peak_y >= 0 && map.peak_y < image.height);
    assert_true(map.prompt_dependence >= 0 && map.prompt_dependence <= 2);
    assert_int_equal(map.n_boxes > 0, !map.nothing_here);
    for (size_t k = 0; k < map.n_boxes; k++) {
        struct bv_explained_box box = {.size = sizeof box};
        must(f->context, bv_explained_box_at(e, i, k, &box));
        assert_true(box.x >= 0 && box.x + box.width <= image.width + 1e-9);
        assert_true(box.y >= 0 && box.y + box.height <= image.height + 1e-9);
        assert_true(box.width > 0 && box.height > 0);
        assert_true(k > 0 || box.peak == map.peak);
    }
    struct bv_explained_box none = {.size = sizeof none};
    assert_int_equal(bv_explained_box_at(e, i, map.n_boxes, &none), BV_ERR_ARG);
}

static void check_pixels(struct fixture *f, const struct bv_explained *e)
{
    struct bv_image_facts image = {.size = sizeof image};
    float grid[1024], low = INFINITY, high = -INFINITY;
    int rows = 0, columns = 0;
    must(f->context, bv_image_describe(f->image, &image));
    must(f->context, bv_explained_grid(e, 0, NULL, 0, &rows, &columns));
    assert_true(rows == 5 && columns == 5); // 160 pixels, 32 to a cell
    must(f->context, bv_explained_grid(e, 0, grid, 1024, &rows, &columns));
    assert_int_equal(bv_explained_grid(e, 0, grid, 24, &rows, &columns), BV_ERR_ARG);
    for (int k = 0; k < rows * columns; k++) {
        low = grid[k] < low ? grid[k] : low;
        high = grid[k] > high ? grid[k] : high;
    }
    const size_t n = (size_t)image.width * (size_t)image.height;
    float *map = malloc(n * sizeof *map);
    assert_non_null(map);
    must(f->context, bv_explained_pixels(e, 0, BV_EXPLAINED_VALUES, map, n));
    for (size_t k = 0; k < n; k++) // raw units: between the cells, and seen everywhere
        assert_true(map[k] >= low && map[k] <= high);
    assert_int_equal(bv_explained_pixels(e, 0, BV_EXPLAINED_VALUES, map, n - 1), BV_ERR_ARG);
    assert_int_equal(bv_explained_pixels(e, 0, BV_EXPLAINED_ERRORS, map, n), BV_ERR_MODEL);
    free(map);
}

static void test_texts(void **state)
{
    struct fixture *f = *state;
    struct bv_explained *e = NULL;
    must(f->context, bv_explain_texts(f->engine, f->image, texts, 1, NULL, &e));
    assert_string_equal(bv_explained_method(e), "occlusion");
    // Boxes of 32 pixels, every 16 of the 160 that 640 of the image became, 8 of them padding on
    // either side: a cell's centre is that of its box.
    struct bv_explained_map map = {.size = sizeof map};
    must(f->context, bv_explained_facts(e, 0, &map));
    assert_true(map.peak_x == (int)map.peak_x && ((int)map.peak_x - (16 - 8) * 4) % 64 == 0);
    assert_true(map.peak_y == (int)map.peak_y && ((int)map.peak_y - 16 * 4) % 64 == 0);
    bv_explained_free(&e);
    must(f->context, bv_explain_texts(f->engine, f->image, texts, 3, &gradcam, &e));
    assert_int_equal(bv_explained_count(e), 3);
    assert_string_equal(bv_explained_method(e), "gradcam");
    for (size_t i = 0; i < 3; i++)
        check_facts(f, e, i);
    check_pixels(f, e);
    char *json = NULL;
    must(f->context, bv_explained_json(e, &json));
    assert_non_null(strstr(json, "\"nothing_here\""));
    bv_free(json);
    uint8_t *rgb = NULL;
    int width = 0, height = 0;
    must(f->context, bv_explained_picture(e, 1, &rgb, &width, &height));
    assert_true(rgb && width > 100 && height > 100);
    bv_free(rgb);
    assert_int_equal(bv_explained_picture(e, 3, &rgb, &width, &height), BV_ERR_ARG);
    const char *path = fixture_path("map.png");
    must(f->context, bv_explained_write_png(e, 0, path));
    assert_int_equal(unlink(path), 0);
    path = fixture_path("map.dcm");
    must(f->context, bv_explained_write_capture(f->context, e, 0, SAMPLE, path));
    struct bv_image *capture = NULL;
    must(f->context, bv_image_open(f->context, path, NULL, &capture));
    bv_image_close(&capture);
    assert_int_equal(unlink(path), 0);
    must(f->context, bv_explained_write_sr(f->context, e, SAMPLE, path));
    assert_int_equal(unlink(path), 0);
    must(f->context, bv_explained_write_seg(f->context, e, SAMPLE, path));
    assert_int_equal(unlink(path), 0);
    assert_int_not_equal(bv_explained_write_seg(f->context, e, MODEL, path), BV_OK);
    assert_int_not_equal(access(path, F_OK), 0);
    bv_explained_free(&e);
    bv_explained_free(&e);
    assert_null(e);
}

// A text's map and its null do not depend on the texts beside it.
static void test_alone(void **state)
{
    struct fixture *f = *state;
    struct bv_explained *all = NULL, *one = NULL;
    float a[25], b[25];
    int rows = 0, columns = 0;
    must(f->context, bv_explain_texts(f->engine, f->image, texts, 3, &gradcam, &all));
    must(f->context, bv_explain_texts(f->engine, f->image, texts + 2, 1, &gradcam, &one));
    must(f->context, bv_explained_grid(all, 2, a, 25, &rows, &columns));
    must(f->context, bv_explained_grid(one, 0, b, 25, &rows, &columns));
    assert_memory_equal(a, b, sizeof a);
    bv_explained_free(&all);
    bv_explained_free(&one);
}

// The labels' maps, by a method for which every model has what it takes; twice the same.
static void test_labels(void **state)
{
    struct fixture *f = *state;
    const struct bv_zero_shot_options labels = {.size = sizeof labels,
                                                .labels = "Cardiomegaly\nEdema\n"};
    struct bv_explain_options options = {.size = sizeof options, .method = "rise", .masks = 8};
    struct bv_zero_shot *z = NULL;
    struct bv_explained *e[3] = {NULL};
    float maps[3][784];
    int rows = 0, columns = 0;
    must(f->context, bv_zero_shot_open(f->engine, &labels, &z));
    for (int i = 0; i < 3; i++) {
        options.seed = i == 2;
        must(f->context, bv_explain_labels(z, f->image, &options, &e[i]));
        must(f->context, bv_explained_grid(e[i], 1, maps[i], 784, &rows, &columns));
    }
    assert_memory_equal(maps[0], maps[1], sizeof maps[0]);
    assert_memory_not_equal(maps[0], maps[2], sizeof maps[0]);
    struct bv_image_facts image = {.size = sizeof image};
    must(f->context, bv_image_describe(f->image, &image));
    const size_t n = (size_t)image.width * (size_t)image.height;
    float *errors = malloc(n * sizeof *errors);
    assert_non_null(errors);
    must(f->context, bv_explained_pixels(e[0], 0, BV_EXPLAINED_ERRORS, errors, n));
    assert_true(errors[n / 2] > 0);
    free(errors);
    for (int i = 0; i < 3; i++)
        bv_explained_free(&e[i]);
    bv_zero_shot_close(&z);
}

static void test_refused(void **state)
{
    struct fixture *f = *state;
    struct bv_explained *e = NULL;
    struct bv_explain_options options = {.size = sizeof options, .method = "legrad"};
    char *json = NULL;
    assert_int_equal(bv_explain_texts(f->engine, f->image, texts, 1, &options, &e),
                     BV_ERR_UNSUPPORTED);
    assert_non_null(strstr(bv_last_error(f->context), "it can have: similarity, gradcam"));
    options.method = "nonsense";
    assert_int_equal(bv_explain_texts(f->engine, f->image, texts, 1, &options, &e), BV_ERR_ARG);
    assert_int_equal(bv_explain_texts(f->engine, f->image, texts, 0, NULL, &e), BV_ERR_ARG);
    options = (struct bv_explain_options){.size = sizeof options, .method = "rise", .masks = 1};
    assert_int_equal(bv_explain_texts(f->engine, f->image, texts, 1, &options, &e), BV_ERR_ARG);
    options = (struct bv_explain_options){.method = "rise"};
    assert_int_equal(bv_explain_texts(f->engine, f->image, texts, 1, &options, &e), BV_ERR_ARG);
    assert_null(e);
    must(f->context, bv_explain_methods(f->context, f->model, &json));
    assert_non_null(strstr(json, "\"hirescam\""));
    assert_null(strstr(json, "\"legrad\""));
    bv_free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}

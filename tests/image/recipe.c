// Recipes: every one of the repository parses and runs on small, large and odd images; what is
// unknown is named; steps do what they say.
#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "image/fixture.h"
#include "image/recipe.h"
#include "support/check.h"

#define RECIPES "assets/systems/recipes"

static struct bv_recipe *parse(const char *text)
{
    struct bv_error err = {0};
    json_t *json = NULL;
    struct bv_recipe *recipe = NULL;
    assert_ok(bv_json_parse(&json, text, strlen(text), "recipe", &err), err);
    assert_ok(bv_recipe_parse(json, &recipe, &err), err);
    json_decref(json);
    return recipe;
}

static void refused(const char *text, const char *named)
{
    struct bv_error err = {0};
    json_t *json = NULL;
    struct bv_recipe *recipe = NULL;
    assert_ok(bv_json_parse(&json, text, strlen(text), "recipe", &err), err);
    assert_int_equal(bv_recipe_parse(json, &recipe, &err), BV_ERR_ARG);
    if (!strstr(err.text, named))
        fail_msg("\"%s\" should name %s", err.text, named);
    assert_null(recipe);
    json_decref(json);
}

#define WITH(steps) "{\"intensity\": \"stored\", \"channels\": 1, \"steps\": [" steps "]}"

static void test_refused(void **state)
{
    (void)state;
    refused("[]", "object");
    refused("{\"channels\": 1, \"steps\": []}", "intensity");
    refused("{\"intensity\": \"vivid\", \"channels\": 1, \"steps\": []}", "vivid");
    refused("{\"intensity\": \"stored\", \"steps\": []}", "channels");
    refused("{\"intensity\": \"stored\", \"channels\": 2, \"steps\": []}", "channels");
    refused("{\"intensity\": \"stored\", \"channels\": 1, \"steps\": [], \"gamma\": 2}", "gamma");
    refused("{\"intensity\": \"stored\", \"channels\": 1}", "steps");
    refused(WITH("{\"op\": \"sharpen\"}"), "sharpen");
    refused(WITH("{\"like\": \"pillow\"}"), "op");
    refused(WITH("{\"op\": \"gray\", \"likes\": \"pillow\"}"), "likes");
    refused(WITH("{\"op\": \"gray\", \"like\": \"gimp\"}"), "gimp");
    refused(WITH("{\"op\": \"resize\", \"size\": 0}"), "size");
    refused(WITH("{\"op\": \"resize\", \"filter\": \"sinc\", \"size\": 9}"), "sinc");
    refused(WITH("{\"op\": \"resize\", \"filter\": \"box\"}"), "size");
    refused(WITH("{\"op\": \"center_crop\", \"width\": 9}"), "height");
    refused(WITH("{\"op\": \"center_crop\", \"size\": 100000}"), "size");
    refused(WITH("{\"op\": \"normalize\", \"mean\": 1}"), "std");
    refused(WITH("{\"op\": \"normalize\", \"mean\": 1, \"std\": 0}"), "std");
    refused(WITH("{\"op\": \"normalize\", \"mean\": [1, 2], \"std\": [1, 2]}"), "mean");
    refused(WITH("{\"op\": \"normalize\", \"mean\": [1, 2, 3], \"std\": 1}"), "length");
    refused(WITH("{\"op\": \"scale\", \"divide\": 0}"), "divide");
    refused(WITH("{\"op\": \"rgb\"}, {\"op\": \"gray\"}, {\"op\": \"?\"}"), "step 3");
}

static struct bv_image png_image(int width, int height, int channels, uint8_t *pixels)
{
    for (int i = 0; i < width * height * channels; i++)
        pixels[i] = (uint8_t)((unsigned)i * 7919U >> 3);
    return (struct bv_image){.kind = BV_FILE_PNG,
                             .width = width,
                             .height = height,
                             .channels = channels,
                             .sample = BV_SAMPLE_U8,
                             .bits_stored = 8,
                             .pixels = pixels};
}

static void run_all_sizes(const struct bv_recipe *recipe, const char *name)
{
    static const int sizes[][2] = {{1, 1}, {2, 3}, {223, 224}, {300, 200}, {640, 480}, {97, 401}};
    uint8_t *pixels = malloc(640 * 480 * 3);
    assert_non_null(pixels);
    int width = 0, height = 0;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int channels = 1; channels <= 3; channels += 2) {
            struct bv_error err = {0};
            struct bv_pixels out = {0};
            struct bv_image image = png_image(sizes[s][0], sizes[s][1], channels, pixels);
            enum bv_status status = bv_recipe_run(recipe, &image, &out, &err);
            if (status != BV_OK)
                fail_msg("%s on %d × %d × %d: %s", name, image.width, image.height, channels,
                         err.text);
            assert_int_equal(out.sample, BV_SAMPLE_F32);
            assert_int_equal(out.channels, bv_recipe_channels(recipe));
            // The encoder's size does not depend on the image's.
            if (width)
                assert_true(out.width == width && out.height == height);
            width = out.width;
            height = out.height;
            for (size_t i = 0; i < bv_pixels_samples(&out); i++)
                assert_true(isfinite(((float *)out.data)[i]));
            bv_pixels_free(&out);
        }
    free(pixels);
}

static void test_all_recipes(void **state)
{
    (void)state;
    DIR *dir = opendir(RECIPES);
    assert_non_null(dir);
    int n = 0;
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        if (!strstr(entry->d_name, ".json"))
            continue;
        char path[512];
        struct bv_error err = {0};
        json_t *json = NULL;
        struct bv_recipe *recipe = NULL;
        (void)snprintf(path, sizeof path, RECIPES "/%s", entry->d_name);
        assert_ok(bv_json_load(&json, path, 1 << 20, &err), err);
        assert_ok(bv_recipe_parse(json, &recipe, &err), err);
        run_all_sizes(recipe, entry->d_name);
        bv_recipe_free(&recipe);
        json_decref(json);
        n++;
    }
    (void)closedir(dir);
    assert_true(n >= 15);
}

static void check_run(const char *text, struct bv_image *image, const float *expected, size_t n)
{
    struct bv_error err = {0};
    struct bv_pixels out = {0};
    struct bv_recipe *recipe = parse(text);
    assert_ok(bv_recipe_run(recipe, image, &out, &err), err);
    assert_int_equal(bv_pixels_samples(&out), n);
    for (size_t i = 0; i < n; i++)
        if (((float *)out.data)[i] != expected[i])
            fail_msg("%s: value %zu is %g, expected %g", text, i, (double)((float *)out.data)[i],
                     (double)expected[i]);
    bv_pixels_free(&out);
    bv_recipe_free(&recipe);
}

static void test_steps(void **state)
{
    (void)state;
    uint8_t pixels[6];
    struct bv_image image = png_image(3, 2, 1, pixels);
    for (int i = 0; i < 6; i++)
        pixels[i] = (uint8_t)(10 * i + 10); // 10 20 30 / 40 50 60
    check_run(WITH("{\"op\": \"pad_square\"}"), &image, (float[]){10, 20, 30, 40, 50, 60, 0, 0, 0},
              9);
    check_run(WITH("{\"op\": \"pad_square\", \"min\": 4}"), &image,
              (float[]){0, 0, 0, 0, 10, 20, 30, 0, 40, 50, 60, 0, 0, 0, 0, 0}, 16);
    check_run(WITH("{\"op\": \"pad\", \"width\": 3, \"height\": 3}"), &image,
              (float[]){10, 20, 30, 40, 50, 60, 0, 0, 0}, 9);
    check_run(
        WITH("{\"op\": \"center_crop\", \"width\": 4, \"height\": 3, \"rounding\": \"floor\"}"),
        &image, (float[]){0, 0, 0, 0, 0, 10, 20, 30, 0, 40, 50, 60}, 12);
    // An odd margin: the crop of an excess of 1 starts at round(0.5) = 0.
    check_run(WITH("{\"op\": \"center_crop\", \"width\": 2, \"height\": 1}"), &image,
              (float[]){10, 20}, 2);
    check_run(WITH("{\"op\": \"center_crop\", \"square\": true}"), &image,
              (float[]){10, 20, 40, 50}, 4);
    check_run(WITH("{\"op\": \"scale\", \"divide\": 10}, {\"op\": \"normalize\", \"mean\": 1, "
                   "\"std\": 2}"),
              &image, (float[]){0, 0.5F, 1, 1.5F, 2, 2.5F}, 6);
    check_run(WITH("{\"op\": \"scale\", \"multiply\": 2, \"add\": -1}"), &image,
              (float[]){19, 39, 59, 79, 99, 119}, 6);
    check_run(WITH("{\"op\": \"divide_max\"}"), &image,
              (float[]){10.0F / 60, 20.0F / 60, 0.5F, 40.0F / 60, 50.0F / 60, 1}, 6);
    check_run(WITH("{\"op\": \"stretch\"}"), &image, (float[]){0, 51, 102, 153, 204, 255}, 6);
    uint8_t rgb[3] = {200, 100, 50};
    struct bv_image colour = png_image(1, 1, 3, rgb);
    rgb[0] = 200;
    rgb[1] = 100;
    rgb[2] = 50;
    check_run("{\"intensity\": \"stored\", \"channels\": 3, \"steps\": [{\"op\": \"bgr\"}]}",
              &colour, (float[]){50, 100, 200}, 3);
    check_run(WITH("{\"op\": \"gray\", \"like\": \"pillow\"}"), &colour, (float[]){124}, 1);
    struct bv_error err = {0};
    struct bv_pixels out = {0};
    struct bv_recipe *recipe = parse(WITH("{\"op\": \"rgb\"}"));
    assert_int_equal(bv_recipe_run(recipe, &colour, &out, &err), BV_ERR_ARG); // 3 are left
    assert_null(out.data);
    bv_recipe_free(&recipe);
}

static void test_taps(void **state)
{
    (void)state;
    uint8_t pixels[6];
    struct bv_image image = png_image(3, 2, 1, pixels);
    struct bv_error err = {0};
    struct bv_pixels out = {0};
    struct bv_recipe *recipe =
        parse(WITH("{\"op\": \"pad_square\", \"as\": \"square\"}, {\"op\": \"scale\", "
                   "\"divide\": 255}"));
    assert_ok(bv_recipe_run_to(recipe, &image, "square", &out, &err), err);
    assert_int_equal(out.sample, BV_SAMPLE_U8);
    assert_int_equal(out.height, 3);
    bv_pixels_free(&out);
    assert_int_equal(bv_recipe_run_to(recipe, &image, "round", &out, &err), BV_ERR_ARG);
    assert_non_null(strstr(err.text, "round"));
    bv_recipe_free(&recipe);
}

// Pillow never interpolates indexed pixels: the recipe that resizes before it converts must not.
static void test_indexed(void **state)
{
    (void)state;
    uint8_t pixels[] = {0, 0, 0, 255, 255, 255};
    struct bv_image image = png_image(2, 1, 3, pixels);
    memcpy(pixels, (uint8_t[]){0, 0, 0, 255, 255, 255}, 6);
    image.indexed = true;
    check_run("{\"intensity\": \"stored\", \"channels\": 3, \"steps\": [{\"op\": \"resize\", "
              "\"filter\": \"bicubic\", \"width\": 1, \"height\": 1}]}",
              &image, (float[]){255, 255, 255}, 3);
}

// A bright spot is where the frame says: a letterboxed, enlarged, cropped image.
static void test_frame(void **state)
{
    (void)state;
    struct bv_error err = {0};
    struct bv_recipe *recipe = NULL;
    struct bv_frame f = {0};
    struct bv_pixels made = {0};
    uint8_t pixels[40 * 60] = {0};
    const int row = 25, column = 41;
    struct bv_image image = {.kind = BV_FILE_PNG, .width = 60, .height = 40, .channels = 1};
    image.pixels = pixels;
    image.bits_stored = 8;
    image.alpha_min = image.alpha_max = 255;
    pixels[row * 60 + column] = 255;
    json_t *json = json_loads("{\"intensity\": \"dicom-display\", \"channels\": 1, \"steps\": ["
                              "{\"op\": \"gray\"}, {\"op\": \"pad_square\"},"
                              "{\"op\": \"resize\", \"size\": 240},"
                              "{\"op\": \"center_crop\", \"width\": 200, \"height\": 120}]}",
                              0, NULL);
    assert_non_null(json);
    assert_ok(bv_recipe_parse(json, &recipe, &err), err);
    assert_ok(bv_recipe_frame(recipe, 60, 40, &f, &err), err);
    assert_ok(bv_recipe_run(recipe, &image, &made, &err), err);
    assert_int_equal(made.width, f.width);
    assert_int_equal(made.height, f.height);
    assert_true(f.scale_x == 4 && f.scale_y == 4 && f.left == -20 && f.top == 40 - 60);
    double sum = 0, x = 0, y = 0;
    for (int k = 0; k < made.width * made.height; k++) {
        const double v = ((const float *)made.data)[k];
        sum += v;
        x += v * (k % made.width + 0.5);
        y += v * (k / made.width + 0.5);
    }
    assert_true(sum > 0);
    assert_true(fabs(x / sum - ((column + 0.5) * f.scale_x + f.left)) < 0.5);
    assert_true(fabs(y / sum - ((row + 0.5) * f.scale_y + f.top)) < 0.5);
    bv_pixels_free(&made);
    bv_recipe_free(&recipe);
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused), cmocka_unit_test(test_all_recipes),
        cmocka_unit_test(test_steps),   cmocka_unit_test(test_taps),
        cmocka_unit_test(test_indexed), cmocka_unit_test(test_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

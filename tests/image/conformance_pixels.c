// conformance.pixels: each system's recipe on the conformance inputs, against the pixels that the
// authors' own code made: equal before the float steps, within 1e-6 after them.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "image/recipe.h"
#include "support/check.h"
#include "support/npz.h"
#include "support/reference.h"

// One family of arrays of a golden file: PREFIX/<input file>, or, with an order, arrays of several
// inputs stacked or numbered.
struct family {
    const char *golden, *recipe, *prefix;
    const char *tap;  // state to compare; NULL is the result
    bool ordered;     // PREFIX/0, PREFIX/1, … or one array with the images as its first axis
    const char *side; // member of meta.config that gives the side of a reduced model, or NULL
    double tolerance; // largest difference allowed
};

// The order of the inputs in goldens that number them; the sixth repeats the third.
static const char *const ordered_inputs[] = {"cxr_1024x837_gray.png", "cxr_390x467_gray.png",
                                             "cxr_224_gray.png",      "cxr_301x260_rgb.png",
                                             "cxr_512_gray.png",      "cxr_224_gray.png"};

static const struct family families[] = {
    {"chexzero/golden_small", "chexzero", "h5_320", "h5_320", false, NULL, 0},
    {"chexzero/golden_small", "chexzero", "pixel_values", NULL, false, NULL, 1e-6},
    {"medclip/golden_small_resnet", "medclip", "pixel_values", NULL, false, NULL, 1e-6},
    {"medclip/golden_small_vit", "medclip", "pixel_values", NULL, false, NULL, 1e-6},
    {"biovil/golden_small_biovil", "biovil", "pixel_values_u8", "pixel_values_u8", false, NULL, 0},
    {"biovil/golden_small_biovil_t", "biovil-t", "pixel_values_u8", "pixel_values_u8", false, NULL,
     0},
    {"gloria/golden_small", "gloria", "resized256_u8", "resized256_u8", false, NULL, 0},
    {"gloria/golden_small", "gloria", "pixel_values_ch0", NULL, true, NULL, 1e-6},
    {"mgca/golden_small_resnet", "mgca", "pixel_values_ch0", NULL, false, NULL, 1e-6},
    {"mgca/golden_small_vit", "mgca", "pixel_values_ch0", NULL, false, NULL, 1e-6},
    {"biomedclip/golden_small", "biomedclip", "pixel_values", NULL, false, NULL, 1e-6},
    {"m3ae/golden_small_pretrain", "m3ae", "pixel_values", NULL, true, "image_size", 1e-6},
    {"m3ae/golden_small_vqa", "m3ae-vqa", "pixel_values", NULL, true, "image_size", 1e-6},
    {"arl/golden_small", "arl", "pixel_values", NULL, true, "image_size", 1e-6},
    {"medvill/golden_small", "medvill", "pixel_values_ch0", NULL, true, NULL, 1e-6},
    {"multiinfo/golden_small_mutual_info", "multiinfo", "pixel_values", NULL, false, NULL, 1e-6},
    {"convirt/golden_small", "convirt", "pixel_values", NULL, true, NULL, 1e-6},
    {"lvit/golden_full", "lvit", "pixel_values", NULL, true, NULL, 1e-6},
    // On a scale of ±1024, where half a unit in the last place is 6e-5.
    {"densenet121/golden_small", "txv", "skimage224", NULL, false, NULL, 1.3e-4},
    {"densenet121/golden_small", "txv-opencv", "cv2area224", NULL, false, NULL, 1.3e-4},
};

static const char *root;
static int n_compared;

// Replaces the sides that a resize or crop of the recipe names.
static void set_side(json_t *recipe, json_int_t side)
{
    size_t i = 0;
    json_t *step = NULL;
    json_array_foreach(json_object_get(recipe, "steps"), i, step)
    {
        static const char *const keys[] = {"shorter", "longer", "size"};
        for (size_t k = 0; k < 3; k++)
            if (json_object_get(step, keys[k]))
                assert_int_equal(json_object_set_new(step, keys[k], json_integer(side)), 0);
    }
}

static struct bv_recipe *load_recipe(const struct family *family)
{
    struct bv_error err = {0};
    json_t *json = NULL, *golden = NULL;
    char path[256];
    (void)snprintf(path, sizeof path, "assets/systems/recipes/%s.json", family->recipe);
    assert_ok(bv_json_load(&json, path, 1 << 20, &err), err);
    if (family->side) {
        assert_ok(bv_json_load(&golden, path_in(root, "%s.json", family->golden), 64 << 20, &err),
                  err);
        json_t *config = json_object_get(json_object_get(golden, "meta"), "config");
        set_side(json, bv_json_integer(config, family->side, 0));
        json_decref(golden);
    }
    struct bv_recipe *recipe = NULL;
    assert_ok(bv_recipe_parse(json, &recipe, &err), err);
    json_decref(json);
    return recipe;
}

static double value_at(const struct bv_pixels *p, size_t i)
{
    return p->sample == BV_SAMPLE_U8    ? ((uint8_t *)p->data)[i]
           : p->sample == BV_SAMPLE_U16 ? ((uint16_t *)p->data)[i]
                                        : (double)((float *)p->data)[i];
}

static double golden_at(const struct npy *array, size_t i)
{
    if (npy_u8(array))
        return npy_u8(array)[i];
    assert_non_null(npy_f32(array));
    return (double)npy_f32(array)[i];
}

// Compares image number index of an array whose last two axes are height and width, and, where
// there is one, the third from last the channels.
static double compare(const struct npy *array, size_t index, bool stacked,
                      const struct bv_pixels *ours)
{
    size_t h = array->shape[array->n_dims - 2], w = array->shape[array->n_dims - 1];
    size_t channels = array->n / (h * w) / (stacked ? array->shape[0] : 1);
    assert_int_equal(ours->height, h);
    assert_int_equal(ours->width, w);
    double worst = 0;
    for (size_t c = 0; c < channels; c++)
        for (size_t i = 0; i < h * w; i++) {
            size_t from = i * (size_t)ours->channels + (ours->channels > 1 ? c : 0);
            double theirs = golden_at(array, (index * channels + c) * h * w + i);
            worst = fmax(worst, fabs(value_at(ours, from) - theirs));
        }
    return worst;
}

static void check_image(const struct family *family, const struct bv_recipe *recipe,
                        const char *input, const struct npy *array, size_t index, bool stacked)
{
    struct bv_error err = {0};
    struct bv_image *image = NULL;
    struct bv_pixels pixels = {0};
    assert_ok(bv_image_load(path_in(root, "inputs/%s", input), NULL, &image, &err), err);
    if (family->tap)
        assert_ok(bv_recipe_run_to(recipe, image, family->tap, &pixels, &err), err);
    else
        assert_ok(bv_recipe_run(recipe, image, &pixels, &err), err);
    double worst = compare(array, index, stacked, &pixels);
    (void)printf("%-24s %-16s %-30s largest difference %.3g\n", family->recipe, family->prefix,
                 input, worst);
    if (worst > family->tolerance)
        fail_msg("%s: %s of %s differs by %g", family->golden, family->prefix, input, worst);
    n_compared++;
    bv_pixels_free(&pixels);
    bv_image_free(&image);
}

// "PREFIX/rest" gives rest.
static const char *after(const char *name, const char *prefix)
{
    size_t n = strlen(prefix);
    return strncmp(name, prefix, n) == 0 && name[n] == '/' ? name + n + 1 : NULL;
}

static void check_family(const struct family *family)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s.npz", root, family->golden);
    struct npz golden;
    assert_int_equal(npz_open(&golden, path), 0);
    struct bv_recipe *recipe = load_recipe(family);
    for (size_t a = 0; a < golden.n_arrays; a++) {
        const struct npy *array = &golden.arrays[a];
        const char *rest = after(array->name, family->prefix);
        if (rest)
            check_image(family, recipe, family->ordered ? ordered_inputs[atoi(rest)] : rest, array,
                        0, false);
        else if (family->ordered && strcmp(array->name, family->prefix) == 0)
            for (size_t i = 0; i < array->shape[0]; i++)
                check_image(family, recipe, ordered_inputs[i], array, i, true);
    }
    bv_recipe_free(&recipe);
    npz_close(&golden);
}

static void test_pixels(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        int before = n_compared;
        check_family(&families[i]);
        if (n_compared == before)
            fail_msg("%s holds no %s", families[i].golden, families[i].prefix);
    }
}

int main(void)
{
    root = conformance_dir();
    if (!root)
        return TEST_SKIPPED;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pixels)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// Running out of memory at any allocation of the layer's own is an error that leaves nothing
// behind: the n-th allocation fails, for every n. Link with --wrap for them.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

#include "base/json.h"
#include "image/fixture.h"
#include "image/plausibility.h"
#include "image/recipe.h"
#include "support/check.h"

void *__real_malloc(size_t size);
int __real_posix_memalign(void **memory, size_t alignment, size_t size);
int __wrap_posix_memalign(void **memory, size_t alignment, size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

static long until_failure = -1; // allocations left; negative: never

static bool fails(void)
{
    return until_failure >= 0 && until_failure-- == 0;
}

int __wrap_posix_memalign(void **memory, size_t alignment, size_t size)
{
    return fails() ? ENOMEM : __real_posix_memalign(memory, alignment, size);
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
    return fails() ? NULL : __real_realloc(p, size);
}

static enum bv_status all(const struct buffer *file, const json_t *json)
{
    struct bv_error err = {0};
    struct bv_image *image = NULL;
    struct bv_recipe *recipe = NULL;
    struct bv_pixels pixels = {0};
    enum bv_status status = bv_image_decode(file->data, file->size, "f", NULL, &image, &err);
    if (status == BV_OK)
        status = bv_recipe_parse(json, &recipe, &err);
    if (status == BV_OK)
        status = bv_check_plausibility(image, recipe, &err);
    if (status == BV_OK)
        status = bv_recipe_run(recipe, image, &pixels, &err);
    bv_pixels_free(&pixels);
    bv_recipe_free(&recipe);
    bv_image_free(&image);
    return status;
}

static void check(const char *name, const struct buffer *file, const char *recipe)
{
    char path[256];
    struct bv_error err = {0};
    json_t *json = NULL;
    (void)snprintf(path, sizeof path, "assets/systems/recipes/%s.json", recipe);
    assert_ok(bv_json_load(&json, path, 1 << 20, &err), err);
    assert_int_equal(all(file, json), BV_OK); // sets up what stays for the process
    long n = 0;
    for (enum bv_status status = BV_ERR_NOMEM; status != BV_OK; n++) {
        until_failure = n;
        status = all(file, json);
        // Done when an allocation was left over.
        bool exhausted = until_failure < 0;
        until_failure = -1;
        // A lost warning's text is the one failure that does not stop the work.
        if (!exhausted)
            assert_int_equal(status, BV_OK);
        else if (status != BV_ERR_NOMEM && status != BV_OK)
            fail_msg("%s: allocation %ld gives %s", name, n, bv_status_name(status));
        if (exhausted)
            status = BV_ERR_NOMEM;
        assert_true(n < 10000);
    }
    (void)printf("%-8s %-12s %ld allocations\n", name, recipe, n - 1);
    assert_true(n > 5);
    json_decref(json);
}

static void test_every_allocation(void **state)
{
    (void)state;
    enum { W = 40, H = 30 };
    static uint8_t pixels[W * H * 3];
    static uint16_t deep[W * H];
    for (int i = 0; i < W * H * 3; i++)
        pixels[i] = (uint8_t)(i * 7);
    for (int i = 0; i < W * H; i++)
        deep[i] = (uint16_t)(i * 3);
    struct buffer file = {0};
    struct pixel_module m = PIXELS_16(H, W);
    dicom_begin(&file, EXPLICIT_LE);
    dicom_pixel_module(&file, &m);
    dicom_bytes(&file, 0x7fe0, 0x0010, "OW", deep, sizeof deep);
    static const char *const recipes[] = {"chexzero", "medclip", "gloria", "txv", "lvit"};
    for (size_t i = 0; i < 5; i++)
        check("DICOM", &file, recipes[i]);
    buffer_free(&file);
    png_encode(&file,
               &(struct png_kind){.width = W, .height = H, .type = PNG_COLOR_TYPE_RGB, .depth = 8},
               pixels);
    check("PNG", &file, "biomedclip");
    buffer_free(&file);
    jpeg_encode(&file, &(struct jpeg_kind){.width = W, .height = H, .components = 3, .quality = 90},
                pixels);
    check("JPEG", &file, "gloria");
    buffer_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_allocation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

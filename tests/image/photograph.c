// Photographs: how Exif says to turn them, and colours that are not R, G, B.
#include <stdlib.h>
#include <string.h>

#include <openjpeg.h>
#include <png.h>

#include "image/fixture.h"
#include "image/plausibility.h"
#include "image/recipe.h"
#include "support/check.h"

enum { W = 16, H = 8 };

// A stored image of 16 × 8: light in the left half, and half as light below the middle.
static uint8_t stored(int x, int y)
{
    return (uint8_t)((x < W / 2 ? 200 : 80) / (y < H / 2 ? 1 : 2));
}

static struct bv_image *photograph(int orientation, bool png)
{
    uint8_t pixels[W * H];
    struct buffer file = {0};
    for (int i = 0; i < W * H; i++)
        pixels[i] = stored(i % W, i / W);
    if (png)
        png_encode(&file,
                   &(struct png_kind){.width = W,
                                      .height = H,
                                      .type = PNG_COLOR_TYPE_GRAY,
                                      .depth = 8,
                                      .orientation = orientation},
                   pixels);
    else
        jpeg_encode(&file,
                    &(struct jpeg_kind){.width = W,
                                        .height = H,
                                        .components = 1,
                                        .quality = 100,
                                        .orientation = orientation},
                    pixels);
    return take_image(&file);
}

static struct bv_recipe *recipe(const char *orientation)
{
    char text[256];
    struct bv_error err = {0};
    struct bv_recipe *parsed = NULL;
    (void)snprintf(text, sizeof text,
                   "{\"intensity\": \"gloria\", \"orientation\": \"%s\", \"steps\": [], "
                   "\"channels\": 1}",
                   orientation);
    json_t *object = json_loads(text, 0, NULL);
    assert_ok(bv_recipe_parse(object, &parsed, &err), err);
    json_decref(object);
    return parsed;
}

// The corners of the upright image, clockwise from the upper left, by CIPA DC-008 4.6.4.A: which
// corner of the stored one (0 upper left, 1 upper right, 2 lower right, 3 lower left) is there.
static const int corners[9][4] = {{0},          {0, 1, 2, 3}, {1, 0, 3, 2},
                                  {2, 3, 0, 1}, {3, 2, 1, 0}, {0, 3, 2, 1},
                                  {3, 0, 1, 2}, {2, 1, 0, 3}, {1, 2, 3, 0}};

static void test_turned(void **state)
{
    (void)state;
    const int corner_x[] = {1, W - 2, W - 2, 1}, corner_y[] = {1, 1, H - 2, H - 2};
    struct bv_recipe *turns = recipe("exif"), *as_is = recipe("as_is");
    for (int png = 0; png < 2; png++)
        for (int o = 1; o <= 8; o++) {
            struct bv_error err = {0};
            struct bv_image *image = photograph(o, png);
            struct bv_pixels out = {0};
            assert_int_equal(image->orientation, o);
            assert_ok(bv_recipe_run(turns, image, &out, &err), err);
            assert_int_equal(out.width, o >= 5 ? H : W);
            assert_int_equal(out.height, o >= 5 ? W : H);
            const int at_x[] = {1, out.width - 2, out.width - 2, 1};
            const int at_y[] = {1, 1, out.height - 2, out.height - 2};
            for (int c = 0; c < 4; c++) {
                int from = corners[o][c];
                int got = (int)((float *)out.data)[at_y[c] * out.width + at_x[c]];
                int expected = stored(corner_x[from], corner_y[from]);
                if (abs(got - expected) > 3)
                    fail_msg("orientation %d, corner %d: %d, not %d", o, c, got, expected);
            }
            bv_pixels_free(&out);
            assert_ok(bv_recipe_run(as_is, image, &out, &err), err);
            assert_int_equal(out.width, W);
            bv_pixels_free(&out);
            // Who does not turn it is warned.
            assert_ok(bv_check_plausibility(image, turns, &err), err);
            assert_false(bv_image_warned(image, BV_REASON_ORIENTATION));
            assert_ok(bv_check_plausibility(image, as_is, &err), err);
            assert_int_equal(bv_image_warned(image, BV_REASON_ORIENTATION), o != 1);
            bv_image_free(&image);
        }
    bv_recipe_free(&turns);
    bv_recipe_free(&as_is);
}

// Damaged Exif data say nothing.
static void test_damaged(void **state)
{
    (void)state;
    static const int bad[] = {9, 255};
    for (size_t i = 0; i < 2; i++) {
        struct bv_image *image = photograph(bad[i], false);
        assert_int_equal(image->orientation, 1);
        bv_image_free(&image);
    }
    uint8_t pixels[W * H] = {0};
    for (size_t cut = 1; cut <= 26; cut++) {
        struct buffer file = {0};
        jpeg_encode(&file, &(struct jpeg_kind){W, H, 1, 90, false, 6, false}, pixels);
        uint8_t *marker = file.data;
        while (memcmp(marker, "Exif", 4) != 0)
            marker++;
        // The segment ends early; what is left of it becomes a comment.
        size_t left = 6 + 26 - cut;
        marker[-1] = (uint8_t)(left + 2);
        if (cut >= 4) {
            marker[left] = 0xff;
            marker[left + 1] = 0xfe;
            marker[left + 2] = 0;
            marker[left + 3] = (uint8_t)(cut - 2);
            struct bv_image *image = take_image(&file);
            assert_int_equal(image->orientation, cut <= 4 ? 6 : 1);
            bv_image_free(&image);
        }
        buffer_free(&file);
    }
}

static void check_sycc(int step)
{
    uint8_t y[W * H], cb[W * H], cr[W * H];
    uint8_t *const planes[] = {y, cb, cr};
    struct buffer file = {0};
    memset(y, 120, sizeof y);
    memset(cb, 90, sizeof cb);
    memset(cr, 200, sizeof cr);
    cr[0] = 128;
    cb[0] = 128;
    jp2_encode(&file, W, H, step, OPJ_CLRSPC_SYCC, planes);
    struct bv_image *image = take_image(&file);
    assert_int_equal(image->channels, 3);
    const uint8_t *rgb = image->pixels;
    for (int i = 0; i < W * H; i++) {
        bool gray = i % W < step && i / W < step; // shares the first chroma sample
        const int expected[3] = {gray ? 120 : 221, gray ? 120 : 82, gray ? 120 : 53};
        for (int c = 0; c < 3; c++)
            assert_true(abs(rgb[3 * i + c] - expected[c]) <= 1);
    }
    bv_image_free(&image);
}

static void test_sycc(void **state)
{
    (void)state;
    check_sycc(1);
    check_sycc(2);
    // Coarser components of something else, and other spaces, are refused.
    uint8_t plane[W * H] = {0};
    uint8_t *const planes[] = {plane, plane, plane};
    static const struct {
        int step;
        uint8_t space; // enumerated, of the colour specification box
        const char *text;
    } bad[] = {{2, 16, "unequal size"}, {1, 24, "e-YCC"}, {1, 12, "CMYK"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct bv_error err = {0};
        struct bv_image *image = NULL;
        struct buffer file = {0};
        jp2_encode(&file, W, H, bad[i].step, OPJ_CLRSPC_SRGB, planes);
        uint8_t *box = file.data;
        while (memcmp(box, "colr", 4) != 0)
            box++;
        box[10] = bad[i].space; // behind the method, precedence, approximation and three zeros
        assert_int_equal(bv_image_decode(file.data, file.size, "test", NULL, &image, &err),
                         BV_ERR_UNSUPPORTED);
        assert_non_null(strstr(err.text, bad[i].text));
        buffer_free(&file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turned),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_sycc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

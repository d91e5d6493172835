// Resampling of a small image against what the libraries themselves make of it, and properties
// that hold for every size.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "image/resize.h"
#include "support/check.h"

enum library { PILLOW, PILLOW_13, TORCHVISION, TENSORFLOW, OPENCV, OPENCV_FLOAT, TORCH, SKIMAGE };

struct expected {
    const char *name;
    enum library library;
    enum bv_resample_filter filter;
    bool antialias, align_corners;
    struct bv_size size;
    float values[42];
};

#include "image/resize_expected.h"

// Floats differ from the libraries' in the order of sums: measured 1.5e-5 of 255.
#define FLOAT_TOLERANCE 6e-5

static const uint8_t input[] = {12, 200, 33,  90, 141, 255, 0,  77,  60, 18,
                                5,  128, 250, 31, 99,  164, 47, 211, 8,  230};

static bool is_float(enum library library)
{
    return library >= OPENCV_FLOAT;
}

static enum bv_status resize(const struct expected *e, const uint8_t *in, const float *wide,
                             struct bv_size from, int channels, void *out, struct bv_error *err)
{
    switch (e->library) {
    case PILLOW:
        return bv_resize_pillow(in, from, channels, out, e->size, e->filter, err);
    case PILLOW_13:
        return bv_resize_pillow13(in, from, channels, out, e->size, e->filter, err);
    case TORCHVISION:
        return bv_resize_torchvision(in, from, channels, out, e->size, e->filter, err);
    case TENSORFLOW:
        return bv_resize_tensorflow(in, from, channels, out, e->size, e->filter, err);
    case OPENCV:
        return bv_resize_opencv(in, from, channels, out, e->size, e->filter, err);
    case OPENCV_FLOAT:
        return bv_resize_opencv_f32(wide, from, channels, out, e->size, e->filter, err);
    case TORCH:
        return bv_resize_torch(wide, from, channels, out, e->size,
                               (struct bv_torch_resize){.filter = e->filter,
                                                        .antialias = e->antialias,
                                                        .align_corners = e->align_corners},
                               err);
    case SKIMAGE:
        break;
    }
    return bv_resize_skimage(wide, from, out, e->size, err);
}

static void test_expected(void **state)
{
    (void)state;
    float wide[20];
    for (int i = 0; i < 20; i++)
        wide[i] = input[i];
    double worst = 0;
    for (size_t k = 0; k < sizeof expected / sizeof *expected; k++) {
        const struct expected *e = &expected[k];
        struct bv_error err = {0};
        union {
            uint8_t u8[42];
            float f32[42];
        } out;
        assert_ok(resize(e, input, wide, (struct bv_size){5, 4}, 1, &out, &err), err);
        for (int i = 0; i < e->size.width * e->size.height; i++) {
            double v = is_float(e->library) ? (double)out.f32[i] : out.u8[i];
            double d = fabs(v - (double)e->values[i]);
            if (d > (is_float(e->library) ? FLOAT_TOLERANCE : 0))
                fail_msg("%s to %d × %d: value %d is %g, expected %g", e->name, e->size.width,
                         e->size.height, i, v, (double)e->values[i]);
            worst = fmax(worst, d);
        }
    }
    (void)printf("largest difference %.3g\n", worst);
}

// Colour is three grays: no channel leaks into another.
static void test_channels(void **state)
{
    (void)state;
    uint8_t rgb[60];
    float wide[60], plane[20];
    for (int i = 0; i < 20; i++)
        for (int c = 0; c < 3; c++)
            wide[3 * i + c] = rgb[3 * i + c] = (uint8_t)(c == 1 ? input[i] : 255 * (c / 2));
    for (int i = 0; i < 20; i++)
        plane[i] = input[i];
    for (size_t k = 0; k < sizeof expected / sizeof *expected; k++) {
        const struct expected *e = &expected[k];
        if (e->library == SKIMAGE)
            continue;
        struct bv_error err = {0};
        float gray[42], colour[126];
        struct bv_size from = {5, 4};
        assert_ok(resize(e, input, plane, from, 1, gray, &err), err);
        assert_ok(resize(e, rgb, wide, from, 3, colour, &err), err);
        for (int i = 0; i < e->size.width * e->size.height; i++) {
            bool same = is_float(e->library)
                            ? gray[i] == colour[3 * i + 1]
                            : ((uint8_t *)gray)[i] == ((uint8_t *)colour)[3 * i + 1];
            // OpenCV's bicubic rounds in vectors of eight samples and otherwise at a row's end.
            bool vector_end = e->library == OPENCV && e->filter == BV_FILTER_BICUBIC;
            if (!same && !vector_end)
                fail_msg("%s: the green of pixel %d differs from gray", e->name, i);
        }
    }
}

// A constant image stays constant, to and from every size; one pixel suffices. torch's bicubic
// weights do not quite add up to one: measured 1.4e-4 of 137.
static void test_constant(void **state)
{
    (void)state;
    enum { MOST = 40 };
    static uint8_t in[MOST * MOST];
    static float wide[MOST * MOST], out[MOST * MOST];
    memset(in, 137, sizeof in);
    for (int i = 0; i < MOST * MOST; i++)
        wide[i] = 137;
    static const int sides[] = {1, 2, 3, 7, 16, 33, 40};
    double worst = 0;
    for (size_t a = 0; a < 7; a++)
        for (size_t b = 0; b < 7; b++)
            for (size_t k = 0; k < 17; k++) { // the methods of the first size
                struct expected e = expected[k];
                if (e.library == SKIMAGE)
                    continue; // which darkens the border
                struct bv_error err = {0};
                e.size = (struct bv_size){sides[b], sides[6 - b]};
                struct bv_size from = {sides[a], sides[(a + 3) % 7]};
                assert_ok(resize(&e, in, wide, from, 1, out, &err), err);
                for (int i = 0; i < e.size.width * e.size.height; i++) {
                    double v = is_float(e.library) ? (double)out[i] : ((uint8_t *)out)[i];
                    worst = fmax(worst, fabs(v - 137));
                    if (fabs(v - 137) > (is_float(e.library) ? 3e-4 : 0))
                        fail_msg("%s from %d × %d to %d × %d: %g", e.name, from.width, from.height,
                                 e.size.width, e.size.height, v);
                }
            }
    (void)printf("largest difference %.3g\n", worst);
}

static void test_wrong_filters(void **state)
{
    (void)state;
    struct bv_size one = {1, 1};
    float f = 0, g = 0;
    uint8_t u = 0, v = 0;
    assert_int_equal(bv_resize_pillow(&u, one, 1, &v, one, BV_FILTER_AREA, NULL), BV_ERR_ARG);
    assert_int_equal(bv_resize_opencv(&u, one, 1, &v, one, BV_FILTER_BOX, NULL), BV_ERR_ARG);
    assert_int_equal(bv_resize_opencv_f32(&f, one, 1, &g, one, BV_FILTER_BICUBIC, NULL),
                     BV_ERR_ARG);
    struct bv_torch_resize how = {.filter = BV_FILTER_LANCZOS};
    assert_int_equal(bv_resize_torch(&f, one, 1, &g, one, how, NULL), BV_ERR_ARG);
    how = (struct bv_torch_resize){
        .filter = BV_FILTER_BILINEAR, .antialias = true, .align_corners = true};
    assert_int_equal(bv_resize_torch(&f, one, 1, &g, one, how, NULL), BV_ERR_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expected),
        cmocka_unit_test(test_channels),
        cmocka_unit_test(test_constant),
        cmocka_unit_test(test_wrong_filters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

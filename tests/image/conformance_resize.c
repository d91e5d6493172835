// conformance.resize: every array of resize/resize.npz. 8-bit results must be equal to the byte.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "image/gray.h"
#include "image/resize.h"
#include "support/check.h"
#include "support/npz.h"
#include "support/reference.h"

// Largest difference measured on values of 0 … 255: 6.1e-5, of tv_bicubic_aa.
#define FLOAT_TOLERANCE 1e-4

static const char *root;

enum library {
    PILLOW,
    TORCH,
    OPENCV_U8,
    OPENCV_F32,
};

struct method {
    const char *name;
    enum library library;
    enum bv_resample_filter filter;
    bool antialias, align_corners;
};

static const struct method methods[] = {
    {"pil_nearest", PILLOW, BV_FILTER_NEAREST, false, false},
    {"pil_box", PILLOW, BV_FILTER_BOX, false, false},
    {"pil_bilinear", PILLOW, BV_FILTER_BILINEAR, false, false},
    {"pil_bicubic", PILLOW, BV_FILTER_BICUBIC, false, false},
    {"pil_lanczos", PILLOW, BV_FILTER_LANCZOS, false, false},
    {"tv_bilinear", TORCH, BV_FILTER_BILINEAR, false, false},
    {"tv_bilinear_aa", TORCH, BV_FILTER_BILINEAR, true, false},
    {"tv_bicubic", TORCH, BV_FILTER_BICUBIC, false, false},
    {"tv_bicubic_aa", TORCH, BV_FILTER_BICUBIC, true, false},
    {"tv_bilinear_align_corners", TORCH, BV_FILTER_BILINEAR, false, true},
    {"cv_area_u8", OPENCV_U8, BV_FILTER_AREA, false, false},
    {"cv_linear_u8", OPENCV_U8, BV_FILTER_BILINEAR, false, false},
    {"cv_cubic_u8", OPENCV_U8, BV_FILTER_BICUBIC, false, false},
    {"cv_nearest_u8", OPENCV_U8, BV_FILTER_NEAREST, false, false},
    {"cv_area_f32", OPENCV_F32, BV_FILTER_AREA, false, false},
    {"cv_linear_f32", OPENCV_F32, BV_FILTER_BILINEAR, false, false},
};

static enum bv_status resize(const struct method *method, const uint8_t *in, const float *wide,
                             struct bv_size from, void *out, struct bv_size to,
                             struct bv_error *err)
{
    struct bv_torch_resize how = {.filter = method->filter,
                                  .antialias = method->antialias,
                                  .align_corners = method->align_corners};
    switch (method->library) {
    case PILLOW:
        return bv_resize_pillow(in, from, 1, out, to, method->filter, err);
    case TORCH:
        return bv_resize_torch(wide, from, 1, out, to, how, err);
    case OPENCV_U8:
        return bv_resize_opencv(in, from, 1, out, to, method->filter, err);
    case OPENCV_F32:
        break;
    }
    return bv_resize_opencv_f32(wide, from, 1, out, to, method->filter, err);
}

static double worst_difference(const struct npy *expected, const void *ours)
{
    double worst = 0;
    for (size_t i = 0; i < expected->n; i++) {
        double a = npy_u8(expected) ? npy_u8(expected)[i] : (double)npy_f32(expected)[i];
        double b = npy_u8(expected) ? ((const uint8_t *)ours)[i] : (double)((const float *)ours)[i];
        worst = fmax(worst, fabs(a - b));
    }
    return worst;
}

static void check(const char *name, const struct npy *expected, const void *ours)
{
    double worst = worst_difference(expected, ours);
    (void)printf("%-50s largest difference %.3g\n", name, worst);
    if (worst > (npy_u8(expected) ? 0 : FLOAT_TOLERANCE))
        fail_msg("%s differs by %g", name, worst);
}

static void check_resize(const struct npz *npz, const struct npy *expected,
                         const struct method *method)
{
    struct bv_error err = {0};
    const char *slash = strchr(expected->name, '/');
    char input[128];
    (void)snprintf(input, sizeof input, "input%s", slash);
    *strrchr(input, '/') = 0;
    const struct npy *in = npz_find(npz, input);
    assert_non_null(npy_u8(in));
    float *wide = calloc(in->n, sizeof *wide);
    void *out = calloc(expected->n, sizeof(float));
    assert_true(wide && out);
    for (size_t i = 0; i < in->n; i++)
        wide[i] = npy_u8(in)[i];
    struct bv_size from = {(int)in->shape[1], (int)in->shape[0]};
    struct bv_size to = {(int)expected->shape[1], (int)expected->shape[0]};
    assert_ok(resize(method, npy_u8(in), wide, from, out, to, &err), err);
    check(expected->name, expected, out);
    free(wide);
    free(out);
}

static void test_resize(void **state)
{
    struct npz *npz = *state;
    size_t n = 0;
    for (size_t a = 0; a < npz->n_arrays; a++) {
        const char *name = npz->arrays[a].name;
        for (size_t m = 0; m < sizeof methods / sizeof *methods; m++) {
            size_t length = strlen(methods[m].name);
            if (strncmp(name, methods[m].name, length) == 0 && name[length] == '/') {
                check_resize(npz, &npz->arrays[a], &methods[m]);
                n++;
            }
        }
    }
    assert_true(n >= sizeof methods / sizeof *methods);
}

// METHOD/INPUT without a size: what happens to intensities.
static void test_intensities(void **state)
{
    struct npz *npz = *state;
    static const struct {
        const char *name;
        enum bv_preset preset;
    } presets[] = {{"mimic_cxr_jpg_u8", BV_PRESET_MIMIC_CXR_JPG},
                   {"chexpert_u8", BV_PRESET_CHEXPERT},
                   {"minmax_trunc_u8", BV_PRESET_BIOVIL}};
    size_t checked = 0;
    for (size_t a = 0; a < npz->n_arrays; a++) {
        const struct npy *expected = &npz->arrays[a];
        const char *slash = strchr(expected->name, '/');
        char input[128];
        (void)snprintf(input, sizeof input, "input%s", slash);
        const struct npy *in = npz_find(npz, input);
        for (size_t p = 0; in && p < 3; p++) {
            if (strncmp(expected->name, presets[p].name, strlen(presets[p].name)) != 0)
                continue;
            struct bv_error err = {0};
            struct bv_pixels out = {0};
            struct bv_image image = {.width = (int)in->shape[1],
                                     .height = (int)in->shape[0],
                                     .channels = 1,
                                     .sample = npy_u8(in) ? BV_SAMPLE_U8 : BV_SAMPLE_U16,
                                     .bits_stored = npy_u8(in) ? 8 : 16,
                                     .pixels = in->data};
            assert_ok(bv_preset_apply(&image, presets[p].preset, &out, &err), err);
            check(expected->name, expected, out.data);
            bv_pixels_free(&out);
            checked++;
        }
        if (in && strncmp(expected->name, "cv_equalizeHist/", 16) == 0) {
            uint8_t *copy = malloc(in->n);
            assert_non_null(copy);
            memcpy(copy, npy_u8(in), in->n);
            bv_equalize(copy, in->n);
            check(expected->name, expected, copy);
            free(copy);
            checked++;
        }
    }
    assert_true(checked >= 4);
}

static void test_color(void **state)
{
    struct npz *npz = *state;
    const struct npy *rgb = npz_find(npz, "input/rgb");
    assert_non_null(npy_u8(rgb));
    uint8_t *gray = malloc(rgb->n / 3);
    assert_non_null(gray);
    bv_gray_pillow(npy_u8(rgb), gray, rgb->n / 3);
    check("pil_rgb_to_L/rgb", npz_find(npz, "pil_rgb_to_L/rgb"), gray);
    bv_gray_opencv(npy_u8(rgb), gray, rgb->n / 3);
    check("cv_rgb_to_gray/rgb", npz_find(npz, "cv_rgb_to_gray/rgb"), gray);
    free(gray);
}

int main(void)
{
    root = conformance_dir();
    if (!root)
        return TEST_SKIPPED;
    struct npz npz;
    if (npz_open(&npz, path_in(root, "resize/resize.npz")) != 0)
        return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(test_resize, &npz),
                                       cmocka_unit_test_prestate(test_intensities, &npz),
                                       cmocka_unit_test_prestate(test_color, &npz)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    npz_close(&npz);
    return failed;
}

// conformance.dicom: every file of dicom/expected.json: stored values by hash, then the modality
// transform and the first VOI as pydicom computes them. Where a reference fails to decode, a clear
// error is as good.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/sha256.h"
#include "image/gray.h"
#include "support/check.h"
#include "support/reference.h"

// pydicom rounds its window arithmetic differently in the last bits: 3.6e-12 measured of 65535.
#define RELATIVE_TOLERANCE 1e-12

static const char *data;
static json_t *expected;

// What a stage of the pipeline gives for one pixel.
struct stage {
    const struct bv_image *image;
    const struct bv_voi *voi; // NULL: stop after the modality transform
    bool stored;              // stop before it
    double low, high;         // pydicom's output range of the VOI
};

static double stage_value(const struct stage *stage, size_t i)
{
    double v = bv_image_value(stage->image, i);
    if (stage->stored)
        return v;
    if (!stage->image->palette_luma.n)
        v = bv_gray_modality(stage->image, v);
    if (stage->voi)
        v = bv_gray_voi_apply(stage->voi, v) * (stage->high - stage->low) + stage->low;
    return v;
}

static void check_samples(const char *file, const json_t *values, const struct stage *stage,
                          size_t start, double tolerance)
{
    size_t i = 0;
    json_t *value = NULL;
    json_array_foreach(values, i, value)
    {
        double ours = stage_value(stage, start + i), theirs = json_number_value(value);
        if (fabs(ours - theirs) > tolerance)
            fail_msg("%s: pixel %zu is %.12g, expected %.12g", file, start + i, ours, theirs);
    }
}

static void check_stage(const char *file, const json_t *entry, const struct stage *stage,
                        double tolerance)
{
    size_t w = (size_t)stage->image->width, h = (size_t)stage->image->height, n = w * h;
    double low = INFINITY, high = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++) {
        double v = stage_value(stage, i);
        low = fmin(low, v);
        high = fmax(high, v);
        sum += v;
    }
    double scale = fmax(fabs(bv_json_number(entry, "max", 0)), 1);
    tolerance = fmax(tolerance, RELATIVE_TOLERANCE * scale);
    double worst = fmax(fabs(low - bv_json_number(entry, "min", 0)),
                        fabs(high - bv_json_number(entry, "max", 0)));
    worst = fmax(worst, fabs(sum / (double)n - bv_json_number(entry, "mean", 0)));
    if (worst > tolerance * 2)
        fail_msg("%s: range or mean differs by %g (ours %.10g … %.10g, mean %.10g)", file, worst,
                 low, high, sum / (double)n);
    check_samples(file, json_object_get(entry, "first8"), stage, 0, tolerance);
    check_samples(file, json_object_get(entry, "centre8"), stage, h / 2 * w + w / 2, tolerance);
}

static bool hash_equal(const struct bv_image *image, const char *hex)
{
    size_t n = (size_t)image->width * (size_t)image->height;
    int32_t *values = malloc(n * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < n; i++)
        values[i] = (int32_t)bv_image_value(image, i);
    char ours[65];
    bv_sha256_hex(values, n * sizeof *values, ours);
    free(values);
    return strcmp(ours, hex) == 0;
}

// pydicom maps a window onto the range of the stored bits after the modality transform.
static void pydicom_range(const struct bv_image *image, struct stage *stage)
{
    double top = ldexp(1, image->bits_stored);
    stage->low = image->is_signed ? -top / 2 : 0;
    stage->high = image->is_signed ? top / 2 - 1 : top - 1;
    if (stage->voi->kind == BV_VOI_LUT) {
        stage->low = 0;
        stage->high = ldexp(1, stage->voi->lut->bits) - 1;
    } else if (image->modality_lut.n) {
        stage->low = 0;
        stage->high = ldexp(1, image->modality_lut.bits) - 1;
    } else {
        stage->low = stage->low * image->slope + image->intercept;
        stage->high = stage->high * image->slope + image->intercept;
    }
}

// Lossy decoders may differ by one grey level from each other.
static void check_values(const char *file, const json_t *entry, const struct bv_image *image)
{
    const json_t *stored = json_object_get(entry, "stored");
    if (!stored)
        return;
    struct stage stage = {.image = image, .stored = true};
    double tolerance = 0;
    if (!hash_equal(image, bv_json_string(stored, "sha256_i32le", ""))) {
        if (!image->lossy)
            fail_msg("%s: stored values differ", file);
        tolerance = 1;
        (void)printf("  (lossy: within one level)\n");
    }
    check_stage(file, stored, &stage, tolerance);
    stage.stored = false;
    if (json_object_get(entry, "modality"))
        check_stage(file, json_object_get(entry, "modality"), &stage,
                    tolerance * fabs(image->slope));
    const json_t *voi_entry = json_object_get(entry, "voi_index0_pydicom");
    if (voi_entry && (image->n_voi_luts || image->n_windows)) {
        struct bv_voi voi = bv_gray_voi(image, 0);
        stage.voi = &voi;
        pydicom_range(image, &stage);
        check_stage(file, voi_entry, &stage, tolerance * 2);
    }
}

// Whether a reference failed too: both, or pydicom on uncompressed data, which it always decodes
// when it is sound.
static bool reference_failed(const json_t *entry)
{
    static const char *const native[] = {"", "1.2.840.10008.1.2", "1.2.840.10008.1.2.1",
                                         "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"};
    if (json_object_get(entry, "error") || json_object_get(entry, "decode"))
        return true;
    const char *syntax = bv_json_string(entry, "TransferSyntaxUID", "");
    for (size_t i = 0; i < sizeof native / sizeof *native; i++)
        if (strcmp(native[i], syntax) == 0)
            return strcmp(bv_json_string(entry, "decoded_by", ""), "pydicom") != 0;
    return false;
}

static void check_file(const json_t *entry)
{
    struct bv_error err = {0};
    struct bv_image *image = NULL;
    struct bv_decode_options options = BV_DECODE_DEFAULTS;
    options.frame = 0;
    const char *file = bv_json_string(entry, "file", "");
    enum bv_status status = bv_image_load(path_in(data, "dicom/%s", file), &options, &image, &err);
    (void)printf("%s: %s\n", file, status == BV_OK ? "decoded" : err.text);
    if (status != BV_OK) {
        if (!reference_failed(entry))
            fail_msg("%s: %s, but the references decode it", file, err.text);
        assert_true(strlen(err.text) > 0 && status != BV_ERR_INTERNAL);
        return;
    }
    check_values(file, entry, image);
    bv_image_free(&image);
}

static void test_all(void **state)
{
    (void)state;
    size_t i = 0;
    json_t *entry = NULL;
    assert_true(json_array_size(expected) > 0);
    json_array_foreach(expected, i, entry)
    {
        check_file(entry);
    }
}

int main(void)
{
    const char *root = conformance_dir();
    data = data_dir();
    if (!root || !data)
        return TEST_SKIPPED;
    struct bv_error err = {0};
    if (bv_json_load(&expected, path_in(root, "dicom/expected.json"), 64 << 20, &err) != BV_OK) {
        (void)printf("%s\n", err.text);
        return 1;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_decref(expected);
    return failed;
}

// The gray pipeline in the standard's order, the intensity presets, and plausibility.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "image/fixture.h"
#include "image/gray.h"
#include "image/plausibility.h"
#include "support/check.h"
#include "support/reference.h"

// The same arithmetic in another order: a few units of the last place.
static void assert_close(double ours, double expected)
{
    if (!(fabs(ours - expected) <= 1e-15 * fmax(1, fabs(expected))))
        fail_msg("%.17g instead of %.17g", ours, expected);
}

// The values of a 12-bit image of n × 1 pixels with one window and a function.
static struct bv_image *windowed(const char *center, const char *width, const char *function)
{
    static const uint16_t cells[] = {0, 1000, 2000, 2047, 3000, 4095};
    struct pixel_module m = PIXELS_16(1, 6);
    struct buffer file = {0};
    dicom_begin(&file, EXPLICIT_LE);
    dicom_pixel_module(&file, &m);
    dicom_text(&file, 0x28, 0x1050, "DS", center);
    dicom_text(&file, 0x28, 0x1051, "DS", width);
    if (function)
        dicom_text(&file, 0x28, 0x1056, "CS", function);
    dicom_bytes(&file, 0x7fe0, 0x0010, "OW", cells, sizeof cells);
    return take_image(&file);
}

static double displayed(const struct bv_image *image, int voi_index, size_t i)
{
    struct bv_voi voi = bv_gray_voi(image, voi_index);
    return bv_gray_display(image, &voi, bv_image_value(image, i));
}

// The formulas of PS3.3 C.11.2.1.2 and C.11.2.1.3, by hand.
static void test_windows(void **state)
{
    (void)state;
    struct bv_image *image = windowed("2048", "2000", NULL);
    assert_close(displayed(image, 0, 1), 0); // below 2047.5 - 999.5
    assert_close(displayed(image, 0, 2), (2000 - 2047.5) / 1999 + 0.5);
    assert_close(displayed(image, 0, 5), 1);
    bv_image_free(&image);
    image = windowed("2048", "2000", "LINEAR_EXACT");
    assert_close(displayed(image, 0, 2), (2000 - 2048.0) / 2000 + 0.5);
    assert_close(displayed(image, 0, 1), 0);
    bv_image_free(&image);
    image = windowed("2048", "2000", "SIGMOID");
    assert_close(displayed(image, 0, 4), 1 / (1 + exp(-4 * (3000 - 2048.0) / 2000)));
    bv_image_free(&image);
    image = windowed("100\\2048", "50\\2000", NULL); // the first of two is the default
    assert_close(displayed(image, 0, 1), 1);
    assert_close(displayed(image, 1, 2), (2000 - 2047.5) / 1999 + 0.5);
    bv_image_free(&image);
    image = windowed("2048", "0", NULL); // cannot be applied: the range of the image instead
    assert_int_equal(image->n_windows, 0);
    assert_true(bv_image_warned(image, BV_REASON_BAD_WINDOW));
    assert_close(displayed(image, 0, 5), 1);
    assert_close(displayed(image, 0, 1), 1000 / 4095.0);
    bv_image_free(&image);
    image = windowed("2048", "2000", "CUBIC");
    assert_true(bv_image_warned(image, BV_REASON_BAD_WINDOW));
    assert_int_equal(image->voi_function, BV_VOI_LINEAR);
    bv_image_free(&image);
}

// Rescale comes before the window, inversion after it and once, however it is asked for.
static void test_order(void **state)
{
    (void)state;
    static const uint16_t cells[] = {0, 100, 200};
    for (int kind = 0; kind < 4; kind++) {
        struct pixel_module m = PIXELS_16(1, 3);
        m.photometric = kind & 1 ? "MONOCHROME1" : "MONOCHROME2";
        struct buffer file = {0};
        dicom_begin(&file, EXPLICIT_LE);
        dicom_pixel_module(&file, &m);
        dicom_text(&file, 0x28, 0x1050, "DS", "-900");
        dicom_text(&file, 0x28, 0x1051, "DS", "401");
        dicom_text(&file, 0x28, 0x1052, "DS", "-1000");
        dicom_text(&file, 0x28, 0x1053, "DS", "2");
        dicom_bytes(&file, 0x7fe0, 0x0010, "OW", cells, sizeof cells);
        if (kind & 2)
            dicom_text(&file, 0x2050, 0x0020, "CS", "INVERSE"); // out of order on purpose
        struct bv_image *image = take_image(&file);
        double plain = (-800 - -900.5) / 400 + 0.5; // 100 becomes -800
        assert_close(displayed(image, 0, 1), kind ? 1 - plain : plain);
        bv_image_free(&image);
    }
}

static void add_lut(struct buffer *file, uint16_t sequence, const uint16_t descriptor[3],
                    const uint16_t *entries, size_t n)
{
    struct buffer item = {0}, body = {0};
    dicom_bytes(&body, 0x28, 0x3002, "US", descriptor, 6);
    dicom_bytes(&body, 0x28, 0x3006, "OW", entries, n * 2);
    uint8_t head[8] = {0xfe, 0xff, 0x00, 0xe0, (uint8_t)body.size, (uint8_t)(body.size >> 8), 0, 0};
    buffer_add(&item, head, 8);
    buffer_add(&item, body.data, body.size);
    dicom_bytes(file, 0x28, sequence, "SQ", item.data, item.size);
    buffer_free(&item);
    buffer_free(&body);
}

static struct bv_image *with_lut(uint16_t sequence, const uint16_t descriptor[3],
                                 const uint16_t *entries, size_t n)
{
    static const uint16_t cells[] = {0, 10, 11, 12, 13, 4000};
    struct pixel_module m = PIXELS_16(1, 6);
    struct buffer file = {0};
    dicom_begin(&file, EXPLICIT_LE);
    dicom_pixel_module(&file, &m);
    add_lut(&file, sequence, descriptor, entries, n);
    dicom_bytes(&file, 0x7fe0, 0x0010, "OW", cells, sizeof cells);
    return take_image(&file);
}

static void test_luts(void **state)
{
    (void)state;
    static const uint16_t entries[] = {0, 100, 300, 1023};
    struct bv_image *image = with_lut(0x3000, (uint16_t[]){4, 10, 10}, entries, 4);
    const double modality[] = {0, 0, 100, 300, 1023, 1023};
    for (size_t i = 0; i < 6; i++)
        assert_close(bv_gray_modality(image, bv_image_value(image, i)), modality[i]);
    bv_image_free(&image);
    image = with_lut(0x3010, (uint16_t[]){4, 10, 10}, entries, 4);
    for (size_t i = 0; i < 6; i++)
        assert_close(displayed(image, 0, i), modality[i] / 1023);
    assert_false(bv_image_warned(image, BV_REASON_BAD_LUT));
    bv_image_free(&image);
    // A bit depth that the entries exceed would give a white image.
    image = with_lut(0x3010, (uint16_t[]){4, 10, 8}, entries, 4);
    assert_true(bv_image_warned(image, BV_REASON_BAD_LUT));
    assert_close(displayed(image, 0, 2), 100 / 1023.0);
    bv_image_free(&image);
    // More entries declared than there are.
    image = with_lut(0x3010, (uint16_t[]){400, 10, 10}, entries, 4);
    assert_true(bv_image_warned(image, BV_REASON_BAD_LUT));
    assert_close(displayed(image, 0, 5), 1);
    bv_image_free(&image);
    // 8-bit entries packed two to a word.
    image = with_lut(0x3010, (uint16_t[]){4, 10, 8}, (uint16_t[]){0x1000, 0xff20}, 2);
    assert_close(displayed(image, 0, 3), 0x20 / 255.0);
    bv_image_free(&image);
}

// Images of one row whose first pixel is cell; the table begins at descriptor[1] with entries
// 100, 200, 300, 1023. Returns the index of the entry that the first pixel meets.
static int first_entry(uint16_t sequence, const char *intercept, bool is_signed, uint16_t cell,
                       uint16_t first)
{
    static const uint16_t entries[] = {100, 200, 300, 1023};
    const uint16_t cells[] = {cell, cell};
    struct pixel_module m = PIXELS_16(1, 2);
    m.stored = 16;
    m.high_bit = 15;
    m.is_signed = is_signed;
    struct buffer file = {0};
    dicom_begin(&file, EXPLICIT_LE);
    dicom_pixel_module(&file, &m);
    dicom_text(&file, 0x28, 0x1052, "DS", intercept);
    dicom_text(&file, 0x28, 0x1053, "DS", "1");
    add_lut(&file, sequence, (uint16_t[]){4, first, 10}, entries, 4);
    dicom_bytes(&file, 0x7fe0, 0x0010, "OW", cells, sizeof cells);
    struct bv_image *image = take_image(&file);
    double v = sequence == 0x3000 ? bv_gray_modality(image, bv_image_value(image, 0))
                                  : displayed(image, 0, 0) * 1023;
    bv_image_free(&image);
    for (int i = 0; i < 4; i++)
        if (fabs(v - entries[i]) < 0.5)
            return i;
    return -1;
}

// The descriptor is written US throughout: what arrives at the table decides about the sign.
static void test_lut_sign(void **state)
{
    (void)state;
    assert_int_equal(first_entry(0x3000, "0", true, (uint16_t)-2047, (uint16_t)-2048), 1);
    assert_int_equal(first_entry(0x3000, "0", false, 40002, 40000), 2);
    assert_int_equal(first_entry(0x3010, "0", true, (uint16_t)-999, (uint16_t)-1000), 1);
    assert_int_equal(first_entry(0x3010, "0", false, 40002, 40000), 2);
    assert_int_equal(first_entry(0x3010, "-1024", false, 25, (uint16_t)-1000), 1);
    assert_int_equal(first_entry(0x3010, "-1024", false, 41026, 40000), 2); // -25536 cannot occur
    assert_int_equal(first_entry(0x3010, "32768", true, 8232, 40999), 1);   // nor can -24537
}

// A table of words whose entries use 12 bits: spread over the range, with a warning.
static void test_lut_bits(void **state)
{
    (void)state;
    static const uint16_t entries[] = {0, 1000, 2000, 4095};
    struct bv_image *image = with_lut(0x3010, (uint16_t[]){4, 10, 16}, entries, 4);
    assert_true(bv_image_warned(image, BV_REASON_BAD_LUT));
    assert_close(displayed(image, 0, 2), 1000 / 4095.0);
    bv_image_free(&image);
    // Half the range is a choice of the writer.
    image = with_lut(0x3010, (uint16_t[]){4, 10, 13}, entries, 4);
    assert_false(bv_image_warned(image, BV_REASON_BAD_LUT));
    assert_close(displayed(image, 0, 2), 1000 / 8191.0);
    bv_image_free(&image);
}

static void test_padding(void **state)
{
    (void)state;
    static const uint16_t cells[] = {0, 1000, 1500, 2000};
    struct pixel_module m = PIXELS_16(1, 4);
    struct buffer file = {0};
    dicom_begin(&file, EXPLICIT_LE);
    dicom_pixel_module(&file, &m);
    dicom_us(&file, 0x28, 0x0120, 0);
    dicom_bytes(&file, 0x7fe0, 0x0010, "OW", cells, sizeof cells);
    struct bv_image *image = take_image(&file);
    // Without a window the range is that of the image, not of what surrounds it.
    assert_close(displayed(image, 0, 0), 0);
    assert_close(displayed(image, 0, 1), 0);
    assert_close(displayed(image, 0, 2), 0.5);
    bv_image_free(&image);
}

// A number that no stored value can be pads nothing, whatever value representation holds it.
static void test_padding_beyond_range(void **state)
{
    (void)state;
    static const uint16_t cells[] = {0, 1000, 1500, 2000};
    static const double beyond[] = {1e300, -1e300, 4294967296.0};
    for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++) {
        struct pixel_module m = PIXELS_16(1, 4);
        struct buffer file = {0};
        dicom_begin(&file, EXPLICIT_LE);
        dicom_pixel_module(&file, &m);
        dicom_bytes(&file, 0x28, 0x0120, "FD", &beyond[i], sizeof beyond[i]);
        dicom_bytes(&file, 0x7fe0, 0x0010, "OW", cells, sizeof cells);
        struct bv_image *image = take_image(&file);
        assert_false(image->has_padding);
        assert_close(displayed(image, 0, 1), 0.5);
        bv_image_free(&image);
    }
}

static void check_preset(struct bv_image *image, const char *name, const double *expected)
{
    struct bv_error err = {0};
    struct bv_pixels out = {0};
    enum bv_preset preset = BV_PRESET_STORED;
    assert_ok(bv_preset_find(name, &preset, &err), err);
    assert_ok(bv_preset_apply(image, preset, &out, &err), err);
    for (size_t i = 0; i < 4; i++) {
        double v = out.sample == BV_SAMPLE_U8    ? ((uint8_t *)out.data)[i]
                   : out.sample == BV_SAMPLE_U16 ? ((uint16_t *)out.data)[i]
                                                 : (double)((float *)out.data)[i];
        if (fabs(v - expected[i]) > 1e-4)
            fail_msg("%s: value %zu is %g, expected %g", name, i, v, expected[i]);
    }
    bv_pixels_free(&out);
}

// By hand from the authors' lines (USERS section 3.4 of the design papers).
static void test_presets(void **state)
{
    (void)state;
    static const uint16_t cells[] = {100, 400, 700, 1000};
    for (int inverted = 0; inverted < 2; inverted++) {
        struct pixel_module m = PIXELS_16(1, 4);
        m.photometric = inverted ? "MONOCHROME1" : "MONOCHROME2";
        struct buffer file = {0};
        dicom_begin(&file, EXPLICIT_LE);
        dicom_pixel_module(&file, &m);
        dicom_text(&file, 0x28, 0x1050, "DS", "551");
        dicom_text(&file, 0x28, 0x1051, "DS", "902");
        dicom_bytes(&file, 0x7fe0, 0x0010, "OW", cells, sizeof cells);
        struct bv_image *image = take_image(&file);
        check_preset(image, "stored", (double[]){100, 400, 700, 1000});
        // (x - 100) / 900 · 255 truncated; hi-ml does not invert.
        check_preset(image, "biovil", (double[]){0, 85, 170, 255});
        // Four equally frequent levels equalise to 0, 85, 170, 255, and are inverted before that.
        const double up[] = {0, 85, 170, 255}, down[] = {255, 170, 85, 0};
        check_preset(image, "mimic-cxr-jpg", inverted ? down : up);
        check_preset(image, "chexpert", inverted ? down : up);
        // x · 255 / 1000 rounded half to even: 25.5, 102, 178.5, 255.
        check_preset(image, "gloria",
                     inverted ? (double[]){229, 153, 77, 0} : (double[]){26, 102, 178, 255});
        double txv[4], foundation[4];
        for (int i = 0; i < 4; i++) {
            double x = inverted ? 4095 - cells[i] : cells[i];
            txv[i] = (2 * x / 4095 - 1) * 1024;
            // The window is 100 … 1001; its values are cut to integers, and those spread again.
            double y = 65535.0 / 901 * (cells[i] - 100), most = 65535.0 / 901 * 900;
            y = floor(inverted ? most - y : y);
            foundation[i] = y >= floor(most) ? 65535 : floor(65535 / floor(most) * y);
        }
        check_preset(image, "txv", txv);
        check_preset(image, "cxr-foundation", foundation);
        bv_image_free(&image);
    }
    struct bv_error err = {0};
    enum bv_preset preset = BV_PRESET_STORED;
    assert_int_equal(bv_preset_find("bright", &preset, &err), BV_ERR_ARG);
    assert_non_null(strstr(err.text, "mimic-cxr-jpg"));
}

// Signed values and a constant image go through every preset.
static void test_preset_extremes(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        static const uint16_t cells[2][3] = {{0x8000, 0, 0x7fff}, {7, 7, 7}};
        struct pixel_module m = PIXELS_16(1, 3);
        m.is_signed = true;
        m.stored = 16;
        m.high_bit = 15;
        struct buffer file = {0};
        dicom_begin(&file, EXPLICIT_LE);
        dicom_pixel_module(&file, &m);
        dicom_bytes(&file, 0x7fe0, 0x0010, "OW", cells[kind], sizeof cells[kind]);
        struct bv_image *image = take_image(&file);
        for (int p = BV_PRESET_MIMIC_CXR_JPG; p <= BV_PRESET_STORED; p++) {
            struct bv_error err = {0};
            struct bv_pixels out = {0};
            assert_ok(bv_preset_apply(image, (enum bv_preset)p, &out, &err), err);
            if (p == BV_PRESET_STORED && kind == 0) {
                assert_int_equal(((uint16_t *)out.data)[0], 0);
                assert_int_equal(((uint16_t *)out.data)[2], 65535);
            }
            bv_pixels_free(&out);
        }
        bv_image_free(&image);
    }
}

static bool has(const struct bv_image *image, enum bv_reason reason)
{
    return bv_image_warned(image, reason);
}

static void test_gate_sample(void **state)
{
    (void)state;
    struct bv_error err = {0};
    struct bv_image *image = NULL;
    assert_ok(bv_image_load("assets/sample/cxr.dcm", NULL, &image, &err), err);
    assert_ok(bv_check_plausibility(image, NULL, &err), err);
    assert_int_equal(image->warnings.n, 0);
    assert_int_equal(image->view, BV_VIEW_PA);
    image->warnings.n = 0; // the same image with a wrong photometric interpretation
    image->photometric = BV_MONOCHROME1;
    image->view = BV_VIEW_LATERAL;
    (void)strcpy(image->modality, "MR");
    (void)strcpy(image->body_part, "KNEE");
    assert_ok(bv_check_plausibility(image, NULL, &err), err);
    assert_true(has(image, BV_REASON_LOOKS_INVERTED) && has(image, BV_REASON_LATERAL_VIEW));
    assert_true(has(image, BV_REASON_NOT_RADIOGRAPH) && has(image, BV_REASON_NOT_CHEST));
    assert_string_equal(bv_reason_name(image->warnings.items[0].reason), "lateral_view");
    bv_image_free(&image);
}

static void test_gate_nonsense(void **state)
{
    (void)state;
    enum { N = 160 };
    static uint8_t pixels[N * N];
    uint32_t seed = 1;
    for (int kind = 0; kind < 3; kind++) {
        struct bv_error err = {0};
        struct bv_image image = {.kind = BV_FILE_PNG,
                                 .width = kind == 2 ? N * 4 : N,
                                 .height = kind == 2 ? N / 4 : N,
                                 .channels = 1,
                                 .sample = BV_SAMPLE_U8,
                                 .bits_stored = 8,
                                 .pixels = pixels};
        for (int i = 0; i < N * N; i++) {
            seed = seed * 1664525 + 1013904223;
            pixels[i] = kind == 0 ? 90 : (uint8_t)(seed >> 24);
        }
        assert_ok(bv_check_plausibility(&image, NULL, &err), err);
        assert_true(has(&image, BV_REASON_IMPLAUSIBLE));
        bv_arena_free(&image.arena);
    }
}

static void count(const char *path, int *inverted, int *implausible, int *negatives, int *n)
{
    struct bv_error err = {0};
    struct bv_image *image = NULL;
    struct bv_pixels gray = {0};
    assert_ok(bv_image_load(path, NULL, &image, &err), err);
    assert_ok(bv_preset_apply(image, BV_PRESET_DICOM_DISPLAY, &gray, &err), err);
    if (gray.channels == 1) {
        uint8_t *v = gray.data;
        struct bv_look look = bv_plausibility_look(v, gray.width, gray.height);
        *inverted += bv_look_inverted(&look);
        *implausible += bv_look_implausible(&look);
        for (size_t i = 0; i < bv_pixels_samples(&gray); i++)
            v[i] = (uint8_t)(255 - v[i]);
        look = bv_plausibility_look(v, gray.width, gray.height);
        *negatives += bv_look_inverted(&look);
        (*n)++;
    }
    bv_pixels_free(&gray);
    bv_image_free(&image);
}

// On real radiographs. Measured on all 1,736: 0.2 % look inverted, 1.0 % implausible, and of the
// negatives 97.4 % look inverted.
static void test_gate_rates(void **state)
{
    (void)state;
    const char *data = data_dir();
    if (!data)
        skip();
    FILE *manifest = fopen(path_in(data, "manifest.csv"), "r");
    assert_non_null(manifest);
    char line[4096];
    int inverted = 0, implausible = 0, negatives = 0, n = 0;
    for (int i = 0; fgets(line, sizeof line, manifest); i++) {
        char *start = strstr(line, "images/"), *end = start ? strpbrk(start, ",\r\n") : NULL;
        if (i % 12 != 1 || !end)
            continue;
        *end = 0;
        count(path_in(data, "%s", start), &inverted, &implausible, &negatives, &n);
    }
    (void)fclose(manifest);
    (void)printf("%d radiographs: %d look inverted, %d implausible; %d of the negatives inverted\n",
                 n, inverted, implausible, negatives);
    assert_true(n > 50);
    assert_true(inverted * 100 <= n * 2 && implausible * 100 <= n * 4);
    assert_true(negatives * 100 >= n * 93);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_luts),
        cmocka_unit_test(test_padding),
        cmocka_unit_test(test_padding_beyond_range),
        cmocka_unit_test(test_lut_sign),
        cmocka_unit_test(test_lut_bits),
        cmocka_unit_test(test_presets),
        cmocka_unit_test(test_preset_extremes),
        cmocka_unit_test(test_gate_sample),
        cmocka_unit_test(test_gate_nonsense),
        cmocka_unit_test(test_gate_rates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

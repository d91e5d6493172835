// Files of which one part contradicts another, as archives and modalities write them: the right
// value with a warning, or a refusal that names the part.
#include <stdlib.h>
#include <string.h>

#include "image/fixture.h"
#include "image/gray.h"
#include "support/check.h"

static struct bv_image *read_frame(struct buffer *file, int frame)
{
    struct bv_error err = {0};
    struct bv_image *image = NULL;
    struct bv_decode_options options = BV_DECODE_DEFAULTS;
    options.frame = frame;
    assert_ok(bv_image_decode(file->data, file->size, "test", &options, &image, &err), err);
    buffer_free(file);
    return image;
}

static void refused(struct buffer *file, const char *text)
{
    struct bv_error err = {0};
    struct bv_image *image = NULL;
    enum bv_status status = bv_image_decode(file->data, file->size, "test", NULL, &image, &err);
    if (status == BV_OK || !strstr(err.text, text))
        fail_msg("%s: \"%s\" should hold \"%s\"", bv_status_name(status), err.text, text);
    buffer_free(file);
}

static void check_values(struct bv_image *image, const int *expected, size_t n)
{
    assert_int_equal((size_t)image->width * (size_t)image->height, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal((int)bv_image_value(image, i), expected[i]);
    bv_image_free(&image);
}

static void check_warned(struct bv_image *image, enum bv_reason reason)
{
    if (!bv_image_warned(image, reason))
        fail_msg("no warning %s", bv_reason_name(reason));
}

// ---- numbers and value representations --------------------------------------------------------

static const uint16_t row[] = {0, 100, 200, 300};
static const int row_values[] = {0, 100, 200, 300};

static void begin_row(struct buffer *file, const char *syntax)
{
    struct pixel_module m = PIXELS_16(1, 4);
    dicom_begin(file, syntax);
    dicom_pixel_module(file, &m);
}

static void end_row(struct buffer *file)
{
    dicom_bytes(file, 0x7fe0, 0x0010, "OW", row, sizeof row);
}

static void rescaled(struct buffer *file, const char *slope, const char *intercept)
{
    begin_row(file, EXPLICIT_LE);
    dicom_text(file, 0x28, 0x1052, "DS", intercept);
    dicom_text(file, 0x28, 0x1053, "DS", slope);
    end_row(file);
}

static void test_decimals(void **state)
{
    (void)state;
    static const struct {
        const char *slope, *intercept;
        double value; // of 100
        bool warned;
    } read[] = {{"0,25", "-10", 15, true},  {" 0.25 ", "10 ", 35, false}, {"1e-2", "0", 1, false},
                {"2", "-1,5", 198.5, true}, {"+2", "+1", 201, false},     {"", "", 100, false},
                {"2.", ".5", 200.5, false}};
    static const char *const bad[] = {"0,2,5", "1.000,5", "abc", "2 mm", "1e999", "inf",
                                      "nan",   "0x10",    "--1", "1-2",  "."};
    for (size_t i = 0; i < sizeof read / sizeof *read; i++) {
        struct buffer file = {0};
        rescaled(&file, read[i].slope, read[i].intercept);
        struct bv_image *image = take_image(&file);
        double v = bv_gray_modality(image, 100);
        if (v < read[i].value - 1e-9 || v > read[i].value + 1e-9)
            fail_msg("slope \"%s\": %g", read[i].slope, v);
        assert_int_equal(bv_image_warned(image, BV_REASON_BAD_HEADER), read[i].warned);
        bv_image_free(&image);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct buffer file = {0};
        rescaled(&file, bad[i], "0");
        refused(&file, "the Rescale Slope is not a number");
        rescaled(&file, "1", bad[i]);
        refused(&file, "the Rescale Intercept is not a number");
        begin_row(&file, EXPLICIT_LE);
        dicom_text(&file, 0x28, 0x1050, "DS", "100");
        dicom_text(&file, 0x28, 0x1051, "DS", bad[i]);
        end_row(&file);
        refused(&file, "the Window Width is not a number");
    }
}

static void add_table(struct buffer *file, uint16_t sequence, const char *sequence_vr,
                      const char *descriptor_vr, uint16_t first)
{
    static const uint16_t entries[] = {100, 200, 300, 1023};
    const uint16_t descriptor[] = {4, first, 10};
    struct buffer body = {0};
    dicom_bytes(&body, 0x28, 0x3002, descriptor_vr, descriptor, sizeof descriptor);
    dicom_bytes(&body, 0x28, 0x3006, strcmp(descriptor_vr, "UN") == 0 ? "UN" : "OW", entries,
                sizeof entries);
    if (strcmp(sequence_vr, "UN") == 0) { // its content is implicit
        struct buffer whole = {0};
        dicom_begin(&whole, EXPLICIT_LE);
        size_t begin = whole.size;
        buffer_add(&whole, body.data, body.size);
        dicom_to_implicit(&whole);
        buffer_free(&body);
        buffer_add(&body, whole.data + begin, whole.size - begin);
        buffer_free(&whole);
    }
    dicom_sequence(file, 0x28, sequence, sequence_vr, &body);
    buffer_free(&body);
}

// Elements that an archive did not know, as UN, and all of them in Implicit VR.
static void test_unknown_vr(void **state)
{
    (void)state;
    for (int implicit = 0; implicit < 2; implicit++)
        for (int kind = 0; kind < 3; kind++) {
            const char *vr = kind ? "UN" : "DS";
            struct buffer file = {0};
            begin_row(&file, implicit ? IMPLICIT_LE : EXPLICIT_LE);
            dicom_text(&file, 0x28, 0x1050, vr, "150");
            dicom_text(&file, 0x28, 0x1051, vr, "100");
            dicom_text(&file, 0x28, 0x1052, vr, "-50");
            dicom_text(&file, 0x28, 0x1053, vr, "2 ");
            add_table(&file, 0x3010, kind == 2 && !implicit ? "UN" : "SQ",
                      kind == 1 && !implicit ? "UN" : "US", (uint16_t)-50);
            end_row(&file);
            if (implicit)
                dicom_to_implicit(&file);
            struct bv_image *image = take_image(&file);
            assert_int_equal(image->n_windows, 1);
            assert_true(image->windows[0].center == 150 && image->windows[0].width == 100);
            assert_true(image->slope == 2 && image->intercept == -50);
            assert_int_equal(image->n_voi_luts, 1);
            assert_int_equal(image->voi_luts[0].first, -50);
            assert_int_equal(image->voi_luts[0].data[2], 300);
            bv_image_free(&image);
        }
}

static void add_window(struct buffer *file, const char *center)
{
    dicom_text(file, 0x28, 0x1050, "DS", center);
    dicom_text(file, 0x28, 0x1051, "DS", "100");
}

// An item of one functional group that holds a window.
static void frame_voi(struct buffer *groups, const char *center)
{
    struct buffer window = {0};
    add_window(&window, center);
    dicom_sequence(groups, 0x28, 0x9132, "SQ", &window);
    buffer_free(&window);
}

// Windows and rescale of two frames: shared, then each frame's own.
static void test_functional_groups(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++)
        for (int frame = 0; frame < 2; frame++) {
            struct buffer file = {0}, shared = {0}, first = {0}, second = {0}, items = {0};
            struct pixel_module m = PIXELS_16(1, 2);
            struct buffer transform = {0};
            m.frames = "2";
            dicom_begin(&file, EXPLICIT_LE);
            dicom_pixel_module(&file, &m);
            add_window(&file, "1");
            dicom_text(&transform, 0x28, 0x1052, "DS", "7");
            dicom_text(&transform, 0x28, 0x1053, "DS", "3");
            dicom_sequence(&shared, 0x28, 0x9145, "SQ", &transform);
            if (kind == 0)
                frame_voi(&shared, "20");
            if (kind == 1)
                frame_voi(&first, "30");
            if (kind == 1)
                frame_voi(&second, "40");
            dicom_sequence(&file, 0x5200, 0x9229, "SQ", &shared);
            dicom_odd_fragment(&items, first.data, first.size); // items look like fragments
            dicom_odd_fragment(&items, second.data, second.size);
            dicom_bytes(&file, 0x5200, 0x9230, "SQ", items.data, items.size);
            end_row(&file);
            struct bv_image *image = read_frame(&file, frame);
            const double center[] = {20, frame ? 40 : 30, 1};
            assert_int_equal(image->n_windows, 1);
            assert_true(image->windows[0].center == center[kind]);
            assert_true(image->slope == 3 && image->intercept == 7);
            check_values(image, row_values + 2 * frame, 2);
            buffer_free(&transform);
            buffer_free(&shared);
            buffer_free(&first);
            buffer_free(&second);
            buffer_free(&items);
        }
}

// ---- palettes ---------------------------------------------------------------------------------

static void palette_file(struct buffer *file, uint16_t bits, const void *segments, size_t n)
{
    struct pixel_module m = PIXELS_8(1, 1, 4, "PALETTE COLOR", -1);
    const uint16_t descriptor[] = {8, 2, bits};
    dicom_begin(file, EXPLICIT_LE);
    dicom_pixel_module(file, &m);
    for (uint16_t c = 0; c < 3; c++)
        dicom_bytes(file, 0x28, (uint16_t)(0x1101 + c), "US", descriptor, 6);
    for (uint16_t c = 0; c < 3; c++)
        dicom_bytes(file, 0x28, (uint16_t)(0x1221 + c), "OW", segments, n);
    dicom_bytes(file, 0x7fe0, 0x0010, "OB", "\2\4\7\x0b", 4);
}

static void test_segmented_palette(void **state)
{
    (void)state;
    // Two entries, a line over three, and the first two segments again (their offset is 0), but for
    // the last entry.
    static const uint16_t words[] = {0, 2, 1000, 900, 1, 2, 700, 2, 2, 0, 0};
    static const uint8_t bytes[] = {0, 2, 200, 180, 1, 2, 140, 2, 2, 0, 0, 0, 0, 0};
    // Entries 2 … 9: 1000 900 800 700 1000 900 800 700.
    static const int expected[] = {1000, 800, 900, 700};
    struct buffer file = {0};
    palette_file(&file, 16, words, sizeof words);
    struct bv_image *image = take_image(&file);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal((int)bv_gray_modality(image, bv_image_value(image, i)), expected[i]);
    bv_image_free(&image);
    palette_file(&file, 8, bytes, sizeof bytes);
    image = take_image(&file);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal((int)bv_gray_modality(image, bv_image_value(image, i)), expected[i] / 5);
    bv_image_free(&image);
    static const struct {
        uint16_t words[6];
        size_t n;
    } bad[] = {
        {{0, 4, 1, 2}, 4},           // fewer entries than the segment says
        {{1, 4, 100}, 3},            // a line from nowhere
        {{0, 1, 5, 7, 1, 1}, 6},     // no such segment
        {{0, 1, 5, 2, 9, 0}, 6},     // an offset that is cut off
        {{0, 1, 5}, 3},              // the end comes too early
        {{2, 1, 0, 0}, 4},           // repeats itself
        {{0, 9, 1, 1, 1, 1}, 6},     // more entries than the table has
        {{0, 1, 5, 1, 60000, 7}, 6}, // a line that is too long
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        palette_file(&file, 16, bad[i].words, bad[i].n * 2);
        refused(&file, "palette");
    }
    struct pixel_module m = PIXELS_16(1, 4);
    m.photometric = "PALETTE COLOR";
    dicom_begin(&file, EXPLICIT_LE);
    dicom_pixel_module(&file, &m);
    end_row(&file);
    refused(&file, "red palette");
}

// ---- pixel data against the header ------------------------------------------------------------

enum { W = 32, H = 16, N = W * H };

#define JPEG_BASELINE "1.2.840.10008.1.2.4.50"
#define JPEG_LOSSLESS "1.2.840.10008.1.2.4.70"
#define JPEG2000 "1.2.840.10008.1.2.4.90"
#define RLE "1.2.840.10008.1.2.5"

static const struct pixel_module gray8 = {.samples = 1,
                                          .rows = H,
                                          .columns = W,
                                          .allocated = 8,
                                          .stored = 8,
                                          .high_bit = 7,
                                          .planar = -1};

static struct pixel_module gray16(unsigned stored)
{
    return (struct pixel_module){.samples = 1,
                                 .rows = H,
                                 .columns = W,
                                 .allocated = 16,
                                 .stored = stored,
                                 .high_bit = stored - 1,
                                 .planar = -1};
}

static void ramp(uint16_t *pixels, int top)
{
    for (int i = 0; i < N; i++)
        pixels[i] = (uint16_t)((i * 7919) % (top + 1));
}

static void check_ramp(struct bv_image *image, int top)
{
    int expected[N];
    for (int i = 0; i < N; i++)
        expected[i] = (i * 7919) % (top + 1);
    check_values(image, expected, N);
}

static void test_length(void **state)
{
    (void)state;
    struct pixel_module m = PIXELS_8(3, 1, 2, "YBR_FULL_422", 0);
    struct buffer file = {0};
    dicom_begin(&file, EXPLICIT_LE);
    dicom_pixel_module(&file, &m);
    dicom_bytes(&file, 0x7fe0, 0x0010, "OB", (uint8_t[]){10, 128, 128, 20, 100, 90}, 6);
    struct bv_image *image = take_image(&file);
    check_warned(image, BV_REASON_BAD_HEADER);
    check_values(image, (int[]){10, 20}, 2);
    // Too short for the photometric interpretation: named.
    m.photometric = "RGB";
    dicom_begin(&file, EXPLICIT_LE);
    dicom_pixel_module(&file, &m);
    dicom_bytes(&file, 0x7fe0, 0x0010, "OB", (uint8_t[]){10, 20, 128, 128}, 4);
    refused(&file, "photometric interpretation RGB");
    // More than the header speaks of.
    begin_row(&file, EXPLICIT_LE);
    dicom_bytes(&file, 0x7fe0, 0x0010, "OW", (uint16_t[]){0, 100, 200, 300, 400, 500}, 12);
    image = take_image(&file);
    check_warned(image, BV_REASON_BAD_HEADER);
    check_values(image, row_values, 4);
}

// What a stream holds against the bits that the header says: 12 stored, values up to top.
static void test_bits(void **state)
{
    (void)state;
    static const struct {
        int bits, top;
        unsigned stored;
        bool warned;
    } cases[] = {{16, 16000, 12, true}, {16, 4095, 12, false}, {12, 4000, 10, true},
                 {8, 255, 12, false},   {16, 65535, 15, true}, {12, 1000, 10, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int lossless_jpeg = 0; lossless_jpeg < 2; lossless_jpeg++) {
            uint16_t pixels[N];
            struct buffer stream = {0}, file = {0};
            struct pixel_module m = gray16(cases[i].stored);
            ramp(pixels, cases[i].top);
            if (lossless_jpeg)
                jpeg_lossless_encode(&stream, W, H, cases[i].bits, pixels);
            else
                jpeg2000_encode(&stream, W, H, cases[i].bits, pixels);
            dicom_encapsulated(&file, lossless_jpeg ? JPEG_LOSSLESS : JPEG2000, &m, &stream);
            struct bv_image *image = take_image(&file);
            assert_int_equal(bv_image_warned(image, BV_REASON_BAD_HEADER), cases[i].warned);
            check_ramp(image, cases[i].top);
            buffer_free(&stream);
        }
}

// Bits above the stored ones that an overlay occupies are no contradiction.
static void test_overlay_bits(void **state)
{
    (void)state;
    uint16_t pixels[N];
    struct buffer stream = {0}, file = {0};
    struct pixel_module m = gray16(12);
    ramp(pixels, 4095);
    for (int i = 0; i < N; i += 3)
        pixels[i] = (uint16_t)(pixels[i] | 0x1000);
    jpeg_lossless_encode(&stream, W, H, 16, pixels);
    dicom_begin(&file, JPEG_LOSSLESS);
    dicom_pixel_module(&file, &m);
    dicom_us(&file, 0x6000, 0x0102, 12);
    dicom_fragments_begin(&file);
    dicom_fragment(&file, stream.data, stream.size);
    dicom_fragments_end(&file);
    struct bv_image *image = take_image(&file);
    assert_false(bv_image_warned(image, BV_REASON_BAD_HEADER));
    check_ramp(image, 4095);
    buffer_free(&stream);
}

// Eight bits in sixteen allocated, by every codec that can.
static void test_allocated(void **state)
{
    (void)state;
    uint16_t pixels[N];
    ramp(pixels, 255);
    for (int codec = 0; codec < 3; codec++) {
        struct buffer stream = {0}, file = {0};
        struct pixel_module m = gray16(8);
        if (codec == 0)
            jpeg_lossless_encode(&stream, W, H, 8, pixels);
        if (codec == 1)
            jpeg2000_encode(&stream, W, H, 8, pixels);
        if (codec == 2) { // one segment of literal runs instead of two
            uint8_t header[64] = {1, 0, 0, 0, 64};
            buffer_add(&stream, header, sizeof header);
            for (int i = 0; i < N; i += 128) {
                buffer_add(&stream, "\x7f", 1);
                for (int k = 0; k < 128; k++)
                    buffer_add(&stream, &(uint8_t){(uint8_t)pixels[i + k]}, 1);
            }
        }
        const char *const syntaxes[] = {JPEG_LOSSLESS, JPEG2000, RLE};
        dicom_encapsulated(&file, syntaxes[codec], &m, &stream);
        check_ramp(take_image(&file), 255);
        buffer_free(&stream);
    }
}

// Streams in files labelled with another transfer syntax.
static void test_labels(void **state)
{
    (void)state;
    uint16_t pixels[N];
    uint8_t narrow[N];
    struct buffer streams[3] = {0};
    ramp(pixels, 255);
    for (int i = 0; i < N; i++)
        narrow[i] = (uint8_t)pixels[i];
    jpeg_lossless_encode(&streams[0], W, H, 8, pixels);
    jpeg2000_encode(&streams[1], W, H, 8, pixels);
    jpeg_encode(&streams[2], &(struct jpeg_kind){W, H, 1, 100, false, 0, false}, narrow);
    const char *const labels[] = {JPEG_BASELINE, JPEG_LOSSLESS, JPEG2000, RLE, EXPLICIT_LE};
    static const int right[] = {1, 2, 0};
    for (int s = 0; s < 3; s++)
        for (int l = 0; l < 5; l++) {
            struct buffer file = {0};
            dicom_encapsulated(&file, labels[l], &gray8, &streams[s]);
            struct bv_image *image = take_image(&file);
            assert_int_equal(bv_image_warned(image, BV_REASON_BAD_HEADER), l != right[s]);
            if (s < 2)
                check_ramp(image, 255);
            else
                assert_true(image->lossy);
            if (s == 2)
                bv_image_free(&image);
        }
    for (int s = 0; s < 3; s++)
        buffer_free(&streams[s]);
    // Native pixels in a file that says they are compressed.
    for (int l = 0; l < 4; l++) {
        struct buffer file = {0};
        dicom_begin(&file, labels[l]);
        dicom_pixel_module(&file, &gray8);
        dicom_bytes(&file, 0x7fe0, 0x0010, "OB", narrow, sizeof narrow);
        struct bv_image *image = take_image(&file);
        check_warned(image, BV_REASON_BAD_HEADER);
        check_ramp(image, 255);
    }
}

// The colours of JPEG: JFIF is YCbCr and Adobe's marker may say RGB, whatever the header says.
static void test_colours(void **state)
{
    (void)state;
    uint8_t pixels[N * 3];
    for (int i = 0; i < N; i++) { // saturated red: R is not luma
        pixels[3 * i] = 200;
        pixels[3 * i + 1] = pixels[3 * i + 2] = 20;
    }
    const int luma = (299 * 200 + 587 * 20 + 114 * 20) / 1000;
    static const char *const photometric[] = {"RGB", "YBR_FULL_422", "YBR_FULL"};
    for (int untransformed = 0; untransformed < 2; untransformed++)
        for (int p = 0; p < 3; p++) {
            struct buffer stream = {0}, file = {0};
            struct pixel_module m = gray8;
            m.samples = 3;
            m.planar = 0;
            m.photometric = photometric[p];
            jpeg_encode(&stream, &(struct jpeg_kind){W, H, 3, 100, false, 0, untransformed},
                        pixels);
            dicom_encapsulated(&file, JPEG_BASELINE, &m, &stream);
            struct bv_image *image = take_image(&file);
            assert_int_equal(bv_image_warned(image, BV_REASON_BAD_HEADER),
                             untransformed != (p == 0));
            for (size_t i = 0; i < N; i++)
                assert_true(abs((int)bv_image_value(image, i) - luma) <= 2);
            bv_image_free(&image);
            // The header says gray: the stream is what there is.
            dicom_encapsulated(&file, JPEG_BASELINE, &gray8, &stream);
            image = take_image(&file);
            check_warned(image, BV_REASON_BAD_HEADER);
            assert_true(abs((int)bv_image_value(image, 0) - luma) <= 2);
            bv_image_free(&image);
            buffer_free(&stream);
        }
}

// ---- bytes where none belong, and missing ones ------------------------------------------------

static void add_bytes(struct buffer *file, int value, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buffer_add(file, &(uint8_t){(uint8_t)value}, 1);
}

static void test_trailing(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 2, 3, 4, 7, 8, 9, 12, 16, 100, 511, 512, 4096};
    uint16_t pixels[N];
    ramp(pixels, 4095);
    for (int kind = 0; kind < 3; kind++)
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
            for (int value = 0; value < 256; value += 85) {
                struct buffer file = {0}, stream = {0};
                struct pixel_module m = gray16(12);
                if (kind == 2) {
                    jpeg_lossless_encode(&stream, W, H, 12, pixels);
                    dicom_encapsulated(&file, JPEG_LOSSLESS, &m, &stream);
                } else {
                    dicom_begin(&file, kind ? IMPLICIT_LE : EXPLICIT_LE);
                    dicom_pixel_module(&file, &m);
                    dicom_bytes(&file, 0x7fe0, 0x0010, "OW", pixels, sizeof pixels);
                }
                if (kind == 1)
                    dicom_to_implicit(&file);
                add_bytes(&file, value, counts[i]);
                struct bv_image *image = take_image(&file);
                assert_int_equal(bv_image_warned(image, BV_REASON_BAD_HEADER), value != 0);
                check_ramp(image, 4095);
                buffer_free(&stream);
            }
}

// A file that breaks off is still one that breaks off.
static void test_cut(void **state)
{
    (void)state;
    for (size_t cut = 1; cut <= sizeof row + 11; cut++) {
        struct buffer file = {0};
        begin_row(&file, EXPLICIT_LE);
        end_row(&file);
        file.size -= cut;
        refused(&file, "");
    }
}

static void test_group_length(void **state)
{
    (void)state;
    for (int change = -300; change <= 300; change += 20) {
        struct buffer file = {0};
        begin_row(&file, EXPLICIT_LE);
        end_row(&file);
        int length = file.data[140] + change; // one byte holds it
        for (int i = 0; i < 4; i++)
            file.data[140 + i] = (uint8_t)((unsigned)length >> (8 * i));
        check_values(take_image(&file), row_values, 4);
    }
}

// How the elements are written against what the meta information says.
static void test_relabelled(void **state)
{
    (void)state;
    static const char *const labels[] = {EXPLICIT_LE, IMPLICIT_LE, "1.2.840.10008.1.2.2"};
    for (int l = 0; l < 3; l++)
        for (int implicit = 0; implicit < 2; implicit++) {
            struct buffer file = {0};
            begin_row(&file, labels[l]);
            dicom_text(&file, 0x28, 0x1052, "DS", "-5");
            dicom_text(&file, 0x28, 0x1053, "DS", "2");
            end_row(&file);
            if (implicit)
                dicom_to_implicit(&file);
            struct bv_image *image = take_image(&file);
            assert_int_equal(bv_image_warned(image, BV_REASON_BAD_HEADER), l != implicit);
            assert_true(image->slope == 2);
            check_values(image, row_values, 4);
        }
}

// ---- fragments --------------------------------------------------------------------------------

// A stream in pieces of any length, whole to the byte; and what stands around it.
static void test_fragments(void **state)
{
    (void)state;
    uint16_t pixels[N];
    ramp(pixels, 4095);
    for (int codec = 0; codec < 2; codec++) {
        struct buffer stream = {0};
        struct pixel_module m = gray16(12);
        if (codec == 0)
            jpeg_lossless_encode(&stream, W, H, 12, pixels);
        else
            jpeg2000_encode(&stream, W, H, 12, pixels);
        for (size_t piece = 1; piece < stream.size * 2; piece = piece * 3 + 2) {
            struct buffer file = {0};
            dicom_begin(&file, codec ? JPEG2000 : JPEG_LOSSLESS);
            dicom_pixel_module(&file, &m);
            dicom_fragments_begin(&file);
            for (size_t at = 0; at < stream.size; at += piece)
                dicom_odd_fragment(&file, stream.data + at,
                                   stream.size - at < piece ? stream.size - at : piece);
            dicom_fragments_end(&file);
            check_ramp(take_image(&file), 4095);
        }
        static const char *const fillings[] = {"", " ", "  ", "\xff", "\xff\xff ", "rubbish"};
        for (size_t i = 0; i < sizeof fillings / sizeof *fillings; i++) {
            struct buffer padded = {0}, file = {0};
            if (codec == 0 && i == 3)
                buffer_add(&padded, "\xff\xff", 2); // before the stream, too
            buffer_add(&padded, stream.data, stream.size);
            buffer_add(&padded, fillings[i], strlen(fillings[i]) + (i == 0));
            dicom_encapsulated(&file, codec ? JPEG2000 : JPEG_LOSSLESS, &m, &padded);
            check_ramp(take_image(&file), 4095);
            buffer_free(&padded);
        }
        buffer_free(&stream);
    }
}

// Frames in more fragments than there are frames, without a table: each begins with its start.
static void test_frames(void **state)
{
    (void)state;
    uint16_t pixels[N];
    struct pixel_module m = gray16(12);
    m.frames = "3";
    for (int frame = 0; frame < 3; frame++) {
        struct buffer file = {0};
        dicom_begin(&file, JPEG_LOSSLESS);
        dicom_pixel_module(&file, &m);
        dicom_fragments_begin(&file);
        for (int f = 0; f < 3; f++) {
            struct buffer stream = {0};
            ramp(pixels, 4095 - f);
            jpeg_lossless_encode(&stream, W, H, 12, pixels);
            size_t half = (stream.size / 2) | 1;
            dicom_odd_fragment(&file, stream.data, half);
            dicom_odd_fragment(&file, stream.data + half, stream.size - half);
            buffer_free(&stream);
        }
        dicom_fragments_end(&file);
        check_ramp(read_frame(&file, frame), 4095 - frame);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decimals),
        cmocka_unit_test(test_unknown_vr),
        cmocka_unit_test(test_functional_groups),
        cmocka_unit_test(test_segmented_palette),
        cmocka_unit_test(test_length),
        cmocka_unit_test(test_bits),
        cmocka_unit_test(test_overlay_bits),
        cmocka_unit_test(test_allocated),
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_colours),
        cmocka_unit_test(test_trailing),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_group_length),
        cmocka_unit_test(test_relabelled),
        cmocka_unit_test(test_fragments),
        cmocka_unit_test(test_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// Reading images by content: PNG, JPEG, JPEG 2000 and DICOM of every kind, and the refusals.
#include <stdlib.h>
#include <string.h>

#include <png.h>

#include "base/thread.h"
#include "image/fixture.h"
#include "image/image.h"
#include "support/check.h"

static struct bv_image *read_ok(const struct buffer *file)
{
    struct bv_error err = {0};
    struct bv_image *image = NULL;
    assert_ok(bv_image_decode(file->data, file->size, "test", NULL, &image, &err), err);
    return image;
}

static void read_fails(const struct buffer *file, enum bv_status status, const char *text)
{
    struct bv_error err = {0};
    struct bv_image *image = NULL;
    enum bv_status got = bv_image_decode(file->data, file->size, "test", NULL, &image, &err);
    if (got != status || !strstr(err.text, text))
        fail_msg("%s instead of %s: \"%s\" should hold \"%s\"", bv_status_name(got),
                 bv_status_name(status), err.text, text);
    assert_null(image);
    assert_memory_equal(err.text, "test: ", 6);
}

static void check_values(const struct bv_image *image, const int *expected, size_t n)
{
    assert_int_equal((size_t)image->width * (size_t)image->height * (size_t)image->channels, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal((int)bv_image_value(image, i), expected[i]);
}

static void check_png(const struct png_kind *kind, const uint8_t *rows, int channels,
                      const int *expected)
{
    struct buffer file = {0};
    png_encode(&file, kind, rows);
    struct bv_image *image = read_ok(&file);
    assert_int_equal(image->channels, channels);
    check_values(image, expected, (size_t)(kind->width * kind->height * channels));
    bv_image_free(&image);
    buffer_free(&file);
}

static void test_png(void **state)
{
    (void)state;
    check_png(&(struct png_kind){.width = 3, .height = 2, .type = PNG_COLOR_TYPE_GRAY, .depth = 8},
              (uint8_t[]){0, 128, 255, 1, 2, 3}, 1, (int[]){0, 128, 255, 1, 2, 3});
    check_png(&(struct png_kind){.width = 3, .height = 2, .type = PNG_COLOR_TYPE_GRAY, .depth = 16},
              (uint8_t[]){0, 0, 0x12, 0x34, 0xff, 0xff, 0, 1, 0, 2, 0x80, 0}, 1,
              (int[]){0, 0x1234, 65535, 1, 2, 0x8000});
    // One, two and four bits widen to eight.
    check_png(&(struct png_kind){.width = 4, .height = 1, .type = PNG_COLOR_TYPE_GRAY, .depth = 1},
              (uint8_t[]){0xa0}, 1, (int[]){255, 0, 255, 0});
    check_png(&(struct png_kind){.width = 4, .height = 1, .type = PNG_COLOR_TYPE_GRAY, .depth = 2},
              (uint8_t[]){0x1b}, 1, (int[]){0, 85, 170, 255});
    check_png(&(struct png_kind){.width = 2, .height = 1, .type = PNG_COLOR_TYPE_GRAY, .depth = 4},
              (uint8_t[]){0x1f}, 1, (int[]){17, 255});
    check_png(&(struct png_kind){.width = 2, .height = 1, .type = PNG_COLOR_TYPE_RGB, .depth = 8},
              (uint8_t[]){1, 2, 3, 4, 5, 6}, 3, (int[]){1, 2, 3, 4, 5, 6});
    check_png(&(struct png_kind){.width = 1, .height = 1, .type = PNG_COLOR_TYPE_RGB, .depth = 16},
              (uint8_t[]){1, 99, 2, 99, 3, 99}, 3, (int[]){1, 2, 3});
    check_png(&(struct png_kind){.width = 2,
                                 .height = 1,
                                 .type = PNG_COLOR_TYPE_PALETTE,
                                 .depth = 8,
                                 .n_palette = 2,
                                 .palette = (uint8_t[]){9, 8, 7, 6, 5, 4}},
              (uint8_t[]){1, 0}, 3, (int[]){6, 5, 4, 9, 8, 7});
    check_png(
        &(struct png_kind){.width = 2, .height = 1, .type = PNG_COLOR_TYPE_RGB_ALPHA, .depth = 8},
        (uint8_t[]){1, 2, 3, 255, 4, 5, 6, 0}, 3, (int[]){1, 2, 3, 4, 5, 6});
    check_png(
        &(struct png_kind){.width = 2, .height = 1, .type = PNG_COLOR_TYPE_GRAY_ALPHA, .depth = 16},
        (uint8_t[]){1, 2, 0, 0, 3, 4, 255, 255}, 1, (int[]){0x102, 0x304});
    uint8_t many[64 * 9];
    int same[64 * 9];
    for (int i = 0; i < 64 * 9; i++)
        same[i] = many[i] = (uint8_t)(i * 37);
    check_png(
        &(struct png_kind){
            .width = 64, .height = 9, .type = PNG_COLOR_TYPE_GRAY, .depth = 8, .interlaced = true},
        many, 1, same);
}

static void test_png_alpha(void **state)
{
    (void)state;
    struct buffer file = {0};
    png_encode(
        &file,
        &(struct png_kind){.width = 2, .height = 1, .type = PNG_COLOR_TYPE_GRAY_ALPHA, .depth = 8},
        (uint8_t[]){10, 40, 20, 200});
    struct bv_image *image = read_ok(&file);
    assert_true(bv_image_warned(image, BV_REASON_ALPHA_DROPPED));
    assert_int_equal(image->alpha_min, 40);
    assert_int_equal(image->alpha_max, 200);
    bv_image_free(&image);
    buffer_free(&file);
}

static void gradient(uint8_t *pixels, int width, int height, int channels)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < channels; c++)
                *pixels++ = (uint8_t)(x * 2 + y * 2 + c * 30 + 10);
}

static void test_jpeg(void **state)
{
    (void)state;
    enum { W = 40, H = 24 };
    uint8_t pixels[W * H * 4];
    for (int components = 1; components <= 4; components += components == 1 ? 2 : 1)
        for (int progressive = 0; progressive < 2; progressive++) {
            struct buffer file = {0};
            gradient(pixels, W, H, components);
            jpeg_encode(&file,
                        &(struct jpeg_kind){.width = W,
                                            .height = H,
                                            .components = components,
                                            .quality = 100,
                                            .progressive = progressive},
                        pixels);
            struct bv_image *image = read_ok(&file);
            assert_int_equal(image->channels, components == 1 ? 1 : 3);
            assert_true((image->luma != NULL) == (components == 3));
            // A smooth gradient survives quality 100 within a few levels; measured: 2.
            for (size_t i = 0; components < 4 && i < W * H; i++) {
                size_t at = i * (size_t)components;
                assert_true(abs((int)bv_image_value(image, at) - pixels[at]) <= 4);
            }
            // Adobe's inks are inverted: 255 is no ink, and all light.
            for (size_t i = 0; components == 4 && i < W * H; i++) {
                int expected = (pixels[4 * i] * pixels[4 * i + 3] + 127) / 255;
                assert_true(abs((int)bv_image_value(image, 3 * i) - expected) <= 4);
            }
            bv_image_free(&image);
            buffer_free(&file);
        }
}

static void test_jpeg2000(void **state)
{
    (void)state;
    enum { W = 33, H = 21 };
    uint16_t pixels[W * H];
    int expected[W * H];
    for (int i = 0; i < W * H; i++)
        expected[i] = pixels[i] = (uint16_t)(i * 131 % 4096);
    struct buffer file = {0};
    jpeg2000_encode(&file, W, H, 12, pixels);
    struct bv_image *image = read_ok(&file);
    assert_int_equal(image->kind, BV_FILE_JPEG2000);
    assert_int_equal(image->bits_stored, 12);
    check_values(image, expected, W * H);
    bv_image_free(&image);
    // The same stream in DICOM.
    struct buffer dicom = {0};
    dicom_begin(&dicom, "1.2.840.10008.1.2.4.90");
    dicom_pixel_module(&dicom, &PIXELS_16(H, W));
    dicom_fragments_begin(&dicom);
    dicom_fragment(&dicom, file.data, 100); // in two pieces
    dicom_fragment(&dicom, file.data + 100, file.size - 100);
    dicom_fragments_end(&dicom);
    image = read_ok(&dicom);
    check_values(image, expected, W * H);
    bv_image_free(&image);
    buffer_free(&dicom);
    buffer_free(&file);
}

static void test_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        enum bv_status status;
        const char *text;
    } files[] = {
        {"GIF89a", 6, BV_ERR_UNSUPPORTED, "GIF"},
        {"RIFF\x10\0\0\0WEBPVP8 ", 16, BV_ERR_UNSUPPORTED, "WebP"},
        {"II*\0\x08\0\0\0", 8, BV_ERR_UNSUPPORTED, "TIFF"},
        {"MM\0*\0\0\0\x08", 8, BV_ERR_UNSUPPORTED, "TIFF"},
        {"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0", 18, BV_ERR_UNSUPPORTED, "BMP"},
        {"%PDF-1.7", 8, BV_ERR_UNSUPPORTED, "PDF"},
        {"\n <!DOCTYPE html><html>", 23, BV_ERR_UNSUPPORTED, "HTML"},
        {"\x1f\x8b\x08\0", 4, BV_ERR_UNSUPPORTED, "gzip"},
        {"hello, world", 12, BV_ERR_FORMAT, "not an image"},
        {"", 0, BV_ERR_FORMAT, "empty"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct buffer file = {0};
        buffer_add(&file, files[i].bytes, files[i].n);
        read_fails(&file, files[i].status, files[i].text);
        buffer_free(&file);
    }
    struct bv_error err = {0};
    struct bv_image *image = NULL;
    assert_int_equal(bv_image_load("/no/such/file", NULL, &image, &err), BV_ERR_IO);
    assert_non_null(strstr(err.text, "/no/such/file"));
    assert_int_equal(bv_image_load("/", NULL, &image, &err), BV_ERR_IO);
}

// A 3 × 2 image of 16-bit cells with the module given.
static void small_dicom(struct buffer *file, const struct pixel_module *module,
                        const uint16_t *cells, size_t n)
{
    dicom_begin(file, EXPLICIT_LE);
    dicom_pixel_module(file, module);
    dicom_bytes(file, 0x7fe0, 0x0010, "OW", cells, n * 2);
}

static void check_small(const struct pixel_module *module, const uint16_t *cells,
                        const int *expected)
{
    struct buffer file = {0};
    small_dicom(&file, module, cells, 6);
    struct bv_image *image = read_ok(&file);
    assert_int_equal(image->width, 3);
    assert_int_equal(image->height, 2);
    check_values(image, expected, 6);
    bv_image_free(&image);
    buffer_free(&file);
}

static void test_dicom_bits(void **state)
{
    (void)state;
    struct pixel_module m = PIXELS_16(2, 3);
    // Overlay bits above the stored ones are dropped.
    check_small(&m, (uint16_t[]){0, 1, 4095, 0xf001, 0xffff, 0x8000},
                (int[]){0, 1, 4095, 1, 4095, 0});
    m.high_bit = 15; // stored bits at the top of the cell
    check_small(&m, (uint16_t[]){0x0010, 0xfff0, 0x001f, 0, 0x8000, 0x000f},
                (int[]){1, 4095, 1, 0, 2048, 0});
    m.high_bit = 11;
    m.is_signed = true;
    check_small(&m, (uint16_t[]){0, 1, 2047, 0x0800, 0x0fff, 0xf800},
                (int[]){0, 1, 2047, -2048, -1, -2048});
    m.stored = 16;
    m.high_bit = 15;
    check_small(&m, (uint16_t[]){0, 1, 0x7fff, 0x8000, 0xffff, 5},
                (int[]){0, 1, 32767, -32768, -1, 5});
    m.high_bit = 3; // contradicts the stored bits: repaired
    m.stored = 12;
    m.is_signed = false;
    check_small(&m, (uint16_t[]){0, 1, 2, 3, 4, 4095}, (int[]){0, 1, 2, 3, 4, 4095});
}

static void test_dicom_refusals(void **state)
{
    (void)state;
    static const uint16_t cells[8];
    struct pixel_module m = PIXELS_16(2, 3);
    struct buffer file = {0};
    small_dicom(&file, &m, cells, 5);
    read_fails(&file, BV_ERR_FORMAT, "truncated");
    buffer_free(&file);

    m.rows = m.columns = 65000;
    small_dicom(&file, &m, cells, 6);
    read_fails(&file, BV_ERR_LIMIT, "65000");
    buffer_free(&file);

    m = PIXELS_16(0, 3);
    small_dicom(&file, &m, cells, 6);
    read_fails(&file, BV_ERR_FORMAT, "rows");
    buffer_free(&file);

    m = PIXELS_16(2, 3);
    m.allocated = 12;
    small_dicom(&file, &m, cells, 6);
    read_fails(&file, BV_ERR_UNSUPPORTED, "12 bits");
    buffer_free(&file);

    m = PIXELS_16(2, 3);
    m.stored = 17;
    small_dicom(&file, &m, cells, 6);
    read_fails(&file, BV_ERR_FORMAT, "17 bits");
    buffer_free(&file);

    m = PIXELS_16(2, 3);
    m.photometric = "HSV";
    small_dicom(&file, &m, cells, 6);
    read_fails(&file, BV_ERR_UNSUPPORTED, "HSV");
    buffer_free(&file);

    dicom_begin(&file, EXPLICIT_LE);
    dicom_text(&file, 8, 0x60, "CS", "SR");
    read_fails(&file, BV_ERR_FORMAT, "no image");
    buffer_free(&file);

    dicom_begin(&file, "1.2.840.10008.1.2.4.201");
    read_fails(&file, BV_ERR_UNSUPPORTED, "High-Throughput JPEG 2000");
    buffer_free(&file);
    dicom_begin(&file, "1.2.999.7");
    read_fails(&file, BV_ERR_UNSUPPORTED, "1.2.999.7");
    buffer_free(&file);
}

static void test_dicom_frames(void **state)
{
    (void)state;
    struct pixel_module m = PIXELS_16(2, 3);
    m.frames = "2";
    struct buffer file = {0};
    uint16_t cells[12];
    for (int i = 0; i < 12; i++)
        cells[i] = (uint16_t)i;
    small_dicom(&file, &m, cells, 12);
    read_fails(&file, BV_ERR_REFUSED, "2 frames");
    struct bv_error err = {0};
    struct bv_image *image = NULL;
    struct bv_decode_options options = BV_DECODE_DEFAULTS;
    options.frame = 1;
    assert_ok(bv_image_decode(file.data, file.size, "test", &options, &image, &err), err);
    check_values(image, (int[]){6, 7, 8, 9, 10, 11}, 6);
    bv_image_free(&image);
    options.frame = 2;
    assert_int_equal(bv_image_decode(file.data, file.size, "test", &options, &image, &err),
                     BV_ERR_ARG);
    buffer_free(&file);
}

static void test_dicom_colour(void **state)
{
    (void)state;
    struct pixel_module m = PIXELS_8(3, 1, 2, "RGB", 0);
    static const struct {
        const char *photometric;
        int planar;
        uint8_t bytes[6];
        size_t n;
        int expected[2];
    } cases[] = {
        {"RGB", 0, {255, 0, 0, 0, 0, 255}, 6, {76, 29}},
        {"RGB", 1, {255, 0, 0, 0, 0, 255}, 6, {76, 29}},
        {"YBR_FULL", 0, {10, 128, 128, 20, 100, 90}, 6, {10, 20}},
        {"YBR_FULL_422", 0, {10, 20, 128, 128}, 4, {10, 20}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer file = {0};
        m.photometric = cases[i].photometric;
        m.planar = cases[i].planar;
        dicom_begin(&file, EXPLICIT_LE);
        dicom_pixel_module(&file, &m);
        dicom_bytes(&file, 0x7fe0, 0x0010, "OB", cases[i].bytes, cases[i].n);
        struct bv_image *image = read_ok(&file);
        check_values(image, cases[i].expected, 2);
        assert_true(bv_image_warned(image, BV_REASON_COLOUR));
        bv_image_free(&image);
        buffer_free(&file);
    }
}

// PackBits by hand: 3 × 2 pixels of 16 bits, high bytes first, in one fragment and in two.
static void test_dicom_rle(void **state)
{
    (void)state;
    static const uint8_t segments[] = {0xfb, 0x01, // six times 1
                                       0x02, 0x10, 0x20, 0x30,
                                       0x80, 0xfe, 0x40, 0}; // 10 20 30, 40×3
    uint8_t frame[64 + sizeof segments] = {2, 0, 0, 0, 64, 0, 0, 0, 66, 0, 0, 0};
    memcpy(frame + 64, segments, sizeof segments);
    const int expected[] = {0x110, 0x120, 0x130, 0x140, 0x140, 0x140};
    struct pixel_module m = PIXELS_16(2, 3);
    for (size_t cut = 0; cut <= 70; cut += 70) {
        struct buffer file = {0};
        dicom_begin(&file, "1.2.840.10008.1.2.5");
        dicom_pixel_module(&file, &m);
        dicom_fragments_begin(&file);
        if (cut)
            dicom_fragment(&file, frame, cut);
        dicom_fragment(&file, frame + cut, sizeof frame - cut);
        dicom_fragments_end(&file);
        struct bv_image *image = read_ok(&file);
        check_values(image, expected, 6);
        bv_image_free(&image);
        buffer_free(&file);
    }
    struct buffer file = {0};
    dicom_begin(&file, "1.2.840.10008.1.2.5");
    dicom_pixel_module(&file, &m);
    dicom_fragments_begin(&file);
    dicom_fragment(&file, frame, sizeof frame - 4); // the last run is missing
    dicom_fragments_end(&file);
    read_fails(&file, BV_ERR_FORMAT, "truncated");
    buffer_free(&file);
}

static void test_dicom_jpeg(void **state)
{
    (void)state;
    enum { W = 16, H = 8 };
    uint8_t pixels[W * H];
    gradient(pixels, W, H, 1);
    struct buffer jpeg = {0};
    jpeg_encode(&jpeg,
                &(struct jpeg_kind){.width = W, .height = H, .components = 1, .quality = 100},
                pixels);
    struct pixel_module m = {.samples = 1,
                             .rows = H,
                             .columns = W,
                             .allocated = 8,
                             .stored = 8,
                             .high_bit = 7,
                             .planar = -1};
    static const struct {
        size_t drop;
        unsigned rows;
        const char *text; // NULL: decodes
    } cases[] = {{0, H, NULL}, {20, H, "truncated"}, {0, H + 1, "the header says"}};
    for (size_t i = 0; i < 3; i++) {
        struct buffer file = {0};
        m.rows = cases[i].rows;
        dicom_begin(&file, "1.2.840.10008.1.2.4.50");
        dicom_pixel_module(&file, &m);
        dicom_fragments_begin(&file);
        dicom_fragment(&file, jpeg.data, jpeg.size - cases[i].drop);
        dicom_fragments_end(&file);
        if (cases[i].text) {
            read_fails(&file, BV_ERR_FORMAT, cases[i].text);
        } else {
            struct bv_image *image = read_ok(&file);
            assert_true(image->lossy);
            for (size_t p = 0; p < W * H; p++)
                assert_true(abs((int)bv_image_value(image, p) - pixels[p]) <= 2);
            bv_image_free(&image);
        }
        buffer_free(&file);
    }
    buffer_free(&jpeg);
}

// Sequences nested without end would exhaust the stack of a recursive parser.
static void test_dicom_nesting(void **state)
{
    (void)state;
    struct buffer file = {0};
    dicom_begin(&file, EXPLICIT_LE);
    static const uint8_t level[] = {8,    0,    0x40, 0x11, 'S',  'Q',  0,    0,    0xff, 0xff,
                                    0xff, 0xff, 0xfe, 0xff, 0x00, 0xe0, 0xff, 0xff, 0xff, 0xff};
    for (int i = 0; i < 100000; i++)
        buffer_add(&file, level, sizeof level);
    read_fails(&file, BV_ERR_LIMIT, "nested");
    buffer_free(&file);
}

// An empty item is 8 bytes of a file and many more in memory: there is an end to them.
static void test_dicom_items(void **state)
{
    (void)state;
    static const uint8_t sequence[] = {8, 0, 0x40, 0x11, 'S', 'Q', 0, 0, 0xff, 0xff, 0xff, 0xff};
    static const uint8_t item[] = {0xfe, 0xff, 0x00, 0xe0, 0, 0, 0, 0};
    struct buffer file = {0};
    dicom_begin(&file, EXPLICIT_LE);
    buffer_add(&file, sequence, sizeof sequence);
    for (int i = 0; i < 4100000; i++)
        buffer_add(&file, item, sizeof item);
    read_fails(&file, BV_ERR_LIMIT, "too many items");
    buffer_free(&file);
}

// What the file says of the patient appears nowhere.
static void test_no_patient_data(void **state)
{
    (void)state;
    static const char *const secrets[] = {"DOE^JANE", "MRN123456", "19501231", "ACC987"};
    for (int broken = 0; broken < 2; broken++) {
        struct buffer file = {0};
        uint16_t cells[6] = {1, 2, 3, 4, 5, 6};
        struct pixel_module m = PIXELS_16(2, 3);
        dicom_begin(&file, EXPLICIT_LE);
        dicom_text(&file, 0x08, 0x0050, "SH", "ACC987");
        dicom_text(&file, 0x08, 0x0060, "CS", "DX");
        dicom_text(&file, 0x08, 0x103e, "LO", "DOE^JANE chest LATERAL");
        dicom_text(&file, 0x10, 0x0010, "PN", "DOE^JANE");
        dicom_text(&file, 0x10, 0x0020, "LO", "MRN123456");
        dicom_text(&file, 0x10, 0x0030, "DA", "19501231");
        dicom_pixel_module(&file, &m);
        dicom_bytes(&file, 0x7fe0, 0x0010, "OW", cells, broken ? 6 : 12);
        struct bv_error err = {0};
        struct bv_image *image = NULL;
        enum bv_status status = bv_image_decode(file.data, file.size, "f", NULL, &image, &err);
        assert_int_equal(status, broken ? BV_ERR_FORMAT : BV_OK);
        for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
            assert_null(strstr(err.text, secrets[i]));
            if (image)
                for (int w = 0; w < image->warnings.n; w++)
                    assert_null(strstr(image->warnings.items[w].text, secrets[i]));
        }
        if (image)
            assert_int_equal(image->view, BV_VIEW_LATERAL);
        bv_image_free(&image);
        buffer_free(&file);
    }
}

struct reading {
    const struct bv_image *expected;
    bool same[32];
};

static void read_sample(void *arg, size_t i)
{
    struct reading *reading = arg;
    struct bv_image *image = NULL;
    if (bv_image_load("assets/sample/cxr.dcm", NULL, &image, NULL) != BV_OK)
        return;
    size_t n = (size_t)image->width * (size_t)image->height * bv_sample_size(image->sample);
    reading->same[i] = memcmp(image->pixels, reading->expected->pixels, n) == 0;
    bv_image_free(&image);
}

// DCMTK's dictionary and codecs are set up once; after that, readers share nothing.
static void test_threads(void **state)
{
    (void)state;
    struct bv_error err = {0};
    struct bv_pool *pool = NULL;
    struct bv_image *image = NULL;
    struct reading reading = {0};
    assert_ok(bv_image_load("assets/sample/cxr.dcm", NULL, &image, &err), err);
    assert_ok(bv_pool_create(&pool, 4, &err), err);
    reading.expected = image;
    bv_pool_for(pool, 32, read_sample, &reading);
    for (size_t i = 0; i < 32; i++)
        assert_true(reading.same[i]);
    bv_pool_destroy(&pool);
    bv_image_free(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_png),
        cmocka_unit_test(test_png_alpha),
        cmocka_unit_test(test_jpeg),
        cmocka_unit_test(test_jpeg2000),
        cmocka_unit_test(test_refused_by_name),
        cmocka_unit_test(test_dicom_bits),
        cmocka_unit_test(test_dicom_refusals),
        cmocka_unit_test(test_dicom_frames),
        cmocka_unit_test(test_dicom_colour),
        cmocka_unit_test(test_dicom_rle),
        cmocka_unit_test(test_dicom_jpeg),
        cmocka_unit_test(test_dicom_nesting),
        cmocka_unit_test(test_dicom_items),
        cmocka_unit_test(test_no_patient_data),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// Images: from a file, from bytes and from pixels; facts, warnings, priors.
#include "api/fixture.h"

#include <math.h>

static uint8_t *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    uint8_t *bytes = malloc(1 << 24);
    assert_non_null(bytes);
    *size = fread(bytes, 1, 1 << 24, file);
    (void)fclose(file);
    return bytes;
}

static void test_bytes(void **state)
{
    struct fixture *f = *state;
    size_t size;
    uint8_t *bytes = read_file(SAMPLE, &size);
    struct bv_image *image = NULL;
    const struct bv_image_options options = {.size = sizeof options, .name = "request 7"};
    must(f->context, bv_image_open_bytes(f->context, bytes, size, &options, &image));
    struct bv_image_facts facts = {.size = sizeof facts}, file = {.size = sizeof file};
    must(f->context, bv_image_describe(image, &facts));
    must(f->context, bv_image_describe(f->image, &file));
    assert_string_equal(facts.name, "request 7");
    assert_string_equal(file.name, SAMPLE);
    assert_int_equal(facts.format, BV_IMAGE_DICOM);
    assert_string_equal(bv_image_format_name(facts.format), "dicom");
    assert_true(facts.width == file.width && facts.height == file.height && facts.width > 0);
    assert_int_equal(facts.frame, 1);
    assert_string_not_equal(facts.transfer_syntax, "");
    assert_string_not_equal(bv_view_name(facts.view), "");
    for (size_t i = 0; i < bv_image_warning_count(image); i++) {
        assert_string_not_equal(bv_image_warning_text(image, i), "");
        assert_string_not_equal(bv_reason_name(bv_image_warning_reason(image, i)), "unknown");
    }
    bv_image_close(&image);
    bv_image_close(&image);
    assert_int_equal(bv_image_open_bytes(f->context, bytes, size / 2, NULL, &image), BV_ERR_FORMAT);
    assert_int_equal(bv_image_open_bytes(f->context, NULL, 0, NULL, &image), BV_ERR_FORMAT);
    assert_null(image);
    free(bytes);
}

// The embedding of an image.
static void embed(const struct fixture *f, const struct bv_image *image, float *out, size_t dim)
{
    must(f->context, bv_engine_embed_images(f->engine, &image, 1, 0, out, dim, NULL));
}

static void assert_same_embedding(const struct fixture *f, const struct bv_image *a,
                                  const struct bv_image *b)
{
    float first[2048], second[2048];
    size_t dim = bv_engine_image_dim(f->engine);
    assert_true(dim > 0 && dim <= 2048);
    embed(f, a, first, dim);
    embed(f, b, second, dim);
    assert_memory_equal(first, second, dim * sizeof *first);
}

enum { W = 96, H = 80 };

static void make_gray(uint8_t gray[H][W])
{
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            gray[y][x] = (uint8_t)((x * 7 + y * 3 + x * y / 5) % 256);
}

// Rows with a stride, floats and 16-bit colours meet a model as the bytes do that they stand for.
static void test_displayed(void **state)
{
    struct fixture *f = *state;
    static uint8_t gray[H][W], wide[H][W + 13];
    static float floats[H][W];
    static uint16_t colours[H][W][3];
    static uint8_t rgb[H][W][3];
    make_gray(gray);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            wide[y][x] = gray[y][x];
            floats[y][x] = (float)gray[y][x] / 255;
            for (int c = 0; c < 3; c++) {
                rgb[y][x][c] = (uint8_t)(gray[y][x] / (c + 1));
                colours[y][x][c] = (uint16_t)(rgb[y][x][c] * 257);
            }
        }
    struct bv_pixel_buffer pixels = {
        .size = sizeof pixels, .data = gray, .width = W, .height = H, .channels = 1};
    struct bv_image *bytes = NULL, *other = NULL;
    must(f->context, bv_image_open_pixels(f->context, &pixels, NULL, &bytes));
    struct bv_image_facts facts = {.size = sizeof facts};
    must(f->context, bv_image_describe(bytes, &facts));
    assert_int_equal(facts.format, BV_IMAGE_PIXELS);
    assert_int_equal(facts.bits, 8);
    pixels.data = wide;
    pixels.stride = sizeof wide[0];
    must(f->context, bv_image_open_pixels(f->context, &pixels, NULL, &other));
    assert_same_embedding(f, bytes, other);
    bv_image_close(&other);
    pixels.data = floats;
    pixels.stride = 0;
    pixels.type = BV_PIXEL_F32;
    must(f->context, bv_image_open_pixels(f->context, &pixels, NULL, &other));
    assert_same_embedding(f, bytes, other);
    bv_image_close(&other);
    bv_image_close(&bytes);
    pixels.channels = 3;
    pixels.data = rgb;
    pixels.type = BV_PIXEL_U8;
    must(f->context, bv_image_open_pixels(f->context, &pixels, NULL, &bytes));
    pixels.data = colours;
    pixels.type = BV_PIXEL_U16;
    must(f->context, bv_image_open_pixels(f->context, &pixels, NULL, &other));
    assert_same_embedding(f, bytes, other);
    bv_image_close(&other);
    bv_image_close(&bytes);
}

// Inverted stored values and displayed ones are the same picture.
static void test_stored(void **state)
{
    struct fixture *f = *state;
    static uint8_t gray[H][W];
    static uint16_t stored[H][W];
    make_gray(gray);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            stored[y][x] = (uint16_t)(255 - gray[y][x]);
    struct bv_pixel_buffer shown = {
        .size = sizeof shown, .data = gray, .width = W, .height = H, .channels = 1};
    struct bv_pixel_buffer raw = {.size = sizeof raw,
                                  .data = stored,
                                  .width = W,
                                  .height = H,
                                  .channels = 1,
                                  .type = BV_PIXEL_U16,
                                  .values = BV_VALUES_STORED,
                                  .photometric = BV_MONOCHROME1,
                                  .bits = 12,
                                  .window_center = 128,
                                  .window_width = 256,
                                  .view = BV_VIEW_PA};
    struct bv_image *a = NULL, *b = NULL;
    must(f->context, bv_image_open_pixels(f->context, &shown, NULL, &a));
    must(f->context, bv_image_open_pixels(f->context, &raw, NULL, &b));
    struct bv_image_facts facts = {.size = sizeof facts};
    must(f->context, bv_image_describe(b, &facts));
    assert_int_equal(facts.bits, 12);
    assert_int_equal(facts.view, BV_VIEW_PA);
    assert_int_equal(facts.photometric, BV_MONOCHROME1);
    assert_same_embedding(f, a, b);
    bv_image_close(&a);
    bv_image_close(&b);
}

// Absurd sizes and meanings are refused before anything is read: data is much smaller.
static void test_absurd(void **state)
{
    struct fixture *f = *state;
    static uint8_t data[64];
    float values[4] = {0, NAN, 1, 0};
    const struct bv_pixel_buffer good = {
        .size = sizeof good, .data = data, .width = 8, .height = 8, .channels = 1};
    struct bv_pixel_buffer bad[17];
    enum bv_status wanted[17];
    size_t n = 0;
    for (size_t i = 0; i < 17; i++) {
        bad[i] = good;
        wanted[i] = BV_ERR_ARG;
    }
    bad[n++].width = 0;
    bad[n++].height = -1;
    bad[n++].channels = 2;
    bad[n++].stride = 7;
    bad[n++].stride = SIZE_MAX;
    bad[n++].data = NULL;
    bad[n++].type = (enum bv_pixel_type)17;
    bad[n++].type = BV_PIXEL_I16; // displayed values have no sign
    bad[n++].bits = 7;            // displayed values use all
    bad[n++].values = (enum bv_pixel_values)9;
    bad[n++].view = (enum bv_view)77;
    bad[n++].size = 0;
    wanted[n] = BV_ERR_LIMIT;
    bad[n].width = bad[n].height = 2147483647;
    n++;
    bad[n].values = BV_VALUES_STORED;
    bad[n++].channels = 3;
    bad[n].values = BV_VALUES_STORED;
    bad[n++].window_width = NAN;
    bad[n].data = values;
    bad[n].width = bad[n].height = 2;
    bad[n++].type = BV_PIXEL_F32;
    bad[n].values = BV_VALUES_STORED;
    bad[n++].bits = 9;
    for (size_t i = 0; i < n; i++) {
        struct bv_image *image = NULL;
        enum bv_status got = bv_image_open_pixels(f->context, &bad[i], NULL, &image);
        if (got != wanted[i] || image || !bv_last_error(f->context)[0])
            fail_msg("case %zu: %s, \"%s\"", i, bv_status_name(got), bv_last_error(f->context));
    }
    // Without a limit of its own, the room of the address space is one.
    const struct bv_image_options boundless = {.size = sizeof boundless, .max_pixels = SIZE_MAX};
    struct bv_pixel_buffer vast = good;
    struct bv_image *image = NULL;
    vast.width = vast.height = 2147483647;
    vast.channels = 3;
    vast.type = BV_PIXEL_F32;
    assert_int_equal(bv_image_open_pixels(f->context, &vast, &boundless, &image), BV_ERR_ARG);
    vast.height = 2;
    vast.stride = (size_t)1 << 62;
    assert_int_equal(bv_image_open_pixels(f->context, &vast, &boundless, &image), BV_ERR_ARG);
    assert_null(image);
}

// A pixel means low + step · value; a window that a file names is what its viewers show.
static void test_gray(void **state)
{
    struct fixture *f = *state;
    static const int16_t stored[6] = {-1000, -1, 0, 1, 500, 3000};
    struct bv_pixel_buffer pixels = {.size = sizeof pixels,
                                     .data = stored,
                                     .width = 3,
                                     .height = 2,
                                     .channels = 1,
                                     .type = BV_PIXEL_I16,
                                     .values = BV_VALUES_STORED,
                                     .photometric = BV_MONOCHROME1,
                                     .window_center = 40,
                                     .window_width = 400};
    struct bv_image *image = NULL;
    uint16_t *values = NULL;
    struct bv_gray_values gray = {.size = sizeof gray};
    assert_null(bv_image_keep(NULL));
    must(f->context, bv_image_open_pixels(f->context, &pixels, NULL, &image));
    must(f->context, bv_image_gray(f->context, image, &values, &gray));
    for (size_t i = 0; i < 6; i++)
        assert_true(gray.low + gray.step * values[i] == stored[i]);
    struct bv_image *kept = bv_image_keep(image);
    bv_image_close(&image);
    image = kept;
    assert_int_equal(gray.inverted, 1);
    assert_true(gray.center == 39.5 && gray.width == 399);
    assert_int_equal(bv_image_window_count(image), 1);
    double center = 0, width = 0;
    bv_image_window(image, 0, &center, &width);
    assert_true(center == gray.center && width == gray.width);
    bv_free(values);
    bv_image_close(&image);

    // Floats have as many steps as there are; without a window, all values are looked at.
    static const float floats[4] = {-1, 0, 0.25F, 3};
    pixels = (struct bv_pixel_buffer){.size = sizeof pixels,
                                      .data = floats,
                                      .width = 2,
                                      .height = 2,
                                      .channels = 1,
                                      .type = BV_PIXEL_F32,
                                      .values = BV_VALUES_STORED};
    must(f->context, bv_image_open_pixels(f->context, &pixels, NULL, &image));
    must(f->context, bv_image_gray(f->context, image, &values, &gray));
    for (size_t i = 0; i < 4; i++)
        assert_true(fabs(gray.low + gray.step * values[i] - (double)floats[i]) <= gray.step / 2);
    assert_true(gray.center == 1 && gray.width == 4 && gray.inverted == 0);
    assert_int_equal(bv_image_window_count(image), 0);
    bv_free(values);
    bv_image_close(&image);
    gray.size = 0;
    assert_int_equal(bv_image_gray(f->context, f->image, &values, &gray), BV_ERR_ARG);
}

// The sample with bytes before the first place where others stand.
static struct bv_image *open_with(const struct fixture *f, const void *before, size_t n_before,
                                  const void *added, size_t n)
{
    size_t size = 0, at = 0;
    uint8_t *bytes = read_file(SAMPLE, &size);
    struct bv_image *image = NULL;
    while (memcmp(bytes + at, before, n_before) != 0)
        at++;
    assert_true(at + n_before <= size && size + n <= 1 << 24);
    memmove(bytes + at + n, bytes + at, size - at);
    memcpy(bytes + at, added, n);
    must(f->context, bv_image_open_bytes(f->context, bytes, size + n, NULL, &image));
    free(bytes);
    return image;
}

// A file may name a curve, and not only where black and white are.
static void test_window_shapes(void **state)
{
    struct fixture *f = *state;
    float levels[4] = {9, 9, 9, 9};
    double center = 0, width = 0;
    assert_int_equal(bv_image_window_shape(f->image, 0), BV_WINDOW_LINEAR);
    assert_int_equal(bv_image_window_table(f->image, 0, levels, 4), 0);
    static const char lossy[] = "\x28\0\x10\x21"
                                "CS",
                      acquisition[] = "\x40\0\x55\x05SQ";
    static const char sigmoid[] = "\x28\0\x56\x10"
                                  "CS\x08\0SIGMOID ";
    struct bv_image *image = open_with(f, lossy, 6, sigmoid, sizeof sigmoid - 1);
    assert_int_equal(bv_image_window_count(image), 1);
    assert_int_equal(bv_image_window_shape(image, 0), BV_WINDOW_SIGMOID);
    bv_image_window(image, 0, &center, &width);
    assert_true(center == 1850 && width == 3500);
    bv_image_close(&image);
    // Three entries of 8 bits for 1000, 1001 and 1002, before the window of the sample.
    static const char table[] = "\x28\0\x10\x30SQ\0\0\x24\0\0\0"
                                "\xfe\xff\0\xe0\x1c\0\0\0"
                                "\x28\0\x02\x30US\x06\0\3\0\xe8\3\x08\0"
                                "\x28\0\x06\x30US\x06\0\xff\0\x33\0\0\0";
    image = open_with(f, acquisition, 6, table, sizeof table - 1);
    assert_int_equal(bv_image_window_count(image), 2);
    assert_int_equal(bv_image_window_shape(image, 0), BV_WINDOW_TABLE);
    assert_int_equal(bv_image_window_shape(image, 1), BV_WINDOW_LINEAR);
    bv_image_window(image, 0, &center, &width);
    assert_true(center == 1001.5 && width == 3);
    assert_int_equal(bv_image_window_table(image, 0, NULL, 0), 3);
    assert_int_equal(bv_image_window_table(image, 0, levels, 4), 3);
    assert_true(levels[0] == 1 && levels[1] == 0.2F && levels[2] == 0 && levels[3] == 9);
    bv_image_close(&image);
}

static void test_prior(void **state)
{
    struct fixture *f = *state;
    struct bv_image *prior = NULL, *image = NULL;
    must(f->context, bv_image_open(f->context, SAMPLE, NULL, &prior));
    const struct bv_image_options options = {.size = sizeof options, .prior = prior};
    must(f->context, bv_image_open(f->context, SAMPLE, &options, &image));
    bv_image_close(&prior); // the image holds its own reference
    struct bv_image_facts facts = {.size = sizeof facts};
    must(f->context, bv_image_describe(image, &facts));
    assert_int_equal(facts.has_prior, 1);
    float out[2048];
    const struct bv_image *list = image;
    // The shipped model takes none.
    assert_int_equal(bv_engine_embed_images(f->engine, &list, 1, 0, out, 2048, NULL), BV_ERR_ARG);
    bv_image_close(&image);
    const struct bv_image_options frame = {.size = sizeof frame, .frame = 7};
    assert_int_equal(bv_image_open(f->context, SAMPLE, &frame, &image), BV_ERR_ARG);
    const struct bv_image_options small = {.size = sizeof small, .max_pixels = 100};
    assert_int_equal(bv_image_open(f->context, SAMPLE, &small, &image), BV_ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),         cmocka_unit_test(test_displayed),
        cmocka_unit_test(test_stored),        cmocka_unit_test(test_absurd),
        cmocka_unit_test(test_prior),         cmocka_unit_test(test_gray),
        cmocka_unit_test(test_window_shapes),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}

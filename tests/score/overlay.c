// Pictures of results: the heat map lies where its values are, nothing is drawn outside the
// picture, and a long list of labels ends in a count.
#include "score/heatmap.h"

#include <math.h>
#include <string.h>

#include "image/pixels.h"
#include "support/check.h"

enum { WIDTH = 200, HEIGHT = 100, GRAY = 100 };

static uint8_t gray[WIDTH * HEIGHT];
static float map[WIDTH * HEIGHT];

static struct bv_image image(void)
{
    memset(gray, GRAY, sizeof gray);
    gray[0] = 0; // without a window the display spreads least to largest
    gray[1] = 255;
    return (struct bv_image){.kind = BV_FILE_PNG,
                             .width = WIDTH,
                             .height = HEIGHT,
                             .channels = 1,
                             .sample = BV_SAMPLE_U8,
                             .pixels = gray,
                             .bits_stored = 8,
                             .photometric = BV_MONOCHROME2,
                             .slope = 1};
}

static const uint8_t *at(const struct bv_pixels *p, int x, int y)
{
    return (const uint8_t *)p->data + 3 * ((size_t)y * (size_t)p->width + (size_t)x);
}

static void test_map(void **state)
{
    (void)state;
    static const char *const labels[] = {"one", "two"};
    static const double scores[] = {0.25, -1};
    const struct bv_image shown = image();
    struct bv_overlay overlay = {"m", "cosine", labels, scores, 2, map, "one"};
    struct bv_pixels rgb = {0};
    struct bv_error err = {0};
    for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++)
            map[y * WIDTH + x] = x < 50 ? NAN : x < 100 ? 0.0f : x < 150 ? 1.0f : 2.0f;
    }
    assert_ok(bv_overlay_draw(&shown, &overlay, &rgb, &err), err);
    assert_int_equal(rgb.channels, 3);
    assert_true(rgb.width >= WIDTH && rgb.height > HEIGHT);
    static const uint8_t plain[] = {GRAY, GRAY, GRAY};
    assert_memory_equal(at(&rgb, 10, 50), plain, 3); // outside the map
    assert_memory_equal(at(&rgb, 60, 50), plain, 3); // its least value
    const uint8_t *half = at(&rgb, 120, 50), *most = at(&rgb, 160, 50);
    assert_true(half[0] > half[1] && half[1] > half[2]); // the middle is orange
    static const uint8_t hottest[] = {178, 178, 178};    // half gray, half white
    assert_memory_equal(most, hottest, 3);
    static const uint8_t black[] = {0, 0, 0};
    assert_memory_equal(at(&rgb, rgb.width - 1, 50), black, 3); // a narrow image has a border
    bv_pixels_free(&rgb);
}

// The rows of a picture that have writing in them, in runs.
static int count_lines(const struct bv_pixels *rgb, int first)
{
    int lines = 0;
    bool before = false;
    for (int y = first; y < rgb->height; y++) {
        bool written = false;
        for (int x = 0; x < rgb->width; x++)
            written = written || at(rgb, x, y)[0] > 0;
        lines += written && !before;
        before = written;
    }
    return lines;
}

static void test_lines(void **state)
{
    (void)state;
    enum { MANY = 60 };
    const char *labels[MANY];
    double scores[MANY] = {0};
    struct bv_error err = {0};
    const struct bv_image shown = image();
    for (int i = 0; i < MANY; i++)
        labels[i] = "A label far too long for the width of the picture, so that it must be cut off";
    static const struct {
        size_t n;
        int lines;
    } cases[] = {{1, 4}, {40, 43}, {41, 44}, {MANY, 44}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bv_overlay overlay = {"m", "cosine", labels, scores, cases[i].n, NULL, NULL};
        struct bv_pixels rgb = {0};
        assert_ok(bv_overlay_draw(&shown, &overlay, &rgb, &err), err);
        assert_int_equal(count_lines(&rgb, HEIGHT), cases[i].lines);
        bv_pixels_free(&rgb);
    }
}

static void test_letters(void **state)
{
    (void)state;
    struct bv_pixels small = {0}, same = {0};
    struct bv_error err = {0};
    const uint8_t ink[] = {7};
    assert_ok(bv_pixels_create(&small, 12, 7, 1, BV_SAMPLE_U8, &err), err);
    assert_ok(bv_pixels_create(&same, 12, 7, 1, BV_SAMPLE_U8, &err), err);
    memset(small.data, 0, 84);
    memset(same.data, 0, 84);
    bv_draw_text(&small, 0, 0, 1, ink,
                 "l\xc3\xa9Z"); // a letter, one without a glyph, one past the edge
    bv_draw_text(&same, 0, 0, 1, ink, "L?");
    assert_memory_equal(small.data, same.data, 84);
    const uint8_t *dots = small.data;
    assert_true(dots[0] == 7 && dots[1] == 0 && dots[6 * 12] == 7 && dots[6 * 12 + 4] == 7);
    bv_draw_text(&small, 11, 6, 3, ink, "W"); // all but one dot outside
    assert_int_equal(bv_letters_that_fit(11, 1), 2);
    assert_int_equal(bv_letters_that_fit(22, 2), 2);
    bv_pixels_free(&small);
    bv_pixels_free(&same);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_letters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

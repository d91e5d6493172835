// Multi-scale similarity against the pytorch-msssim package (similarity.py).
#include "image/pixels.h"

#include <math.h>
#include <stdlib.h>

#include "support/check.h"

static uint8_t *picture(uint32_t seed, int width, int height)
{
    uint8_t *image = malloc((size_t)width * (size_t)height);
    uint32_t x = seed;
    assert_non_null(image);
    for (int i = 0; i < height; i++)
        for (int j = 0; j < width; j++) {
            x = x * 1664525u + 1013904223u;
            image[(size_t)i * (size_t)width + (size_t)j] =
                (uint8_t)(96 + (j * (int)seed * 3 + i * 5) % 64 + (int)(x >> 24) % 48);
        }
    return image;
}

static void test_values(void **state)
{
    static const struct {
        uint32_t a, b;
        int width, height;
        double value;
    } cases[] = {{1, 1, 161, 161, 1.000000000000},
                 {1, 2, 161, 176, 0.255329132211},
                 {3, 5, 200, 164, 0.378850131312},
                 {2, 9, 256, 192, 0.343166620047}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bv_error err = {0};
        double value = 0, back = 0;
        uint8_t *a = picture(cases[i].a, cases[i].width, cases[i].height);
        uint8_t *b = picture(cases[i].b, cases[i].width, cases[i].height);
        assert_ok(bv_ms_ssim(a, b, cases[i].width, cases[i].height, &value, &err), err);
        assert_ok(bv_ms_ssim(b, a, cases[i].width, cases[i].height, &back, &err), err);
        if (!(fabs(value - cases[i].value) <= 1e-9 && fabs(back - value) <= 1e-12))
            fail_msg("case %zu: %.12f and %.12f, expected %.12f", i, value, back, cases[i].value);
        free(a);
        free(b);
    }
}

static void test_small(void **state)
{
    struct bv_error err = {0};
    double value = 0;
    (void)state;
    uint8_t *a = picture(1, 161, 160);
    assert_int_equal(bv_ms_ssim(a, a, 161, 160, &value, &err), BV_ERR_ARG);
    free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values), cmocka_unit_test(test_small)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

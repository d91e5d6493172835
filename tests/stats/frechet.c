// The Fréchet distance against the form with matrices, by SciPy (tests/image/similarity.py).
#include "stats/distribution.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "support/check.h"

static float *features(uint32_t seed, size_t n, size_t d)
{
    float *rows = malloc(n * d * sizeof *rows);
    uint32_t x = seed;
    assert_non_null(rows);
    for (size_t i = 0; i < n; i++) {
        double before = 0;
        for (size_t j = 0; j <= d; j++) {
            x = x * 1664525u + 1013904223u;
            double value = (double)(x >> 24) / 64;
            if (j > 0)
                rows[i * d + j - 1] = (float)((before + value) * (1 + seed % 3));
            before = value;
        }
    }
    return rows;
}

static void test_values(void **state)
{
    static const struct {
        uint32_t a;
        size_t n_a;
        uint32_t b;
        size_t n_b, d;
        double value;
    } cases[] = {{1, 40, 2, 60, 8, 195.2138197463},
                 {3, 200, 4, 10, 24, 609.9350723109},
                 {5, 7, 6, 5, 32, 2225.7301453859},
                 {7, 30, 7, 30, 4, 0}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bv_error err = {0};
        double value = 0, back = 0;
        size_t d = cases[i].d, n_a = cases[i].n_a, n_b = cases[i].n_b;
        float *a = features(cases[i].a, n_a, d), *b = features(cases[i].b, n_b, d);
        assert_ok(bv_frechet_distance(a, n_a, b, n_b, d, &value, &err), err);
        assert_ok(bv_frechet_distance(b, n_b, a, n_a, d, &back, &err), err);
        double limit = 1e-8 * fmax(1, cases[i].value); // measured: 2e-10 of the value
        if (!(fabs(value - cases[i].value) <= limit && fabs(back - value) <= limit))
            fail_msg("case %zu: %.10f and %.10f, expected %.10f", i, value, back, cases[i].value);
        free(a);
        free(b);
    }
}

// Equal rows have no spread: the distance is that of their means alone.
static void test_edges(void **state)
{
    static const float a[] = {1, 2, 1, 2, 1, 2}, b[] = {4, 6, 4, 6};
    struct bv_error err = {0};
    double value = 0;
    (void)state;
    assert_ok(bv_frechet_distance(a, 3, b, 2, 2, &value, &err), err);
    assert_true(fabs(value - 25) <= 1e-12);
    assert_int_equal(bv_frechet_distance(a, 1, b, 2, 2, &value, &err), BV_ERR_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values), cmocka_unit_test(test_edges)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

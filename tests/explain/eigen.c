// The first principal component, of tables that were made from one.
#include <math.h>
#include <stdlib.h>

#include "explain/eigen.h"
#include "support/check.h"
#include "support/fixed.h"

// X = mean + 3 a bᵀ + c dᵀ with orthogonal a, c of mean 0 and b, d of unit length: the component is
// 3 a, of the sign whose largest value is the largest in size.
static void check(int64_t rows, int64_t columns)
{
    struct bv_error err = {0};
    float *X = calloc((size_t)(rows * columns), sizeof *X),
          *out = calloc((size_t)rows, sizeof *out);
    double high = 0, low = 0, worst = 0;
    assert_non_null(X);
    assert_non_null(out);
    const double pi = acos(-1.0), unit = 1 / sqrt((double)columns);
    for (int64_t r = 0; r < rows; r++) {
        const double angle = 2 * pi * (double)r / (double)rows;
        const double a = cos(angle) + 0.3 * cos(2 * angle), c = sin(angle);
        for (int64_t k = 0; k < columns; k++)
            X[r * columns + k] =
                (float)(2.0 + 0.01 * (double)k + 3 * a * unit + c * (k % 2 ? unit : -unit));
    }
    assert_ok(bv_first_component(X, rows, columns, out, &err), err);
    for (int64_t r = 0; r < rows; r++) {
        const double angle = 2 * pi * (double)r / (double)rows;
        worst = fmax(worst, fabs(out[r] - 3 * (cos(angle) + 0.3 * cos(2 * angle))));
        high = fmax(high, out[r]);
        low = fmin(low, out[r]);
    }
    assert_true(high > -low);
    if (!(worst < 2e-5)) // measured: 2e-6; X is rounded to f32
        fail_msg("%lld rows of %lld: off by %.2e", (long long)rows, (long long)columns, worst);
    free(X);
    free(out);
}

static void test_component(void **state)
{
    (void)state;
    check(49, 8);
    check(12, 64);
    check(200, 200);
}

static void test_constant(void **state)
{
    (void)state;
    struct bv_error err = {0};
    const float X[6] = {1, 1, 1, 1, 1, 1};
    float out[3] = {9, 9, 9};
    assert_ok(bv_first_component(X, 3, 2, out, &err), err);
    for (int i = 0; i < 3; i++)
        assert_true(out[i] == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_component),
                                       cmocka_unit_test(test_constant)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

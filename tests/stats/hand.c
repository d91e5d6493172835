// Statistics at the edges, and small cases whose result is known by hand or from R and Python
// (conformance/stats/edge_cases.json).
#include <math.h>
#include <string.h>

#include "stats/calibration.h"
#include "stats/comparison.h"
#include "stats/distribution.h"
#include "support/check.h"

static void assert_near(double value, double expected, double limit)
{
    if (!(fabs(value - expected) <= limit))
        fail_msg("%.17g, expected %.17g", value, expected);
}

static void test_distributions(void **state)
{
    (void)state;
    assert_near(bv_normal_width(0.95), 1.959963984540054, 1e-15);
    assert_true(isinf(bv_normal_quantile(0)) && isinf(bv_normal_quantile(1)));
    assert_true(isnan(bv_normal_quantile(-0.1)) && isnan(bv_normal_quantile(NAN)));
    assert_true(bv_normal_tail(INFINITY) == 0 && bv_normal_tail(-INFINITY) == 1);
    assert_near(bv_chi_squared_tail(3.841458820694124, 1), 0.05, 1e-15);
    assert_true(isnan(bv_student_tail(1, 0)) && bv_student_tail(INFINITY, 3) == 0);
    assert_true(isnan(bv_beta_quantile(2, 1, 1)) && isnan(bv_beta_quantile(0.5, 0, 1)));
    assert_near(bv_binomial_half_cdf(1, 3), 0.5, 1e-15);
    assert_true(bv_binomial_half_cdf(0, 0) == 1 && bv_binomial_half_point(3, 2) == 0);
}

static void test_proportions(void **state)
{
    (void)state;
    const struct {
        uint64_t k, n;
        double wilson[2], exact[2];
    } cases[] = {
        {0, 10, {0, 0.27753279986288926}, {0, 0.30849710781876083}},
        {5,
         10,
         {0.23659309051256394, 0.7634069094874361},
         {0.18708602844739855, 0.8129139715526015}},
        {10, 10, {0.7224672001371106, 1}, {0.6915028921812392, 1}},
        {0, 1, {0, 0.7934506856227627}, {0, 0.975}},
        {99999,
         100000,
         {0.9999433529034099, 0.9999982347522698},
         {0.9999442848396523, 0.9999997468219523}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bv_bounds w = bv_wilson(cases[i].k, cases[i].n, 0.95);
        struct bv_bounds e = bv_clopper_pearson(cases[i].k, cases[i].n, 0.95);
        assert_near(w.low, cases[i].wilson[0], 1e-14);
        assert_near(w.high, cases[i].wilson[1], 1e-14);
        assert_near(e.low, cases[i].exact[0], 1e-14);
        assert_near(e.high, cases[i].exact[1], 1e-14);
    }
    assert_true(isnan(bv_wilson(0, 0, 0.95).low) && isnan(bv_clopper_pearson(0, 0, 0.95).high));
    assert_true(isnan(bv_logit_interval(1, 5, 0.95).low));
    assert_near(bv_ppv_at(0.9, 0.9, 0.1), 0.5, 1e-15);
    assert_near(bv_npv_at(0.9, 0.9, 0.5), 0.9, 1e-15);
    assert_true(isnan(bv_ppv_at(0.9, 0.9, 1.1)) && isnan(bv_ppv_at(0.9, 0.9, -0.1)));
    assert_true(isnan(bv_ppv_at(0, 1, 0.5)) && isnan(bv_npv_at(1, 0, 0.5)));
}

static struct bv_placements place(const double *scores, const uint8_t *y, size_t n)
{
    struct bv_placements p = {0};
    struct bv_error err = {0};
    assert_ok(bv_placements_make(&p, scores, y, n, &err), err);
    return p;
}

static void test_areas(void **state)
{
    (void)state;
    static const double s[] = {0.9, 0.8, 0.3, 0.2}, constant[] = {0.5, 0.5, 0.5, 0.5};
    static const uint8_t y[] = {1, 1, 0, 0}, ones[] = {1, 1, 1, 1}, first[] = {1, 0, 0, 0};
    struct bv_placements perfect = place(s, y, 4), flat = place(constant, y, 4);
    struct bv_placements one_class = place(s, ones, 4), few = place(s, first, 4);
    struct bv_placements empty = place(s, y, 0);
    assert_true(perfect.auroc == 1 && flat.auroc == 0.5);
    assert_true(isnan(one_class.auroc) && isnan(empty.auroc));
    assert_true(isnan(bv_delong_covariance(&one_class, &one_class)));
    assert_true(few.auroc == 1 && isnan(bv_delong_covariance(&few, &few)));
    assert_true(isnan(bv_auroc_interval(few.auroc, NAN, 0.95).low));
    assert_true(bv_delong_covariance(&perfect, &perfect) == 0);

    struct bv_difference same = bv_difference_test(0, 0, 0.95);
    assert_true(same.z == 0 && same.p == 1);
    struct bv_difference apart = bv_difference_test(0.5, 0, 0.95);
    assert_true(isinf(apart.z) && apart.p == 0 && apart.p_less == 1);
    assert_true(isnan(bv_difference_test(0.1, NAN, 0.95).p));
    double z = 0;
    assert_true(bv_noninferiority_p(&same, 0.05, &z) == 0 && isinf(z));
    assert_true(isnan(bv_delong_unpaired(&few, &perfect).p));

    static const uint32_t clusters[] = {0, 1, 2, 3}, one[] = {0, 0, 0, 0};
    struct bv_error err = {0};
    double covariance = 1;
    assert_ok(bv_clustered_covariance(&perfect, &flat, clusters, 4, &covariance, &err), err);
    assert_true(covariance == 0);
    assert_ok(bv_clustered_covariance(&perfect, &flat, one, 1, &covariance, &err), err);
    assert_true(isnan(covariance));
    struct bv_placements *all[] = {&perfect, &flat, &one_class, &few, &empty};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        bv_placements_free(all[i]);
}

static void test_tests(void **state)
{
    (void)state;
    struct bv_mcnemar none = bv_mcnemar(0, 0), equal = bv_mcnemar(3, 3), one = bv_mcnemar(1, 0);
    assert_true(isnan(none.chi2) && isnan(none.p_corrected) && none.p_exact == 1);
    assert_true(equal.chi2_corrected == 0 && equal.p_corrected == 1 && equal.p_exact == 1);
    assert_true(one.chi2_corrected == 0 && one.p_corrected == 1 && one.p_exact == 1);
    assert_near(one.p_mid, 0.5, 1e-15);
    double p[] = {NAN, 0.01, 0.04, NAN, 0.03}, adjusted[5];
    struct bv_error err = {0};
    assert_ok(bv_adjust(p, 5, BV_ADJUST_HOLM, adjusted, &err), err);
    assert_true(isnan(adjusted[0]) && isnan(adjusted[3]));
    assert_near(adjusted[1], 0.03, 1e-15);
    assert_near(adjusted[2], 0.06, 1e-15);
    assert_ok(bv_adjust(p, 0, BV_ADJUST_BENJAMINI, adjusted, &err), err);
    assert_true(isnan(bv_net_benefit(1, 1, 0, 0.5)) && isnan(bv_net_benefit(1, 1, 4, 1)));
    assert_near(bv_net_benefit(2, 1, 4, 0.5), 0.25, 1e-15);
}

static void test_calibration(void **state)
{
    (void)state;
    static const double p[] = {0.1, 0.2, 0.8, 0.9}, half[] = {0.5, 0.5, 0.5, 0.5};
    static const double extreme[] = {0, 0.3, 0.2, 1};
    static const uint8_t y[] = {0, 0, 1, 1}, ones[] = {1, 1, 1, 1}, mixed[] = {0, 1, 0, 1};
    struct bv_recalibration separated = bv_recalibrate(p, y, 4, 0.95);
    assert_true(isnan(separated.slope.value) && isnan(separated.logistic_ici));
    assert_near(separated.in_the_large.value, 0, 1e-12);
    assert_near(separated.observed_expected, 1, 1e-15);
    struct bv_recalibration one = bv_recalibrate(p, ones, 4, 0.95);
    assert_true(isnan(one.slope.value) && isnan(one.in_the_large.value));
    struct bv_recalibration flat = bv_recalibrate(half, mixed, 4, 0.95);
    assert_true(isnan(flat.slope.value) && isnan(flat.spiegelhalter_z));
    assert_near(flat.in_the_large.value, 0, 1e-12);
    struct bv_recalibration ends = bv_recalibrate(extreme, mixed, 4, 0.95);
    assert_int_equal(ends.n_extreme, 2);
    assert_near(ends.brier, (0.49 + 0.04) / 4, 1e-15);
    struct bv_recalibration nothing = bv_recalibrate(p, y, 0, 0.95);
    assert_true(isnan(nothing.brier) && isnan(nothing.observed_expected));
}

// Local regression reproduces a quadratic exactly, and what it cannot fit it averages.
static void test_loess(void **state)
{
    (void)state;
    enum { ROWS = 5000 };
    static double x[ROWS];
    static uint8_t y[ROWS];
    struct bv_loess loess = {0};
    struct bv_loess_errors errors;
    struct bv_error err = {0};
    double se = 0;
    assert_ok(bv_loess_create(&loess, x, y, 0, &err), err);
    assert_true(isnan(bv_loess_at(&loess, 0.5, &se)) && isnan(se));
    assert_ok(bv_loess_measure(&loess, &errors, &err), err);
    assert_true(isnan(errors.ici));
    bv_loess_free(&loess);
    for (size_t i = 0; i < ROWS; i++) {
        x[i] = 0.5;
        y[i] = i % 4 == 0;
    }
    assert_ok(bv_loess_create(&loess, x, y, ROWS, &err), err);
    assert_near(bv_loess_at(&loess, 0.5, &se), 0.25, 1e-12);
    assert_near(se, sqrt(0.25 * 0.75 / ROWS), 1e-12);
    bv_loess_free(&loess);
    // More distinct values than the curve is computed at: linear between is close to exact.
    for (size_t i = 0; i < ROWS; i++) {
        x[i] = (double)(i * 7919 % ROWS) / ROWS;
        y[i] = x[i] > 0.2 + 0.6 * (double)(i * 31 % 101) / 101;
    }
    assert_ok(bv_loess_create(&loess, x, y, ROWS, &err), err);
    assert_ok(bv_loess_measure(&loess, &errors, &err), err);
    double sum = 0;
    for (size_t i = 0; i < ROWS; i++)
        sum += fabs(x[i] - bv_loess_at(&loess, x[i], NULL));
    assert_near(errors.ici, sum / ROWS, 1e-5);
    bv_loess_free(&loess);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distributions), cmocka_unit_test(test_proportions),
        cmocka_unit_test(test_areas),         cmocka_unit_test(test_tests),
        cmocka_unit_test(test_calibration),   cmocka_unit_test(test_loess)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

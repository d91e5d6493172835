#include "stats/comparison.h"

#include <math.h>
#include <stdlib.h>

struct test {
    double p;
    size_t at;
};

static int ascending(const void *a, const void *b)
{
    double x = ((const struct test *)a)->p, y = ((const struct test *)b)->p;
    return (x > y) - (x < y);
}

// Step-down: none is smaller than one of a smaller p-value.
static void holm(const struct test *tests, size_t n, double *adjusted)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++) {
        largest = fmax(largest, (double)(n - i) * tests[i].p);
        adjusted[tests[i].at] = fmin(1, largest);
    }
}

// Step-up: none is larger than one of a larger p-value.
static void benjamini(const struct test *tests, size_t n, double *adjusted)
{
    double smallest = 1;
    for (size_t i = n; i-- > 0;) {
        smallest = fmin(smallest, (double)n / (double)(i + 1) * tests[i].p);
        adjusted[tests[i].at] = smallest;
    }
}

enum bv_status bv_adjust(const double *p, size_t n, enum bv_adjustment how, double *adjusted,
                         struct bv_error *err)
{
    size_t present = 0;
    struct test *tests = malloc(n * sizeof *tests + 1);
    if (!tests)
        return bv_fail_nomem(err, "p-values");
    for (size_t i = 0; i < n; i++) {
        if (!isnan(p[i]))
            tests[present++] = (struct test){p[i], i};
        adjusted[i] = p[i];
    }
    qsort(tests, present, sizeof *tests, ascending);
    if (how == BV_ADJUST_HOLM)
        holm(tests, present, adjusted);
    else if (how == BV_ADJUST_BENJAMINI)
        benjamini(tests, present, adjusted);
    for (size_t i = 0; how == BV_ADJUST_BONFERRONI && i < present; i++)
        adjusted[tests[i].at] = fmin(1, (double)present * tests[i].p);
    free(tests);
    return BV_OK;
}

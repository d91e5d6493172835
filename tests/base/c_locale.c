// Numbers have a decimal point between enter and leave, on this thread alone.
#include <locale.h>
#include <stdlib.h>

#include "base/c_locale.h"
#include "support/check.h"
#include "support/comma_locale.h"

static void assert_prints(const char *expected)
{
    char text[16];
    (void)snprintf(text, sizeof text, "%.1f", 0.5);
    assert_string_equal(text, expected);
}

static void test_scope(void **state)
{
    (void)state;
    if (!comma_locale_set())
        skip();
    assert_prints("0,5");
    struct bv_c_locale outer = bv_c_locale_enter();
    assert_prints("0.5");
    assert_true(strtod("0.5", NULL) == 0.5);
    struct bv_c_locale inner = bv_c_locale_enter();
    assert_prints("0.5");
    bv_c_locale_leave(&inner);
    assert_prints("0.5");
    bv_c_locale_leave(&outer);
    assert_prints("0,5");
    bv_c_locale_leave(&outer); // twice does nothing
    assert_prints("0,5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_scope)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// Which accession numbers may join a report to a study.
#include "retrieval/record.h"
#include "support/check.h"

static void test_placeholders(void **state)
{
    (void)state;
    static const char *const none[] = {"",      " ",       "NONE", "none",     "None.", "0",
                                       "00000", "N/A",     "n.a.", "NA",       "-",     "---",
                                       "?",     "UNKNOWN", "NULL", "Unknown ", "<none>"};
    static const char *const numbers[] = {"1",     "A-998877",
                                          "CXR-0", "2024010",
                                          "NONE1", "00000000000000000000000000000000000000000001"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        if (!bv_accession_is_placeholder(none[i]))
            fail_msg("\"%s\" is taken for an accession number", none[i]);
    }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (bv_accession_is_placeholder(numbers[i]))
            fail_msg("\"%s\" is taken for a placeholder", numbers[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_placeholders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

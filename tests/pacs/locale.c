// A structured report is written under a locale with a decimal comma: its numbers have a point.
#include <stdlib.h>
#include <string.h>

#include "image/fixture.h"
#include "pacs/derived_object.h"
#include "support/check.h"
#include "support/comma_locale.h"

static bool holds(const uint8_t *bytes, size_t n, const char *text)
{
    size_t length = strlen(text);
    for (size_t i = 0; i + length <= n; i++)
        if (memcmp(bytes + i, text, length) == 0)
            return true;
    return false;
}

static void test_report(void **state)
{
    (void)state;
    if (!comma_locale_set())
        skip();
    struct buffer source = {0};
    dicom_begin(&source, EXPLICIT_LE);
    dicom_text(&source, 0x08, 0x16, "UI", "1.2.840.10008.5.1.4.1.1.1.1");
    dicom_text(&source, 0x08, 0x18, "UI", "1.2.3.4");
    dicom_text(&source, 0x20, 0x0d, "UI", "1.2.3.5");
    dicom_text(&source, 0x20, 0x0e, "UI", "1.2.3.6");
    dicom_us(&source, 0x28, 0x10, 5);
    dicom_us(&source, 0x28, 0x11, 7);
    const struct bv_finding finding = {.label = "Edema", .score = 0.555721};
    const struct bv_findings_source from = {.kind = "pair_softmax",
                                            .model = "model",
                                            .digest = "digest",
                                            .prompts = "prompts",
                                            .version = "1"};
    struct bv_error err = {0};
    uint8_t *bytes = NULL;
    size_t size = 0;
    const struct bv_source_object object = {source.data, source.size, "source"};
    assert_ok(bv_findings_report(&object, &finding, 1, &from, &bytes, &size, &err), err);
    assert_true(holds(bytes, size, "0.555721"));
    assert_false(holds(bytes, size, "0,555721"));
    free(bytes);
    buffer_free(&source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_report)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// Reports and segmentations of texts that a DICOM element cannot hold as they are, of sources that
// are no single image, and their UIDs: another one for another content.
#include <stdlib.h>
#include <string.h>

#include "image/fixture.h"
#include "pacs/derived_object.h"
#include "support/check.h"

enum { WIDTH = 7, HEIGHT = 5 };

static void make_source(struct buffer *source, const char *frames)
{
    dicom_begin(source, EXPLICIT_LE);
    dicom_text(source, 0x08, 0x16, "UI", "1.2.840.10008.5.1.4.1.1.1.1");
    dicom_text(source, 0x08, 0x18, "UI", "1.2.3.4");
    dicom_text(source, 0x20, 0x0d, "UI", "1.2.3.5");
    dicom_text(source, 0x20, 0x0e, "UI", "1.2.3.6");
    dicom_text(source, 0x28, 0x08, "IS", frames);
    dicom_us(source, 0x28, 0x10, HEIGHT);
    dicom_us(source, 0x28, 0x11, WIDTH);
    dicom_text(source, 0x28, 0x2110, "CS", "01");
    dicom_text(source, 0x28, 0x2112, "DS", "ten to one");
}

// What is written, and how it is described.
struct object {
    enum bv_status status;
    uint8_t *bytes;
    size_t size;
    struct bv_error err;
};

static const struct bv_findings_source usual = {.kind = "cosine",
                                                .model = "a\\b\tc",
                                                .digest = "digest",
                                                .prompts = "set\r\n",
                                                .version = "1",
                                                .map = "gradcam, share"};

static struct object report(const char *frames, const struct bv_finding *findings, size_t n,
                            const struct bv_findings_source *from)
{
    struct object o = {.status = BV_OK};
    struct buffer source = {0};
    make_source(&source, frames);
    const struct bv_source_object object = {source.data, source.size, "source"};
    o.status = bv_findings_report(&object, findings, n, from, &o.bytes, &o.size, &o.err);
    buffer_free(&source);
    return o;
}

static struct object segmentation(const char *frames, const char *first, const char *second,
                                  const struct bv_findings_source *from)
{
    struct object o = {.status = BV_OK};
    struct buffer source = {0};
    static const uint8_t mask[WIDTH * HEIGHT] = {1};
    const struct bv_segment segments[] = {{first, mask}, {second, mask}};
    make_source(&source, frames);
    const struct bv_source_object object = {source.data, source.size, "source"};
    o.status = bv_findings_segmentation(&object, segments, 2, WIDTH, HEIGHT, from, &o.bytes,
                                        &o.size, &o.err);
    buffer_free(&source);
    return o;
}

static const uint8_t *find(const struct object *o, const char *text, size_t n)
{
    for (size_t i = 0; i + n <= o->size; i++)
        if (memcmp(o->bytes + i, text, n) == 0)
            return o->bytes + i;
    return NULL;
}

static bool holds(const struct object *o, const char *text)
{
    return find(o, text, strlen(text)) != NULL;
}

// Whether two objects have one SOP Instance UID. Frees both.
static bool are_one(struct object a, struct object b)
{
    static const char tag[] = "\x08\x00\x18\x00UI";
    assert_ok(a.status, a.err);
    assert_ok(b.status, b.err);
    const uint8_t *of_a = find(&a, tag, 6), *of_b = find(&b, tag, 6);
    assert_non_null(of_a);
    assert_non_null(of_b);
    const bool one = memcmp(of_a, of_b, 8u + of_a[6]) == 0;
    free(a.bytes);
    free(b.bytes);
    return one;
}

static const struct bv_finding finding = {.label = "left\\right", .score = 0.5, .peak = 1};

static void test_report_texts(void **state)
{
    (void)state;
    const struct bv_finding findings[] = {finding, {.label = "two\nlines\x7f ", .score = 0.25}};
    struct object o = report("1", findings, 2, &usual);
    assert_ok(o.status, o.err);
    assert_true(holds(&o, "left/right"));  // the coded finding
    assert_true(holds(&o, "left\\right")); // the tracking identifier, which has one value
    assert_true(holds(&o, "two lines"));
    assert_false(holds(&o, "two\nlines"));
    assert_false(holds(&o, "\t"
                           "c"));
    free(o.bytes);
}

static void test_segmentation_texts(void **state)
{
    (void)state;
    struct object o = segmentation("1", "left\\right", "\ttwo\nlines", &usual);
    assert_ok(o.status, o.err);
    assert_true(holds(&o, "left/right"));
    assert_true(holds(&o, "two lines"));
    assert_false(holds(&o, "two\nlines"));
    assert_true(holds(&o, "Heat maps of a/b c"));
    assert_false(holds(&o, "ten to one")); // no decimal number
    free(o.bytes);
}

static void test_refused(void **state)
{
    (void)state;
    const struct bv_finding blank = {.label = " \n"};
    assert_int_equal(report("1", &blank, 1, &usual).status, BV_ERR_ARG);
    assert_int_equal(segmentation("1", "edema", " \t", &usual).status, BV_ERR_ARG);
    assert_int_equal(segmentation("1", "", "edema", &usual).status, BV_ERR_ARG);
    assert_int_equal(report("2", &finding, 1, &usual).status, BV_ERR_ARG);
    assert_int_equal(segmentation("2", "edema", "mass", &usual).status, BV_ERR_ARG);
}

static void test_report_uid(void **state)
{
    (void)state;
    struct bv_finding other = finding;
    assert_true(are_one(report("1", &finding, 1, &usual), report("1", &other, 1, &usual)));
    other.region = (struct bv_finding_region){1, 1, 2, 2};
    assert_false(are_one(report("1", &finding, 1, &usual), report("1", &other, 1, &usual)));
    other = finding;
    other.nothing = true;
    assert_false(are_one(report("1", &finding, 1, &usual), report("1", &other, 1, &usual)));
}

static void test_segmentation_uid(void **state)
{
    (void)state;
    struct bv_findings_source other = usual;
    assert_true(
        are_one(segmentation("1", "ab", "c", &usual), segmentation("1", "ab", "c", &usual)));
    assert_false(
        are_one(segmentation("1", "ab", "c", &usual), segmentation("1", "a", "bc", &usual)));
    other.map = "legrad, share";
    assert_false(
        are_one(segmentation("1", "ab", "c", &usual), segmentation("1", "ab", "c", &other)));
    other = usual;
    other.digest = "another digest";
    assert_false(
        are_one(segmentation("1", "ab", "c", &usual), segmentation("1", "ab", "c", &other)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_report_texts), cmocka_unit_test(test_segmentation_texts),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_report_uid),
        cmocka_unit_test(test_segmentation_uid)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

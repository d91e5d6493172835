// The forms that names, numbers and dates take in reports, each of which must go, and what must
// stay.
#include <string.h>

#include "retrieval/record.h"
#include "retrieval/scrub.h"
#include "support/check.h"

static const char *scrub(struct bv_arena *arena, enum bv_identifier_kind kind,
                         const char *identifier, const char *text)
{
    struct bv_error err = {0};
    struct bv_identifiers list = {0};
    assert_ok(bv_identifiers_add(&list, arena, kind, identifier, &err), err);
    const char *clean = bv_scrub(arena, text, &list);
    assert_non_null(clean);
    return clean;
}

struct example {
    const char *identifier, *text, *clean;
};

static void check(enum bv_identifier_kind kind, const struct example *examples, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct bv_arena arena = {0};
        assert_string_equal(scrub(&arena, kind, examples[i].identifier, examples[i].text),
                            examples[i].clean);
        bv_arena_free(&arena);
    }
}
#define CHECK(kind, examples) check(kind, examples, sizeof examples / sizeof *examples)

static void test_names(void **state)
{
    (void)state;
    static const struct example examples[] = {
        {"Ng^Wu", "Ng was seen. Wu Ng agrees, WU too.",
         "[removed] was seen. [removed] agrees, [removed] too."},
        {"Ng^Wu", "lung and hilum", "lung and hilum"},
        // Words of every report: a capital within a sentence is the name.
        {"No^Kim", "No effusion. There is no change. Seen: Kim No.",
         "No effusion. There is no change. Seen: [removed]."},
        {"No^Kim", "We saw No again.", "We saw [removed] again."},
        {"M\u00fcller^J\u00f6rg", "M\u00fcller, J\u00f6rg: kein Erguss. M\u00dcLLER entlassen.",
         "[removed]: kein Erguss. [removed] entlassen."},
        {"M\u00fcller^J\u00f6rg", "Mueller and Muller and mu\u0308ller's film, Joerg.",
         "[removed] and [removed] and [removed] film, [removed]."},
        {"Mueller^Joerg", "M\u00fcller, J\u00f6rg; Jorg Muller", "[removed]; [removed] [removed]"},
        {"Doe^Jane", "Doe's film, the Does, doe-smith, Smith-Doe, JaneDoe, J. Doe, jdoe.",
         "[removed] film, the [removed], [removed], [removed], [removed], [removed], [removed]."},
        {"Doe^Jane", "doeskin and Janet stay", "doeskin and Janet stay"},
        {"O'Brien^Mary Ann", "OBrien, O\u2019Brien, O Brien; MaryAnn; mary-ann; Ann",
         "[removed], [removed], [removed]; [removed]; [removed]; [removed]"},
        {"van der Berg^Jan", "Jan van der Berg; Berg", "[removed] [removed]; [removed]"},
        {"Yamada^Tarou=\u5c71\u7530^\u592a\u90ce=\u3084\u307e\u3060^\u305f\u308d\u3046",
         "\u5c71\u7530\u592a\u90ce no effusion. Tarou Yamada, Tar\u014d, YAMADATAROU "
         "\u3084\u307e\u3060\u3055\u3093",
         "[removed] no effusion. [removed], [removed], [removed] [removed]\u3055\u3093"},
        // One ideograph is a part of many words.
        {"\u674e^\u660e", "\u674e\u660e: \u660e\u663e\u5f02\u5e38\u3002\u674e\u5148\u751f",
         "[removed]: \u660e\u663e\u5f02\u5e38\u3002[removed]\u5148\u751f"},
        {"\uae40^\ucca0\uc218", "\uae40\ucca0\uc218 \ud658\uc790, \uae40\uce58\ub294",
         "[removed] \ud658\uc790, \uae40\uce58\ub294"},
        {"\u0418\u0432\u0430\u043d\u043e\u0432^\u041f\u0451\u0442\u0440",
         "\u0418\u0412\u0410\u041d\u041e\u0412, \u041f\u0435\u0442\u0440 \u0438\u0432\u0430\u043d"
         "\u043e\u0432",
         "[removed] [removed]"},
        {"\u0141ukasz^S\u00f8ren", "LUKASZ soeren Soren", "[removed] [removed]"},
    };
    CHECK(BV_IDENTIFIER_NAME, examples);
}

static void test_numbers_and_places(void **state)
{
    (void)state;
    static const struct example numbers[] = {
        {"A-998877", "see A998877, a 998877 and A-998877.",
         "see [removed], [removed] and [removed]."},
        {"0012345", "number 12345", "number [removed]"},
        {"T12", "T12 fracture", "T12 fracture"},
        {"PX7", "see px7", "see [removed]"},
    };
    static const struct example places[] = {
        {"12 Sesamestreet", "Lives 12 Sesamestreet, near Sesamestreet.",
         "Lives [removed], near [removed]."},
        {"St. Elsewhere Chest Hospital", "From Elsewhere; the chest is clear.",
         "From [removed]; the chest is clear."},
        {"General Hospital", "general condition; General Hospital", "general condition; [removed]"},
    };
    CHECK(BV_IDENTIFIER_NUMBER, numbers);
    CHECK(BV_IDENTIFIER_PLACE, places);
}

static void test_announced(void **state)
{
    (void)state;
    static const struct example examples[] = {
        {"", "Findings: Patient: Zebra Quentin", "Findings: [removed]"},
        {"", "EXAM: CHEST PATIENT: ZEBRA, Q FINDINGS: clear",
         "EXAM: CHEST [removed] FINDINGS: clear"},
        {"", "Seen by nurse Zebra and Frau Zebra.", "Seen by [removed] and [removed]."},
        {"", "Read by Quentin Zebra, MD", "[removed]"},
        {"", "was read by Quentin van der Zebra. Normal.", "was [removed]. Normal."},
        {"", "Done. Quentin Zebra, MD", "Done. [removed]"},
        {"", "Patient: ZEBRA, Quentin   Age: 40\nZebra is stable, as Quentin says.",
         "[removed] is stable, as [removed] says."},
        {"", "Patient is intubated. Name the side.", "Patient is intubated. Name the side."},
        {"", "in room 12B, id A17", "in [removed], [removed]"},
    };
    CHECK(BV_IDENTIFIER_ANY, examples);
}

static void test_forms_of_dates_and_numbers(void **state)
{
    (void)state;
    static const struct example examples[] = {
        {"", "on 3/2/61, 1961-02-03, 03.02.1961, Feb 3, 1961, 3 Feb 1961, 19610203",
         "on [removed], [removed], [removed], [removed], [removed], [removed]"},
        {"", "the third of February 1961; February 3rd; 3. Februar 1961; 3 de febrero de 1961",
         "the [removed]; [removed]; [removed]; [removed]"},
        {"", "3 f\u00e9vrier 1961; March 2019; twenty-first of May, 2019",
         "[removed]; [removed]; [removed]"},
        {"", "1961\u5e742\u67083\u65e5 and 2\u67083\u65e5, 3\u5e74\u524d",
         "[removed] and [removed], 3\u5e74\u524d"},
        {"", "(555) 867-5309, +49 170 1234567, 555-867-5309", "[removed], [removed], [removed]"},
        {"", "see http://pacs/x?id=1, www.x.org and 1.2.840.10008.1",
         "see [removed], [removed] and [removed]"},
        {"", "a 94-year-old, aged 101, a 63-year-old", "a [removed], [removed], a 63-year-old"},
        {"", "MRN 12-34-56 is it", ""},
        {"", "in segment 5 may represent; 3 x 4 x 5 cm; 2.5 3.5 1.5 cm; ratio 1/2, T12, 4-5 mm",
         "in segment 5 may represent; 3 x 4 x 5 cm; 2.5 3.5 1.5 cm; ratio 1/2, T12, 4-5 mm"},
    };
    CHECK(BV_IDENTIFIER_ANY, examples);
}

static void test_vocabulary(void **state)
{
    (void)state;
    assert_string_equal(bv_vocabulary_term(BV_WORDS_VIEW, " pa "), "PA");
    assert_null(bv_vocabulary_term(BV_WORDS_VIEW, "DOE"));
    assert_string_equal(bv_vocabulary_term(BV_WORDS_BODY_PART, "Chest"), "CHEST");
    assert_null(bv_vocabulary_term(BV_WORDS_SEX, "Jane"));
    assert_null(bv_vocabulary_term(BV_WORDS_MODALITY, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),      cmocka_unit_test(test_numbers_and_places),
        cmocka_unit_test(test_announced),  cmocka_unit_test(test_forms_of_dates_and_numbers),
        cmocka_unit_test(test_vocabulary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// BLEU-2 against NLTK's sentence_bleu (method1) and corpus_bleu, version 3.10.4, on words as
// CXR-Report-Metric makes them; SembScore of vectors known by hand.
#include "eval/tasks/clinical.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/check.h"

static void test_bleu(void **state)
{
    (void)state;
    static const struct {
        const char *reference, *candidate;
        double score;
    } pairs[] = {
        {"No acute process. Heart size is normal.", "Heart size is normal. No acute process.",
         0.9354143466934853},
        {"small left effusion", "no effusion", 0.13562437855552414},
        {"a", "b", 0},
        {"No edema.", "No edema.", 1},
        {"the the the the", "the the", 0.36787944117144233},
        {"Mild  edema", "mild", 0.11633369384516798},
        {"one two three four five", "one three two five four", 0.15811388300841897},
        {"", "a b", 0},
    };
    struct bv_bleu2 corpus = {.reference = 0};
    struct bv_error err = {0};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct bv_bleu2 one = {.reference = 0};
        assert_ok(bv_bleu2_add(&one, pairs[i].reference, pairs[i].candidate, &err), err);
        if (strchr(pairs[i].candidate, ' ')) // NLTK counts a pair of words in a single one
            assert_ok(bv_bleu2_add(&corpus, pairs[i].reference, pairs[i].candidate, &err), err);
        double score = bv_bleu2_score(&one, true);
        if (!(fabs(score - pairs[i].score) <= 1e-14)) // measured: 3e-16
            fail_msg("\"%s\": %.17g, not %.17g", pairs[i].candidate, score, pairs[i].score);
    }
    assert_true(fabs(bv_bleu2_score(&corpus, false) - 0.6847692508190306) <= 1e-14);
    struct bv_bleu2 bad = {.reference = 0};
    assert_int_equal(bv_bleu2_add(&bad, "a", "\xff", &err), BV_ERR_FORMAT);
}

// Sorting is what takes the time: a megabyte of words, equal ones too.
static void test_long(void **state)
{
    (void)state;
    enum { N = 200000 };
    char *text = malloc(5 * N + 1);
    struct bv_bleu2 counts = {.reference = 0};
    struct bv_error err = {0};
    assert_non_null(text);
    for (size_t i = 0; i < N; i++)
        (void)snprintf(text + 5 * i, 6, "%04zu ", i * i % 9973);
    assert_ok(bv_bleu2_add(&counts, text, text, &err), err);
    assert_int_equal(counts.match[0], N);
    assert_int_equal(counts.match[1], N - 1);
    assert_true(fabs(bv_bleu2_score(&counts, true) - 1) <= 1e-15);
    free(text);
}

static void test_semb(void **state)
{
    (void)state;
    const float a[] = {3, 4}, b[] = {4, 3}, zero[] = {0, 0};
    assert_true(fabs(bv_semb_score(a, b, 2) - 0.96) <= 1e-15);
    assert_true(bv_semb_score(a, zero, 2) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bleu), cmocka_unit_test(test_long),
                                       cmocka_unit_test(test_semb)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

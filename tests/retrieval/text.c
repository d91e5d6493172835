// What is taken out of reports, which part of them is embedded, and how filters are read.
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "checkpoint/temporary.h"
#include "retrieval/ingest.h"
#include "retrieval/query.h"
#include "retrieval/scrub.h"
#include "support/check.h"

static void test_scrub(void **state)
{
    (void)state;
    static const char report[] =
        "PATIENT: DOE, JANE   MRN: 00123456\n"
        "Name: Doe^Jane\nDOB 03/04/1961\nAccession #: A-998877\n"
        "Dictated by Dr. Quentin Zebra on 12/31/2019 at 10:32 am\n"
        "EXAM: Chest, two views, 31 Dec 2019.\n"
        "COMPARISON: 2018-11-02, and Nov 5, 2018.\n"
        "FINDINGS:  Mrs. Doe has a 3.5 cm nodule in the right upper lobe.\n"
        "Compared with Doe's film of 12.11.18 no change; see case MRN0815471.\n"
        "Discussed with Dr Zebra by phone (5551234567, zebra@example.org).\n"
        "IMPRESSION: T12 fracture, 1/2 pack-years, 4-5 mm granuloma. Patient is intubated.\n";
    struct bv_identifier came[] = {{BV_IDENTIFIER_NAME, "Doe^Jane"},
                                   {BV_IDENTIFIER_NUMBER, "A-998877"}};
    const struct bv_identifiers identifiers = {came, 2, 2};
    struct bv_arena arena = {0};
    const char *clean = bv_scrub(&arena, report, &identifiers);
    assert_non_null(clean);
    static const char *const gone[] = {"Doe",  "DOE",   "Jane",  "JANE",       "00123456", "1961",
                                       "9988", "Zebra", "2019",  "10:32",      "2018",     "12.11",
                                       "0815", "555",   "zebra", "example.org"};
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
        if (strstr(clean, gone[i]))
            fail_msg("\"%s\" is left in: %s", gone[i], clean);
    }
    // What was found stays, measures and fractions too.
    static const char *const kept[] = {"3.5 cm nodule in the right upper lobe", "T12 fracture",
                                       "1/2 pack-years", "4-5 mm granuloma",
                                       "Patient is intubated"};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        if (!strstr(clean, kept[i]))
            fail_msg("\"%s\" is missing in: %s", kept[i], clean);
    }
    assert_string_equal(bv_scrub(&arena, "", NULL), "");
    // What follows a removal without a gap is looked at, too.
    assert_string_equal(bv_scrub(&arena, "at 10:30Doe on 2024-01-01Doe", &identifiers),
                        "at [removed] on [removed]");
    bv_arena_free(&arena);
}

static void test_essence(void **state)
{
    (void)state;
    struct bv_arena arena = {0};
    assert_string_equal(bv_report_essence(&arena, "INDICATION: cough.\nFINDINGS: clear lungs.\n"
                                                  "IMPRESSION: no acute disease."),
                        "no acute disease. clear lungs.");
    assert_string_equal(bv_report_essence(&arena, "Lungs are clear."), "Lungs are clear.");
    assert_string_equal(bv_report_essence(&arena, "Findings and impression: small effusion"),
                        "small effusion");
    assert_string_equal(bv_report_essence(&arena, ""), "");
    bv_arena_free(&arena);
}

static void test_filter(void **state)
{
    (void)state;
    struct bv_arena arena = {0};
    struct bv_error err = {0};
    struct bv_filter f;
    const char *const good[] = {"view=PA", "age>=60", "labels~nodule"};
    assert_ok(bv_filter_make(&f, good, 3, "effusion", &arena, &err), err);
    assert_int_equal(f.n_values, 8);
    assert_string_equal(f.values[0], "$.\"view\"");
    assert_string_equal(f.values[1], "PA");
    assert_string_equal(f.values[3], "60");
    assert_string_equal(f.values[6], "effusion");
    assert_string_equal(f.values[7], "effusion");
    assert_ok(bv_filter_make(&f, NULL, 0, NULL, &arena, &err), err);
    assert_null(f.sql);
    static const char *const bad[] = {"view", "=PA", "a\"b=c", "age!60"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(bv_filter_make(&f, &bad[i], 1, NULL, &arena, &err), BV_ERR_ARG);
    bv_arena_free(&arena);
}

struct first_run {
    const char *path;
    struct bv_sitekey key;
    enum bv_status status;
    struct bv_error err;
};

static void *load_first(void *arg)
{
    struct first_run *run = arg;
    run->status = bv_sitekey_load(&run->key, run->path, true, &run->err);
    return NULL;
}

// First runs at the same time use one key.
static void test_sitekey_race(void **state)
{
    enum { RUNS = 8, ROUNDS = 25 };
    char name[16];
    for (int round = 0; round < ROUNDS; round++) {
        struct first_run runs[RUNS] = {0};
        pthread_t threads[RUNS];
        (void)snprintf(name, sizeof name, "key%d", round);
        const char *path = temporary_path(state, name);
        for (int i = 0; i < RUNS; i++) {
            runs[i].path = path;
            assert_int_equal(pthread_create(&threads[i], NULL, load_first, &runs[i]), 0);
        }
        for (int i = 0; i < RUNS; i++)
            assert_int_equal(pthread_join(threads[i], NULL), 0);
        for (int i = 0; i < RUNS; i++) {
            assert_ok(runs[i].status, runs[i].err);
            assert_memory_equal(runs[i].key.bytes, runs[0].key.bytes, sizeof runs[0].key.bytes);
        }
    }
}

static void test_sitekey(void **state)
{
    struct bv_error err = {0};
    struct bv_sitekey key = {.keep_identifiers = false}, again = key, other = key;
    char name[BV_SITEKEY_NAME], same[BV_SITEKEY_NAME], different[BV_SITEKEY_NAME];
    const char *path = temporary_path(state, "key");
    assert_int_equal(bv_sitekey_load(&key, path, false, &err), BV_ERR_IO);
    assert_ok(bv_sitekey_load(&key, path, true, &err), err);
    assert_ok(bv_sitekey_load(&again, path, true, &err), err);
    assert_ok(bv_sitekey_load(&other, temporary_path(state, "other"), true, &err), err);
    bv_sitekey_hash(&key, "1.2.3", name);
    bv_sitekey_hash(&again, "1.2.3", same);
    bv_sitekey_hash(&other, "1.2.3", different);
    assert_string_equal(name, same);
    assert_string_not_equal(name, different);
    // RFC 4231, test case 2, cut to 128 bits: the hash is HMAC-SHA256 of the identifier.
    static const char fixed[] =
        "4a65666500000000000000000000000000000000000000000000000000000000\n";
    assert_ok(
        bv_sitekey_load(&key, temporary_file(state, "rfc", fixed, sizeof fixed - 1), false, &err),
        err);
    bv_sitekey_hash(&key, "what do ya want for nothing?", name);
    assert_string_equal(name, "5bdcc146bf60754e6a042426089575c7");
    assert_int_equal(bv_sitekey_load(&key, temporary_file(state, "bad", "xyz", 3), false, &err),
                     BV_ERR_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scrub),
        cmocka_unit_test(test_essence),
        cmocka_unit_test(test_filter),
        cmocka_unit_test_setup_teardown(test_sitekey, temporary_folder, temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_sitekey_race, temporary_folder,
                                        temporary_folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

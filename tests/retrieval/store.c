#define _GNU_SOURCE
// The index file: what is added is read back, merged, selected; damage is found and named.
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/dtype.h"
#include "base/file.h"
#include "checkpoint/temporary.h"
#include "retrieval/query.h"
#include "retrieval/synthetic.h"
#include "support/check.h"

static struct bv_store *create(const char *path)
{
    struct bv_error err = {0};
    struct bv_store *store = NULL;
    struct bv_store_info info = synthetic_info();
    assert_ok(bv_store_create(path, &info, &err), err);
    assert_ok(bv_store_open(&store, path, true, &err), err);
    return store;
}

static void add(struct bv_store *store, uint64_t first, uint64_t end)
{
    struct bv_error err = {0};
    assert_ok(bv_store_begin(store, &err), err);
    for (uint64_t i = first; i < end; i++)
        assert_ok(synthetic_add(store, i, &err), err);
    assert_ok(bv_store_commit(store, &err), err);
}

static void test_round_trip(void **state)
{
    enum { N = 7000 }; // more rows than a page holds, of both kinds
    struct bv_error err = {0};
    struct bv_store *store = create(temporary_path(state, "index"));
    add(store, 0, 100);
    add(store, 100, N);
    bv_store_close(&store);
    assert_ok(bv_store_open(&store, temporary_path(state, "index"), false, &err), err);
    assert_ok(bv_store_verify(store, &err), err);
    assert_int_equal(bv_store_info(store)->dimension, SYNTHETIC_DIMENSION);
    assert_string_equal(bv_store_info(store)->model, "synthetic");
    struct bv_store_counts counts;
    assert_ok(bv_store_count(store, &counts, &err), err);
    assert_int_equal(counts.items[BV_KIND_REPORT], N / 3);
    assert_int_equal(counts.items[BV_KIND_IMAGE], N - N / 3);
    assert_int_equal(counts.studies, N / 2);
    assert_int_equal(counts.thumbnails, counts.items[BV_KIND_IMAGE]);

    struct bv_pool *pool = NULL;
    struct bv_vectors v = {0};
    assert_ok(bv_pool_create(&pool, 2, &err), err);
    assert_ok(bv_store_load(store, BV_KIND_IMAGE, pool, &v, &err), err);
    assert_int_equal(v.n, counts.items[BV_KIND_IMAGE]);
    for (uint64_t i = 0; i < N; i += 97) {
        struct bv_arena arena = {0};
        struct bv_entry e;
        bool found = false;
        float vector[SYNTHETIC_DIMENSION];
        uint16_t half[SYNTHETIC_DIMENSION], stored[SYNTHETIC_DIMENSION];
        assert_ok(bv_store_find(store, synthetic_id(i), &arena, &e, &found, &err), err);
        assert_true(found);
        synthetic_vector(i, vector, SYNTHETIC_DIMENSION);
        bv_f32_to_f16_array(vector, half, SYNTHETIC_DIMENSION);
        assert_ok(bv_store_vector(store, e.kind, e.row, stored, &err), err);
        assert_memory_equal(stored, half, sizeof half);
        if (e.kind == BV_KIND_IMAGE)
            assert_memory_equal(v.rows + e.row * v.stride, half, sizeof half);
        bv_arena_free(&arena);
    }
    bv_vectors_free(&v);
    bv_pool_destroy(&pool);
    bv_store_close(&store);
}

static void test_refusals(void **state)
{
    struct bv_error err = {0};
    const char *path = temporary_path(state, "index");
    struct bv_store *store = create(path), *other = NULL;
    struct bv_store_info info = synthetic_info();
    assert_int_equal(bv_store_create(path, &info, &err), BV_ERR_ARG); // never overwritten
    add(store, 0, 5);
    assert_ok(bv_store_begin(store, &err), err);
    assert_int_equal(synthetic_add(store, 3, &err), BV_ERR_ARG);
    bv_store_rollback(store);
    assert_int_equal(bv_store_check_model(store, "other", "fedcba", &err), BV_ERR_REFUSED);
    assert_non_null(strstr(err.text, "synthetic"));
    bv_store_close(&store);
    const char *text = temporary_file(state, "text", "not an index at all, but long enough", 36);
    assert_int_equal(bv_store_open(&other, text, false, &err), BV_ERR_FORMAT);
    assert_int_equal(bv_store_open(&other, temporary_path(state, "none"), false, &err), BV_ERR_IO);
    assert_null(other);
}

// What people write, as an FTS5 query; NULL: refused.
static void test_words(void **state)
{
    (void)state;
    static const struct {
        const char *text, *query;
    } cases[] = {
        {"effusion", "\"effusion\""},
        {" left  effusion ", "\"left\" AND \"effusion\""},
        {"right-sided", "\"right-sided\""},
        {"COVID-19 and/or patient's", "\"COVID-19\" AND \"and/or\" AND \"patient's\""},
        {"\"no effusion\" left", "\"no effusion\" AND \"left\""},
        {"\"not closed", "\"not closed\""},
        {"left\"no effusion\"", "\"left\" AND \"no effusion\""},
        {"cardio* -", "\"cardio\"*"},
        {"gr\xc3\xb6\xc3\x9f"
         "er (links)",
         "\"gr\xc3\xb6\xc3\x9f"
         "er\" AND \"(links)\""},
        {"not or near", "\"not\" AND \"or\" AND \"near\""},
        {"\"OR\"", "\"OR\""},
        {"left OR right", NULL},
        {"NOT effusion", NULL},
        {"", NULL},
        {"- / \"\" *", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bv_error err = {0};
        struct bv_arena arena = {0};
        const char *query = NULL;
        enum bv_status status = bv_filter_words(cases[i].text, &arena, &query, &err);
        assert_int_equal(status, cases[i].query ? BV_OK : BV_ERR_ARG);
        if (query)
            assert_string_equal(query, cases[i].query);
        bv_arena_free(&arena);
    }
}

// The rows of a kind whose reports match words.
static uint64_t matching(struct bv_store *store, enum bv_kind kind, const char *words)
{
    struct bv_error err = {0};
    struct bv_arena arena = {0};
    struct bv_filter filter;
    uint64_t *bits = NULL;
    size_t n_set = 0;
    assert_ok(bv_filter_make(&filter, NULL, 0, words, &arena, &err), err);
    assert_ok(bv_store_select(store, kind, &filter, 20, &bits, &n_set, &err), err);
    uint64_t first = bits[0];
    free(bits);
    bv_arena_free(&arena);
    return first;
}

static enum bv_change put_report(struct bv_store *store, const struct bv_report *report)
{
    struct bv_error err = {0};
    enum bv_change change;
    assert_ok(bv_store_begin(store, &err), err);
    assert_ok(bv_store_put_report(store, report, &change, &err), err);
    assert_ok(bv_store_commit(store, &err), err);
    return change;
}

static void assert_shown(struct bv_store *store, const char *id, const char *report)
{
    struct bv_error err = {0};
    struct bv_arena arena = {0};
    struct bv_entry entry;
    bool found = false;
    assert_ok(bv_store_find(store, id, &arena, &entry, &found, &err), err);
    assert_true(found);
    assert_string_equal(entry.report, report);
    bv_arena_free(&arena);
}

static void test_reports(void **state)
{
    struct bv_error err = {0};
    struct bv_store *store = create(temporary_path(state, "index"));
    add(store, 0, 2); // items 0 and 1, images of study0
    const char *const one[] = {"r1"};
    const struct bv_report report = {
        .id = "r1", .study = "study0", .text = "small left effusion", .dated = true};
    const struct bv_report late = {.id = "r2",
                                   .study = "study0",
                                   .text = "rib fracture",
                                   .kind = "addendum",
                                   .dated = true,
                                   .after = 3600};
    const struct bv_report right = {.id = "r3",
                                    .study = "study0",
                                    .text = "no pneumothorax",
                                    .kind = "correction",
                                    .dated = true,
                                    .after = 60,
                                    .predecessors = one,
                                    .n_predecessors = 1};
    assert_int_equal(put_report(store, &late), BV_ADDED);
    assert_int_equal(put_report(store, &report), BV_ADDED);
    assert_int_equal(put_report(store, &report), BV_UNCHANGED);
    assert_shown(store, synthetic_id(0), "small left effusion\n\nrib fracture");
    assert_int_equal(matching(store, BV_KIND_IMAGE, "effusion"), 3);
    assert_int_equal(matching(store, BV_KIND_IMAGE, "fracture"), 3);
    // A correction takes the place of what it corrects, for the images of the study.
    assert_int_equal(put_report(store, &right), BV_ADDED);
    assert_shown(store, synthetic_id(1), "no pneumothorax\n\nrib fracture");
    assert_int_equal(matching(store, BV_KIND_IMAGE, "effusion"), 0);
    // Another text under the same id replaces the old one, and its words.
    struct bv_report corrected = right;
    corrected.text = "tension pneumothorax";
    assert_int_equal(put_report(store, &corrected), BV_REPLACED);
    assert_int_equal(matching(store, BV_KIND_IMAGE, "tension"), 3);
    assert_int_equal(matching(store, BV_KIND_IMAGE, "no"), 0);
    // A correction of another study's report changes nothing there.
    struct bv_report stray = right;
    stray.id = "r4";
    stray.study = "study9";
    const char *const two[] = {"r2"};
    stray.predecessors = two;
    assert_int_equal(put_report(store, &stray), BV_ADDED);
    assert_shown(store, synthetic_id(1), "tension pneumothorax\n\nrib fracture");
    assert_ok(bv_store_verify(store, &err), err);
    struct bv_filter filter;
    struct bv_arena arena = {0};
    uint64_t *bits = NULL;
    size_t n_set = 0;
    assert_ok(bv_filter_make(&filter, NULL, 0, "\"unclosed", &arena, &err), err);
    assert_int_equal(bv_store_select(store, BV_KIND_IMAGE, &filter, 20, &bits, &n_set, &err),
                     BV_ERR_ARG);
    bv_arena_free(&arena);
    bv_store_close(&store);
}

// Places an image and a report of what is known; the report that the image is then shown with.
struct arrival {
    const char *id, *study, *accession, *patient; // study NULL: known by its accession number only
    bool report;
};

static void arrive(struct bv_store *store, const struct arrival *a, enum bv_apart *apart)
{
    struct bv_error err = {0};
    struct bv_arena arena = {0};
    const char *placed = NULL;
    const struct bv_study study = {.id = a->study ? a->study : a->accession,
                                   .named = a->study != NULL,
                                   .accession = a->accession,
                                   .patient = a->patient};
    float vector[SYNTHETIC_DIMENSION] = {1};
    assert_ok(bv_store_begin(store, &err), err);
    assert_ok(bv_store_place(store, &study, &arena, &placed, apart, &err), err);
    const struct bv_item item = {.id = a->id, .study = placed, .kind = a->report, .vector = vector};
    const struct bv_report report = {.id = a->id, .study = placed, .text = a->id};
    enum bv_change change;
    assert_ok(bv_store_add(store, &item, &err), err);
    if (a->report)
        assert_ok(bv_store_put_report(store, &report, &change, &err), err);
    assert_ok(bv_store_commit(store, &err), err);
    bv_arena_free(&arena);
}

// In every order of arrival an image is shown with the same reports.
static void in_all_orders(void **state, const struct arrival *all, size_t n,
                          const char *const *shown, bool any_apart)
{
    struct bv_error err = {0};
    static const size_t orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                       {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (size_t o = 0; o < sizeof orders / sizeof *orders; o++) {
        const char *path = temporary_path(state, "index");
        struct bv_store *store = create(path);
        bool apart_once = false;
        for (size_t i = 0; i < 3; i++) {
            enum bv_apart apart = BV_APART_NOT;
            if (orders[o][i] < n)
                arrive(store, &all[orders[o][i]], &apart);
            apart_once = apart_once || apart != BV_APART_NOT;
        }
        for (size_t i = 0; i < n; i++)
            assert_shown(store, all[i].id, shown[i]);
        assert_int_equal(apart_once, any_apart);
        assert_ok(bv_store_verify(store, &err), err);
        bv_store_close(&store);
        assert_int_equal(unlink(path), 0);
    }
}

static void test_joining(void **state)
{
    // A report known by its accession number joins the one study that bears it …
    const struct arrival joined[] = {{"image", "1.2", "A1", "", false},
                                     {"report", NULL, "A1", "P", true}};
    in_all_orders(state, joined, 2, (const char *const[]){"report", "report"}, false);
    // … not when another study bears it, too,
    const struct arrival both[] = {{"image", "1.2", "A1", "", false},
                                   {"other", "1.3", "A1", "", false},
                                   {"report", NULL, "A1", "", true}};
    in_all_orders(state, both, 3, (const char *const[]){"", "", "report"}, true);
    // nor when it is another patient's.
    const struct arrival patients[] = {{"image", "1.2", "A1", "P", false},
                                       {"report", NULL, "A1", "Q", true}};
    in_all_orders(state, patients, 2, (const char *const[]){"", "report"}, true);
    // One study identifier under two patients is two studies.
    const struct arrival same[] = {{"image", "1.2", NULL, "P", false},
                                   {"report", "1.2", NULL, "Q", true}};
    in_all_orders(state, same, 2, (const char *const[]){"", "report"}, true);
    // Two reports of one number and two patients are no study.
    const struct arrival numbers[] = {{"first", NULL, "A1", "P", true},
                                      {"second", NULL, "A1", "Q", true}};
    in_all_orders(state, numbers, 2, (const char *const[]){"first", "second"}, true);
}

static void test_merge(void **state)
{
    struct bv_error err = {0};
    struct bv_store *whole = create(temporary_path(state, "whole"));
    struct bv_store *a = create(temporary_path(state, "a"));
    struct bv_store *b = create(temporary_path(state, "b"));
    struct bv_store *merged = create(temporary_path(state, "merged"));
    size_t n = 0;
    uint32_t expected, digest;
    add(whole, 0, 900);
    add(a, 0, 400);
    add(b, 350, 900); // overlaps
    assert_ok(bv_store_merge(merged, a, &n, &err), err);
    assert_int_equal(n, 400);
    assert_ok(bv_store_merge(merged, b, &n, &err), err);
    assert_int_equal(n, 500);
    assert_ok(bv_store_verify(merged, &err), err);
    assert_ok(synthetic_digest(whole, &expected, &err), err);
    assert_ok(synthetic_digest(merged, &digest, &err), err);
    assert_int_equal(digest, expected);
    bv_store_close(&whole);
    bv_store_close(&a);
    bv_store_close(&b);
    bv_store_close(&merged);
}

// Flips bits all over the file: each copy is refused by open or by verify, or is still right.
// Whether any file of the index holds some bytes.
static bool any_file_has(void **state, const void *bytes, size_t n)
{
    struct bv_error err = {0};
    char *text = NULL;
    size_t size;
    assert_ok(bv_read_all(temporary_path(state, "index"), (size_t)1 << 30, &text, &size, &err),
              err);
    bool has = memmem(text, size, bytes, n) != NULL;
    free(text);
    return has;
}

static void take_out(struct bv_store *store, enum bv_named what, const char *name,
                     struct bv_store_counts *counts)
{
    struct bv_error err = {0};
    assert_ok(bv_store_begin(store, &err), err);
    assert_ok(bv_store_remove(store, what, name, counts, &err), err);
    assert_ok(bv_store_sweep(store, &err), err);
    assert_ok(bv_store_commit(store, &err), err);
    assert_ok(bv_store_shrink(store, &err), err);
    assert_ok(bv_store_verify(store, &err), err);
}

// What is taken out leaves no byte, what stays is what it was, and nothing brings it back.
static void test_removal(void **state)
{
    enum { N = 6000 };
    static const uint64_t removed[] = {0, 7, 2000, 5999, 3003, 3002};
    struct bv_error err = {0};
    struct bv_store *store = create(temporary_path(state, "index"));
    add(store, 0, N);
    const struct bv_study place = {.id = "secretstudy", .named = true, .patient = "secretpatient"};
    const struct bv_report report = {.id = "secretreport",
                                     .study = "secretstudy",
                                     .text = "zqxsentinel of a word",
                                     .predecessors = (const char *const[]){"secretbefore"},
                                     .n_predecessors = 1};
    struct bv_arena arena = {0};
    const char *placed;
    enum bv_apart apart;
    enum bv_change change;
    float vector[SYNTHETIC_DIMENSION];
    uint16_t half[SYNTHETIC_DIMENSION];
    synthetic_vector(77777777, vector, SYNTHETIC_DIMENSION);
    bv_f32_to_f16_array(vector, half, SYNTHETIC_DIMENSION);
    const struct bv_item item = {.id = "secretitem",
                                 .study = "secretstudy",
                                 .vector = vector,
                                 .metadata = "{\"view\":\"secretview\"}",
                                 .thumbnail = "secretpicture",
                                 .thumbnail_bytes = 13};
    assert_ok(bv_store_begin(store, &err), err);
    assert_ok(bv_store_place(store, &place, &arena, &placed, &apart, &err), err);
    assert_ok(bv_store_put_report(store, &report, &change, &err), err);
    assert_ok(bv_store_add(store, &item, &err), err);
    assert_ok(bv_store_commit(store, &err), err);
    add(store, N, N + 10); // what was added last is not what goes
    assert_true(any_file_has(state, "secret", 6) && any_file_has(state, "zqxsentinel", 11) &&
                any_file_has(state, half, sizeof half));

    struct bv_store_counts counts = {.studies = 0};
    take_out(store, BV_NAMED_PATIENT, "secretpatient", &counts);
    assert_true(counts.items[BV_KIND_IMAGE] == 1 && counts.reports == 1 && counts.studies == 1);
    assert_false(any_file_has(state, "zqxsentinel", 11));
    assert_false(any_file_has(state, half, sizeof half));
    // Its name alone is kept, so that it does not come again.
    static const char *const gone[] = {"secretstudy", "secretreport",  "secretitem",
                                       "secretview",  "secretpicture", "secretbefore"};
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
        assert_false(any_file_has(state, gone[i], strlen(gone[i])));

    struct bv_store_counts none = {.studies = 0};
    for (size_t i = 0; i < sizeof removed / sizeof *removed; i++)
        take_out(store, BV_NAMED_ITEM, synthetic_id(removed[i]), &counts);
    take_out(store, BV_NAMED_ITEM, "nobody", &none);
    assert_true(none.items[0] + none.items[1] + none.reports + none.studies == 0);
    for (uint64_t i = 0; i < N; i++) {
        bool has = false, is_gone = false;
        for (size_t j = 0; j < sizeof removed / sizeof *removed; j++)
            is_gone = is_gone || removed[j] == i;
        assert_ok(bv_store_has(store, synthetic_id(i), &has, &err), err);
        assert_true(has != is_gone);
    }
    // Another index that still has them does not bring them back, and takes them out itself.
    struct bv_store *other = create(temporary_path(state, "other"));
    add(other, 0, 20);
    size_t n_added = 9;
    assert_ok(bv_store_merge(store, other, &n_added, &err), err);
    assert_int_equal(n_added, 0);
    assert_ok(bv_store_merge(other, store, &n_added, &err), err);
    bool has = true;
    assert_ok(bv_store_has(other, synthetic_id(7), &has, &err), err);
    assert_false(has);
    assert_ok(bv_store_verify(other, &err), err);
    assert_ok(bv_store_begin(store, &err), err);
    assert_ok(bv_store_readmit(store, BV_NAMED_ITEM, synthetic_id(7), &err), err);
    assert_ok(bv_store_commit(store, &err), err);
    assert_ok(bv_store_is_removed(store, BV_NAMED_ITEM, synthetic_id(7), &has, &err), err);
    assert_false(has);
    bv_arena_free(&arena);
    bv_store_close(&other);
    bv_store_close(&store);
}

static int rows_of(const char *path, const char *table)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *count = NULL;
    char query[64];
    (void)snprintf(query, sizeof query, "SELECT count(*) FROM %s", table);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, query, -1, &count, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(count), SQLITE_ROW);
    int n = sqlite3_column_int(count, 0);
    (void)sqlite3_finalize(count);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return n;
}

// What was removed as a whole, a study with what was kept apart under its identifier or a patient,
// stays out when another index has it: no item, no report, and no study that bears its number.
static void test_removal_of_others(void **state)
{
    static const struct arrival theirs[] = {{"one", "study", "A1", "P", false},
                                            {"two", "study", "A1", "Q", true},
                                            {"three", "next", "A2", "R", true},
                                            {"four", "last", "A3", "S", false},
                                            {"six#2", "sixth", "A4", "T", false}};
    struct bv_error err = {0};
    struct bv_store *store = create(temporary_path(state, "index"));
    struct bv_store *other = create(temporary_path(state, "other"));
    struct bv_store_counts counts = {.studies = 0};
    enum bv_apart apart = BV_APART_NOT;
    size_t n = 9;
    for (size_t i = 0; i < sizeof theirs / sizeof *theirs; i++)
        arrive(other, &theirs[i], &apart);
    take_out(store, BV_NAMED_STUDY, "study", &counts);
    take_out(store, BV_NAMED_PATIENT, "R", &counts);
    take_out(store, BV_NAMED_ITEM, "four", &counts);
    take_out(store, BV_NAMED_ITEM, "six", &counts); // with its frames
    take_out(other, BV_NAMED_ITEM, "five#7", &counts);
    assert_ok(bv_store_begin(other, &err), err);
    assert_ok(bv_store_set(other, "last_frame", "7", &err), err);
    assert_ok(bv_store_commit(other, &err), err);
    assert_ok(bv_store_merge(store, other, &n, &err), err);
    assert_int_equal(n, 0);
    // So far does an object's readmission look for frames.
    struct bv_arena arena = {0};
    const char *note = NULL;
    assert_ok(bv_store_get(store, "last_frame", &arena, &note, &err), err);
    assert_string_equal(note, "7");
    bv_arena_free(&arena);
    bv_store_close(&other);
    bv_store_close(&store);
    assert_int_equal(rows_of(temporary_path(state, "index"), "item"), 0);
    assert_int_equal(rows_of(temporary_path(state, "index"), "report"), 0);
    assert_int_equal(rows_of(temporary_path(state, "index"), "examination"), 0);
    assert_int_equal(rows_of(temporary_path(state, "index"), "bears"), 0);
}

static void test_damage(void **state)
{
    struct bv_error err = {0};
    const char *path = temporary_path(state, "index");
    struct bv_store *store = create(path);
    add(store, 0, 3000);
    bv_store_close(&store);
    char *bytes;
    size_t size;
    uint32_t expected, digest;
    assert_ok(bv_read_all(path, (size_t)1 << 30, &bytes, &size, &err), err);
    assert_ok(bv_store_open(&store, path, false, &err), err);
    assert_ok(synthetic_digest(store, &expected, &err), err);
    bv_store_close(&store);
    int found = 0, harmless = 0;
    srand(7);
    for (int i = 0; i < 150; i++) {
        size_t at = (size_t)rand() % size;
        bytes[at] = (char)(bytes[at] ^ 0x10);
        const char *copy = temporary_file(state, "copy", bytes, size);
        bytes[at] = (char)(bytes[at] ^ 0x10);
        enum bv_status status = bv_store_open(&store, copy, false, &err);
        if (status == BV_OK)
            status = bv_store_verify(store, &err);
        if (status == BV_OK) {
            // Free space, or a part of text or ids that nothing checks but that reads well.
            assert_ok(synthetic_digest(store, &digest, &err), err);
            harmless += digest == expected;
        } else {
            found++;
        }
        bv_store_close(&store);
        (void)unlink(copy);
    }
    printf("150 flipped bits: %d found, %d in unused space\n", found, harmless);
    assert_int_equal(found + harmless, 150); // nothing wrong passes for right
    assert_true(found > 60);                 // 99 were found when this was written
    free(bytes);
}

// A row that someone took out.
static void test_hole(void **state)
{
    struct bv_error err = {0};
    const char *path = temporary_path(state, "index");
    struct bv_store *store = create(path);
    sqlite3 *db = NULL;
    add(store, 0, 30);
    bv_store_close(&store);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "DELETE FROM item WHERE number = 5", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_ok(bv_store_open(&store, path, false, &err), err);
    assert_int_equal(bv_store_verify(store, &err), BV_ERR_FORMAT);
    assert_non_null(strstr(err.text, "has holes"));
    bv_store_close(&store);
}

int main(void)
{
#define WITH_FOLDER(test)                                                                          \
    cmocka_unit_test_setup_teardown(test, temporary_folder, temporary_folder_remove)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words), WITH_FOLDER(test_round_trip),
        WITH_FOLDER(test_refusals),   WITH_FOLDER(test_reports),
        WITH_FOLDER(test_joining),    WITH_FOLDER(test_merge),
        WITH_FOLDER(test_damage),     WITH_FOLDER(test_hole),
        WITH_FOLDER(test_removal),    WITH_FOLDER(test_removal_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// Indexes: creating, adding, asking, checking.
#include "api/fixture.h"

#include <biovl/retrieval.h>
#include <unistd.h>

static char index_path[4096];

struct seen {
    size_t failures, calls;
    int stop;
};

static void failed(void *arg, const char *name, enum bv_status status, const char *text)
{
    struct seen *seen = arg;
    seen->failures++;
    assert_true(name && status != BV_OK && text[0]);
}

static int progress(void *arg, size_t done, size_t total)
{
    struct seen *seen = arg;
    (void)done;
    (void)total;
    seen->calls++;
    return seen->stop;
}

static void create(const struct fixture *f, struct bv_index **index)
{
    const struct bv_index_options options = {.size = sizeof options, .thumbnail = 64};
    (void)snprintf(index_path, sizeof index_path, "%s", fixture_path("index"));
    must(f->context, bv_index_create(f->engine, index_path, &options));
    assert_int_equal(bv_index_create(f->engine, index_path, &options), BV_ERR_ARG);
    must(f->context, bv_index_open(f->context, index_path, NULL, 1, index));
}

static void remove_files(void)
{
    static const char *const ends[] = {"", ".key", "-wal", "-shm", ".image.vec", ".report.vec"};
    char path[4300];
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        (void)snprintf(path, sizeof path, "%s%s", index_path, ends[i]);
        (void)unlink(path);
    }
}

static void test_add(void **state)
{
    struct fixture *f = *state;
    struct bv_index *index = NULL;
    create(f, &index);
    struct seen seen = {0};
    const struct bv_observer observer = {
        .size = sizeof observer, .arg = &seen, .failed = failed, .progress = progress};
    must(f->context, bv_context_observe(f->context, &observer));
    const char *inputs[] = {SAMPLE, MODEL, "/no/such/file"};
    struct bv_index_sources sources = {.size = sizeof sources, .inputs = inputs, .n_inputs = 2};
    struct bv_index_counts counts = {.size = sizeof counts};
    must(f->context, bv_index_add(index, f->engine, &sources, &counts));
    assert_int_equal(counts.images, 1);
    assert_int_equal(counts.failed, 1);
    assert_int_equal(seen.failures, 1);
    assert_true(seen.calls > 0);
    must(f->context, bv_index_add(index, f->engine, &sources, &counts));
    assert_int_equal(counts.images, 0);
    assert_int_equal(counts.skipped, 1);
    counts.size = 0;
    assert_int_equal(bv_index_add(index, f->engine, &sources, &counts), BV_ERR_ARG);
    must(f->context, bv_context_observe(f->context, NULL));
    char *json = NULL;
    must(f->context, bv_index_describe(index, &json));
    assert_non_null(strstr(json, "\"images\":1"));
    bv_free(json);
    must(f->context, bv_index_verify(index, &json));
    bv_free(json);
    char name[BV_INDEX_NAME_SIZE];
    must(f->context, bv_index_name(index, "1.2.3", name, sizeof name));
    assert_int_equal(strlen(name), BV_INDEX_NAME_SIZE - 1);
    assert_int_equal(bv_index_name(index, "1.2.3", name, sizeof name - 1), BV_ERR_ARG);
    bv_index_close(&index);
    remove_files();
}

static void test_search(void **state)
{
    struct fixture *f = *state;
    struct bv_index *index = NULL;
    struct bv_hits *hits = NULL;
    create(f, &index);
    const char *input = SAMPLE;
    const struct bv_index_sources sources = {
        .size = sizeof sources, .inputs = &input, .n_inputs = 1};
    must(f->context, bv_index_add(index, f->engine, &sources, NULL));
    struct bv_index_query query = {.size = sizeof query, .image = f->image, .k = 3};
    must(f->context, bv_index_search(index, f->engine, &query, &hits));
    assert_int_equal(bv_hits_count(hits), 1);
    assert_true(bv_hits_score(hits, 0) > 0.99); // f16 vectors
    assert_true(bv_hits_cosine(hits, 0) > 0.99);
    assert_string_equal(bv_hits_score_kind(hits), "cosine");
    assert_string_equal(bv_hits_kind(hits, 0), "image");
    assert_int_equal(bv_hits_item_kind(hits, 0), BV_ITEM_IMAGE);
    assert_string_not_equal(bv_hits_id(hits, 0), "");
    assert_string_not_equal(bv_hits_study(hits, 0), "");
    assert_true(bv_hits_metadata(hits, 0)[0] == '{');
    assert_string_equal(bv_hits_report(hits, 0), "");
    char *json = NULL;
    must(f->context, bv_hits_json(hits, 0, &json));
    bv_free(json);
    const char *sheet = fixture_path("sheet.html");
    must(f->context, bv_hits_write_sheet(hits, sheet));
    (void)unlink(sheet);
    bv_hits_free(&hits);
    query.text = "edema"; // two questions at once
    assert_int_equal(bv_index_search(index, f->engine, &query, &hits), BV_ERR_ARG);
    assert_null(hits);
    must(f->context, bv_index_export(index, "image", fixture_path("lines"), NULL));
    (void)unlink(fixture_path("lines"));
    bv_index_close(&index);
    remove_files();
}

// Two reports and an image: rescored by the matching head of the shipped model, the image once for
// all of them and for the next query.
static void test_rerank(void **state)
{
    struct fixture *f = *state;
    struct bv_index *index = NULL;
    struct bv_hits *hits = NULL;
    struct bv_reranker *reranker = NULL;
    create(f, &index);
    char report[4096];
    (void)snprintf(report, sizeof report, "%s", fixture_path("report.txt"));
    FILE *file = fopen(report, "w");
    assert_non_null(file);
    (void)fputs("FINDINGS: Large left pleural effusion.\n", file);
    assert_int_equal(fclose(file), 0);
    const char *input = report;
    const struct bv_index_sources sources = {
        .size = sizeof sources, .inputs = &input, .n_inputs = 1};
    struct bv_index_counts counts = {.size = sizeof counts};
    must(f->context, bv_index_add(index, f->engine, &sources, &counts));
    assert_int_equal(counts.reports, 1);
    must(f->context, bv_reranker_open(f->engine, &reranker));
    const struct bv_index_query query = {
        .size = sizeof query, .image = f->image, .find = "report", .k = 1, .reranker = reranker};
    for (int round = 0; round < 2; round++) {
        must(f->context, bv_index_search(index, f->engine, &query, &hits));
        assert_int_equal(bv_hits_count(hits), 1);
        assert_int_equal(bv_hits_item_kind(hits, 0), BV_ITEM_REPORT);
        assert_string_equal(bv_hits_score_kind(hits), "match_softmax");
        assert_true(bv_hits_score(hits, 0) > 0 && bv_hits_score(hits, 0) < 1);
        assert_non_null(strstr(bv_hits_report(hits, 0), "effusion"));
        bv_hits_free(&hits);
    }
    assert_int_equal(bv_reranker_images_read(reranker), 1);
    float vector[4096] = {1};
    const struct bv_index_query wrong = {
        .size = sizeof wrong, .vector = vector, .n_vector = 3, .k = 1};
    assert_int_equal(bv_index_search(index, NULL, &wrong, &hits), BV_ERR_ARG);
    assert_null(hits);
    bv_reranker_close(&reranker);
    bv_index_close(&index);
    (void)unlink(report);
    remove_files();
}

static void test_merge(void **state)
{
    struct fixture *f = *state;
    struct bv_index *index = NULL, *other = NULL;
    size_t n = 7;
    create(f, &index);
    must(f->context, bv_index_open(f->context, index_path, NULL, 0, &other));
    must(f->context, bv_index_merge(index, other, &n));
    assert_int_equal(n, 0);
    bv_index_close(&other);
    bv_index_close(&index);
    remove_files();
}

static void test_remove(void **state)
{
    struct fixture *f = *state;
    struct bv_index *index = NULL;
    create(f, &index);
    const char *input = SAMPLE;
    const struct bv_index_sources sources = {
        .size = sizeof sources, .inputs = &input, .n_inputs = 1};
    struct bv_index_counts counts = {.size = sizeof counts};
    static const char *const wrong[] = {"nosuchfield=1"};
    must(f->context, bv_index_check_fields(index, wrong, 1)); // an empty index knows no field
    must(f->context, bv_index_add(index, f->engine, &sources, &counts));
    assert_int_equal(counts.images, 1);
    assert_int_equal(bv_index_check_fields(index, wrong, 1), BV_ERR_ARG);
    // By its name in the index, as a search tells it.
    struct bv_hits *hits = NULL;
    const struct bv_index_query query = {.size = sizeof query, .text = "a chest", .k = 1};
    must(f->context, bv_index_search(index, f->engine, &query, &hits));
    const struct bv_index_removal removals[] = {{BV_INDEX_ITEM, bv_hits_id(hits, 0)},
                                                {BV_INDEX_ITEM, "nobody"}};
    // A table names it by that, too.
    static const char *const columns[] = {"site"};
    const struct bv_index_update_options update = {
        .size = sizeof update, .table = "update.csv", .columns = columns, .n_columns = 1};
    struct bv_index_updated updated = {.size = sizeof updated};
    FILE *table = fopen("update.csv", "w");
    assert_non_null(table);
    (void)fprintf(table, "id,site\n%s,north\nnobody,south\n", bv_hits_id(hits, 0));
    (void)fclose(table);
    must(f->context, bv_index_update(index, &update, &updated));
    (void)remove("update.csv");
    assert_true(updated.updated == 1 && updated.unchanged == 0 && updated.unknown == 1);
    static const char *const right[] = {"site=north"};
    must(f->context, bv_index_check_fields(index, right, 1));
    struct bv_index_removed removed = {.size = sizeof removed};
    must(f->context, bv_index_remove(index, removals, 2, 0, &removed));
    assert_true(removed.images == 1 && removed.unknown == 1);
    must(f->context, bv_index_add(index, f->engine, &sources, &counts));
    assert_true(counts.images == 0 && counts.skipped == 1);
    must(f->context, bv_index_remove(index, removals, 2, 1, NULL));
    must(f->context, bv_index_add(index, f->engine, &sources, &counts));
    assert_int_equal(counts.images, 1);
    bv_hits_free(&hits);
    bv_index_close(&index);
    remove_files();
}

static void test_cancel(void **state)
{
    struct fixture *f = *state;
    struct bv_index *index = NULL;
    create(f, &index);
    struct seen seen = {.stop = 1};
    const struct bv_observer observer = {
        .size = sizeof observer, .arg = &seen, .progress = progress};
    const char *input = SAMPLE;
    const struct bv_index_sources sources = {
        .size = sizeof sources, .inputs = &input, .n_inputs = 1};
    must(f->context, bv_context_observe(f->context, &observer));
    assert_int_equal(bv_index_add(index, f->engine, &sources, NULL), BV_ERR_CANCELLED);
    must(f->context, bv_context_observe(f->context, NULL));
    char *json = NULL;
    must(f->context, bv_index_describe(index, &json));
    assert_non_null(strstr(json, "\"images\":0"));
    bv_free(json);
    bv_index_close(&index);
    remove_files();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add),   cmocka_unit_test(test_search), cmocka_unit_test(test_rerank),
        cmocka_unit_test(test_merge), cmocka_unit_test(test_cancel), cmocka_unit_test(test_remove),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}

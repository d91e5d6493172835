// Archives: addresses, and what is refused before anything is sent. Transfers: cli.dicomweb,
// cli.dimse, cli.dicom_result.
#include "api/fixture.h"

#include <biovl/explain.h>
#include <biovl/pacs.h>
#include <string.h>
#include <unistd.h>

static void test_addresses(void **state)
{
    (void)state;
    assert_true(bv_pacs_is_url("dicomweb://host/root"));
    assert_true(bv_pacs_is_url("dicom://PACS@host:104"));
    assert_false(bv_pacs_is_url("/some/folder"));
    assert_false(bv_pacs_is_url(""));
}

// Nobody listens on port 1 of this machine.
static void test_unreachable(void **state)
{
    struct fixture *f = *state;
    struct bv_pacs_options o = {
        .size = sizeof o, .url = "dicomweb://127.0.0.1:1/root", .tries = 1, .timeout_s = 2};
    char *lines = NULL;
    assert_int_equal(bv_pacs_find(f->context, &o, &lines), BV_ERR_IO);
    assert_null(lines);
    assert_int_equal(bv_pacs_send(f->context, &o, SAMPLE), BV_ERR_IO);
    assert_int_equal(bv_pacs_send(f->context, &o, MODEL), BV_ERR_FORMAT);
    struct bv_pacs_counts counts = {.size = sizeof counts, .objects = 77};
    const char *folder = fixture_path("pulled");
    char path[4200];
    assert_int_equal(bv_pacs_pull(f->context, &o, folder, NULL, &counts), BV_ERR_IO);
    assert_int_equal(counts.objects, 77);
    (void)snprintf(path, sizeof path, "%s.key", folder);
    (void)unlink(path);
    (void)rmdir(folder);
    o.url = NULL;
    assert_int_equal(bv_pacs_find(f->context, &o, &lines), BV_ERR_ARG);
    o.size = 0;
    assert_int_equal(bv_pacs_find(f->context, &o, &lines), BV_ERR_ARG);
}

static void test_index(void **state)
{
    struct fixture *f = *state;
    struct bv_index *index = NULL;
    char path[4096], key[4200];
    const struct bv_index_options options = {.size = sizeof options};
    (void)snprintf(path, sizeof path, "%s", fixture_path("index"));
    (void)snprintf(key, sizeof key, "%s.key", path);
    must(f->context, bv_index_create(f->engine, path, &options));
    must(f->context, bv_index_open(f->context, path, NULL, 1, &index));
    const struct bv_pacs_options o = {
        .size = sizeof o, .url = "dicomweb://127.0.0.1:1/root", .tries = 1, .timeout_s = 2};
    assert_int_equal(bv_index_pull(index, f->engine, &o, NULL), BV_ERR_IO);
    // An image without a path is read again from there.
    const char *input = SAMPLE;
    const struct bv_index_sources sources = {
        .size = sizeof sources, .inputs = &input, .n_inputs = 1};
    struct bv_reranker *reranker = NULL;
    struct bv_hits *hits = NULL;
    struct bv_pacs_options nowhere = {.size = sizeof nowhere};
    must(f->context, bv_index_add(index, f->engine, &sources, NULL));
    must(f->context, bv_reranker_open(f->engine, &reranker));
    const struct bv_index_query query = {
        .size = sizeof query, .text = "a chest", .k = 1, .reranker = reranker};
    assert_int_equal(bv_index_search(index, f->engine, &query, &hits), BV_ERR_ARG);
    assert_int_equal(bv_reranker_read_from(reranker, index, &nowhere), BV_ERR_ARG);
    must(f->context, bv_reranker_read_from(reranker, index, &o));
    must(f->context, bv_reranker_read_from(reranker, index, &o)); // the last one counts
    assert_int_equal(bv_index_search(index, f->engine, &query, &hits), BV_ERR_IO);
    assert_null(hits);
    bv_reranker_close(&reranker);
    struct bv_listen_options listen = {.size = sizeof listen, .port = 11113};
    // Nobody could end it.
    assert_int_equal(bv_index_listen(index, f->engine, &listen, NULL), BV_ERR_ARG);
    listen.port = 0;
    assert_int_equal(bv_index_listen(index, f->engine, &listen, NULL), BV_ERR_ARG);
    bv_index_close(&index);
    (void)unlink(path);
    (void)unlink(key);
    (void)snprintf(path + strlen(path), sizeof path - strlen(path), ".image.vectors");
    (void)unlink(path);
}

// The same but for the time of day.
static void assert_same_file(const char *path, uint8_t *bytes, size_t size)
{
    size_t n = 0;
    static uint8_t file[1 << 23];
    FILE *stream = fopen(path, "rb");
    assert_non_null(stream);
    assert_int_equal(fread(file, 1, sizeof file, stream), size);
    (void)fclose(stream);
    for (size_t i = 0; i < size; i++)
        n += file[i] != bytes[i];
    assert_in_range(n, 0, 16);
    bv_free(bytes);
    (void)unlink(path);
}

// Objects in memory are those of the files.
static void same_in_memory(const struct fixture *f, const struct bv_result *r, const char *path)
{
    static uint8_t sample[1 << 20];
    FILE *stream = fopen(SAMPLE, "rb");
    assert_non_null(stream);
    const size_t n = fread(sample, 1, sizeof sample, stream);
    (void)fclose(stream);
    uint8_t *bytes = NULL;
    size_t size = 0;
    must(f->context, bv_result_write_sr(f->context, r, SAMPLE, path));
    must(f->context, bv_result_sr(f->context, r, sample, n, "sample", &bytes, &size));
    assert_same_file(path, bytes, size);
    must(f->context, bv_result_write_capture(f->context, r, SAMPLE, path));
    must(f->context, bv_result_sc(f->context, r, sample, n, "sample", &bytes, &size));
    assert_same_file(path, bytes, size);
    struct bv_explained *e = NULL;
    must(f->context,
         bv_explain_texts(f->engine, f->image, (const char *const[]){"edema"}, 1, NULL, &e));
    must(f->context, bv_explained_write_capture(f->context, e, 0, SAMPLE, path));
    must(f->context, bv_explained_sc(f->context, e, 0, sample, n, "sample", &bytes, &size));
    assert_same_file(path, bytes, size);
    assert_int_equal(bv_explained_sc(f->context, e, 0, sample, 99, "a file", &bytes, &size),
                     BV_ERR_FORMAT);
    assert_non_null(strstr(bv_last_error(f->context), "a file"));
    bv_explained_free(&e);
}

static void test_objects(void **state)
{
    struct fixture *f = *state;
    const struct bv_zero_shot_options labels = {.size = sizeof labels, .labels = "Edema\n"};
    struct bv_zero_shot *z = NULL;
    struct bv_result *r = NULL;
    must(f->context, bv_zero_shot_open(f->engine, &labels, &z));
    must(f->context, bv_zero_shot_classify(z, f->image, &r));
    const char *path = fixture_path("object.dcm");
    must(f->context, bv_result_write_sr(f->context, r, SAMPLE, path));
    must(f->context, bv_result_write_capture(f->context, r, SAMPLE, path));
    must(f->context, bv_pacs_capture(f->context, SAMPLE, SAMPLE, "a picture", path));
    (void)unlink(path);
    assert_int_not_equal(bv_result_write_sr(f->context, r, MODEL, path), BV_OK);
    assert_int_not_equal(access(path, F_OK), 0);
    same_in_memory(f, r, path);
    bv_result_free(&r);
    bv_zero_shot_close(&z);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_unreachable),
        cmocka_unit_test(test_index),
        cmocka_unit_test(test_objects),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}

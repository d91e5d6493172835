// Archives: addresses, and what is refused before anything is sent. Transfers: cli.dicomweb,
// cli.dimse, cli.dicom_result.
#include "api/fixture.h"

#include <biovl/pacs.h>
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
    struct bv_listen_options listen = {.size = sizeof listen, .port = 11113};
    // Nobody could end it.
    assert_int_equal(bv_index_listen(index, f->engine, &listen, NULL), BV_ERR_ARG);
    listen.port = 0;
    assert_int_equal(bv_index_listen(index, f->engine, &listen, NULL), BV_ERR_ARG);
    bv_index_close(&index);
    (void)unlink(path);
    (void)unlink(key);
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

// A full disk: adding fails with a sentence, nothing committed is lost, and with room again the
// same call goes on. The disk is a small tmpfs, where this process may mount one.
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "checkpoint/temporary.h"
#include "retrieval/store.h"
#include "retrieval/synthetic.h"
#include "support/check.h"
#include "support/reference.h"

enum { BATCH = 50, LIMIT = 200000 };

// Adds until it fails; the number of items of completed transactions.
static uint64_t fill(struct bv_store *store, struct bv_error *err)
{
    for (uint64_t n = 0; n < LIMIT; n += BATCH) {
        enum bv_status status = bv_store_begin(store, err);
        for (uint64_t i = n; i < n + BATCH && status == BV_OK; i++)
            status = synthetic_add(store, i, err);
        if (status == BV_OK)
            status = bv_store_commit(store, err);
        else
            bv_store_rollback(store);
        if (status != BV_OK)
            return n;
    }
    return LIMIT;
}

// Takes what room is left.
static void fill_up(const char *path)
{
    static const char block[4096];
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    while (fwrite(block, 1, sizeof block, f) == sizeof block && fflush(f) == 0)
        ;
    (void)fclose(f);
}

static void check_full(const char *path, const char *filler)
{
    struct bv_error err = {0};
    struct bv_store *store = NULL;
    struct bv_store_info info = synthetic_info();
    struct bv_store_counts counts;
    assert_ok(bv_store_create(path, &info, &err), err);
    assert_ok(bv_store_open(&store, path, true, &err), err);
    uint64_t committed = fill(store, &err);
    assert_true(committed > 0 && committed < LIMIT);
    assert_int_equal(err.status, BV_ERR_IO);
    assert_non_null(strstr(err.text, "disk is full"));
    bv_store_close(&store);
    assert_ok(bv_store_open(&store, path, false, &err), err);
    assert_ok(bv_store_verify(store, &err), err);
    assert_ok(bv_store_count(store, &counts, &err), err);
    assert_int_equal(counts.items[0] + counts.items[1], committed);
    // The copy of the vectors finds no room: they come from the index.
    fill_up(filler);
    struct bv_vectors v = {0};
    const char *how = NULL;
    assert_ok(bv_vector_file_load(store, BV_KIND_IMAGE, 1, NULL, &v, &how, &err), err);
    assert_string_equal(how, "unwritable");
    assert_int_equal(v.n, counts.items[BV_KIND_IMAGE]);
    bv_vectors_free(&v);
    bv_store_close(&store);
}

static void test_tmpfs(void **state)
{
    char *folder = *state;
    // A mount namespace of our own: nothing is left behind.
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", folder, "tmpfs", 0, "size=4m") != 0) {
        printf("skipped: no tmpfs may be mounted here (%s)\n", strerror(errno));
        skip();
    }
    check_full(temporary_path(state, "index"), temporary_path(state, "filler"));
    assert_int_equal(temporary_count(state), 2); // index and filler, no half-written copy
    (void)umount(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_tmpfs, temporary_folder, temporary_folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// The copy of the vectors beside an index: whatever happened to it, what is loaded is what the
// index holds.
#include "retrieval/store.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checkpoint/temporary.h"
#include "retrieval/synthetic.h"
#include "support/check.h"

static const char *path_of(void *const *state)
{
    return temporary_path(state, "index.image.vectors");
}

static struct bv_store *make(void *const *state, const char *name, uint64_t first, uint64_t end)
{
    struct bv_error err = {0};
    struct bv_store *store = NULL;
    struct bv_store_info info = synthetic_info();
    const char *path = temporary_path(state, name);
    if (access(path, F_OK) != 0)
        assert_ok(bv_store_create(path, &info, &err), err);
    assert_ok(bv_store_open(&store, path, true, &err), err);
    assert_ok(bv_store_begin(store, &err), err);
    for (uint64_t i = first; i < end; i++)
        assert_ok(synthetic_add(store, i, &err), err);
    assert_ok(bv_store_commit(store, &err), err);
    return store;
}

// Loads the images through the file and compares them with the index.
static void expect(struct bv_store *store, struct bv_pool *pool, const char *how)
{
    struct bv_error err = {0};
    struct bv_vectors v = {0}, truth = {0};
    const char *state = NULL;
    assert_ok(bv_vector_file_load(store, BV_KIND_IMAGE, 1, pool, &v, &state, &err), err);
    assert_string_equal(state, how);
    assert_ok(bv_store_load(store, BV_KIND_IMAGE, pool, &truth, &err), err);
    assert_int_equal(v.n, truth.n);
    assert_int_equal(v.stride, truth.stride);
    assert_int_equal(v.dimension, truth.dimension);
    assert_memory_equal(v.rows, truth.rows, v.n * v.stride * sizeof *v.rows);
    assert_int_equal(v.mapped > 0, strcmp(how, "none") != 0 && strcmp(how, "unwritable") != 0);
    bv_vectors_free(&v);
    bv_vectors_free(&truth);
}

static void test_growth(void **state)
{
    struct bv_store *store = make(state, "index", 0, 300);
    struct bv_error err = {0};
    struct bv_vectors v = {0};
    const char *how = NULL;
    assert_ok(bv_vector_file_load(store, BV_KIND_IMAGE, 1 << 20, NULL, &v, &how, &err), err);
    assert_string_equal(how, "none"); // too little to be worth a file
    assert_int_not_equal(access(path_of(state), F_OK), 0);
    bv_vectors_free(&v);
    expect(store, NULL, "missing");
    expect(store, NULL, "mapped");
    bv_store_close(&store);
    store = make(state, "index", 300, 302);
    expect(store, NULL, "completed");
    bv_store_close(&store);
    store = make(state, "index", 302, 303); // a report
    expect(store, NULL, "mapped");
    bv_store_close(&store);
    store = make(state, "index", 303, 1000);
    expect(store, NULL, "completed");
    expect(store, NULL, "mapped");
    bv_store_close(&store);
}

static void flip(const char *path, long at)
{
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, at, at < 0 ? SEEK_END : SEEK_SET), 0);
    int c = fgetc(f);
    assert_int_equal(fseek(f, -1, SEEK_CUR), 0);
    assert_int_equal(fputc(c ^ 1, f), c ^ 1);
    assert_int_equal(fclose(f), 0);
}

// More rows than a block holds, several threads, and an old mapping that outlives the growth.
static void test_blocks(void **state)
{
    struct bv_error err = {0};
    struct bv_pool *pool = NULL;
    struct bv_vectors old = {0};
    assert_ok(bv_pool_create(&pool, 3, &err), err);
    struct bv_store *store = make(state, "index", 0, 97000);
    expect(store, pool, "missing"); // 64667 images: nearly a block of 65536
    assert_ok(bv_vector_file_load(store, BV_KIND_IMAGE, 1, pool, &old, NULL, &err), err);
    bv_store_close(&store);
    store = make(state, "index", 97000, 101000);
    expect(store, pool, "completed");
    expect(store, pool, "mapped");
    struct bv_vectors now = {0};
    assert_ok(bv_vector_file_load(store, BV_KIND_IMAGE, 1, pool, &now, NULL, &err), err);
    assert_memory_equal(old.rows, now.rows, old.n * old.stride * sizeof *old.rows);
    bv_vectors_free(&old);
    bv_vectors_free(&now);
    bv_store_close(&store);
    // A row that is wrong in another block than the one that is then appended to.
    flip(path_of(state), (2 << 20) + 100);
    store = make(state, "index", 101000, 101100);
    expect(store, pool, "damaged");
    expect(store, pool, "mapped");
    bv_store_close(&store);
    bv_pool_destroy(&pool);
}

static void test_damage(void **state)
{
    struct bv_store *store = make(state, "index", 0, 300);
    const char *path = path_of(state);
    struct stat info;
    expect(store, NULL, "missing");
    assert_int_equal(stat(path, &info), 0);
    static const long places[] = {0, 8, 24, 40, 96, 100, 4096, 2 << 20, -1};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        flip(path, places[i]);
        expect(store, NULL, "damaged");
        expect(store, NULL, "mapped");
    }
    static const off_t sizes[] = {0, 50, 104, 4098, 2 << 20, (2 << 20) + 5000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_int_equal(truncate(path, sizes[i]), 0);
        expect(store, NULL, "damaged");
    }
    // A row that is wrong in the block that is then appended to: the whole block is written again.
    flip(path, (2 << 20) + 100);
    bv_store_close(&store);
    store = make(state, "index", 300, 400);
    expect(store, NULL, "completed");
    expect(store, NULL, "mapped");
    bv_store_close(&store);
}

// The file of an index that was deleted and made again, longer or shorter or as long.
static void test_other_index(void **state)
{
    static const uint64_t ends[] = {900, 1300, 1090};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct bv_store *store = make(state, "index", 0, 290);
        (void)unlink(path_of(state));
        expect(store, NULL, "missing");
        bv_store_close(&store);
        assert_int_equal(unlink(temporary_path(state, "index")), 0);
        store = make(state, "index", 800, ends[i]);
        expect(store, NULL, "of another index");
        expect(store, NULL, "mapped");
        bv_store_close(&store);
        assert_int_equal(unlink(temporary_path(state, "index")), 0);
    }
}

// A folder where the file should be stands for everything that keeps it from being written.
static void test_unwritable(void **state)
{
    struct bv_store *store = make(state, "index", 0, 300);
    assert_int_equal(mkdir(path_of(state), 0700), 0);
    expect(store, NULL, "unwritable");
    assert_int_equal(temporary_count(state), 2); // no leavings
    assert_int_equal(rmdir(path_of(state)), 0);
    expect(store, NULL, "missing");
    bv_store_close(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_growth, temporary_folder, temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_blocks, temporary_folder, temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_damage, temporary_folder, temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_other_index, temporary_folder,
                                        temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_unwritable, temporary_folder, temporary_folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

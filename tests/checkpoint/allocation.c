// Every allocation of the layer fails once, in turn: the call reports it, leaks nothing and leaves
// its outputs alone. The linker sends malloc, calloc and realloc of our archives here (--wrap).
#include <stdlib.h>
#include <string.h>

#include "checkpoint/build.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/temporary.h"
#include "support/check.h"

static long countdown = -1; // allocations until the one that fails; -1: none does

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

static int fails(void)
{
    return countdown >= 0 && countdown-- == 0;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
    return fails() ? NULL : __real_realloc(p, size);
}

// Opens the file and reads its first tensor, with the n-th allocation failing. Whether it did.
static int open_and_read(const char *path, long n)
{
    static float out[64];
    struct bv_checkpoint *c = NULL;
    struct bv_error err = {0};
    countdown = n;
    enum bv_status status = bv_checkpoint_open(&c, path, &err);
    if (status == BV_OK)
        status = bv_checkpoint_read(c, bv_checkpoint_tensor(c, 0), out, &err);
    int reached = countdown < 0;
    countdown = -1;
    if (status == BV_OK)
        assert_int_equal(bv_checkpoint_count(c), 1);
    else
        assert_int_equal(status, BV_ERR_NOMEM);
    bv_checkpoint_close(&c);
    return reached;
}

static void check(const char *path)
{
    long n = 0;
    while (open_and_read(path, n))
        n++;
    assert_true(n > 3);
    print_message("%ld allocations  %s\n", n, strrchr(path, '/') + 1);
}

static void test_open(void **state)
{
    static const size_t sizes[] = {4};
    static const float floats[4] = {0, 1, 2, 3};
    struct bytes pickle = {0}, zip = {0}, packed = {0}, outer = {0};
    pickle_begin(&pickle);
    put_text(&pickle, "}");
    pickle_text(&pickle, "w");
    pickle_tensor(&pickle, "0", 4);
    put_text(&pickle, "s.");
    put_torch_zip(&zip, &pickle, sizes, 1);
    const struct member members[] = {
        {.name = "a/data.pkl", .data = pickle.data, .n = pickle.n, .deflated = 1},
        {.name = "a/data/0", .data = floats, .n = sizeof floats, .deflated = 1},
    };
    put_zip(&packed, members, 2, 0);
    const struct member wrapped = {
        .name = "m/model.bin", .data = packed.data, .n = packed.n, .deflated = 1};
    put_zip(&outer, &wrapped, 1, 0);
    check(temporary_file(state, "zip.pt", zip.data, zip.n));
    check(temporary_file(state, "packed.pt", packed.data, packed.n));
    check(temporary_file(state, "outer.zip", outer.data, outer.n));
    bytes_free(&pickle);
    bytes_free(&zip);
    bytes_free(&packed);
    bytes_free(&outer);
}

static void test_safetensors(void **state)
{
    static const float floats[4] = {0, 1, 2, 3};
    const struct bv_safetensors_spec spec = {
        .name = "w", .dtype = BV_F32, .n_dims = 1, .shape = {4}, .data = floats};
    const char *path = temporary_path(state, "model.safetensors");
    struct bv_error err = {0};
    for (long n = 0;; n++) {
        countdown = n;
        enum bv_status status = bv_safetensors_write(path, &spec, 1, NULL, NULL, NULL, &err);
        int reached = countdown < 0;
        countdown = -1;
        if (!reached) {
            assert_ok(status, err);
            break;
        }
        assert_int_equal(status, BV_ERR_NOMEM);
        assert_int_equal(temporary_count(state), 0);
    }
    check(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_open, temporary_folder, temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_safetensors, temporary_folder,
                                        temporary_folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

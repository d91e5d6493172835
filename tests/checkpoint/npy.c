// Tests of NumPy array files: written ones read back, and hand-made headers that are right or
// wrong.
#include <stdlib.h>
#include <string.h>

#include "checkpoint/npy.h"
#include "checkpoint/temporary.h"
#include "support/check.h"
#include "support/npz.h"

// A version 1 file with this header and n_data bytes 0, 1, 2, …
static size_t build(uint8_t *file, const char *header, size_t n_data)
{
    size_t n = strlen(header);
    memcpy(file, "\x93NUMPY\x01\x00", 8);
    file[8] = (uint8_t)n;
    file[9] = (uint8_t)(n >> 8);
    memcpy(file + 10, header, n);
    for (size_t i = 0; i < n_data; i++)
        file[10 + n + i] = (uint8_t)i;
    return 10 + n + n_data;
}

static void test_round_trip(void **state)
{
    static const int64_t shapes[][3] = {{2, 3, 4}, {7, 1, 1}, {0, 5, 1}, {1, 1, 1}};
    uint8_t data[24 * 8];
    struct bv_error err = {0};
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 37 & 1); // also a valid bool
    for (int d = 0; d < BV_DTYPE_COUNT; d++)
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
            for (int n_dims = 0; n_dims <= 3; n_dims++) {
                const char *path = temporary_path(state, "a.npy");
                enum bv_status status =
                    bv_npy_write(path, (enum bv_dtype)d, n_dims, shapes[s], data, &err);
                if (d == BV_BF16) {
                    assert_int_equal(status, BV_ERR_ARG);
                    continue;
                }
                assert_ok(status, err);
                struct bv_npy array = {0};
                assert_ok(bv_npy_open(&array, path, &err), err);
                assert_int_equal(array.dtype, d);
                assert_int_equal(array.n_dims, n_dims);
                assert_int_equal((uintptr_t)array.data % 64, 0);
                for (int i = 0; i < n_dims; i++)
                    assert_int_equal(array.shape[i], shapes[s][i]);
                if (array.bytes)
                    assert_memory_equal(array.data, data, array.bytes);
                bv_npy_close(&array);
            }
}

// An independent reader agrees about the file.
static void test_other_reader(void **state)
{
    static const float values[6] = {0, 1, 2, 3, 4, 5};
    static const int64_t shape[2] = {2, 3};
    struct bv_error err = {0};
    const char *path = temporary_path(state, "a.npy");
    assert_ok(bv_npy_write(path, BV_F32, 2, shape, values, &err), err);
    struct npy other;
    assert_int_equal(npy_read(&other, path), 0);
    assert_int_equal(other.n_dims, 2);
    assert_int_equal(other.shape[0], 2);
    assert_int_equal(other.shape[1], 3);
    assert_memory_equal(npy_f32(&other), values, sizeof values);
    npy_free(&other);
}

static void test_fortran_order(void **state)
{
    (void)state;
    uint8_t file[256], out[6];
    static const uint8_t want[6] = {0, 2, 4, 1, 3, 5};
    size_t size = build(file, "{'shape':(2,3), \"descr\":'|u1','fortran_order':True}", 6);
    struct bv_npy array = {0};
    struct bv_error err = {0};
    assert_ok(bv_npy_parse(&array, file, size, &err), err);
    bv_npy_copy(&array, out);
    assert_memory_equal(out, want, sizeof want);
    bv_npy_close(&array);
}

static void test_bad(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t n_data;
        enum bv_status status;
    } cases[] = {
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 8, BV_OK},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2L,), }", 8, BV_OK},
        {"{'descr': '=f4', 'fortran_order': False, 'shape': (), }", 4, BV_OK},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 7, BV_ERR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 9, BV_ERR_FORMAT},
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (2,), }", 8, BV_ERR_UNSUPPORTED},
        {"{'descr': '<u4', 'fortran_order': False, 'shape': (2,), }", 8, BV_ERR_UNSUPPORTED},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (2,), }", 8, BV_ERR_UNSUPPORTED},
        {"{'descr': '<U2', 'fortran_order': False, 'shape': (1,), }", 8, BV_ERR_UNSUPPORTED},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", 8,
         BV_ERR_UNSUPPORTED},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }", 8, BV_ERR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': 2, }", 8, BV_ERR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': 0, 'shape': (2,), }", 8, BV_ERR_FORMAT},
        {"{'descr': '<f4', 'shape': (2,), }", 8, BV_ERR_FORMAT},
        {"{'descr': '<f4', 'descr': '<f4', 'shape': (2,), }", 8, BV_ERR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), } x", 8, BV_ERR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)", 8, BV_ERR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296,4294967296,4), }", 0,
         BV_ERR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", 0,
         BV_ERR_FORMAT},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }", 1,
         BV_ERR_LIMIT},
        {"", 0, BV_ERR_FORMAT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t file[256];
        size_t size = build(file, cases[i].header, cases[i].n_data);
        struct bv_npy array = {0};
        struct bv_error err = {0};
        enum bv_status status = bv_npy_parse(&array, file, size, &err);
        if (status != cases[i].status)
            fail_msg("%s: %s", cases[i].header, bv_status_name(status));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, temporary_folder, temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_other_reader, temporary_folder,
                                        temporary_folder_remove),
        cmocka_unit_test(test_fortran_order),
        cmocka_unit_test(test_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

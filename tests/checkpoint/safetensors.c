// Tests of the safetensors reader and writer, on files built here byte by byte.
#include <stdlib.h>
#include <string.h>

#include "checkpoint/safetensors.h"
#include "checkpoint/temporary.h"
#include "support/check.h"

// A file of this header and n_data bytes 0, 1, 2, …; returns its size.
static size_t build(uint8_t *file, const char *header, size_t n_data)
{
    size_t n = strlen(header);
    for (int i = 0; i < 8; i++)
        file[i] = (uint8_t)(n >> (8 * i));
    memcpy(file + 8, header, n);
    for (size_t i = 0; i < n_data; i++)
        file[8 + n + i] = (uint8_t)i;
    return 8 + n + n_data;
}

static void test_read(void **state)
{
    (void)state;
    uint8_t bytes[512];
    size_t size = build(bytes,
                        "{\"b\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[2,10]},"
                        "\"__metadata__\":{\"format\":\"pt\"},"
                        "\"a\":{\"dtype\":\"F16\",\"shape\":[],\"data_offsets\":[0,2]},"
                        "\"none\":{\"dtype\":\"I64\",\"shape\":[0,7],\"data_offsets\":[2,2]}}   ",
                        10);
    struct bv_safetensors file = {0};
    struct bv_error err = {0};
    assert_true(bv_safetensors_probe(bytes, size));
    assert_ok(bv_safetensors_parse(&file, bytes, size, &err), err);
    assert_int_equal(file.n_tensors, 3);
    assert_string_equal(file.tensors[0].name, "a");
    const struct bv_safetensors_tensor *b = bv_safetensors_find(&file, "b");
    assert_non_null(b);
    assert_int_equal(b->dtype, BV_F32);
    assert_int_equal(b->n_dims, 2);
    assert_int_equal(b->shape[1], 2);
    assert_int_equal(b->bytes, 8);
    assert_int_equal(b->data[0], 2);
    assert_int_equal(b->aligned, (uintptr_t)b->data % 4 == 0);
    assert_int_equal(bv_safetensors_find(&file, "none")->bytes, 0);
    assert_null(bv_safetensors_find(&file, "c"));
    size_t length = 0;
    assert_string_equal(bv_safetensors_metadata(&file, "format", &length), "pt");
    assert_int_equal(length, 2);
    assert_null(bv_safetensors_metadata(&file, "card", NULL));
    bv_safetensors_close(&file);
    bv_safetensors_close(&file);
}

// Each broken file fails for its own reason and leaves the output alone.
static void test_rules(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t n_data;
        enum bv_status status;
        const char *words;
    } cases[] = {
        {"[1,2,3]", 0, BV_ERR_FORMAT, "does not begin with '{'"},
        {" {}", 0, BV_ERR_FORMAT, "does not begin with '{'"},
        {"{\"a\":1", 0, BV_ERR_FORMAT, "safetensors header"},
        {"{} x", 0, BV_ERR_FORMAT, "safetensors header"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
         "\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}",
         2, BV_ERR_FORMAT, "duplicate"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", 3, BV_ERR_FORMAT,
         "1 bytes follow the last tensor"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[20],\"data_offsets\":[0,20]}}", 3, BV_ERR_FORMAT,
         "17 bytes are missing"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}", 3, BV_ERR_FORMAT,
         "after a hole"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
         "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
         3, BV_ERR_FORMAT, "overlaps"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,2]}}", 2, BV_ERR_FORMAT,
         "needs 8 bytes"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0,
         BV_ERR_FORMAT, "impossibly large"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[0,4294967296,4294967296],\"data_offsets\":[0,0]}}",
         0, BV_ERR_FORMAT, "impossibly large"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,0]}}", 0, BV_ERR_FORMAT,
         "not a count"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}", 4, BV_ERR_FORMAT,
         "not a count"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, BV_ERR_FORMAT,
         "data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, BV_ERR_FORMAT,
         "data_offsets"},
        {"{\"a\":{\"dtype\":\"F8_E5M2\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1,
         BV_ERR_UNSUPPORTED, "F8_E5M2"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,1]}}", 1,
         BV_ERR_LIMIT, "9 dimensions"},
        {"{\"a\":7}", 0, BV_ERR_FORMAT, "no dtype"},
        {"{\"__metadata__\":{\"x\":1}}", 0, BV_ERR_FORMAT, "not a string"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[512];
        size_t size = build(bytes, cases[i].header, cases[i].n_data);
        struct bv_safetensors file = {0};
        struct bv_error err = {0};
        assert_int_equal(bv_safetensors_parse(&file, bytes, size, &err), cases[i].status);
        if (!strstr(err.text, cases[i].words))
            fail_msg("%s: said \"%s\", not \"%s\"", cases[i].header, err.text, cases[i].words);
        assert_null(file.tensors);
        assert_null(file.metadata);
    }
}

// Every proper prefix of a good file is an error.
static void test_truncation(void **state)
{
    (void)state;
    uint8_t bytes[512];
    size_t size =
        build(bytes, "{\"a\":{\"dtype\":\"F64\",\"shape\":[3],\"data_offsets\":[0,24]}}", 24);
    for (size_t n = 1; n < size; n++) {
        struct bv_safetensors file = {0};
        struct bv_error err = {0};
        uint8_t *exact = malloc(n); // no byte more, for the address sanitizer
        assert_non_null(exact);
        memcpy(exact, bytes, n);
        assert_int_equal(bv_safetensors_parse(&file, exact, n, &err), BV_ERR_FORMAT);
        free(exact);
    }
    memset(bytes, 0xff, 8);
    struct bv_safetensors file = {0};
    struct bv_error err = {0};
    assert_int_equal(bv_safetensors_parse(&file, bytes, size, &err), BV_ERR_LIMIT);
}

struct fill {
    int calls, fail_at;
};

static enum bv_status fill_tensor(void *arg, size_t i, void *out, size_t bytes,
                                  struct bv_error *err)
{
    struct fill *fill = arg;
    if (fill->calls++ == fill->fail_at)
        return bv_fail(err, BV_ERR_MODEL, "no tensor %zu", i);
    memset(out, (int)i, bytes);
    return BV_OK;
}

static void test_write(void **state)
{
    static const float two[2] = {1.5f, -2.0f};
    const struct bv_safetensors_spec specs[] = {
        {.name = "odd", .dtype = BV_U8, .n_dims = 1, .shape = {3}},
        {.name = "small", .dtype = BV_F32, .n_dims = 1, .shape = {2}, .data = two},
        {.name = "empty", .dtype = BV_F32, .n_dims = 2, .shape = {0, 5}},
        {.name = "scalar", .dtype = BV_F64, .n_dims = 0},
        {.name = "large", .dtype = BV_F16, .n_dims = 2, .shape = {32, 2}},
        {.name = "gr\xc3\xbc\xc3\x9f/\n\"", .dtype = BV_BF16, .n_dims = 1, .shape = {64}},
    };
    const size_t n = sizeof specs / sizeof *specs;
    struct bv_error err = {0};
    struct fill fill = {.fail_at = -1};
    json_t *metadata = json_pack("{s:s}", "card", "{\"a\": 1}");
    const char *path = temporary_path(state, "model.safetensors");
    assert_ok(bv_safetensors_write(path, specs, n, metadata, fill_tensor, &fill, &err), err);
    json_decref(metadata);
    assert_int_equal(fill.calls, 4);
    struct bv_safetensors file = {0};
    assert_ok(bv_safetensors_open(&file, path, &err), err);
    assert_int_equal(file.n_tensors, n);
    assert_string_equal(bv_safetensors_metadata(&file, "card", NULL), "{\"a\": 1}");
    for (size_t i = 0; i < n; i++) {
        const struct bv_safetensors_tensor *t = bv_safetensors_find(&file, specs[i].name);
        assert_non_null(t);
        assert_int_equal(t->dtype, specs[i].dtype);
        assert_int_equal(t->n_dims, specs[i].n_dims);
        assert_true(t->aligned);
        if (t->bytes % 64 == 0)
            assert_int_equal((uintptr_t)t->data % 64, 0);
        for (size_t b = 0; b < t->bytes && !specs[i].data; b++)
            assert_int_equal(t->data[b], i);
    }
    assert_memory_equal(bv_safetensors_find(&file, "small")->data, two, sizeof two);
    bv_safetensors_close(&file);
}

// A failure half-way leaves the old file and no temporary one.
static void test_write_fails(void **state)
{
    const struct bv_safetensors_spec specs[] = {
        {.name = "a", .dtype = BV_U8, .n_dims = 1, .shape = {3}},
        {.name = "b", .dtype = BV_U8, .n_dims = 1, .shape = {3}},
    };
    const struct bv_safetensors_spec twice[] = {specs[0], specs[0]};
    const struct bv_safetensors_spec reserved = {.name = "__metadata__", .dtype = BV_U8};
    struct bv_error err = {0};
    struct fill fill = {.fail_at = 1};
    const char *path = temporary_file(state, "old", "old", 3);
    assert_int_equal(bv_safetensors_write(path, specs, 2, NULL, fill_tensor, &fill, &err),
                     BV_ERR_MODEL);
    assert_string_equal(err.text, "no tensor 1");
    fill = (struct fill){.fail_at = -1};
    assert_int_equal(bv_safetensors_write(path, twice, 2, NULL, fill_tensor, &fill, &err),
                     BV_ERR_ARG);
    assert_int_equal(bv_safetensors_write(path, &reserved, 1, NULL, fill_tensor, &fill, &err),
                     BV_ERR_ARG);
    struct bv_mapping mapping = {0};
    assert_ok(bv_mapping_open(&mapping, path, 0, &err), err);
    assert_int_equal(mapping.size, 3);
    bv_mapping_close(&mapping);
    assert_int_equal(temporary_count(state), 1);
    path = temporary_path(state, "no/such/folder");
    assert_int_equal(bv_safetensors_write(path, specs, 2, NULL, fill_tensor, &fill, &err),
                     BV_ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_truncation),
        cmocka_unit_test_setup_teardown(test_write, temporary_folder, temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_write_fails, temporary_folder,
                                        temporary_folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

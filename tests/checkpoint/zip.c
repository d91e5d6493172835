// Tests of the zip reader on archives built here.
#include <stdlib.h>
#include <string.h>

#include "checkpoint/build.h"
#include "checkpoint/zip.h"
#include "support/check.h"

static char long_text[5000];

static void check_contents(const struct bytes *archive, const struct member *members, size_t n)
{
    struct bv_zip zip = {0};
    struct bv_error err = {0};
    assert_ok(bv_zip_open(&zip, archive->data, archive->n, &err), err);
    assert_int_equal(zip.n_members, n);
    for (size_t i = 0; i < n; i++) {
        const struct bv_zip_member *m = bv_zip_find(&zip, members[i].name);
        uint8_t *out = NULL;
        uint8_t sample[16];
        assert_non_null(m);
        assert_int_equal(m->bytes, members[i].n);
        assert_ok(bv_zip_read_new(m, SIZE_MAX, &out, &err), err);
        if (m->bytes)
            assert_memory_equal(out, members[i].data, m->bytes);
        size_t k = bv_zip_sample(m, sample, sizeof sample);
        assert_int_equal(k, m->bytes < sizeof sample ? m->bytes : sizeof sample);
        if (k)
            assert_memory_equal(sample, members[i].data, k);
        if (!m->deflated)
            assert_in_range(m->data - archive->data, 1, archive->n); // in place
        if (members[i].align)
            assert_int_equal((size_t)(m->data - archive->data) % members[i].align, 0);
        if (m->bytes > 1)
            assert_int_equal(bv_zip_read_new(m, 1, &out, &err), BV_ERR_LIMIT);
        free(out);
    }
    assert_null(bv_zip_find(&zip, "nowhere"));
    bv_zip_close(&zip);
}

static void test_read(void **state)
{
    (void)state;
    const struct member members[] = {
        {.name = "stored", .data = "0123456789abcdef!", .n = 17},
        {.name = "empty", .data = "", .n = 0},
        {.name = "aligned", .data = "abc", .n = 3, .align = 64, .descriptor = 1},
        {.name = "packed", .data = long_text, .n = sizeof long_text, .deflated = 1},
        {.name = "packed later", .data = long_text, .n = 100, .deflated = 1, .descriptor = 1},
        {.name = "large", .data = "xyz", .n = 3, .zip64 = 1},
        {.name = "folder/\xc3\xa9", .data = "q", .n = 1},
    };
    const size_t n = sizeof members / sizeof *members;
    for (int zip64_end = 0; zip64_end < 2; zip64_end++) {
        struct bytes archive = {0};
        put_zip(&archive, members, n, zip64_end);
        check_contents(&archive, members, n);
        bytes_free(&archive);
    }
    struct bytes none = {0};
    put_zip(&none, NULL, 0, 0);
    check_contents(&none, NULL, 0);
    bytes_free(&none);
}

static enum bv_status open_status(const struct bytes *archive, const char *words)
{
    struct bv_zip zip = {0};
    struct bv_error err = {0};
    enum bv_status status = bv_zip_open(&zip, archive->data, archive->n, &err);
    if (!strstr(err.text, words))
        fail_msg("said \"%s\", not \"%s\"", err.text, words);
    bv_zip_close(&zip);
    return status;
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        struct member member;
        enum bv_status status;
        const char *words;
    } cases[] = {
        {{.name = "a", .data = "x", .n = 1, .flags = 1}, BV_ERR_UNSUPPORTED, "encrypted"},
        {{.name = "a", .data = "x", .n = 1, .method = 14}, BV_ERR_UNSUPPORTED, "method 14"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes archive = {0};
        put_zip(&archive, &cases[i].member, 1, 0);
        assert_int_equal(open_status(&archive, cases[i].words), cases[i].status);
        bytes_free(&archive);
    }
    const struct member twice[] = {{.name = "a", .data = "x", .n = 1},
                                   {.name = "a", .data = "y", .n = 1}};
    struct bytes archive = {0};
    put_zip(&archive, twice, 2, 0);
    assert_int_equal(open_status(&archive, "occurs twice"), BV_ERR_FORMAT);
    bytes_free(&archive);
}

static void test_checksum(void **state)
{
    (void)state;
    for (int deflated = 0; deflated < 2; deflated++) {
        const struct member member = {
            .name = "a", .data = "data", .n = 4, .deflated = deflated, .crc_error = 1};
        struct bytes archive = {0};
        struct bv_zip zip = {0};
        struct bv_error err = {0};
        uint8_t out[4];
        put_zip(&archive, &member, 1, 0);
        assert_ok(bv_zip_open(&zip, archive.data, archive.n, &err), err);
        assert_int_equal(bv_zip_read(&zip.members[0], out, &err), BV_ERR_FORMAT);
        assert_non_null(strstr(err.text, "checksum"));
        if (!deflated)
            assert_int_equal(bv_zip_check(&zip.members[0], &err), BV_ERR_FORMAT);
        bv_zip_close(&zip);
        bytes_free(&archive);
    }
}

// torch can be told not to compute checksums: stored members then have 0.
static void test_no_checksum(void **state)
{
    (void)state;
    const uint32_t crc = 0xadf3f363; // of "data", as Python's zlib.crc32 gives it
    const struct member member = {.name = "a", .data = "data", .n = 4, .crc_error = 0 - crc};
    struct bytes archive = {0};
    struct bv_zip zip = {0};
    struct bv_error err = {0};
    put_zip(&archive, &member, 1, 0);
    assert_ok(bv_zip_open(&zip, archive.data, archive.n, &err), err);
    assert_int_equal(zip.members[0].crc, 0);
    assert_ok(bv_zip_check(&zip.members[0], &err), err);
    bv_zip_close(&zip);
    bytes_free(&archive);
}

// A member that says it is larger than it is, or than deflate could make it.
static void test_sizes(void **state)
{
    (void)state;
    const struct member member = {.name = "a", .data = long_text, .n = 5000, .deflated = 1};
    static const uint32_t claims[] = {4999, 5001, 0, 0x7fffffff};
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        struct bytes archive = {0};
        struct bv_zip zip = {0};
        struct bv_error err = {0};
        put_zip(&archive, &member, 1, 0);
        uint8_t *central = archive.data + archive.n - 22 - 47; // one entry with a name of 1 byte
        assert_memory_equal(central, "PK\x01\x02", 4);
        memcpy(central + 24, &claims[i], 4);
        enum bv_status status = bv_zip_open(&zip, archive.data, archive.n, &err);
        if (status == BV_OK) {
            uint8_t *out = NULL;
            status = bv_zip_read_new(&zip.members[0], 10000, &out, &err);
            assert_null(out);
        }
        assert_int_equal(status, BV_ERR_FORMAT);
        bv_zip_close(&zip);
        bytes_free(&archive);
    }
}

// No proper prefix of an archive opens; no change of one byte makes the reader fall.
static void test_damage(void **state)
{
    (void)state;
    const struct member members[] = {
        {.name = "stored", .data = "0123456789", .n = 10, .descriptor = 1, .align = 64},
        {.name = "packed", .data = long_text, .n = 300, .deflated = 1, .zip64 = 1},
    };
    struct bytes archive = {0};
    put_zip(&archive, members, 2, 1);
    for (size_t n = 1; n < archive.n; n++) {
        uint8_t *cut = malloc(n);
        struct bv_zip zip = {0};
        assert_non_null(cut);
        memcpy(cut, archive.data, n);
        assert_int_equal(bv_zip_open(&zip, cut, n, NULL), BV_ERR_FORMAT);
        free(cut);
    }
    for (size_t i = 0; i < archive.n; i++)
        for (int bit = 0; bit < 8; bit++) {
            struct bv_zip zip = {0};
            archive.data[i] ^= (uint8_t)(1 << bit);
            if (bv_zip_open(&zip, archive.data, archive.n, NULL) == BV_OK)
                for (size_t m = 0; m < zip.n_members; m++) {
                    uint8_t *out = NULL;
                    if (bv_zip_read_new(&zip.members[m], 1 << 20, &out, NULL) == BV_OK)
                        free(out);
                }
            bv_zip_close(&zip);
            archive.data[i] ^= (uint8_t)(1 << bit);
        }
    bytes_free(&archive);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),     cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_checksum), cmocka_unit_test(test_no_checksum),
        cmocka_unit_test(test_sizes),    cmocka_unit_test(test_damage),
    };
    for (size_t i = 0; i < sizeof long_text; i++)
        long_text[i] = (char)('a' + (i * i / 7) % 26);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

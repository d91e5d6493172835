#include "checkpoint/build.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "support/check.h"

void bytes_free(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes){0};
}

void put(struct bytes *bytes, const void *data, size_t n)
{
    if (bytes->n + n > bytes->room) {
        bytes->room = 2 * (bytes->n + n) + 64;
        bytes->data = realloc(bytes->data, bytes->room);
        assert_non_null(bytes->data);
    }
    if (n)
        memcpy(bytes->data + bytes->n, data, n);
    bytes->n += n;
}

void put_text(struct bytes *bytes, const char *text)
{
    put(bytes, text, strlen(text));
}

void put_number(struct bytes *bytes, uint64_t value, int width)
{
    for (int i = 0; i < width; i++) {
        uint8_t byte = i < 8 ? (uint8_t)(value >> (8 * i)) : 0;
        put(bytes, &byte, 1);
    }
}

static void deflate_into(struct bytes *out, const void *data, size_t n)
{
    uLong room = compressBound((uLong)n) + 64;
    uint8_t *packed = malloc(room);
    assert_non_null(packed);
    z_stream z = {.next_in = (Bytef *)(uintptr_t)data,
                  .avail_in = (uInt)n,
                  .next_out = packed,
                  .avail_out = (uInt)room};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    put(out, packed, room - z.avail_out);
    assert_int_equal(deflateEnd(&z), Z_OK);
    free(packed);
}

struct placed {
    size_t offset, packed;
    uint32_t crc;
};

static void put_local(struct bytes *bytes, const struct member *m, struct placed *placed)
{
    struct bytes body = {0};
    if (m->deflated)
        deflate_into(&body, m->data, m->n);
    else
        put(&body, m->data, m->n);
    placed->offset = bytes->n;
    placed->packed = body.n;
    placed->crc = (uint32_t)crc32(0, m->data, (uInt)m->n) + m->crc_error;
    size_t known = m->descriptor ? 0 : 1, begin = bytes->n + 30 + strlen(m->name) + 4;
    size_t padding = m->align ? (m->align - begin % m->align) % m->align : 0;
    put_number(bytes, 0x04034b50, 4);
    put_number(bytes, 20, 2);
    put_number(bytes, (uint64_t)(m->flags | (m->descriptor ? 8 : 0)), 2);
    put_number(bytes, (uint64_t)(m->method + (m->deflated ? 8 : 0)), 2);
    put_number(bytes, 0, 4);
    put_number(bytes, known * placed->crc, 4);
    put_number(bytes, known * placed->packed, 4);
    put_number(bytes, known * m->n, 4);
    put_number(bytes, strlen(m->name), 2);
    put_number(bytes, m->align ? 4 + padding : 0, 2);
    put_text(bytes, m->name);
    if (m->align) {
        put_number(bytes, 0x4246, 2);
        put_number(bytes, padding, 2);
        for (size_t i = 0; i < padding; i++)
            put_text(bytes, "Z");
    }
    put(bytes, body.data, body.n);
    if (m->descriptor) {
        put_number(bytes, 0x08074b50, 4);
        put_number(bytes, placed->crc, 4);
        put_number(bytes, placed->packed, 4);
        put_number(bytes, m->n, 4);
    }
    bytes_free(&body);
}

static void put_central(struct bytes *bytes, const struct member *m, const struct placed *placed)
{
    put_number(bytes, 0x02014b50, 4);
    put_number(bytes, 20, 2);
    put_number(bytes, 20, 2);
    put_number(bytes, (uint64_t)(m->flags | (m->descriptor ? 8 : 0)), 2);
    put_number(bytes, (uint64_t)(m->method + (m->deflated ? 8 : 0)), 2);
    put_number(bytes, 0, 4);
    put_number(bytes, placed->crc, 4);
    put_number(bytes, m->zip64 ? UINT32_MAX : placed->packed, 4);
    put_number(bytes, m->zip64 ? UINT32_MAX : m->n, 4);
    put_number(bytes, strlen(m->name), 2);
    put_number(bytes, m->zip64 ? 28 : 0, 2);
    put_number(bytes, 0, 2 + 2 + 2 + 4);
    put_number(bytes, m->zip64 ? UINT32_MAX : placed->offset, 4);
    put_text(bytes, m->name);
    if (m->zip64) {
        put_number(bytes, 0x0001, 2);
        put_number(bytes, 24, 2);
        put_number(bytes, m->n, 8);
        put_number(bytes, placed->packed, 8);
        put_number(bytes, placed->offset, 8);
    }
}

void put_zip(struct bytes *bytes, const struct member *members, size_t n, int zip64_end)
{
    struct placed *placed = calloc(n + 1, sizeof *placed);
    assert_non_null(placed);
    for (size_t i = 0; i < n; i++)
        put_local(bytes, &members[i], &placed[i]);
    size_t directory = bytes->n;
    for (size_t i = 0; i < n; i++)
        put_central(bytes, &members[i], &placed[i]);
    size_t end = bytes->n;
    if (zip64_end) {
        put_number(bytes, 0x06064b50, 4);
        put_number(bytes, 44, 8);
        put_number(bytes, 0, 2 + 2 + 4);
        put_number(bytes, 0, 4);
        put_number(bytes, n, 8);
        put_number(bytes, n, 8);
        put_number(bytes, end - directory, 8);
        put_number(bytes, directory, 8);
        put_number(bytes, 0x07064b50, 4);
        put_number(bytes, 0, 4);
        put_number(bytes, end, 8);
        put_number(bytes, 1, 4);
    }
    put_number(bytes, 0x06054b50, 4);
    put_number(bytes, 0, 4);
    put_number(bytes, zip64_end ? 0xffff : n, 2);
    put_number(bytes, zip64_end ? 0xffff : n, 2);
    put_number(bytes, zip64_end ? UINT32_MAX : end - directory, 4);
    put_number(bytes, zip64_end ? UINT32_MAX : directory, 4);
    put_number(bytes, 0, 2);
    free(placed);
}

void pickle_begin(struct bytes *bytes)
{
    put(bytes, "\x80\x02", 2);
}

void pickle_op(struct bytes *bytes, char opcode)
{
    put(bytes, &opcode, 1);
}

void pickle_text(struct bytes *bytes, const char *text)
{
    pickle_op(bytes, 'X');
    put_number(bytes, strlen(text), 4);
    put_text(bytes, text);
}

void pickle_int(struct bytes *bytes, int64_t value)
{
    put(bytes, "\x8a\x08", 2);
    put_number(bytes, (uint64_t)value, 8);
}

void pickle_global(struct bytes *bytes, const char *module, const char *name)
{
    pickle_op(bytes, 'c');
    put_text(bytes, module);
    put_text(bytes, "\n");
    put_text(bytes, name);
    put_text(bytes, "\n");
}

void pickle_tensor(struct bytes *bytes, const char *key, int64_t n)
{
    pickle_global(bytes, "torch._utils", "_rebuild_tensor_v2");
    put_text(bytes, "((");
    pickle_text(bytes, "storage");
    pickle_global(bytes, "torch", "FloatStorage");
    pickle_text(bytes, key);
    pickle_text(bytes, "cpu");
    pickle_int(bytes, n);
    put_text(bytes, "tQ");
    pickle_int(bytes, 0);
    pickle_int(bytes, n);
    put(bytes, "\x85", 1);
    pickle_int(bytes, 1);
    put(bytes, "\x85\x89", 2);
    pickle_global(bytes, "collections", "OrderedDict");
    put_text(bytes, ")RtR");
}

void put_torch_zip(struct bytes *bytes, const struct bytes *pickle, const size_t *sizes, size_t n)
{
    struct member members[16] = {{.name = "a/data.pkl", .data = pickle->data, .n = pickle->n}};
    static const char *const names[] = {"a/data/0", "a/data/1", "a/data/2", "a/data/3"};
    float floats[4][64];
    assert_true(n <= 4);
    for (size_t i = 0; i < n; i++) {
        assert_true(sizes[i] <= 64);
        for (size_t j = 0; j < sizes[i]; j++)
            floats[i][j] = (float)j;
        members[1 + i] = (struct member){.name = names[i],
                                         .data = floats[i],
                                         .n = sizes[i] * sizeof(float),
                                         .descriptor = 1,
                                         .align = 64};
    }
    put_zip(bytes, members, 1 + n, 0);
}

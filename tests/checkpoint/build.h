// build.h: zip archives and pickles made byte by byte for the tests.
#ifndef BV_TESTS_BUILD_H
#define BV_TESTS_BUILD_H

#include <stddef.h>
#include <stdint.h>

// Bytes under construction; zero-initialise, free with bytes_free().
struct bytes {
    uint8_t *data;
    size_t n, room;
};

void bytes_free(struct bytes *bytes);
void put(struct bytes *bytes, const void *data, size_t n);
void put_text(struct bytes *bytes, const char *text); // without its terminator
void put_number(struct bytes *bytes, uint64_t value, int width);

// What a zip member is written as.
struct member {
    const char *name;
    const void *data;
    size_t n;
    int deflated;       // method 8
    int descriptor;     // sizes follow the data, the local header has none
    int zip64;          // sizes and offset in the zip64 extra field
    size_t align;       // the data begins at a multiple, by a padded extra field
    int flags, method;  // added as they are
    uint32_t crc_error; // added to the checksum
};

// An archive of the members. zip64_end: with a zip64 end record.
void put_zip(struct bytes *bytes, const struct member *members, size_t n, int zip64_end);

// Opcodes of protocol 2.
void pickle_begin(struct bytes *bytes);
void pickle_text(struct bytes *bytes, const char *text);
void pickle_int(struct bytes *bytes, int64_t value);
void pickle_global(struct bytes *bytes, const char *module, const char *name);
void pickle_op(struct bytes *bytes, char opcode);

// A float tensor of n elements over the whole of storage key: what torch.save() writes.
void pickle_tensor(struct bytes *bytes, const char *key, int64_t n);

// An archive of data.pkl and storages "0" to n - 1 of sizes[i] floats 0, 1, 2, …
void put_torch_zip(struct bytes *bytes, const struct bytes *pickle, const size_t *sizes, size_t n);

#endif

// zip.h: the members of a zip archive that lies in memory (PKWARE APPNOTE 6.3, with zip64).
//
// Stored members are used where they lie; deflated ones are inflated into the caller's memory.
// Only the central directory is believed, and it is checked against each local header.
#ifndef BV_CHECKPOINT_ZIP_H
#define BV_CHECKPOINT_ZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"
#include "base/status.h"
#include "checkpoint/container.h"

#define BV_ZIP_MAX_MEMBERS (1 << 20)

struct bv_zip_member {
    const char *name;    // as in the archive, folders with '/'
    const uint8_t *data; // stored or deflated bytes in the archive
    size_t packed_bytes; // of data
    size_t bytes;        // after inflating
    uint32_t crc;        // CRC-32 of the inflated bytes
    bool deflated;
};

// An archive. Zero-initialise. Read-only after opening: threads may share it.
struct bv_zip {
    struct bv_zip_member *members; // in the order of the central directory
    size_t n_members;
    struct bv_name *names;
    struct bv_arena arena;
};

// Reads the directory of the archive in data[0..size), which must outlive *zip. BV_ERR_FORMAT for
// a damaged or cut-off archive; BV_ERR_UNSUPPORTED for encryption, other compression methods and
// archives in several parts; BV_ERR_LIMIT for too many members. A member that claims to inflate
// beyond what deflate can do (1032 to 1) is damaged.
enum bv_status bv_zip_open(struct bv_zip *zip, const uint8_t *data, size_t size,
                           struct bv_error *err);

// Whether bytes begin as a zip archive does.
bool bv_zip_probe(const uint8_t *data, size_t size);

// The member with this name, or NULL.
const struct bv_zip_member *bv_zip_find(const struct bv_zip *zip, const char *name);

// Copies or inflates a member to out, which has room for member->bytes, and checks its CRC-32.
enum bv_status bv_zip_read(const struct bv_zip_member *member, void *out, struct bv_error *err);

// The same into malloc'd memory (never NULL on success), at most max_bytes; the caller frees. What
// inflates to more than 1 GiB and to more than 16 times its size is BV_ERR_LIMIT as well.
enum bv_status bv_zip_read_new(const struct bv_zip_member *member, size_t max_bytes, uint8_t **out,
                               struct bv_error *err);

// Up to room bytes from a member's begin, unchecked; returns how many.
size_t bv_zip_sample(const struct bv_zip_member *member, uint8_t *sample, size_t room);

// Checks a stored member's CRC-32 where it lies.
enum bv_status bv_zip_check(const struct bv_zip_member *member, struct bv_error *err);

// Frees; accepts a zeroed or closed archive.
void bv_zip_close(struct bv_zip *zip);

#endif

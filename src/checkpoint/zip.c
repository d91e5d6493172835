#include "checkpoint/zip.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "checkpoint/container.h"

enum {
    LOCAL_BYTES = 30,
    CENTRAL_BYTES = 46,
    END_BYTES = 22,
    END64_BYTES = 56,
    LOCATOR64_BYTES = 20,
    MAX_COMMENT = 65535,
    ZIP64_EXTRA = 0x0001,
    STORED = 0,
    DEFLATED = 8,
    ENCRYPTED_FLAG = 1,
    MAX_EXPANSION = 1032,  // deflate's best case
    LARGE_BYTES = 1 << 30, // weights hardly shrink: what inflates to more than this much
    LARGE_EXPANSION = 16,  // and grows by more than this, is no model
};

static const uint32_t local_signature = 0x04034b50, central_signature = 0x02014b50,
                      end_signature = 0x06054b50, end64_signature = 0x06064b50,
                      locator64_signature = 0x07064b50;

struct directory {
    uint64_t offset, bytes, n;
};

static enum bv_status damaged(struct bv_error *err, const char *what)
{
    return bv_fail(err, BV_ERR_FORMAT, "damaged zip archive: %s", what);
}

// The end record is the last thing in the file but for its comment.
static const uint8_t *find_end(const uint8_t *data, size_t size)
{
    if (size < END_BYTES)
        return NULL;
    size_t last = size - END_BYTES, first = last > MAX_COMMENT ? last - MAX_COMMENT : 0;
    for (size_t at = last + 1; at-- > first;)
        if (bv_le32(data + at) == end_signature && at + END_BYTES + bv_le16(data + at + 20) == size)
            return data + at;
    return NULL;
}

// The zip64 end record replaces the fields that do not fit.
static enum bv_status read_end64(const uint8_t *data, size_t end_at, struct directory *directory,
                                 struct bv_error *err)
{
    const uint8_t *locator = data + end_at - LOCATOR64_BYTES;
    if (end_at < LOCATOR64_BYTES || bv_le32(locator) != locator64_signature)
        return BV_OK;
    uint64_t at = bv_le64(locator + 8);
    if (at > end_at - LOCATOR64_BYTES || end_at - LOCATOR64_BYTES - at < END64_BYTES ||
        bv_le32(data + at) != end64_signature)
        return damaged(err, "no zip64 end record where the locator says");
    directory->n = bv_le64(data + at + 32);
    directory->bytes = bv_le64(data + at + 40);
    directory->offset = bv_le64(data + at + 48);
    return BV_OK;
}

static enum bv_status read_end(const uint8_t *data, size_t size, struct directory *directory,
                               struct bv_error *err)
{
    const uint8_t *end = find_end(data, size);
    if (!end)
        return damaged(err, "the directory at its end is missing, the file is truncated");
    uint16_t disk = bv_le16(end + 4);
    if (disk != 0 && disk != 0xffff)
        return bv_fail(err, BV_ERR_UNSUPPORTED, "a zip archive in several parts");
    directory->n = bv_le16(end + 10);
    directory->bytes = bv_le32(end + 12);
    directory->offset = bv_le32(end + 16);
    size_t end_at = (size_t)(end - data);
    BV_TRY(read_end64(data, end_at, directory, err));
    if (directory->offset > end_at || directory->bytes > end_at - directory->offset)
        return damaged(err, "its directory lies outside the file");
    if (directory->n > BV_ZIP_MAX_MEMBERS)
        return bv_fail(err, BV_ERR_LIMIT, "a zip archive of %llu members, the limit is %d",
                       (unsigned long long)directory->n, BV_ZIP_MAX_MEMBERS);
    if (directory->n > directory->bytes / CENTRAL_BYTES)
        return damaged(err, "its directory is too short for its members");
    return BV_OK;
}

struct sizes {
    uint64_t bytes, packed_bytes, offset;
};

// Takes from the zip64 extra field what did not fit in 32 bits, in the order the standard fixes.
static enum bv_status read_extra64(const uint8_t *extra, size_t n, struct sizes *sizes,
                                   struct bv_error *err)
{
    uint64_t *wanted[3];
    size_t n_wanted = 0;
    if (sizes->bytes == UINT32_MAX)
        wanted[n_wanted++] = &sizes->bytes;
    if (sizes->packed_bytes == UINT32_MAX)
        wanted[n_wanted++] = &sizes->packed_bytes;
    if (sizes->offset == UINT32_MAX)
        wanted[n_wanted++] = &sizes->offset;
    while (n_wanted && n >= 4) {
        size_t field = bv_le16(extra + 2);
        if (field > n - 4)
            break;
        if (bv_le16(extra) == ZIP64_EXTRA && field >= 8 * n_wanted) {
            for (size_t i = 0; i < n_wanted; i++)
                *wanted[i] = bv_le64(extra + 4 + 8 * i);
            return BV_OK;
        }
        extra += 4 + field;
        n -= 4 + field;
    }
    return n_wanted ? damaged(err, "a large member without its zip64 sizes") : BV_OK;
}

// Where the member's bytes begin is known from its local header only: its extra field differs
// from the one in the directory.
static enum bv_status place_member(struct bv_zip_member *m, const uint8_t *data, size_t size,
                                   const struct sizes *sizes, size_t name_bytes,
                                   struct bv_error *err)
{
    if (sizes->offset > size || size - sizes->offset < LOCAL_BYTES)
        return damaged(err, "a member lies outside the file");
    const uint8_t *local = data + sizes->offset;
    size_t room = size - sizes->offset - LOCAL_BYTES;
    if (bv_le32(local) != local_signature)
        return damaged(err, "a member has no local header");
    size_t local_name = bv_le16(local + 26), skip = local_name + bv_le16(local + 28);
    if (skip > room || sizes->packed_bytes > room - skip)
        return damaged(err, "a member reaches beyond the file");
    if (local_name != name_bytes || memcmp(local + LOCAL_BYTES, m->name, name_bytes) != 0 ||
        (bv_le16(local + 8) == DEFLATED) != m->deflated)
        return damaged(err, "a member's two headers disagree");
    if (m->deflated ? sizes->bytes / MAX_EXPANSION > sizes->packed_bytes
                    : sizes->bytes != sizes->packed_bytes)
        return damaged(err, "a member's two sizes do not fit each other");
    m->data = local + LOCAL_BYTES + skip;
    m->bytes = (size_t)sizes->bytes;
    m->packed_bytes = (size_t)sizes->packed_bytes;
    return BV_OK;
}

// Reads one directory entry at entry[0..room) and says how long it was.
static enum bv_status read_member(struct bv_zip *zip, const uint8_t *data, size_t size,
                                  const uint8_t *entry, size_t room, size_t *used,
                                  struct bv_error *err)
{
    if (room < CENTRAL_BYTES || bv_le32(entry) != central_signature)
        return damaged(err, "its directory is broken");
    size_t name = bv_le16(entry + 28), extra = bv_le16(entry + 30), comment = bv_le16(entry + 32);
    *used = CENTRAL_BYTES + name + extra + comment;
    if (*used > room)
        return damaged(err, "its directory is truncated");
    struct bv_zip_member *m = &zip->members[zip->n_members];
    m->name = bv_arena_strndup(&zip->arena, (const char *)entry + CENTRAL_BYTES, name);
    if (!m->name)
        return bv_fail_nomem(err, "the zip directory");
    if (strlen(m->name) != name)
        return damaged(err, "a member's name contains a zero byte");
    uint16_t method = bv_le16(entry + 10);
    if (bv_le16(entry + 8) & ENCRYPTED_FLAG)
        return bv_fail(err, BV_ERR_UNSUPPORTED, "zip member '%s' is encrypted", m->name);
    if (method != STORED && method != DEFLATED)
        return bv_fail(err, BV_ERR_UNSUPPORTED, "zip member '%s' uses compression method %d",
                       m->name, method);
    m->deflated = method == DEFLATED;
    m->crc = bv_le32(entry + 16);
    struct sizes sizes = {bv_le32(entry + 24), bv_le32(entry + 20), bv_le32(entry + 42)};
    BV_TRY(read_extra64(entry + CENTRAL_BYTES + name, extra, &sizes, err));
    BV_TRY(place_member(m, data, size, &sizes, name, err));
    zip->n_members++;
    return BV_OK;
}

static enum bv_status read_directory(struct bv_zip *zip, const uint8_t *data, size_t size,
                                     struct bv_error *err)
{
    struct directory directory = {0};
    BV_TRY(read_end(data, size, &directory, err));
    size_t n = (size_t)directory.n;
    zip->members = bv_arena_array(&zip->arena, n, sizeof *zip->members);
    zip->names = bv_arena_array(&zip->arena, n, sizeof *zip->names);
    if (!zip->members || !zip->names)
        return bv_fail_nomem(err, "the zip directory");
    const uint8_t *entry = data + directory.offset;
    size_t room = (size_t)directory.bytes, used = 0;
    for (size_t i = 0; i < n; i++, entry += used, room -= used) {
        BV_TRY(read_member(zip, data, size, entry, room, &used, err));
        zip->names[i] = (struct bv_name){zip->members[i].name, i};
    }
    bv_names_sort(zip->names, n);
    // Two members of one name are read differently by different programs: a trap, not an archive.
    const char *twice = bv_names_duplicate(zip->names, n);
    if (twice)
        return bv_fail(err, BV_ERR_FORMAT, "damaged zip archive: '%s' occurs twice", twice);
    return BV_OK;
}

enum bv_status bv_zip_open(struct bv_zip *zip, const uint8_t *data, size_t size,
                           struct bv_error *err)
{
    struct bv_zip opened = {0};
    enum bv_status status = read_directory(&opened, data, size, err);
    if (status != BV_OK) {
        bv_zip_close(&opened);
        return status;
    }
    *zip = opened;
    return BV_OK;
}

bool bv_zip_probe(const uint8_t *data, size_t size)
{
    return size >= 4 && (bv_le32(data) == local_signature || bv_le32(data) == end_signature);
}

const struct bv_zip_member *bv_zip_find(const struct bv_zip *zip, const char *name)
{
    const struct bv_name *found = bv_names_find(zip->names, zip->n_members, name);
    return found ? &zip->members[found->index] : NULL;
}

static enum bv_status check_crc(const struct bv_zip_member *m, const void *data,
                                struct bv_error *err)
{
    // torch.serialization.set_crc32_options(False) writes 0 for all of them.
    bool computed = m->deflated || m->crc != 0;
    if (computed && crc32_z(0, data, m->bytes) != m->crc)
        return bv_fail(err, BV_ERR_FORMAT, "damaged zip archive: '%s' does not match its checksum",
                       m->name);
    return BV_OK;
}

// zlib counts in unsigned int: both ends are fed in pieces of at most this.
static unsigned piece(size_t left)
{
    return left < UINT_MAX / 2 ? (unsigned)left : UINT_MAX / 2;
}

static enum bv_status inflate_member(const struct bv_zip_member *m, uint8_t *out,
                                     struct bv_error *err)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)m->data, .next_out = out};
    if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
        return bv_fail_nomem(err, "inflating");
    size_t in_left = m->packed_bytes, out_left = m->bytes;
    int result = Z_OK;
    while (result == Z_OK) {
        unsigned in = piece(in_left), room = piece(out_left);
        z.avail_in = in;
        z.avail_out = room;
        result = inflate(&z, Z_NO_FLUSH);
        in_left -= in - z.avail_in;
        out_left -= room - z.avail_out;
    }
    (void)inflateEnd(&z);
    if (result != Z_STREAM_END || out_left || in_left)
        return bv_fail(err, BV_ERR_FORMAT, "damaged zip archive: '%s' does not inflate to its size",
                       m->name);
    return BV_OK;
}

enum bv_status bv_zip_read(const struct bv_zip_member *member, void *out, struct bv_error *err)
{
    if (member->deflated)
        BV_TRY(inflate_member(member, out, err));
    else if (member->bytes)
        memcpy(out, member->data, member->bytes);
    return check_crc(member, out, err);
}

enum bv_status bv_zip_read_new(const struct bv_zip_member *member, size_t max_bytes, uint8_t **out,
                               struct bv_error *err)
{
    if (member->bytes > max_bytes)
        return bv_fail(err, BV_ERR_LIMIT, "'%s' has %zu bytes, the limit is %zu", member->name,
                       member->bytes, max_bytes);
    if (member->deflated && member->bytes > LARGE_BYTES &&
        member->bytes / LARGE_EXPANSION > member->packed_bytes)
        return bv_fail(err, BV_ERR_LIMIT, "'%s' inflates to %zu bytes, %zu times its size",
                       member->name, member->bytes, member->bytes / member->packed_bytes);
    uint8_t *data = malloc(member->bytes + 1);
    if (!data)
        return bv_fail_nomem(err, member->name);
    enum bv_status status = bv_zip_read(member, data, err);
    if (status != BV_OK) {
        free(data);
        return status;
    }
    *out = data;
    return BV_OK;
}

size_t bv_zip_sample(const struct bv_zip_member *member, uint8_t *sample, size_t room)
{
    if (room > member->bytes)
        room = member->bytes;
    if (!member->deflated) {
        if (room)
            memcpy(sample, member->data, room);
        return room;
    }
    z_stream z = {.next_in = (Bytef *)(uintptr_t)member->data,
                  .avail_in = piece(member->packed_bytes),
                  .next_out = sample,
                  .avail_out = piece(room)};
    if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
        return 0;
    (void)inflate(&z, Z_SYNC_FLUSH);
    size_t n = room - z.avail_out;
    (void)inflateEnd(&z);
    return n;
}

enum bv_status bv_zip_check(const struct bv_zip_member *member, struct bv_error *err)
{
    return check_crc(member, member->data, err);
}

void bv_zip_close(struct bv_zip *zip)
{
    bv_arena_free(&zip->arena);
    *zip = (struct bv_zip){0};
}

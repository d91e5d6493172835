#include "retrieval/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

enum {
    BLOCK_ROWS = 65536,
    MAX_BLOCKS = 65536,
    TABLE_OFFSET = 4096,
    ROWS_OFFSET = 2 << 20, // so that rows start on whatever pages there are
};

static const char magic[8] = "bvvecs2";

struct head {
    char magic[8];
    uint32_t kind, dimension, stride;
    uint32_t last; // checksum of the item of the last row: tells indexes apart
    uint64_t n;
    uint64_t generation;  // of the index's rows
    char fingerprint[64]; // of the index's model
    uint32_t table;       // CRC-32C of the blocks' checksums
    uint32_t self;        // CRC-32C of what comes before
};
_Static_assert(sizeof(struct head) == 112, "no padding");

struct vector_file {
    struct bv_store *store;
    enum bv_kind kind;
    struct bv_pool *pool;
    char path[4096], temporary[4128]; // temporary is empty unless a new file is being made
    int number;                       // of temporary, of bv_unfinished_add()
    int fd;                           // -1: none
    size_t dimension, stride;
    size_t n;        // rows that the file holds and this index has, too
    uint32_t *table; // [MAX_BLOCKS]
};

static size_t row_bytes(const struct vector_file *f)
{
    return f->stride * sizeof(uint16_t);
}

static size_t blocks_of(size_t n)
{
    return (n + BLOCK_ROWS - 1) / BLOCK_ROWS;
}

static enum bv_status fill_head(const struct vector_file *f, size_t n, struct head *head,
                                struct bv_error *err)
{
    const struct bv_store_info *info = bv_store_info(f->store);
    *head = (struct head){.kind = (uint32_t)f->kind,
                          .dimension = (uint32_t)f->dimension,
                          .stride = (uint32_t)f->stride,
                          .n = n,
                          .generation = bv_store_generation(f->store)};
    memcpy(head->magic, magic, sizeof magic);
    size_t length = strlen(info->fingerprint);
    memcpy(head->fingerprint, info->fingerprint, length < 64 ? length : 64);
    if (n > 0)
        BV_TRY(bv_store_checksum(f->store, f->kind, (uint32_t)(n - 1), &head->last, err));
    head->table = bv_crc32c(0, f->table, blocks_of(n) * sizeof *f->table);
    head->self = bv_crc32c(0, head, offsetof(struct head, self));
    return BV_OK;
}

static bool read_at(int fd, void *out, size_t n, off_t offset)
{
    for (char *p = out; n > 0;) {
        ssize_t got = pread(fd, p, n, offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        p += got;
        n -= (size_t)got;
        offset += got;
    }
    return true;
}

static bool write_at(int fd, const void *in, size_t n, off_t offset)
{
    for (const char *p = in; n > 0;) {
        ssize_t put = pwrite(fd, p, n, offset);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        p += put;
        n -= (size_t)put;
        offset += put;
    }
    return true;
}

// Sets f->n and f->table from the file; *reason says why n is 0.
static enum bv_status read_head(struct vector_file *f, size_t n_rows, const char **reason,
                                struct bv_error *err)
{
    struct head head, expected;
    struct stat info;
    f->n = 0;
    *reason = f->fd < 0 ? "missing" : "damaged";
    if (f->fd < 0 || !read_at(f->fd, &head, sizeof head, 0) ||
        bv_crc32c(0, &head, offsetof(struct head, self)) != head.self ||
        memcmp(head.magic, magic, sizeof magic) != 0)
        return BV_OK;
    *reason = "of another index";
    if (head.n == 0 || head.n > n_rows)
        return BV_OK;
    BV_TRY(fill_head(f, head.n, &expected, err));
    if (memcmp(&expected, &head, offsetof(struct head, table)) != 0)
        return BV_OK;
    *reason = "damaged";
    if (!read_at(f->fd, f->table, blocks_of(head.n) * sizeof *f->table, TABLE_OFFSET) ||
        bv_crc32c(0, f->table, blocks_of(head.n) * sizeof *f->table) != head.table ||
        fstat(f->fd, &info) != 0 ||
        (uint64_t)info.st_size < ROWS_OFFSET + head.n * (uint64_t)row_bytes(f))
        return BV_OK;
    f->n = head.n;
    *reason = NULL;
    return BV_OK;
}

// Blocks.

struct check_job {
    const struct vector_file *f;
    const uint8_t *rows;
    atomic_bool damaged;
};

static void check_block(void *arg, size_t block)
{
    struct check_job *job = arg;
    size_t first = block * BLOCK_ROWS;
    size_t n = job->f->n - first < BLOCK_ROWS ? job->f->n - first : BLOCK_ROWS;
    size_t each = row_bytes(job->f);
    if (bv_crc32c(0, job->rows + first * each, n * each) != job->f->table[block])
        job->damaged = true;
}

// Maps the rows into *v when every block is as it was written; else leaves *v alone.
static bool map_rows(const struct vector_file *f, struct bv_vectors *v)
{
    size_t bytes = f->n * row_bytes(f);
    void *rows = mmap(NULL, bytes, PROT_READ, MAP_SHARED, f->fd, ROWS_OFFSET);
    if (rows == MAP_FAILED)
        return false;
    (void)posix_madvise(rows, bytes, POSIX_MADV_WILLNEED);
    struct check_job job = {.f = f, .rows = rows};
    bv_pool_for(f->pool, blocks_of(f->n), check_block, &job);
    if (job.damaged) {
        (void)munmap(rows, bytes);
        return false;
    }
    *v = (struct bv_vectors){
        .n = f->n, .dimension = f->dimension, .stride = f->stride, .rows = rows, .mapped = bytes};
    return true;
}

// Writes the blocks that rows [f->n, n) touch, then the head that makes them count. *written is
// false when the file cannot take them.
static enum bv_status append(struct vector_file *f, size_t n, bool *written, struct bv_error *err)
{
    size_t each = row_bytes(f);
    struct head head;
    struct bv_vectors block = {0};
    *written = true;
    BV_TRY(bv_vectors_create(&block, n < BLOCK_ROWS ? n : BLOCK_ROWS, f->dimension, err));
    enum bv_status status = BV_OK;
    for (size_t b = f->n / BLOCK_ROWS; b < blocks_of(n) && status == BV_OK && *written; b++) {
        size_t first = b * BLOCK_ROWS, rows = n - first < BLOCK_ROWS ? n - first : BLOCK_ROWS;
        status = bv_store_read(f->store, f->kind, first, rows, f->pool, &block, err);
        f->table[b] = bv_crc32c(0, block.rows, rows * each);
        if (status == BV_OK)
            *written =
                write_at(f->fd, block.rows, rows * each, (off_t)(ROWS_OFFSET + first * each));
    }
    bv_vectors_free(&block);
    if (status == BV_OK)
        status = fill_head(f, n, &head, err);
    // The rows first: a head that says more than is there would be found damaged, for nothing.
    *written = *written && status == BV_OK && fdatasync(f->fd) == 0 &&
               write_at(f->fd, f->table, blocks_of(n) * sizeof *f->table, TABLE_OFFSET) &&
               write_at(f->fd, &head, sizeof head, 0);
    if (*written)
        f->n = n;
    return status;
}

// A file of our own that takes the place of the old one when it is complete: others may have the
// old one mapped.
static bool begin_again(struct vector_file *f)
{
    if (f->fd >= 0)
        (void)close(f->fd);
    (void)snprintf(f->temporary, sizeof f->temporary, "%s.new-%ld", f->path, (long)getpid());
    f->number = bv_unfinished_add(f->temporary);
    f->fd = open(f->temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    f->n = 0;
    if (f->fd < 0)
        f->temporary[0] = 0;
    return f->fd >= 0;
}

// Brings the file to n rows, from nothing when it is rotten; *state says how. One process at a
// time: another one's appending is not waited for.
static enum bv_status complete(struct vector_file *f, size_t n, bool rotten, const char **state,
                               struct bv_error *err)
{
    const char *reason = f->fd < 0 ? "missing" : "damaged";
    bool written;
    *state = "unwritable";
    if (f->fd >= 0 && flock(f->fd, LOCK_EX | LOCK_NB) != 0)
        return BV_OK;
    if (rotten)
        f->n = 0;
    else if (f->fd >= 0)
        BV_TRY(read_head(f, n, &reason, err));
    if (f->n == 0 && !begin_again(f))
        return BV_OK;
    BV_TRY(append(f, n, &written, err));
    if (written && f->temporary[0] && rename(f->temporary, f->path) == 0)
        f->temporary[0] = 0;
    if (written && !f->temporary[0])
        *state = reason ? reason : "completed";
    return BV_OK;
}

// v NULL: only brings the file up to date.
static enum bv_status load(struct vector_file *f, size_t n, struct bv_vectors *v,
                           const char **state, struct bv_error *err)
{
    const char *ignored = NULL;
    f->fd = open(f->path, O_RDWR | O_CLOEXEC);
    if (f->fd < 0)
        f->fd = open(f->path, O_RDONLY | O_CLOEXEC);
    BV_TRY(read_head(f, n, &ignored, err));
    *state = "mapped";
    if (!v)
        return f->n == n ? BV_OK : complete(f, n, false, state, err);
    if (f->n == n && map_rows(f, v))
        return BV_OK;
    // A file that is complete but wrong is no base to append to; one that turns out to be wrong
    // when it has been appended to is recreated.
    bool rotten = f->n == n;
    for (int i = 0; i < 2; i++) {
        BV_TRY(complete(f, n, rotten, state, err));
        if (strcmp(*state, "unwritable") == 0)
            break;
        if (map_rows(f, v))
            return BV_OK;
        rotten = true;
    }
    *state = "unwritable";
    return bv_store_load(f->store, f->kind, f->pool, v, err);
}

enum bv_status bv_vector_file_load(struct bv_store *store, enum bv_kind kind, size_t least,
                                   struct bv_pool *pool, struct bv_vectors *vectors,
                                   const char **state, struct bv_error *err)
{
    struct vector_file f = {.store = store, .kind = kind, .pool = pool, .fd = -1};
    const char *how = "none";
    size_t n = bv_store_rows(store, kind);
    enum bv_status status = BV_OK;
    f.dimension = bv_store_info(store)->dimension;
    f.stride = bv_vectors_stride(f.dimension);
    int length =
        snprintf(f.path, sizeof f.path, "%s.%s.vectors", bv_store_path(store), bv_kind_name(kind));
    if (n == 0 || n * row_bytes(&f) < least || length < 0 || (size_t)length >= sizeof f.path) {
        status = vectors ? bv_store_load(store, kind, pool, vectors, err) : BV_OK;
    } else {
        f.table = calloc(MAX_BLOCKS, sizeof *f.table);
        status = f.table ? load(&f, n, vectors, &how, err) : bv_fail_nomem(err, "vectors");
    }
    if (f.temporary[0])
        (void)unlink(f.temporary);
    if (f.fd >= 0)
        (void)close(f.fd);
    free(f.table);
    if (state)
        *state = how;
    return status;
}

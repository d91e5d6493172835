// Images as a fusion encoder has read them, in files beside an index.
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/sha256.h"
#include "retrieval/ingest.h"
#include "retrieval/query.h"

enum { MAX_KEPT = 4096, PATH_ROOM = 4352 };

static const char magic[8] = "BVRRNK1";
static const size_t max_file = (size_t)256 << 20;

// What a file begins with; tokens, boxes and positions follow.
struct header {
    char magic[8];
    int64_t n, width, box_width, n_positions;
    uint32_t checksum, reserved; // of what follows
};

static bool folder_of(const char *index, char folder[PATH_ROOM])
{
    return snprintf(folder, PATH_ROOM, "%s.rerank", index) < PATH_ROOM;
}

// Named by the item, the model and how it computes: nothing else leads to a file.
static enum bv_status path_of(const char *index, const char *id, const struct bv_session *session,
                              char path[PATH_ROOM], struct bv_error *err)
{
    char fingerprint[65], text[1200], digest[65], folder[PATH_ROOM];
    BV_TRY(bv_model_fingerprint(bv_session_model(session), fingerprint, err));
    int n = snprintf(text, sizeof text, "%s %s %s", fingerprint, id, bv_session_precision(session));
    if (n < 0 || (size_t)n >= sizeof text || !folder_of(index, folder))
        return bv_fail(err, BV_ERR_LIMIT, "a path of more than 4095 bytes");
    bv_sha256_hex(text, (size_t)n, digest);
    return snprintf(path, PATH_ROOM, "%s/%.32s", folder, digest) < PATH_ROOM
               ? BV_OK
               : bv_fail(err, BV_ERR_LIMIT, "a path of more than 4095 bytes");
}

// The numbers of a file of this size make sense.
static bool is_whole(const struct header *h, size_t size)
{
    const int64_t most = (int64_t)1 << 26;
    if (memcmp(h->magic, magic, sizeof magic) != 0 || h->n < 1 || h->n > most || h->width < 1 ||
        h->width > most / h->n || h->box_width < 0 || h->box_width > 7 || h->n_positions < 0 ||
        h->n_positions > h->n)
        return false;
    uint64_t floats = (uint64_t)(h->n * h->width + h->n * h->box_width + h->n_positions);
    return size == sizeof *h + 4 * floats;
}

static bool take(const uint8_t **at, int64_t n, void **out)
{
    if (n == 0)
        return true;
    *out = malloc((size_t)n * 4);
    if (*out)
        memcpy(*out, *at, (size_t)n * 4);
    *at += (size_t)n * 4;
    return *out != NULL;
}

bool bv_rerank_cache_read(const char *index, const char *id, const struct bv_session *session,
                          struct bv_fusion_image *image)
{
    struct bv_error ignored = {0};
    char path[PATH_ROOM], *data = NULL;
    size_t size = 0;
    struct header h;
    if (path_of(index, id, session, path, &ignored) != BV_OK ||
        bv_read_all(path, max_file, &data, &size, &ignored) != BV_OK)
        return false;
    bool good = size >= sizeof h;
    if (good)
        memcpy(&h, data, sizeof h);
    good =
        good && is_whole(&h, size) && bv_crc32c(0, data + sizeof h, size - sizeof h) == h.checksum;
    const uint8_t *at = (const uint8_t *)data + sizeof h;
    struct bv_fusion_image read = {.n = 0};
    if (good) {
        read.n = h.n;
        read.width = h.width;
        read.box_width = h.box_width;
        read.n_positions = h.n_positions;
        good = take(&at, h.n * h.width, (void **)&read.tokens) &&
               take(&at, h.n * h.box_width, (void **)&read.boxes) &&
               take(&at, h.n_positions, (void **)&read.positions);
    }
    // Positions choose among the tokens.
    for (int64_t i = 0; good && i < read.n_positions; i++)
        good = read.positions[i] >= 0 && read.positions[i] < read.n;
    free(data);
    if (good)
        *image = read;
    else
        bv_fusion_image_free(&read);
    return good;
}

// Makes room where there are too many files, and the folder where there is none.
static enum bv_status prepare_folder(const char *index, struct bv_error *err)
{
    char folder[PATH_ROOM];
    size_t n = 0;
    if (!folder_of(index, folder))
        return bv_fail(err, BV_ERR_LIMIT, "a path of more than 4095 bytes");
    DIR *dir = opendir(folder);
    if (!dir)
        return mkdir(folder, 0700) == 0
                   ? BV_OK
                   : bv_fail(err, BV_ERR_IO, "%s: %s", folder, strerror(errno));
    while (readdir(dir))
        n++;
    (void)closedir(dir);
    if (n < MAX_KEPT)
        return BV_OK;
    bv_rerank_cache_clear(index);
    return mkdir(folder, 0700) == 0 || errno == EEXIST
               ? BV_OK
               : bv_fail(err, BV_ERR_IO, "%s: %s", folder, strerror(errno));
}

static bool put(FILE *stream, uint32_t *checksum, const void *data, int64_t n)
{
    if (n == 0)
        return true;
    *checksum = bv_crc32c(*checksum, data, (size_t)n * 4);
    return !stream || fwrite(data, 4, (size_t)n, stream) == (size_t)n;
}

static bool put_all(FILE *stream, uint32_t *checksum, const struct bv_fusion_image *image)
{
    return put(stream, checksum, image->tokens, image->n * image->width) &&
           put(stream, checksum, image->boxes, image->boxes ? image->n * image->box_width : 0) &&
           put(stream, checksum, image->positions, image->positions ? image->n_positions : 0);
}

enum bv_status bv_rerank_cache_write(const char *index, const char *id,
                                     const struct bv_session *session,
                                     const struct bv_fusion_image *image, struct bv_error *err)
{
    struct bv_new_file file = {0};
    char path[PATH_ROOM];
    struct header h = {.n = image->n,
                       .width = image->width,
                       .box_width = image->boxes ? image->box_width : 0,
                       .n_positions = image->positions ? image->n_positions : 0};
    memcpy(h.magic, magic, sizeof magic);
    (void)put_all(NULL, &h.checksum, image);
    BV_TRY(path_of(index, id, session, path, err));
    BV_TRY(prepare_folder(index, err));
    BV_TRY(bv_new_file_create_private(&file, path, err));
    uint32_t again = 0;
    if (fwrite(&h, sizeof h, 1, file.stream) == 1 && put_all(file.stream, &again, image))
        return bv_new_file_commit(&file, err);
    bv_new_file_discard(&file);
    return bv_fail(err, BV_ERR_IO, "%s cannot be written", path);
}

void bv_rerank_cache_clear(const char *index)
{
    char folder[PATH_ROOM], path[2 * PATH_ROOM];
    if (!folder_of(index, folder))
        return;
    DIR *dir = opendir(folder);
    for (const struct dirent *e; dir && (e = readdir(dir));) {
        if (e->d_name[0] == '.' && (!e->d_name[1] || e->d_name[1] == '.'))
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        (void)unlink(path);
    }
    if (dir)
        (void)closedir(dir);
    (void)rmdir(folder);
}

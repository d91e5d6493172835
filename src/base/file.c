#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum bv_status bv_mapping_open(struct bv_mapping *mapping, const char *path, size_t max_bytes,
                               struct bv_error *err)
{
    // O_NONBLOCK keeps a FIFO given as a file from blocking the open.
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return bv_fail(err, BV_ERR_IO, "%s: %s", path, strerror(errno));
    enum bv_status status = BV_OK;
    void *data = NULL;
    struct stat st;
    if (fstat(fd, &st) != 0)
        status = bv_fail(err, BV_ERR_IO, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        status = bv_fail(err, BV_ERR_IO, "%s: not a regular file", path);
    else if (max_bytes && (uintmax_t)st.st_size > max_bytes)
        status = bv_fail(err, BV_ERR_LIMIT, "%s: %jd bytes, the limit is %zu", path,
                         (intmax_t)st.st_size, max_bytes);
    else if (st.st_size > 0) {
        data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED)
            status = bv_fail(err, BV_ERR_IO, "%s: cannot map: %s", path, strerror(errno));
    }
    (void)close(fd);
    if (status == BV_OK) {
        mapping->data = data;
        mapping->size = (size_t)st.st_size;
    }
    return status;
}

void bv_mapping_close(struct bv_mapping *mapping)
{
    if (mapping->data)
        (void)munmap((void *)(uintptr_t)mapping->data, mapping->size);
    mapping->data = NULL;
    mapping->size = 0;
}

static enum bv_status read_stream(FILE *stream, const char *path, size_t max_bytes, char **data,
                                  size_t *size, struct bv_error *err)
{
    size_t room = 64 * 1024, used = 0;
    char *buffer = malloc(room + 1);
    while (buffer) {
        used += fread(buffer + used, 1, room - used, stream);
        if (used < room || used > max_bytes)
            break;
        room *= 2;
        char *larger = realloc(buffer, room + 1);
        if (!larger)
            free(buffer);
        buffer = larger;
    }
    if (!buffer)
        return bv_fail_nomem(err, path);
    enum bv_status status = BV_OK;
    if (ferror(stream))
        status = bv_fail(err, BV_ERR_IO, "%s: %s", path, strerror(errno));
    else if (used > max_bytes)
        status = bv_fail(err, BV_ERR_LIMIT, "%s: more than %zu bytes", path, max_bytes);
    if (status != BV_OK) {
        free(buffer);
        return status;
    }
    buffer[used] = 0;
    *data = buffer;
    *size = used;
    return BV_OK;
}

enum bv_status bv_read_all(const char *path, size_t max_bytes, char **data, size_t *size,
                           struct bv_error *err)
{
    if (strcmp(path, "-") == 0)
        return read_stream(stdin, "standard input", max_bytes, data, size, err);
    FILE *stream = fopen(path, "rb");
    if (!stream)
        return bv_fail(err, BV_ERR_IO, "%s: %s", path, strerror(errno));
    enum bv_status status = read_stream(stream, path, max_bytes, data, size, err);
    (void)fclose(stream);
    return status;
}

enum bv_status bv_new_file_create(struct bv_new_file *file, const char *path, struct bv_error *err)
{
    size_t n = strlen(path);
    char *copy = strdup(path), *temporary = malloc(n + sizeof ".part.XXXXXX");
    if (!copy || !temporary) {
        free(copy);
        free(temporary);
        return bv_fail_nomem(err, path);
    }
    memcpy(temporary, path, n);
    memcpy(temporary + n, ".part.XXXXXX", sizeof ".part.XXXXXX");
    int fd = mkstemp(temporary);
    FILE *stream = NULL;
    if (fd >= 0) {
        mode_t mask = umask(0);
        (void)umask(mask);
        (void)fchmod(fd, 0666 & ~mask);
        stream = fdopen(fd, "wb");
    }
    if (!stream) {
        enum bv_status status = bv_fail(err, BV_ERR_IO, "%s: %s", path, strerror(errno));
        if (fd >= 0) {
            (void)close(fd);
            (void)unlink(temporary);
        }
        free(copy);
        free(temporary);
        return status;
    }
    *file = (struct bv_new_file){stream, copy, temporary};
    return BV_OK;
}

// The directory entry is durable only once the directory itself is synced.
static void sync_directory(char *path)
{
    int fd = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        (void)close(fd);
    }
}

enum bv_status bv_new_file_commit(struct bv_new_file *file, struct bv_error *err)
{
    int failed = fflush(file->stream) != 0 || fsync(fileno(file->stream)) != 0;
    int error = errno;
    failed |= fclose(file->stream) != 0;
    file->stream = NULL;
    if (!failed && rename(file->temporary, file->path) != 0) {
        failed = 1;
        error = errno;
    }
    enum bv_status status = BV_OK;
    if (failed) {
        status = bv_fail(err, BV_ERR_IO, "%s: cannot write: %s", file->path, strerror(error));
        bv_new_file_discard(file);
        return status;
    }
    sync_directory(file->path);
    free(file->path);
    free(file->temporary);
    *file = (struct bv_new_file){0};
    return status;
}

void bv_new_file_discard(struct bv_new_file *file)
{
    if (file->stream)
        (void)fclose(file->stream);
    if (file->temporary)
        (void)unlink(file->temporary);
    free(file->path);
    free(file->temporary);
    *file = (struct bv_new_file){0};
}

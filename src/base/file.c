#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_LINKS 40
#define MAX_NAMES 1000 // tried for a temporary file; others may be left of a process that died
#define MAX_PIPE ((size_t)1 << 32)

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

// What a pipe gives up to its end. An open that does not wait for a writer is followed by a wait.
static enum bv_status read_pipe(struct bv_mapping *mapping, int fd, const char *path,
                                size_t max_bytes, struct bv_error *err)
{
    char *data = NULL;
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    int flags = fcntl(fd, F_GETFL);
    FILE *stream = NULL;
    if (flags >= 0 && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0 && poll(&ready, 1, -1) >= 0)
        stream = fdopen(fd, "rb");
    if (!stream) {
        (void)close(fd);
        return bv_fail(err, BV_ERR_IO, "%s: %s", path, strerror(errno));
    }
    enum bv_status status =
        read_stream(stream, path, max_bytes ? max_bytes : MAX_PIPE, &data, &mapping->size, err);
    (void)fclose(stream);
    mapping->data = (uint8_t *)data;
    mapping->copied = true;
    return status;
}

static enum bv_status map_file(struct bv_mapping *mapping, int fd, const struct stat *st,
                               const char *path, size_t max_bytes, struct bv_error *err)
{
    void *data = NULL;
    if (max_bytes && (uintmax_t)st->st_size > max_bytes)
        return bv_fail(err, BV_ERR_LIMIT, "%s: %jd bytes, the limit is %zu", path,
                       (intmax_t)st->st_size, max_bytes);
    if (st->st_size > 0)
        data = mmap(NULL, (size_t)st->st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        return bv_fail(err, BV_ERR_IO, "%s: cannot map: %s", path, strerror(errno));
    mapping->data = data;
    mapping->size = (size_t)st->st_size;
    mapping->device = st->st_dev;
    mapping->inode = st->st_ino;
    mapping->modified = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
    return BV_OK;
}

enum bv_status bv_mapping_open(struct bv_mapping *mapping, const char *path, size_t max_bytes,
                               struct bv_error *err)
{
    struct bv_mapping opened = {0};
    struct stat st;
    int fd = strcmp(path, "/dev/stdin") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                                             : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0) {
        enum bv_status status = bv_fail(err, BV_ERR_IO, "%s: %s", path, strerror(errno));
        if (fd >= 0)
            (void)close(fd);
        return status;
    }
    bool is_pipe = S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || S_ISCHR(st.st_mode);
    enum bv_status status = BV_OK;
    if (is_pipe)
        status = read_pipe(&opened, fd, path, max_bytes, err);
    else if (S_ISREG(st.st_mode))
        status = map_file(&opened, fd, &st, path, max_bytes, err);
    else
        status = bv_fail(err, BV_ERR_IO, "%s: not a regular file", path);
    if (!is_pipe)
        (void)close(fd);
    if (status == BV_OK)
        *mapping = opened;
    return status;
}

void bv_mapping_close(struct bv_mapping *mapping)
{
    void *data = (void *)(uintptr_t)mapping->data;
    if (mapping->copied)
        free(data);
    else if (data)
        (void)munmap(data, mapping->size);
    *mapping = (struct bv_mapping){0};
}

bool bv_mapping_is(const struct bv_mapping *mapping, const char *path)
{
    struct stat st;
    return mapping->data && stat(path, &st) == 0 && st.st_dev == mapping->device &&
           st.st_ino == mapping->inode;
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

// The descriptor that a name stands for: 1 for "-" and /dev/stdout, N for /dev/fd/N; -1 for others.
static int named_descriptor(const char *path)
{
    static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/"};
    if (strcmp(path, "-") == 0 || strcmp(path, "/dev/stdout") == 0)
        return STDOUT_FILENO;
    if (strcmp(path, "/dev/stderr") == 0)
        return STDERR_FILENO;
    for (size_t i = 0; i < 2; i++) {
        size_t n = strlen(folders[i]);
        if (strncmp(path, folders[i], n) == 0 && path[n] && strlen(path + n) <= 4 &&
            strspn(path + n, "0123456789") == strlen(path + n))
            return (int)strtol(path + n, NULL, 10);
    }
    return -1;
}

// The file behind symbolic links.
static enum bv_status follow(const char *path, char **target, struct bv_error *err)
{
    char *at = strdup(path);
    for (int i = 0; at && i < MAX_LINKS; i++) {
        char link[4096];
        ssize_t n = readlink(at, link, sizeof link - 1);
        if (n < 0) { // no link
            *target = at;
            return BV_OK;
        }
        link[n] = 0;
        char *slash = link[0] == '/' ? NULL : strrchr(at, '/');
        size_t folder = slash ? (size_t)(slash - at) + 1 : 0;
        char *next = malloc(folder + (size_t)n + 1);
        if (next) {
            memcpy(next, at, folder);
            memcpy(next + folder, link, (size_t)n + 1);
        }
        free(at);
        at = next;
    }
    if (!at)
        return bv_fail_nomem(err, path);
    free(at);
    return bv_fail(err, BV_ERR_IO, "%s: too many symbolic links", path);
}

enum bv_status bv_output_place(const char *path, char **target, int *fd, struct bv_error *err)
{
    *target = NULL;
    *fd = -1;
    struct stat st;
    int named = named_descriptor(path);
    if (named >= 0) {
        *fd = fcntl(named, F_DUPFD_CLOEXEC, 0);
        return *fd >= 0 ? BV_OK : bv_fail(err, BV_ERR_IO, "%s: %s", path, strerror(errno));
    }
    if (stat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            return bv_fail(err, BV_ERR_IO, "%s: a folder", path);
        if (S_ISREG(st.st_mode))
            return follow(path, target, err);
        *fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        return *fd >= 0 ? BV_OK : bv_fail(err, BV_ERR_IO, "%s: %s", path, strerror(errno));
    }
    if (lstat(path, &st) == 0)
        return bv_fail(err, BV_ERR_IO, "%s: a symbolic link that leads to no file", path);
    *target = strdup(path);
    return *target ? BV_OK : bv_fail_nomem(err, path);
}

// Opens a new file, named after the target and this process, with the permissions of any new file.
// The mask of the process is left to the kernel: to read it is to change it for a moment, in which
// another thread's file would be open to all.
static FILE *open_temporary(char *temporary, size_t size, const char *path, mode_t mode)
{
    static atomic_uint count;
    int fd = -1;
    for (int i = 0; fd < 0 && i < MAX_NAMES; i++) {
        (void)snprintf(temporary, size, "%s.part.%ld-%u", path, (long)getpid(),
                       atomic_fetch_add(&count, 1));
        fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (fd < 0 && errno != EEXIST)
            return NULL;
    }
    FILE *stream = fd >= 0 ? fdopen(fd, "wb") : NULL;
    if (!stream && fd >= 0) {
        (void)close(fd);
        (void)unlink(temporary);
    }
    return stream;
}

static enum bv_status create_new(struct bv_new_file *file, const char *path, bool private,
                                 struct bv_error *err)
{
    struct bv_new_file made = {.number = -1};
    int fd = -1;
    if (private)
        made.path = strdup(path);
    else
        BV_TRY(bv_output_place(path, &made.path, &fd, err));
    if (fd >= 0) {
        made.path = strdup(path);
        made.stream = made.path ? fdopen(fd, "wb") : NULL;
        if (!made.stream)
            (void)close(fd);
    } else if (made.path) {
        size_t size = strlen(made.path) + 48; // ".part.", a process and a number
        made.temporary = malloc(size);
        if (made.temporary)
            made.stream = open_temporary(made.temporary, size, made.path, private ? 0600 : 0666);
    }
    if (!made.stream) {
        bool no_memory = !made.path || (fd < 0 && !made.temporary);
        enum bv_status status = no_memory
                                    ? bv_fail_nomem(err, "the path of a new file")
                                    : bv_fail(err, BV_ERR_IO, "%s: %s", path, strerror(errno));
        free(made.path);
        free(made.temporary);
        return status;
    }
    if (made.temporary)
        made.number = bv_unfinished_add(made.temporary);
    *file = made;
    return BV_OK;
}

enum bv_status bv_new_file_create(struct bv_new_file *file, const char *path, struct bv_error *err)
{
    return create_new(file, path, false, err);
}

enum bv_status bv_new_file_create_private(struct bv_new_file *file, const char *path,
                                          struct bv_error *err)
{
    return create_new(file, path, true, err);
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

static void forget(struct bv_new_file *file)
{
    if (file->path)
        bv_unfinished_drop(file->number);
    free(file->path);
    free(file->temporary);
    *file = (struct bv_new_file){0};
}

enum bv_status bv_new_file_commit(struct bv_new_file *file, struct bv_error *err)
{
    // A device or a pipe has nothing to make durable.
    bool failed =
        fflush(file->stream) != 0 || (file->temporary && fsync(fileno(file->stream)) != 0);
    int error = errno;
    if (fclose(file->stream) != 0 && !failed) {
        failed = true;
        error = errno;
    }
    file->stream = NULL;
    if (!failed && file->temporary && rename(file->temporary, file->path) != 0) {
        failed = true;
        error = errno;
    }
    if (failed) {
        enum bv_status status =
            bv_fail(err, BV_ERR_IO, "%s: cannot write: %s", file->path, strerror(error));
        bv_new_file_discard(file);
        return status;
    }
    if (file->temporary)
        sync_directory(file->path);
    forget(file);
    return BV_OK;
}

void bv_new_file_discard(struct bv_new_file *file)
{
    if (file->stream)
        (void)fclose(file->stream);
    if (file->temporary)
        (void)unlink(file->temporary);
    forget(file);
}

#define _GNU_SOURCE // syscall, O_PATH
#include "serve/root.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MOST_NAMES = 10000, PATH_MOST = 1024 };

enum bv_status bv_root_open(const char *folder, int *root, struct bv_error *err)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return bv_fail(err, BV_ERR_IO, "%s: %s", folder, strerror(errno));
    *root = fd;
    return BV_OK;
}

// Whether each component is a name: not empty, ".", ".." or hidden.
static bool is_below(const char *path)
{
    size_t n = strlen(path);
    if (n == 0 || n >= PATH_MOST || path[n - 1] == '/')
        return false;
    for (const char *at = path; at; at = strchr(at, '/') ? strchr(at, '/') + 1 : NULL)
        if (*at == '.' || *at == '/' || *at == 0)
            return false;
    return true;
}

// For kernels without openat2.
static int open_step_by_step(int root, const char *path, int flags)
{
    char copy[PATH_MOST];
    int fd = -1, folder = root;
    strcpy(copy, path);
    for (char *at = copy, *next; at; at = next) {
        char *slash = strchr(at, '/');
        next = slash ? slash + 1 : NULL;
        if (slash)
            *slash = 0;
        fd = openat(folder, at,
                    slash ? O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC : flags | O_NOFOLLOW);
        if (folder != root)
            (void)close(folder);
        if (fd < 0)
            return -1;
        folder = fd;
    }
    return fd;
}

static enum bv_status open_below(int root, const char *path, int flags, int *fd,
                                 struct bv_error *err)
{
    if (root < 0)
        return bv_fail(err, BV_ERR_ARG,
                       "this service reads no files: it was started without --root");
    if (!is_below(path))
        return bv_fail(err, BV_ERR_ARG, "a path is relative, without \"..\" or hidden names");
    struct open_how how = {.flags = (unsigned)flags,
                           .resolve =
                               RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    long opened = syscall(SYS_openat2, root, path, &how, sizeof how);
    if (opened < 0 && (errno == ENOSYS || errno == EPERM))
        opened = open_step_by_step(root, path, flags);
    if (opened >= 0) {
        *fd = (int)opened;
        return BV_OK;
    }
    return errno == ELOOP || errno == EXDEV
               ? bv_fail(err, BV_ERR_ARG, "a path with a link")
               : bv_fail(err, BV_ERR_ARG, "no such file, or not to be read");
}

static enum bv_status read_all(int fd, size_t most, char **bytes, size_t *size,
                               struct bv_error *err)
{
    struct stat facts;
    if (fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode))
        return bv_fail(err, BV_ERR_ARG, "not a file");
    if (facts.st_size < 0 || (uint64_t)facts.st_size > most)
        return bv_fail(err, BV_ERR_LIMIT, "a file of more than %zu bytes", most);
    size_t n = (size_t)facts.st_size, done = 0;
    char *data = malloc(n ? n : 1);
    if (!data)
        return bv_fail_nomem(err, "a file");
    while (done < n) {
        ssize_t got = read(fd, data + done, n - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        done += (size_t)got;
    }
    *bytes = data;
    *size = done;
    return BV_OK;
}

enum bv_status bv_root_read(int root, const char *path, size_t most, char **bytes, size_t *size,
                            struct bv_error *err)
{
    int fd = -1;
    // Not to wait for a pipe that nobody writes.
    BV_TRY(open_below(root, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, &fd, err));
    enum bv_status status = read_all(fd, most, bytes, size, err);
    (void)close(fd);
    return status;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(json_string_value(json_object_get(*(json_t *const *)a, "name")),
                  json_string_value(json_object_get(*(json_t *const *)b, "name")));
}

// A name that is not UTF-8 could not be asked for.
static json_t *describe(int folder, const char *name)
{
    struct stat facts;
    if (name[0] == '.' || fstatat(folder, name, &facts, AT_SYMLINK_NOFOLLOW) != 0)
        return NULL;
    if (S_ISDIR(facts.st_mode))
        return json_pack("{s:s, s:b}", "name", name, "folder", 1);
    return S_ISREG(facts.st_mode)
               ? json_pack("{s:s, s:I}", "name", name, "bytes", (json_int_t)facts.st_size)
               : NULL;
}

static json_t *sorted(json_t **entries, size_t n)
{
    json_t *list = json_array();
    qsort(entries, n, sizeof *entries, by_name);
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(list, entries[i]);
    return list;
}

enum bv_status bv_root_list(int root, const char *path, json_t **list, struct bv_error *err)
{
    int fd = -1;
    if (*path)
        BV_TRY(open_below(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, &fd, err));
    else if (root < 0 || (fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        return bv_fail(err, BV_ERR_ARG,
                       "this service reads no files: it was started without --root");
    json_t **entries = calloc(MOST_NAMES, sizeof *entries);
    DIR *folder = entries ? fdopendir(fd) : NULL;
    if (!folder) {
        (void)close(fd);
        free(entries);
        return bv_fail_nomem(err, "a folder");
    }
    size_t n = 0;
    for (struct dirent *entry; n < MOST_NAMES && (entry = readdir(folder));) {
        json_t *described = describe(fd, entry->d_name);
        if (described)
            entries[n++] = described;
    }
    (void)closedir(folder);
    *list = sorted(entries, n);
    free(entries);
    return BV_OK;
}

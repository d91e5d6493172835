#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

// Whether none but this user may write to what a status is of.
static bool is_ours(const struct stat *st)
{
    return st->st_uid == geteuid() && (st->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

// Appends "/part" and makes the folder; false where it is not ours afterwards.
static bool descend(char path[BV_CACHE_PATH], const char *part)
{
    struct stat st;
    size_t n = strlen(path);
    int added = snprintf(path + n, BV_CACHE_PATH - n, "/%s", part);
    if (added < 0 || (size_t)added >= BV_CACHE_PATH - n)
        return false;
    (void)mkdir(path, 0700);
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && is_ours(&st);
}

bool bv_cache_folder(const char *name, char path[BV_CACHE_PATH])
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int n = -1;
    if (cache && *cache == '/')
        n = snprintf(path, BV_CACHE_PATH, "%s", cache);
    else if (home && *home == '/')
        n = snprintf(path, BV_CACHE_PATH, "%s/.cache", home);
    if (n < 0 || n > 800)
        return false;
    (void)mkdir(path, 0700); // failing here shows in the next step
    return descend(path, "biovl") && (!*name || descend(path, name));
}

bool bv_cache_read(const char *path, void *out, size_t n)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return false;
    bool right = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && is_ours(&st) && st.st_size >= 0 &&
                 (size_t)st.st_size == n;
    for (size_t done = 0; right && done < n;) {
        ssize_t got = read(fd, (char *)out + done, n - done);
        right = got > 0;
        done += right ? (size_t)got : 0;
    }
    if (right)
        (void)futimens(fd, NULL);
    (void)close(fd);
    return right;
}

struct entry {
    char name[256];
    struct timespec used;
    size_t bytes;
};

static int by_use(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->used.tv_sec != y->used.tv_sec)
        return x->used.tv_sec < y->used.tv_sec ? 1 : -1;
    return (x->used.tv_nsec < y->used.tv_nsec) - (x->used.tv_nsec > y->used.tv_nsec);
}

// The regular files of a folder; of very many some.
static size_t list_files(DIR *folder, struct entry *list, size_t capacity)
{
    size_t n = 0;
    struct stat st;
    for (const struct dirent *e = readdir(folder); e && n < capacity; e = readdir(folder)) {
        if (strlen(e->d_name) >= sizeof list->name ||
            fstatat(dirfd(folder), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(st.st_mode) || st.st_size < 0)
            continue;
        (void)snprintf(list[n].name, sizeof list->name, "%s", e->d_name);
        list[n].used = st.st_mtim;
        list[n++].bytes = (size_t)st.st_size;
    }
    return n;
}

void bv_cache_limit(const char *folder, size_t max_files, size_t max_bytes)
{
    size_t capacity = 4 * max_files + 64, bytes = 0;
    struct entry *list = malloc(capacity * sizeof *list);
    DIR *dir = opendir(folder);
    size_t n = list && dir ? list_files(dir, list, capacity) : 0;
    if (n > 0)
        qsort(list, n, sizeof *list, by_use);
    for (size_t i = 0; i < n; i++) {
        bytes += list[i].bytes < SIZE_MAX - bytes ? list[i].bytes : SIZE_MAX - bytes;
        if (i >= max_files || bytes > max_bytes)
            (void)unlinkat(dirfd(dir), list[i].name, 0);
    }
    if (dir)
        (void)closedir(dir);
    free(list);
}

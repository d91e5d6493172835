#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

enum bv_status bv_folder_names(const char *path, struct bv_arena *arena, char ***names,
                               size_t *n_names, struct bv_error *err)
{
    DIR *dir = opendir(path);
    char **list = NULL;
    size_t n = 0, room = 0;
    if (!dir)
        return bv_fail(err, BV_ERR_IO, "%s: %s", path, strerror(errno));
    enum bv_status status = BV_OK;
    for (struct dirent *e; status == BV_OK && (e = readdir(dir));) {
        if (e->d_name[0] == '.')
            continue;
        if (n == room) {
            room = room ? room * 2 : 256;
            char **more = realloc(list, room * sizeof *list);
            if (!more) {
                status = bv_fail_nomem(err, "a folder");
                break;
            }
            list = more;
        }
        list[n] = bv_arena_strdup(arena, e->d_name);
        if (!list[n++])
            status = bv_fail_nomem(err, "a folder");
    }
    (void)closedir(dir);
    if (status != BV_OK) {
        free(list);
        return status;
    }
    if (n > 1)
        qsort(list, n, sizeof *list, by_name);
    *names = list;
    *n_names = n;
    return BV_OK;
}

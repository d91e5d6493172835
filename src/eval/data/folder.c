#include "eval/data/out_folder.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum bv_status bv_folder_make(const char *folder, struct bv_error *err)
{
    struct stat st;
    char path[4096];
    size_t n = strlen(folder);
    if (!n || n >= sizeof path)
        return bv_fail(err, BV_ERR_ARG, "%.200s: not a folder's name", folder);
    for (size_t i = 1; i <= n; i++) {
        if (folder[i] != '/' && i < n)
            continue;
        memcpy(path, folder, i);
        path[i] = 0;
        if (mkdir(path, 0777) != 0 && (errno != EEXIST || stat(path, &st) != 0))
            return bv_fail(err, BV_ERR_IO, "%s: cannot make this folder: %s", path,
                           strerror(errno));
    }
    return BV_OK;
}

enum bv_status bv_folder_create(struct bv_new_file *file, const char *folder, const char *name,
                                struct bv_error *err)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/%s", folder, name);
    if (n < 0 || (size_t)n >= sizeof path)
        return bv_fail(err, BV_ERR_ARG, "%s: the path is too long", folder);
    return bv_new_file_create(file, path, err);
}

enum bv_status bv_folder_write_json(const char *folder, const char *name, const json_t *value,
                                    struct bv_error *err)
{
    struct bv_new_file file = {0};
    BV_TRY(bv_folder_create(&file, folder, name, err));
    if (json_dumpf(value, file.stream, JSON_INDENT(1) | JSON_PRESERVE_ORDER) != 0) {
        bv_new_file_discard(&file);
        return bv_fail(err, BV_ERR_IO, "%s/%s: cannot write", folder, name);
    }
    (void)putc('\n', file.stream);
    return bv_new_file_commit(&file, err);
}

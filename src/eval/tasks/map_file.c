#include "eval/tasks/grounding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/npy.h"

enum { MAX_SIDE = 65536 };

enum bv_status bv_map_file_load(const char *table, const char *root, const char *name, float **map,
                                size_t *H, size_t *W, struct bv_error *err)
{
    char path[4096];
    struct bv_npy array = {0};
    const char *slash = strrchr(table, '/'), *folder = root ? root : table;
    int n = root ? (int)strlen(root) : slash ? (int)(slash - table) : 0;
    if (*name == '/' || !n)
        (void)snprintf(path, sizeof path, "%s", name);
    else if ((size_t)n + strlen(name) + 2 > sizeof path)
        return bv_fail(err, BV_ERR_ARG, "%s: the path of a map is too long", table);
    else
        (void)snprintf(path, sizeof path, "%.*s/%s", n, folder, name);
    BV_TRY(bv_npy_open(&array, path, err));
    float *values = NULL;
    enum bv_status status = BV_OK;
    if (array.dtype != BV_F32 || array.n_dims != 2 || array.shape[0] < 1 || array.shape[1] < 1 ||
        array.shape[0] > MAX_SIDE || array.shape[1] > MAX_SIDE)
        status = bv_fail(err, BV_ERR_FORMAT, "%s: not a float32 array [H,W]", path);
    else if (!(values = malloc(array.bytes)))
        status = bv_fail_nomem(err, "a map");
    if (status == BV_OK) {
        bv_npy_copy(&array, values);
        *map = values;
        *H = (size_t)array.shape[0];
        *W = (size_t)array.shape[1];
    }
    bv_npy_close(&array);
    return status;
}

#include "base/file.h"

enum bv_status bv_write_file(const char *path, const void *bytes, size_t size, struct bv_error *err)
{
    struct bv_new_file file = {0};
    BV_TRY(bv_new_file_create(&file, path, err));
    enum bv_status status = BV_OK;
    if (fwrite(bytes, 1, size, file.stream) != size)
        status = bv_fail(err, BV_ERR_IO, "%s: cannot be written", path);
    if (status == BV_OK)
        status = bv_new_file_commit(&file, err);
    bv_new_file_discard(&file);
    return status;
}

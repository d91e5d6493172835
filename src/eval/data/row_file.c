#include "eval/data/out_folder.h"

enum bv_status bv_row_file_create(struct bv_row_file *rows, const char *folder, const char *name,
                                  const char *const *columns, size_t n, struct bv_error *err)
{
    BV_TRY(bv_folder_create(&rows->file, folder, name, err));
    rows->csv = (struct bv_csv_writer){.stream = rows->file.stream, .separator = ','};
    for (size_t i = 0; i < n; i++)
        bv_csv_put(&rows->csv, columns[i]);
    bv_csv_end(&rows->csv);
    return BV_OK;
}

enum bv_status bv_row_file_commit(struct bv_row_file *rows, struct bv_error *err)
{
    return bv_new_file_commit(&rows->file, err);
}

void bv_row_file_discard(struct bv_row_file *rows)
{
    bv_new_file_discard(&rows->file);
}

enum bv_status bv_errors_create(struct bv_row_file *rows, const char *folder, struct bv_error *err)
{
    static const char *const columns[] = {"line", "path", "reason", "message"};
    return bv_row_file_create(rows, folder, "errors.csv", columns, 4, err);
}

void bv_errors_put(struct bv_row_file *rows, uint64_t line, const char *path, const char *reason,
                   const char *message)
{
    bv_csv_put_integer(&rows->csv, (int64_t)line);
    bv_csv_put(&rows->csv, path);
    bv_csv_put(&rows->csv, reason);
    bv_csv_put(&rows->csv, message);
    bv_csv_end(&rows->csv);
}

// row_file.h: a CSV file of an evaluation's folder that has a line per row of the data, and the one
// of the rows that failed.
#ifndef BV_EVAL_DATA_ROW_FILE_H
#define BV_EVAL_DATA_ROW_FILE_H

#include "eval/data/folder.h"
#include "table/csv.h"

// Zero-initialise; discard in any state.
struct bv_row_file {
    struct bv_new_file file;
    struct bv_csv_writer csv;
};

// Begins a file with n column names. Fields go to csv; a write that fails is found by the commit.
enum bv_status bv_row_file_create(struct bv_row_file *rows, const char *folder, const char *name,
                                  const char *const *columns, size_t n, struct bv_error *err);
enum bv_status bv_row_file_commit(struct bv_row_file *rows, struct bv_error *err);
void bv_row_file_discard(struct bv_row_file *rows);

// errors.csv: line, path, reason, message.
enum bv_status bv_errors_create(struct bv_row_file *rows, const char *folder, struct bv_error *err);
void bv_errors_put(struct bv_row_file *rows, uint64_t line, const char *path, const char *reason,
                   const char *message);

#endif

// out_folder.h: the folder that an evaluation writes: its files, their rows and numbers.
#ifndef BV_EVAL_DATA_OUT_FOLDER_H
#define BV_EVAL_DATA_OUT_FOLDER_H

#include <jansson.h>
#include <math.h>

#include "base/file.h"
#include "table/csv.h"

// folder.c: the folder that an evaluation writes to.

// Makes a folder and those above it, as far as they are not there.
enum bv_status bv_folder_make(const char *folder, struct bv_error *err);

// Begins a file in the folder.
enum bv_status bv_folder_create(struct bv_new_file *file, const char *folder, const char *name,
                                struct bv_error *err);

// Writes a whole JSON document to a file in the folder.
enum bv_status bv_folder_write_json(const char *folder, const char *name, const json_t *value,
                                    struct bv_error *err);

// row_file.c: a CSV file of an evaluation's folder that has a line per row of the data, and the one
// of the rows that failed.

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

// A number in a result: "NA" where there is none.

static inline json_t *bv_result_number(double value)
{
    return isfinite(value) ? json_real(value) : json_string("NA");
}

#endif

// folder.h: the folder that an evaluation writes to.
#ifndef BV_EVAL_DATA_FOLDER_H
#define BV_EVAL_DATA_FOLDER_H

#include <jansson.h>

#include "base/file.h"

// Makes a folder and those above it, as far as they are not there.
enum bv_status bv_folder_make(const char *folder, struct bv_error *err);

// Begins a file in the folder.
enum bv_status bv_folder_create(struct bv_new_file *file, const char *folder, const char *name,
                                struct bv_error *err);

// Writes a whole JSON document to a file in the folder.
enum bv_status bv_folder_write_json(const char *folder, const char *name, const json_t *value,
                                    struct bv_error *err);

#endif

// setup.h: what a run depends on, as the JSON object that begins its journal and goes into its
// results: {"journal", "data", "labels", "uncertain", "blank", "model", "shards", "block"}.
#ifndef BV_EVAL_DATA_SETUP_H
#define BV_EVAL_DATA_SETUP_H

#include "base/json.h"
#include "base/memory.h"
#include "eval/data/labelled.h"

// The SHA-256 of a file, in hexadecimal.
enum bv_status bv_setup_digest(const char *path, char hex[65], struct bv_error *err);

// Adds to a task's results which file ("data": {"path", "sha256"}) and, where there are any, which
// images ("list_sha256") they are of. Sorts the list.
enum bv_status bv_setup_name_data(const char *path, struct bv_path_list *list, json_t *result,
                                  struct bv_error *err);

// n_rows: of the data set.
enum bv_status bv_setup_create(json_t **setup, const struct bv_labelled_options *options,
                               const json_t *model, uint64_t block, uint64_t n_rows,
                               struct bv_error *err);

// The data set that a setup describes. What options point to is allocated in arena or belongs to
// setup. data_path NULL: the setup's.
enum bv_status bv_setup_dataset(const json_t *setup, const char *data_path, struct bv_arena *arena,
                                struct bv_labelled_options *options, struct bv_error *err);

// What differs first between two setups that are not equal, for messages: "model.device is \"cpu\",
// there \"vulkan\"". The result points to text.
const char *bv_setup_difference(const json_t *ours, const json_t *theirs, char text[256]);

// BV_ERR_ARG unless the file has the setup's digest.
enum bv_status bv_setup_check_data(const json_t *setup, const char *data_path,
                                   struct bv_error *err);

#endif

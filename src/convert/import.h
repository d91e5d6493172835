// import.h: from what authors publish to a model file.
#ifndef BV_CONVERT_IMPORT_H
#define BV_CONVERT_IMPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/dtype.h"
#include "base/status.h"
#include "base/thread.h"

struct bv_import_options {
    const char *system;     // card name or file; NULL: recognise
    const char *vocabulary; // file or folder; NULL: look beside the checkpoint
    const char *const *set; // n_set overrides of card fields, "text.heads=4"
    size_t n_set;
    enum bv_dtype dtype;  // BV_F32, BV_F16, BV_BF16: how float weights are stored
    bool keep_dtype;      // store each tensor in the checkpoint's own float type
    struct bv_pool *pool; // borrowed, may be NULL
};

// What an import found, for the program to tell.
struct bv_import_report {
    char system[64];
    char prefix[64]; // taken off all names of the checkpoint, "module." say; or ""
    size_t n_tensors, n_ignored;
    char digest[65];
};

// Converts the checkpoint at source (file or folder) into the model file at path: completely or not
// at all. Missing, unexpected and misshapen tensors, NaN and infinite weights are BV_ERR_MODEL with
// a list.
enum bv_status bv_import(const char *source, const char *path,
                         const struct bv_import_options *options, struct bv_import_report *report,
                         struct bv_error *err);

#endif

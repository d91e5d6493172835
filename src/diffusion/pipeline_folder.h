// pipeline_folder.h: from a diffusers folder (text_encoder, unet, vae, scheduler, tokenizer) to one
// model file.
#ifndef BV_DIFFUSION_PIPELINE_FOLDER_H
#define BV_DIFFUSION_PIPELINE_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/dtype.h"
#include "base/status.h"

struct bv_pipeline_options {
    enum bv_dtype dtype; // BV_F32, BV_F16, BV_BF16: how float weights are stored
    bool keep_dtype;     // store each tensor in its own float type
};

struct bv_pipeline_report {
    size_t n_tensors, n_ignored;
    char digest[65];
};

// Whether path is a folder with a model_index.json.
bool bv_is_pipeline_folder(const char *path);

// Writes path completely or not at all. BV_ERR_MODEL lists the parts, tensors or files that are
// missing, and tensors that no part of the networks uses; BV_ERR_UNSUPPORTED names a kind of
// pipeline or a part that is not implemented.
enum bv_status bv_pipeline_convert(const char *folder, const char *path,
                                   const struct bv_pipeline_options *options,
                                   struct bv_pipeline_report *report, struct bv_error *err);

#endif

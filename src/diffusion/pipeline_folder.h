// pipeline_folder.h: from a diffusers folder (text_encoder, unet, vae, scheduler, tokenizer) to one
// model file.
#ifndef BV_DIFFUSION_PIPELINE_FOLDER_H
#define BV_DIFFUSION_PIPELINE_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/dtype.h"
#include "base/memory.h"
#include "base/status.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors.h"

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

// part_tensors.c: the tensors of one part of a pipeline under the names and in the layouts that
// the graphs read.

// The text encoder is one of two.
enum bv_pipeline_part { BV_PART_CLIP, BV_PART_BERT, BV_PART_UNET, BV_PART_VAE, BV_PARTS };

// How a tensor of the checkpoint becomes one of the model file.
enum bv_layout {
    BV_LAYOUT_AS_IS,
    BV_LAYOUT_ROWS_LAST, // [O,C,H,W] to [O,H,W,C]
    BV_LAYOUT_PADDED,    // the same, with a row and a column of zeros before the kernel
    BV_LAYOUT_STACKED,   // query, key and value one below the other
};

struct bv_part_tensor {
    const char *name; // in the model file
    enum bv_pipeline_part part;
    enum bv_layout layout;
    const struct bv_checkpoint_tensor *from[3]; // one, or three that are stacked
    int n_dims;
    int64_t shape[BV_MAX_DIMS];
};

struct bv_part_tensors {
    struct bv_part_tensor *item;
    size_t n, room, n_ignored;
    struct bv_arena arena;
};

// Adds the tensors of one part. BV_ERR_MODEL where query, key and value do not come together.
enum bv_status bv_part_tensors_add(struct bv_part_tensors *list, enum bv_pipeline_part part,
                                   const struct bv_checkpoint *checkpoint, struct bv_error *err);
void bv_part_tensors_free(struct bv_part_tensors *list);

// Writes the elements of a tensor, as f32. BV_ERR_MODEL for NaN and infinite ones.
enum bv_status bv_part_tensor_read(const struct bv_part_tensor *t, struct bv_checkpoint *checkpoint,
                                   float *out, struct bv_error *err);

#endif

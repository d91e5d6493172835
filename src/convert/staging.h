// staging.h: a checkpoint's tensors under our names, layouts and types, one at a time.
#ifndef BV_CONVERT_STAGING_H
#define BV_CONVERT_STAGING_H

#include "base/arena.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors_writer.h"
#include "convert/rules.h"
#include "graph/weights.h"

struct bv_staged {
    const struct bv_checkpoint_tensor *source;
    enum bv_transform transform;
    bool half; // rounded to f16 values, whatever type it is stored in
};

// The tensors to be written. Zero-initialise; free with bv_staging_free().
struct bv_staging {
    struct bv_checkpoint *checkpoint; // borrowed
    struct bv_arena arena;
    struct bv_safetensors_spec *specs; // names, types and shapes as they will be written
    struct bv_staged *sources;         // beside specs
    size_t n, n_ignored;
};

// Applies the rules to every tensor of the checkpoint. Tensors that no rule knows and two tensors
// of one name are BV_ERR_MODEL with a list. Float tensors get dtype, or keep theirs when
// keep_dtype; others are refused. half (may be NULL) is an array of patterns over our names: the
// tensors that the authors' code rounds to half precision when it loads them.
enum bv_status bv_stage(struct bv_staging *staging, struct bv_checkpoint *checkpoint,
                        const struct bv_rules *rules, const json_t *half, enum bv_dtype dtype,
                        bool keep_dtype, struct bv_error *err);
void bv_staging_free(struct bv_staging *staging);

// A store of the staged shapes without data, to check definitions against.
enum bv_status bv_staging_shapes(const struct bv_staging *staging, struct bv_weights **weights,
                                 struct bv_error *err);

// Reads, transforms and converts tensor i into out (bytes as its spec says). NaN and infinite
// values are BV_ERR_MODEL. Fits bv_safetensors_fill with the staging as argument.
enum bv_status bv_staging_fill(void *staging, size_t i, void *out, size_t bytes,
                               struct bv_error *err);

#endif

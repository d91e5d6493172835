// safetensors_writer.h: writing a safetensors file tensor by tensor, completely or not at all.
#ifndef BV_CHECKPOINT_SAFETENSORS_WRITER_H
#define BV_CHECKPOINT_SAFETENSORS_WRITER_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/dtype.h"
#include "base/status.h"
#include "checkpoint/shape.h"

// A tensor to be written.
struct bv_safetensors_spec {
    const char *name; // UTF-8
    enum bv_dtype dtype;
    int n_dims;
    int64_t shape[BV_MAX_DIMS];
    const void *data; // row-major elements, or NULL: then they are asked for by fill
};

// Fills out with the bytes (the size of tensor i) of spec i. Called once for each spec without
// data, in the order in which the file holds them.
typedef enum bv_status bv_safetensors_fill(void *arg, size_t i, void *out, size_t bytes,
                                           struct bv_error *err);

// Writes or replaces path: n tensors, and metadata, an object of strings or NULL. The data begins
// on a 64-byte boundary; tensors whose size is a multiple of 64 bytes come first, then those of 32,
// 16 and so on, so that each begins at a multiple of min(64, what its size allows) without the
// holes that the format forbids. Only one tensor is in memory at a time. On failure path is as it
// was. A repeated or reserved name is BV_ERR_ARG; the status of a failed fill is returned as it is.
enum bv_status bv_safetensors_write(const char *path, const struct bv_safetensors_spec *specs,
                                    size_t n, const json_t *metadata, bv_safetensors_fill *fill,
                                    void *arg, struct bv_error *err);

#endif

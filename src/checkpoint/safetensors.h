// safetensors.h: reading the safetensors container (docs/file-format.md).
//
//     u64 n, little-endian | n bytes of JSON | tensor data, without holes, to the end of the file
//
// Everything the header says is checked against the file before a tensor is handed out.
#ifndef BV_CHECKPOINT_SAFETENSORS_H
#define BV_CHECKPOINT_SAFETENSORS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/dtype.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/status.h"
#include "checkpoint/container.h"

#define BV_SAFETENSORS_MAX_HEADER 100000000 // bytes, as in the reference implementation

struct bv_safetensors_tensor {
    const char *name;
    enum bv_dtype dtype;
    int n_dims;
    int64_t shape[BV_MAX_DIMS];
    const uint8_t *data; // row-major, in the mapping
    size_t bytes;
    bool aligned; // whether data may be read in place as its type; always so in files of ours
};

// An open file. Zero-initialise. Read-only after opening: threads may share it.
struct bv_safetensors {
    struct bv_safetensors_tensor *tensors; // in the order of the data
    size_t n_tensors;
    json_t *metadata; // an object of strings (empty where the file has none), owned

    struct bv_mapping mapping; // zero where the bytes are the caller's
    struct bv_arena arena;
    struct bv_name *names;
};

// Maps the file at path. BV_ERR_FORMAT names the rule that the file breaks, and for a file that is
// truncated the number of bytes that are missing; BV_ERR_UNSUPPORTED an element type that this
// library does not know; BV_ERR_LIMIT a limit. Nothing is left open on failure.
enum bv_status bv_safetensors_open(struct bv_safetensors *file, const char *path,
                                   struct bv_error *err);

// The same over bytes that outlive *file. Messages do not name a file.
enum bv_status bv_safetensors_parse(struct bv_safetensors *file, const uint8_t *data, size_t size,
                                    struct bv_error *err);

// Whether bytes look like this container at all: a plausible length, then '{'.
bool bv_safetensors_probe(const uint8_t *data, size_t size);

// The tensor with this name, or NULL.
const struct bv_safetensors_tensor *bv_safetensors_find(const struct bv_safetensors *file,
                                                        const char *name);

// A string of __metadata__ by its key, or NULL; owned by *file. size (may be NULL) receives its
// length.
const char *bv_safetensors_metadata(const struct bv_safetensors *file, const char *key,
                                    size_t *size);

// Unmaps and frees; accepts a zeroed or closed file.
void bv_safetensors_close(struct bv_safetensors *file);

// safetensors_writer.c: writing a safetensors file tensor by tensor, completely or not at all.

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

// npy.h: NumPy's array files (numpy.lib.format, versions 1 to 3) and archives of them (.npz).
#ifndef BV_CHECKPOINT_NPY_H
#define BV_CHECKPOINT_NPY_H

#include <stddef.h>
#include <stdint.h>

#include "base/dtype.h"
#include "base/file.h"
#include "base/status.h"
#include "checkpoint/container.h"
#include "checkpoint/zip.h"

// An array in memory or in a mapping. Zero-initialise; close with bv_npy_close().
struct bv_npy {
    enum bv_dtype dtype;
    int n_dims;
    int64_t shape[BV_MAX_DIMS];
    int64_t strides[BV_MAX_DIMS]; // elements: row-major, or column-major for Fortran order
    const uint8_t *data;          // not necessarily aligned
    size_t bytes;

    struct bv_mapping mapping;
    uint8_t *owned;
};

// Reads an array from data[0..size), which must outlive it and end with it. BV_ERR_UNSUPPORTED for
// big-endian, structured, text and unsigned types wider than 8 bits; BV_ERR_FORMAT for damage,
// with the number of missing bytes where the file is truncated.
enum bv_status bv_npy_parse(struct bv_npy *array, const uint8_t *data, size_t size,
                            struct bv_error *err);

// Maps the file at path.
enum bv_status bv_npy_open(struct bv_npy *array, const char *path, struct bv_error *err);

// Copies the elements, row-major, to out with room for array->bytes.
void bv_npy_copy(const struct bv_npy *array, void *out);

void bv_npy_close(struct bv_npy *array);

// Writes a row-major array to path, completely or not at all. BV_ERR_ARG for BF16, which NumPy
// does not have.
enum bv_status bv_npy_write(const char *path, enum bv_dtype dtype, int n_dims, const int64_t *shape,
                            const void *data, struct bv_error *err);

// An archive of arrays. Zero-initialise.
struct bv_npz {
    struct bv_mapping mapping;
    struct bv_zip zip;
};

enum bv_status bv_npz_open(struct bv_npz *npz, const char *path, struct bv_error *err);

// The array of this name (without ".npy"); a deflated one of at most max_bytes is inflated. The
// caller closes *array, before *npz. BV_ERR_IO where there is none.
enum bv_status bv_npz_read(const struct bv_npz *npz, const char *name, size_t max_bytes,
                           struct bv_npy *array, struct bv_error *err);

void bv_npz_close(struct bv_npz *npz);

#endif

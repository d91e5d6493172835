// region_file.h: arrays that accompany an image or a text, from .npz or .safetensors.
#ifndef BV_MODEL_REGION_FILE_H
#define BV_MODEL_REGION_FILE_H

#include <stdint.h>

#include "base/status.h"

// A matrix [rows,columns] of finite floats. Zero-initialise; free(data).
struct bv_matrix {
    float *data;
    int64_t rows, columns;
};

// Detector regions: "features" [R,D] and, where the file has them, "boxes" [R,4] or [R,7]. Zero-
// initialise; free with bv_region_file_free().
struct bv_region_file {
    struct bv_matrix features, boxes;
};

// Reads a file by its content. BV_ERR_FORMAT names what is missing or has another shape; NaN and
// infinite values are refused, and more than 64 MiB.
enum bv_status bv_region_file_read(const char *path, struct bv_region_file *file,
                                   struct bv_error *err);
void bv_region_file_free(struct bv_region_file *file);

#endif

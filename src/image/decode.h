// decode.h: what the readers of the single formats share; used inside src/image only.
#ifndef BV_IMAGE_DECODE_H
#define BV_IMAGE_DECODE_H

#include "image/image.h"

struct bv_bytes {
    const uint8_t *data;
    size_t size;
};

// Fails with BV_ERR_LIMIT or BV_ERR_FORMAT when a size is zero or width × height exceeds the limit.
enum bv_status bv_decode_check_size(uint64_t width, uint64_t height, size_t max_pixels,
                                    struct bv_error *err);

// Allocates image->pixels for its width, height, channels and sample type.
enum bv_status bv_decode_alloc(struct bv_image *image, struct bv_error *err);

// Each fills an image whose struct is zeroed but for the defaults. On failure the caller frees.
enum bv_status bv_decode_png(struct bv_image *image, struct bv_bytes bytes, size_t max_pixels,
                             struct bv_error *err);
enum bv_status bv_decode_jpeg(struct bv_image *image, struct bv_bytes bytes, size_t max_pixels,
                              struct bv_error *err);
enum bv_status bv_decode_jpeg2000_file(struct bv_image *image, struct bv_bytes bytes,
                                       size_t max_pixels, struct bv_error *err);
enum bv_status bv_decode_dicom(struct bv_image *image, struct bv_bytes bytes, int frame,
                               size_t max_pixels, size_t max_bytes, struct bv_error *err);

#endif

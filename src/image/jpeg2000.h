// jpeg2000.h: JPEG 2000 codestreams and JP2 files through OpenJPEG.
#ifndef BV_IMAGE_JPEG2000_H
#define BV_IMAGE_JPEG2000_H

#include "image/decode.h"

// Decoded components of equal precision. Only the chroma of sYCC may be coarser than the rest.
struct bv_jpeg2000 {
    uint32_t width, height;
    bool is_sycc;       // a JP2 file whose three components are Y, Cb, Cr
    uint32_t across[4]; // samples of a row of each plane
    int n_components;   // 1 to 4
    int precision;      // bits, 1 to 31
    bool is_signed;
    uint32_t step_x[4], step_y[4]; // pixels that share a sample of a plane
    const int32_t *planes[4];      // each [rows][across], owned by handle
    void *handle;
};

// Checks the header's size against max_pixels before it decodes; a truncated stream is
// BV_ERR_FORMAT. bv_jpeg2000_free() releases.
enum bv_status bv_jpeg2000_decode(struct bv_bytes bytes, size_t max_pixels,
                                  struct bv_jpeg2000 *decoded, struct bv_error *err);

void bv_jpeg2000_free(struct bv_jpeg2000 *decoded);

#endif

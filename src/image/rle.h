// rle.h: DICOM's RLE Lossless frames (PS3.5 Annex G). DCMTK expects a frame in one fragment and
// silently decodes garbage where there are several.
#ifndef BV_IMAGE_RLE_H
#define BV_IMAGE_RLE_H

#include "image/decode.h"

// Decodes one frame of n_pixels with samples of cell_bytes each into little-endian cells
// interleaved by pixel: out has n_pixels · samples · cell_bytes. Segments that give fewer bytes
// than the frame has are BV_ERR_FORMAT.
enum bv_status bv_rle_decode(struct bv_bytes frame, size_t n_pixels, unsigned samples,
                             unsigned cell_bytes, uint8_t *out, struct bv_error *err);

#endif

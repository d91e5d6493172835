// codec.h: compressed frames that DCMTK does not decode, or decodes wrongly.
#ifndef BV_IMAGE_CODEC_H
#define BV_IMAGE_CODEC_H

#include "image/decode.h"

// JPEG 2000 codestreams and JP2 files through OpenJPEG.
//
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

// JPEG-LS frames (ITU-T T.87) through CharLS 2. The CharLS inside DCMTK rejects valid
// streams of fewer than 8 bits.

// Decodes into size bytes of 1- or 2-byte samples in the host's order. *planar tells whether the
// components follow each other or are interleaved by pixel. A stream that needs another size than
// size, is damaged or ends early is BV_ERR_FORMAT.
enum bv_status bv_jpegls_decode(struct bv_bytes stream, uint8_t *out, size_t size, bool *planar,
                                struct bv_error *err);

// DICOM's RLE Lossless frames (PS3.5 Annex G). DCMTK expects a frame in one fragment and
// silently decodes garbage where there are several.

// Decodes one frame of n_pixels with samples of cell_bytes each into little-endian cells
// interleaved by pixel: out has n_pixels · samples · cell_bytes. Segments that give fewer bytes
// than the frame has are BV_ERR_FORMAT.
enum bv_status bv_rle_decode(struct bv_bytes frame, size_t n_pixels, unsigned samples,
                             unsigned cell_bytes, uint8_t *out, struct bv_error *err);

#endif

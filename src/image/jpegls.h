// jpegls.h: JPEG-LS frames (ITU-T T.87) through CharLS 2. The CharLS inside DCMTK rejects valid
// streams of fewer than 8 bits.
#ifndef BV_IMAGE_JPEGLS_H
#define BV_IMAGE_JPEGLS_H

#include "image/decode.h"

// Decodes into size bytes of 1- or 2-byte samples in the host's order. *planar tells whether the
// components follow each other or are interleaved by pixel. A stream that needs another size than
// size, is damaged or ends early is BV_ERR_FORMAT.
enum bv_status bv_jpegls_decode(struct bv_bytes stream, uint8_t *out, size_t size, bool *planar,
                                struct bv_error *err);

#endif

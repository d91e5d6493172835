// dicom_stream.h: what must be known of DICOM and JPEG bytes before a library may touch them: sizes
// that decide how much memory it will take.
#ifndef BV_IMAGE_DICOM_STREAM_H
#define BV_IMAGE_DICOM_STREAM_H

#include "image/decode.h"

// The transfer syntax of the file meta information and where the data set begins. False when the
// file has no meta information.
bool bv_dicom_meta(struct bv_bytes bytes, char transfer_syntax[65], size_t *data_set);

// Inflates a deflated data set; the caller frees *inflated. BV_ERR_LIMIT beyond max_bytes,
// BV_ERR_FORMAT when the stream is damaged or ends early.
enum bv_status bv_dicom_inflate(struct bv_bytes deflated, size_t max_bytes, uint8_t **inflated,
                                size_t *size, struct bv_error *err);

// The frame header of a JPEG or JPEG-LS stream (ITU-T T.81 B.2.2, T.87 C.2.2).
struct bv_jpeg_header {
    unsigned width, height, precision, components;
    bool complete; // the stream ends with an end-of-image marker
};

bool bv_jpeg_header(struct bv_bytes bytes, struct bv_jpeg_header *header);

#endif

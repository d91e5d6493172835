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

enum bv_jpeg_colour {
    BV_JPEG_COLOUR_UNSAID,
    BV_JPEG_COLOUR_RGB,
    BV_JPEG_COLOUR_YCC,
};

// The frame header of a JPEG or JPEG-LS stream (ITU-T T.81 B.2.2, T.87 C.2.2), and what its other
// markers say.
struct bv_jpeg_header {
    unsigned width, height, precision, components;
    unsigned process; // the marker's second byte: 0xC0 baseline, 0xC3 lossless, 0xF7 LS, …
    enum bv_jpeg_colour colour; // of three components: by Adobe or JFIF, names, or sampling
    struct bv_bytes stream; // from the start to the end marker; data is NULL where it has no end
};

// What stands before the start marker is left out where it is filling.
bool bv_jpeg_header_read(struct bv_bytes bytes, struct bv_jpeg_header *header);

// Whether a JPEG 2000 codestream, bare or in a JP2 file, transforms colour (RCT or ICT), so that R,
// G and B come out of it.
bool bv_jpeg2000_transforms(struct bv_bytes bytes);

// Where the parts of a DICOM file lie: found by walking over its elements, before
// a library parses them. What the file says of itself may be wrong; what its bytes are is found
// here.

struct bv_dicom_outline {
    char syntax[65];    // transfer syntax of the meta information; "" where there is none
    size_t begin, end;  // of the data set in the bytes; padding and rubbish behind it left out
    bool implicit, big; // how the elements are written
    bool relabelled;    // otherwise than the meta information says
    bool rubbish;       // bytes other than zeros follow the data set

    // Pixel Data (7FE0,0010), as in the file. Native: its bytes. Encapsulated: the offset table and
    // the fragments, each with the very bytes it has.
    bool has_pixels, encapsulated;
    struct bv_bytes pixels;
    struct bv_bytes offsets;      // basic offset table, 32 bits each
    struct bv_bytes long_offsets; // Extended Offset Table (7FE0,0001), 64 bits each
    struct bv_bytes *fragments;
    size_t n_fragments;
};

// Walks over bytes, which the outline points into. bare: a data set in Explicit VR Little Endian
// without anything before it. Never fails for what the bytes are: BV_ERR_NOMEM only.
// bv_dicom_outline_free() releases.
enum bv_status bv_dicom_outline_find(struct bv_bytes bytes, bool bare,
                                     struct bv_dicom_outline *outline, struct bv_error *err);

void bv_dicom_outline_free(struct bv_dicom_outline *outline);

#endif

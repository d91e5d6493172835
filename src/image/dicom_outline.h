// dicom_outline.h: where the parts of a DICOM file lie: found by walking over its elements, before
// a library parses them. What the file says of itself may be wrong; what its bytes are is found
// here.
#ifndef BV_IMAGE_DICOM_OUTLINE_H
#define BV_IMAGE_DICOM_OUTLINE_H

#include "image/decode.h"

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

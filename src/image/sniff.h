// sniff.h: which format a file has, from its first bytes.
#ifndef BV_IMAGE_SNIFF_H
#define BV_IMAGE_SNIFF_H

#include <stddef.h>
#include <stdint.h>

enum bv_format {
    BV_FORMAT_UNKNOWN,
    BV_FORMAT_EMPTY,
    // read
    BV_FORMAT_DICOM,
    BV_FORMAT_PNG,
    BV_FORMAT_JPEG,
    BV_FORMAT_JPEG2000,
    // recognised and refused by name
    BV_FORMAT_GIF,
    BV_FORMAT_BMP,
    BV_FORMAT_TIFF,
    BV_FORMAT_WEBP,
    BV_FORMAT_JPEG_LS,
    BV_FORMAT_JPEG_XL,
    BV_FORMAT_HEIF,
    BV_FORMAT_NIFTI,
    BV_FORMAT_HDF5,
    BV_FORMAT_PNM,
    BV_FORMAT_PDF,
    BV_FORMAT_ZIP,
    BV_FORMAT_GZIP,
    BV_FORMAT_HTML,
    BV_FORMAT_NUMPY,
};

// DICOM is recognised with its preamble, and without one by a plausible first element.
enum bv_format bv_sniff(const uint8_t *bytes, size_t size);

// "WebP", "an HTML page", …
const char *bv_format_name(enum bv_format format);

#endif

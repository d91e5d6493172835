// decode.h: from bytes to an image: which format they are, the decoders, orientation.
#ifndef BV_IMAGE_DECODE_H
#define BV_IMAGE_DECODE_H

#include <stddef.h>
#include <stdint.h>

#include "image/image.h"

// sniff.c: which format a file has, from its first bytes.

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

// decode.c: what the readers of the single formats share; used inside src/image only.

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

// Compressed frames that DCMTK does not decode, or decodes wrongly.

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

// exif.c: how a photograph is to be turned, by its Exif data (CIPA DC-008, tag 0x0112).

// The orientation of TIFF-structured Exif data: 1 (as it is) to 8; 1 where it is absent or damaged.
int bv_exif_orientation(struct bv_bytes exif);

// An upright version of image as its orientation says: upright is a copy whose pixels and luma are
// new, to be freed with bv_exif_upright_free(); the rest is borrowed. BV_ERR_NOMEM.
enum bv_status bv_exif_upright(const struct bv_image *image, struct bv_image *upright,
                               struct bv_error *err);

void bv_exif_upright_free(struct bv_image *upright);

#endif

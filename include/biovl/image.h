// biovl/image.h: one decoded image, ready to meet models.
//
//     struct bv_image *image = NULL;
//     bv_image_open(context, "cxr.dcm", NULL, &image);
//
// An image is decoded once, when it is opened, and belongs to no model: the steps that a model
// wants are applied when it is used. It holds its pixels, the facts of its header that
// preprocessing needs, and nothing that identifies a patient.
//
// Threads: an image is immutable and may be used by several threads at once. Closing releases a
// reference; results that were made of an image, and images whose prior it is, hold their own.
#ifndef BIOVL_IMAGE_H
#define BIOVL_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "biovl/status.h"
#include "biovl/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct bv_context;
struct bv_image;

// Zero or NULL is the default of every field but size.
struct bv_image_options {
    size_t size;            // sizeof (struct bv_image_options)
    const char *name;       // stands for the image in messages and results; default: the path
    struct bv_image *prior; // an earlier image of the same patient, for models that take one
    int frame;              // of a multi-frame file, from 1; 0: the only one. A path's goes first
    size_t max_pixels;      // default: 100 million
    size_t max_bytes;       // of the file; default: 2^30
};

// Decodes a file (DICOM, PNG, JPEG, JPEG 2000, by content; "-" is standard input). Where there is
// no file of that name, "FILE#N" is frame N of FILE. options may be NULL. BV_ERR_IO; BV_ERR_FORMAT
// for damaged or truncated files; BV_ERR_UNSUPPORTED names the format or transfer syntax;
// BV_ERR_LIMIT before anything is decoded.
BV_API enum bv_status bv_image_open(struct bv_context *context, const char *path,
                                    const struct bv_image_options *options,
                                    struct bv_image **image);

// The same from memory; the bytes are not kept.
BV_API enum bv_status bv_image_open_bytes(struct bv_context *context, const void *bytes,
                                          size_t n_bytes, const struct bv_image_options *options,
                                          struct bv_image **image);

enum bv_pixel_type {
    BV_PIXEL_U8 = 0,
    BV_PIXEL_U16,
    BV_PIXEL_I16, // stored values only
    BV_PIXEL_F32,
};

// What pixel values mean.
enum bv_pixel_values {
    // Gray levels or colours as they are looked at, window and inversion applied: 0 is black; 255,
    // 65535 or 1.0 is white. They meet a model as a PNG file of the same pixels does; floats and
    // colours of more than 8 bits are rounded to 8 first.
    BV_VALUES_DISPLAYED = 0,
    // Stored values of a detector or a DICOM file: photometric, bits and window say how to look at
    // them. They meet a model as a DICOM file of the same pixels does.
    BV_VALUES_STORED,
};

struct bv_pixel_buffer {
    size_t size;       // sizeof (struct bv_pixel_buffer)
    const void *data;  // rows from the top; a row is [width][channels] of type
    int width, height; // pixels
    int channels;      // 1, or 3: red, green, blue (displayed values only)
    size_t stride;     // bytes from row to row, a multiple of the type's size; 0: rows touch
    enum bv_pixel_type type;
    enum bv_pixel_values values;
    // Of stored values:
    enum bv_photometric photometric;
    int bits; // the full range is 0 … 2^bits - 1; 0: all bits of the type
    double window_center, window_width; // linear window of DICOM; width 0: the range of the values
    enum bv_view view;                  // of either
};

// Takes a copy of pixels in memory. BV_ERR_ARG: a size, stride, type or meaning that does not fit;
// floats that are not finite; BV_ERR_LIMIT.
BV_API enum bv_status bv_image_open_pixels(struct bv_context *context,
                                           const struct bv_pixel_buffer *pixels,
                                           const struct bv_image_options *options,
                                           struct bv_image **image);

// A reference more to an image, which bv_image_close() takes back, from any thread; NULL for NULL.
BV_API struct bv_image *bv_image_keep(const struct bv_image *image);

// Accepts a pointer to NULL and sets it to NULL.
BV_API void bv_image_close(struct bv_image **image);

// What the file says of itself. Strings live as long as the image; "" where the file is silent.
struct bv_image_facts {
    size_t size; // sizeof (struct bv_image_facts)
    const char *name;
    enum bv_image_format format;
    int width, height;
    int channels;        // 1 or 3
    int bits;            // of a stored value that are used
    int frame, n_frames; // frame from 1
    int lossy;           // compressed with loss at some time
    int has_prior;
    enum bv_view view; // DICOM from here on
    enum bv_photometric photometric;
    double row_spacing, column_spacing; // mm between the centres of rows, of columns; 0: unknown
    const char *modality;               // "DX"
    const char *body_part;              // "CHEST"
    const char *transfer_syntax;        // UID
    const char *sop_class;              // UID
};

// Fills facts, whose size is set. BV_ERR_ARG when it is not.
BV_API enum bv_status bv_image_describe(const struct bv_image *image, struct bv_image_facts *facts);

// The gray values of an image as a viewer windows them: after palette and modality transform,
// before any window, on a scale of 16 bits: a value v means low + step · v.
struct bv_gray_values {
    size_t size; // sizeof (struct bv_gray_values)
    double low, step;
    int inverted; // larger is darker (MONOCHROME1, or a presentation LUT that inverts)
    // What the file says to look at, on the scale of what values mean, or the range of its values:
    // a window is black up to center - width / 2, white from center + width / 2 on.
    double center, width;
};

// *values [height,width], row-major, is freed with bv_free(). Values that need more than 65536
// steps are rounded to as many; colours are their BT.601 luma. facts, whose size is set, is filled.
// BV_ERR_ARG when its size is not set, BV_ERR_FORMAT when the file's rescale slope leads beyond all
// numbers, BV_ERR_NOMEM.
BV_API enum bv_status bv_image_gray(struct bv_context *context, const struct bv_image *image,
                                    uint16_t **values, struct bv_gray_values *facts);

// The windows that a file names, in its order, as of bv_gray_values. A lookup table of gray values
// (VOI LUT) counts as the window of its inputs, before the others.
BV_API size_t bv_image_window_count(const struct bv_image *image);
BV_API void bv_image_window(const struct bv_image *image, size_t i, double *center, double *width);

// How a window goes from black to white, with t = (value - center) / width.
enum bv_window_shape {
    BV_WINDOW_LINEAR = 0,  // t + 1/2, between 0 and 1
    BV_WINDOW_SIGMOID = 1, // 1 / (1 + exp(-4 t))
    BV_WINDOW_TABLE = 2,   // a lookup table
};
BV_API enum bv_window_shape bv_image_window_shape(const struct bv_image *image, size_t i);

// The gray levels, 0 (black) to 1, of a BV_WINDOW_TABLE: n of them, the first for values from
// center - width / 2 on (and below), each for a part of width / n. levels has room for `capacity`
// of them; returns n, and 0 for other windows.
BV_API size_t bv_image_window_table(const struct bv_image *image, size_t i, float *levels,
                                    size_t capacity);

// What decoding found worth a warning. Results have these and more: bv_result_warning_count().
BV_API size_t bv_image_warning_count(const struct bv_image *image);
BV_API enum bv_reason bv_image_warning_reason(const struct bv_image *image, size_t i);
BV_API const char *bv_image_warning_text(const struct bv_image *image, size_t i);

#ifdef __cplusplus
}
#endif
#endif

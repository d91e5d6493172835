// image.h: one decoded radiograph: the stored values as the file holds them, and what the file
// says they mean. Nothing that identifies a patient is kept.
//
// Decoding keeps the values as they are; gray.h turns them into gray levels in the order of
// DICOM PS3.3 C.11, recipe.h into the pixels that a model wants.
#ifndef BV_IMAGE_IMAGE_H
#define BV_IMAGE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"
#include "base/status.h"
#include "biovl/types.h"

enum bv_file_kind {
    BV_FILE_DICOM,
    BV_FILE_PNG,
    BV_FILE_JPEG,
    BV_FILE_JPEG2000,
};

enum bv_sample {
    BV_SAMPLE_U8,
    BV_SAMPLE_U16,
    BV_SAMPLE_I16,
    BV_SAMPLE_I32,
    BV_SAMPLE_F32,
};

#define BV_REASON_COUNT 19

struct bv_warning {
    enum bv_reason reason;
    const char *text; // one sentence, no patient data
};

#define BV_MAX_WARNINGS 24

struct bv_warnings {
    struct bv_warning items[BV_MAX_WARNINGS];
    int n;
};

enum bv_voi_function {
    BV_VOI_LINEAR,
    BV_VOI_LINEAR_EXACT,
    BV_VOI_SIGMOID,
};

struct bv_window {
    double center, width;
};

// A DICOM lookup table. Input first maps to data[0]; inputs outside take the nearest end.
struct bv_lut {
    int32_t first;
    uint32_t n;
    int bits;       // of an entry: the output range is [0, 2^bits - 1]
    uint16_t *data; // in the image's arena
};

#define BV_MAX_VOI 8

struct bv_image {
    enum bv_file_kind kind;
    int width, height;
    int channels; // 1, or 3 (R, G, B interleaved); DICOM is always 1
    enum bv_sample sample;
    void *pixels; // [height][width][channels] of sample

    // A colour JPEG's own Y plane, which some readers take as its gray version; else NULL.
    uint8_t *luma;
    bool indexed;     // palette or one-bit pixels, which Pillow resizes by nearest neighbour
    int alpha_min;    // range of the dropped alpha channel, scaled to 8 bits; 255 without one
    int alpha_max;    // 0 without an alpha channel
    int bits_stored;  // the meaning of the full range: 12 for values 0 … 4095
    bool is_signed;   // pixel representation
    bool sixteen_bit; // a PNG or JPEG 2000 file of more than 8 bits
    int orientation;  // of the Exif data of a JPEG or PNG: 1 (as it is) to 8

    // DICOM; zero elsewhere.
    enum bv_photometric photometric;
    bool presentation_inverse;  // Presentation LUT Shape is INVERSE
    double slope, intercept;    // 1 and 0 where absent or replaced by a LUT
    bool has_rescale;           // both were there
    struct bv_lut modality_lut; // n is 0 where absent
    struct bv_lut palette_luma; // PALETTE COLOR: BT.601 luma of each index; n is 0 where absent
    struct bv_window windows[BV_MAX_VOI];
    int n_windows;
    struct bv_lut voi_luts[BV_MAX_VOI];
    int n_voi_luts;
    enum bv_voi_function voi_function;
    bool has_padding;
    int32_t padding_low, padding_high; // stored values that are not image
    double spacing[2];                 // mm between rows, between columns; 0 when unknown
    double aspect;                     // height of a pixel over its width; 1 when unknown
    enum bv_view view;
    const char *view_reason;  // a sentence's end, static; NULL where no header was read
    char modality[17];        // "CR", "DX", …; empty when absent
    char body_part[17];       // upper case; empty when absent
    char transfer_syntax[65]; // UID; empty for non-DICOM
    char sop_class[65];
    bool lossy;
    int n_frames; // in the file
    int frame;    // the one decoded, from 0

    // Of a public handle (biovl/image.h); zero elsewhere.
    const char *name;       // in the arena
    struct bv_image *prior; // a counted reference
    int references;
    uint64_t serial;  // no other handle of this process has it
    bool from_pixels; // kind then says what they are like

    struct bv_warnings warnings;
    struct bv_arena arena; // owns everything the struct points to except pixels and luma
};

#define BV_DEFAULT_MAX_PIXELS ((size_t)100 * 1000 * 1000)

struct bv_decode_options {
    int frame;         // -1: the only frame; more than one is then an error
    size_t max_pixels; // 0: 100 million
    size_t max_file;   // bytes, 0: 2^30
};

#define BV_DECODE_DEFAULTS ((struct bv_decode_options){-1, 0, 0})

// The length of a file's name in a path: shorter than the path where there is no such file and it
// ends in "#N" (from 1), which names a frame; *frame (may be NULL) is that frame from 0, else -1.
size_t bv_image_path_length(const char *path, int *frame);

// How many frames the image at path has.
enum bv_status bv_image_count_frames(const char *path, int *n, struct bv_error *err);

// Reads a file, or standard input for "-", by its content, never by its name; "FILE#N" is a frame
// of it, whatever options choose. Truncated pixel data is BV_ERR_FORMAT, formats and transfer
// syntaxes that cannot be read are BV_ERR_UNSUPPORTED and named, sizes beyond the limits are
// BV_ERR_LIMIT before anything is decoded. options may be NULL. The caller owns *image.
enum bv_status bv_image_load(const char *path, const struct bv_decode_options *options,
                             struct bv_image **image, struct bv_error *err);

// The same from memory; name stands for the path in messages. bytes are not kept.
enum bv_status bv_image_decode(const uint8_t *bytes, size_t size, const char *name,
                               const struct bv_decode_options *options, struct bv_image **image,
                               struct bv_error *err);

// Frees and sets *image to NULL. Accepts NULL.
void bv_image_free(struct bv_image **image);

size_t bv_sample_size(enum bv_sample sample); // bytes

// One stored value; i counts samples.
double bv_image_value(const struct bv_image *image, size_t i);

// Adds a warning unless the same reason is there already. text is copied into the arena.
void bv_image_warn(struct bv_image *image, enum bv_reason reason, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Whether that reason was warned of.
bool bv_image_warned(const struct bv_image *image, enum bv_reason reason);

#endif

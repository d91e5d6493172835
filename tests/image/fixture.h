// fixture.h: small images in memory, written as DICOM, PNG and JPEG for the tests.
#ifndef BV_TESTS_FIXTURE_H
#define BV_TESTS_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bv_image;

// Growing bytes; free with buffer_free(). Running out of memory fails the test.
struct buffer {
    uint8_t *data;
    size_t size, room;
};

void buffer_add(struct buffer *buffer, const void *bytes, size_t n);
void buffer_free(struct buffer *buffer);

// A DICOM file under construction: meta information for transfer_syntax, then elements in
// ascending order in explicit little endian.
void dicom_begin(struct buffer *file, const char *transfer_syntax);
void dicom_text(struct buffer *file, uint16_t group, uint16_t element, const char *vr,
                const char *value);
void dicom_us(struct buffer *file, uint16_t group, uint16_t element, unsigned value);
void dicom_bytes(struct buffer *file, uint16_t group, uint16_t element, const char *vr,
                 const void *bytes, size_t n);

// Pixel data in fragments: begin, each fragment, end.
void dicom_fragments_begin(struct buffer *file);
void dicom_fragment(struct buffer *file, const void *bytes, size_t n);
void dicom_fragments_end(struct buffer *file);
void dicom_odd_fragment(struct buffer *file, const void *bytes, size_t n); // without a pad byte

// A sequence of one item with the elements of body, of defined length. vr: "SQ", or "UN" as an
// archive writes what it does not know.
void dicom_sequence(struct buffer *file, uint16_t group, uint16_t element, const char *vr,
                    const struct buffer *body);

// The elements of a file (its meta information left alone) in Implicit VR Little Endian. The
// transfer syntax it names stays. Sequences of defined length only.
void dicom_to_implicit(struct buffer *file);

#define IMPLICIT_LE "1.2.840.10008.1.2"

// The elements of (0028,xxxx) that every image has.
struct pixel_module {
    unsigned samples, rows, columns, allocated, stored, high_bit;
    bool is_signed;
    const char *photometric; // NULL: MONOCHROME2
    const char *frames;      // NULL: absent
    int planar;              // -1: absent
};

#define PIXELS_16(rows_, columns_)                                                                 \
    ((struct pixel_module){.samples = 1,                                                           \
                           .rows = (rows_),                                                        \
                           .columns = (columns_),                                                  \
                           .allocated = 16,                                                        \
                           .stored = 12,                                                           \
                           .high_bit = 11,                                                         \
                           .planar = -1})

#define PIXELS_8(samples_, rows_, columns_, photometric_, planar_)                                 \
    ((struct pixel_module){.samples = (samples_),                                                  \
                           .rows = (rows_),                                                        \
                           .columns = (columns_),                                                  \
                           .allocated = 8,                                                         \
                           .stored = 8,                                                            \
                           .high_bit = 7,                                                          \
                           .photometric = (photometric_),                                          \
                           .planar = (planar_)})

void dicom_pixel_module(struct buffer *file, const struct pixel_module *module);

// A whole file whose pixel data are one stream in one fragment.
void dicom_encapsulated(struct buffer *file, const char *syntax, const struct pixel_module *module,
                        const struct buffer *stream);

#define EXPLICIT_LE "1.2.840.10008.1.2.1"

// The image of a file that must be readable; frees the file.
struct bv_image *take_image(struct buffer *file);

// PNG of a type and depth that libpng names (PNG_COLOR_TYPE_…); rows packed as PNG packs them,
// 16-bit samples big-endian. A palette of n_palette RGB triples where the type is palette.
struct png_kind {
    int width, height, type, depth, n_palette;
    const uint8_t *palette;
    bool interlaced;
    int orientation; // of Exif data; 0: no Exif data
};

void png_encode(struct buffer *file, const struct png_kind *kind, const uint8_t *rows);

// JPEG of 1, 3 (RGB in) or 4 (CMYK as given, with an Adobe marker) components.
struct jpeg_kind {
    int width, height, components, quality;
    bool progressive;
    int orientation;    // of Exif data; 0: no Exif data
    bool untransformed; // of three components: R, G, B with Adobe's marker, rather than YCbCr in
                        // JFIF
};

void jpeg_encode(struct buffer *file, const struct jpeg_kind *kind, const uint8_t *pixels);

// JPEG of process 14, first-order prediction: one component of bits (2 to 16), lossless.
void jpeg_lossless_encode(struct buffer *file, int width, int height, int bits,
                          const uint16_t *pixels);

// JPEG 2000 codestream of one component, lossless.
void jpeg2000_encode(struct buffer *file, int width, int height, int bits, const uint16_t *pixels);

// JP2 file of three 8-bit planes in an OpenJPEG colour space, lossless and untransformed; the
// second and third have a sample for each step × step pixels.
void jp2_encode(struct buffer *file, int width, int height, int step, int colour_space,
                uint8_t *const planes[3]);

#endif

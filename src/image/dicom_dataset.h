// dicom_dataset.h: DICOM data sets: character sets, transfer syntaxes, bounds on their bytes, and
// DCMTK behind C.
#ifndef BV_IMAGE_DICOM_DATASET_H
#define BV_IMAGE_DICOM_DATASET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/memory.h"
#include "base/status.h"
#include "image/decode.h"

// character_set.c: the texts of DICOM objects as UTF-8, by their Specific Character Set
// (0008,0005).
//
// All of PS3.3 C.12.1.1.2: single-byte sets, UTF-8, GB18030 and GBK, and code extensions with
// escape sequences (ISO 2022: IR 13, 58, 87, 149, 159 and the single-byte ones). Escape sequences
// are honoured whatever the attribute lists, and the terms are read in the spellings that are met
// ("ISO-IR 100", "ISO 2022 IR 100" alone, "utf8"). In ISO_IR 100 the bytes 80 to 9F, which are no
// characters there, are those of Windows-1252, as its writers meant them. The yen sign and overline
// of JIS X 0201 are read as \ and ~, which separate values.

// What begins a text anew in its first character set (PS3.5 6.1.2.5.3), besides line ends and tabs.
enum bv_text_kind {
    BV_TEXT_LONG,  // LT, ST, UT: nothing else
    BV_TEXT_SHORT, // LO, SH, UC: the \ between values
    BV_TEXT_NAME,  // PN: \ ^ =
};

// sets: the attribute's value, "" or NULL where there is none. *out is text as UTF-8 in the arena,
// with a zero byte at its end. Texts without a set that are not ASCII may be UTF-8. BV_ERR_FORMAT
// says why a text cannot be read; it does not quote it.
enum bv_status bv_characters_read(const char *sets, enum bv_text_kind kind, const char *text,
                                  size_t n, struct bv_arena *arena, const char **out,
                                  struct bv_error *err);

// transfer_syntax.c: the transfer syntaxes of DICOM, and which of them this library decodes.
//
// The one list: the decoder, what is asked of an archive and what the receiver accepts follow it.

enum bv_codec {
    BV_CODEC_NATIVE,
    BV_CODEC_RLE,
    BV_CODEC_JPEG,
    BV_CODEC_JPEG_LS,
    BV_CODEC_JPEG2000,
    BV_CODEC_NONE, // known by name, not decoded
};

#define BV_DEFLATED_LITTLE_ENDIAN "1.2.840.10008.1.2.1.99"

struct bv_transfer_syntax {
    const char *uid, *name;
    enum bv_codec codec;
    bool lossy;
};

// All that are known, in the order in which a receiver prefers them; they live as long as the
// program.
const struct bv_transfer_syntax *bv_transfer_syntaxes(size_t *n);

// NULL when the UID is not known.
const struct bv_transfer_syntax *bv_transfer_syntax_find(const char *uid);

// The one of a data set whose pixels are to be decoded; BV_ERR_UNSUPPORTED.
enum bv_status bv_transfer_syntax_check(const char *uid, const struct bv_transfer_syntax **syntax,
                                        struct bv_error *err);

// dicom_stream.c: what must be known of DICOM and JPEG bytes before a library may touch them: sizes
// that decide how much memory it will take.

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

// dicom_dataset.cc: DCMTK behind C: parsing, element access, and its JPEG codecs. Nothing is
// interpreted here and no exception leaves.
//
// Values of text elements are handed out only to the caller, never put into messages.

struct bv_dataset;

const char *bv_dcmtk_version(void);

#define BV_TAG(group, element) ((uint32_t)(group) << 16 | (uint32_t)(element))

// Parses a whole file, with or without preamble; or, bare, the elements of an explicit
// little-endian data set alone. How the elements are written is taken from their bytes, and a wrong
// group length, a wrong transfer syntax or bytes behind the data set do no harm: the outline says
// what was found. bytes must outlive the data set.
enum bv_status bv_dataset_open(struct bv_bytes bytes, bool bare, struct bv_dataset **dataset,
                               struct bv_error *err);

void bv_dataset_close(struct bv_dataset **dataset); // accepts NULL

const struct bv_dicom_outline *bv_dataset_outline(const struct bv_dataset *dataset);

// The UID of the transfer syntax the pixels are in.
const char *bv_dataset_transfer_syntax(const struct bv_dataset *dataset);

// A data set, or an item of a sequence in it; borrowed. Every call below takes NULL as an item that
// holds nothing.
struct bv_item;

const struct bv_item *bv_dataset_root(const struct bv_dataset *dataset);
// The index-th item of a sequence; NULL where there is none.
const struct bv_item *bv_item_child(const struct bv_item *item, uint32_t sequence, unsigned index);

// What the functional groups (PS3.3 C.7.6.16) say of a frame: the item of one of their sequences,
// the frame's own or the one that all share; NULL where there is none.
const struct bv_item *bv_dataset_group(const struct bv_dataset *dataset, unsigned frame,
                                       uint32_t sequence);

// The index-th value of a text element without padding, cut to size. False when absent or empty.
bool bv_item_text(const struct bv_item *item, uint32_t tag, unsigned index, char *out, size_t size);

enum bv_number {
    BV_NUMBER_NONE, // absent or empty
    BV_NUMBER_READ,
    BV_NUMBER_COMMA, // read, but written with a decimal comma
    BV_NUMBER_BAD,   // something else than a finite number
};

// The index-th value of a number element: US SS UL SL FL FD DS IS.
enum bv_number bv_item_number(const struct bv_item *item, uint32_t tag, unsigned index,
                              double *value);

// The same of the data set itself; a number only where it could be read.
bool bv_dataset_text(const struct bv_dataset *dataset, uint32_t tag, unsigned index, char *out,
                     size_t size);
bool bv_dataset_number(const struct bv_dataset *dataset, uint32_t tag, unsigned index,
                       double *value);

// A LUT descriptor and the bytes of its data, words in the host's order. The data are borrowed.
struct bv_lut_element {
    int32_t descriptor[3]; // entries, first input, bits
    struct bv_bytes data;
};

bool bv_item_lut(const struct bv_item *item, uint32_t descriptor_tag, uint32_t data_tag,
                 struct bv_lut_element *lut);

// Native pixel data in the host's byte order; borrowed. False when there is none.
bool bv_dataset_native_pixels(const struct bv_dataset *dataset, struct bv_bytes *bytes);

// Float Pixel Data (7FE0,0008); borrowed. False when there is none.
bool bv_dataset_float_pixels(const struct bv_dataset *dataset, const float **values, size_t *n);

// Decodes a JPEG stream with DCMTK's codecs into size bytes, samples interleaved, in the host's
// byte order; nothing is converted: components are as in the stream.
enum bv_status bv_dcmtk_jpeg(struct bv_bytes stream, const struct bv_jpeg_header *header, void *out,
                             size_t size, struct bv_error *err);

#endif

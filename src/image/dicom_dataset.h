// dicom_dataset.h: DCMTK behind C: parsing, element access, and its JPEG codecs. Nothing is
// interpreted here and no exception leaves.
//
// Values of text elements are handed out only to the caller, never put into messages.
#ifndef BV_IMAGE_DICOM_DATASET_H
#define BV_IMAGE_DICOM_DATASET_H

#include "image/decode.h"
#include "image/dicom_stream.h"

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

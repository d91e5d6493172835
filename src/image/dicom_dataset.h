// dicom_dataset.h: DCMTK behind C: parsing, element access, and its JPEG
// codecs. Nothing is interpreted here and no exception leaves.
//
// Values of text elements are handed out only to the caller, never put into messages.
#ifndef BV_IMAGE_DICOM_DATASET_H
#define BV_IMAGE_DICOM_DATASET_H

#include "image/decode.h"

struct bv_dataset;

const char *bv_dcmtk_version(void);

#define BV_TAG(group, element) ((uint32_t)(group) << 16 | (uint32_t)(element))

// Parses a whole file, with or without preamble; or, bare, the elements of an explicit
// little-endian data set alone. bytes must outlive the data set.
enum bv_status bv_dataset_open(struct bv_bytes bytes, bool bare, struct bv_dataset **dataset,
                               struct bv_error *err);

void bv_dataset_close(struct bv_dataset **dataset); // accepts NULL

// The UID of the transfer syntax the pixels are in.
const char *bv_dataset_transfer_syntax(const struct bv_dataset *dataset);
bool bv_dataset_is_encapsulated(const struct bv_dataset *dataset);

// The index-th value of a text element without padding, cut to size. False when absent or empty.
bool bv_dataset_text(const struct bv_dataset *dataset, uint32_t tag, unsigned index, char *out,
                     size_t size);

// The index-th value of a number element: US SS UL SL FL FD DS IS. False when absent or invalid.
bool bv_dataset_number(const struct bv_dataset *dataset, uint32_t tag, unsigned index,
                       double *value);

// As bv_dataset_text for an element of the item-th item of a sequence.
bool bv_dataset_item_text(const struct bv_dataset *dataset, uint32_t sequence, unsigned item,
                          uint32_t tag, char *out, size_t size);

// A LUT descriptor and the words of its data. sequence 0 looks in the data set itself.
// data is borrowed from the data set.
struct bv_lut_element {
    int32_t descriptor[3]; // entries, first input, bits
    const uint16_t *data;
    size_t n_words;
};

bool bv_dataset_lut(const struct bv_dataset *dataset, uint32_t sequence, unsigned item,
                    uint32_t descriptor_tag, uint32_t data_tag, struct bv_lut_element *lut);

// Native pixel data in the host's byte order; borrowed. False when there is none.
bool bv_dataset_native_pixels(const struct bv_dataset *dataset, struct bv_bytes *bytes);

// Float Pixel Data (7FE0,0008); borrowed. False when there is none.
bool bv_dataset_float_pixels(const struct bv_dataset *dataset, const float **values, size_t *n);

// Fragments of encapsulated pixel data, without the offset table; borrowed.
unsigned bv_dataset_n_fragments(const struct bv_dataset *dataset);
bool bv_dataset_fragment(const struct bv_dataset *dataset, unsigned index, struct bv_bytes *bytes);

// Byte offsets of the frames' first fragments, from the basic offset table; n may be 0.
bool bv_dataset_offset_table(const struct bv_dataset *dataset, struct bv_bytes *bytes);

// Decodes one JPEG frame with DCMTK's codecs into size bytes in the host's byte order.
// photometric receives the decoded colour model.
enum bv_status bv_dataset_decode_frame(struct bv_dataset *dataset, unsigned frame, void *out,
                                       size_t size, char photometric[17], struct bv_error *err);

#endif

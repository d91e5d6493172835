// dicom.h: what the readers of the parts of a DICOM image share; used inside src/image only.
//
// dicom.c reads the header, dicom_pixels.c the stored values, dicom_gray.c what they mean as gray
// levels, and dicom_view.c from where the image was taken.
#ifndef BV_IMAGE_DICOM_H
#define BV_IMAGE_DICOM_H

#include "image/dicom_dataset.h"

// The pixel module as the file states it, repaired where the pixel data contradict it.
struct bv_dicom_layout {
    unsigned rows, columns, samples, allocated, stored, high_bit, frames;
    bool is_signed, planar, is_float, palette;
    bool overlay_in_pixels; // bits above the stored ones belong to an overlay
    char photometric[17];
    const struct bv_transfer_syntax *syntax;
};

// Decodes image->frame of image->n_frames into image->pixels. Where a compressed stream contradicts
// the header it is believed, and layout is changed and warned of.
enum bv_status bv_dicom_pixels(const struct bv_dataset *dataset, struct bv_image *image,
                               struct bv_dicom_layout *layout, size_t max_pixels,
                               struct bv_error *err);

// Palette, modality transform, windows and VOI tables of image->frame. BV_ERR_FORMAT names an
// element whose value is no number, or a palette that cannot be applied.
enum bv_status bv_dicom_gray(const struct bv_dataset *dataset, struct bv_image *image,
                             const struct bv_dicom_layout *layout, struct bv_error *err);

// The view, and why it is taken for that.
void bv_dicom_view(const struct bv_dataset *dataset, struct bv_image *image);

#endif

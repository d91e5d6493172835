// preset.h: how the authors of each model made the pixels that it was trained on, by name.
#ifndef BV_IMAGE_PRESET_H
#define BV_IMAGE_PRESET_H

#include "image/pixels.h"

enum bv_preset {
    // MIT-LCP's conversion of MIMIC-CXR: minimum to maximum onto 0 … 255 truncated, MONOCHROME1
    // inverted, histogram equalised. No modality or VOI transform.
    BV_PRESET_MIMIC_CXR_JPG,
    // Stanford's: 0 to maximum onto 0 … 255 rounded, MONOCHROME1 inverted, equalised.
    BV_PRESET_CHEXPERT,
    // hi-ml: minimum to maximum onto 0 … 255 truncated. MONOCHROME1 stays as it is.
    BV_PRESET_BIOVIL,
    // GLoRIA, MGCA (RSNA, SIIM): 0 to maximum onto 0 … 255 rounded, MONOCHROME1 inverted.
    BV_PRESET_GLORIA,
    // torchxrayvision: 0 … full range onto -1024 … 1024 as float, MONOCHROME1 inverted.
    BV_PRESET_TXV,
    // CXR Foundation: modality transform, first window, MONOCHROME1 inverted, spread over 16 bits.
    BV_PRESET_CXR_FOUNDATION,
    // What a viewer shows first: PS3.3 C.11 with the file's first VOI, 8 bits.
    BV_PRESET_DICOM_DISPLAY,
    // The stored values as they are: U8 or U16; negative ones are shifted up by the minimum.
    BV_PRESET_STORED,
};

// CheXzero, MedCLIP and others were trained on images that one of the first two made:
// "chexzero" and "medclip" name mimic-cxr-jpg. BV_ERR_ARG lists the names when there is none.
enum bv_status bv_preset_find(const char *name, enum bv_preset *preset, struct bv_error *err);

const char *bv_preset_name(enum bv_preset preset);

// Makes the image that the authors' pipeline starts from; all channels together, values of an
// 8-bit file included. out is created: U8, but F32 for TXV, and U16 for CXR_FOUNDATION and STORED
// of deep images.
enum bv_status bv_preset_apply(const struct bv_image *image, enum bv_preset preset,
                               struct bv_pixels *out, struct bv_error *err);

// cv2.equalizeHist of n values, in place.
void bv_equalize(uint8_t *pixels, size_t n);

#endif

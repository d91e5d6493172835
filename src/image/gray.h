// gray.h: stored values, and colours, to gray levels.
//
// Stored values go the way of DICOM PS3.3 C.11: palette, modality LUT or rescale, VOI LUT or
// window, and last the one inversion. Every step is a function of one value, so that a caller with
// 16-bit data tabulates it.
#ifndef BV_IMAGE_GRAY_H
#define BV_IMAGE_GRAY_H

#include <stddef.h>
#include <stdint.h>

#include "image/image.h"
#include "image/pixels.h"

// Range of the stored values. Padding values are left out unless everything is padding.
void bv_gray_range(const struct bv_image *image, double *low, double *high);

// The range with padding, as numpy's min() and max() see it.
void bv_gray_full_range(const struct bv_image *image, double *low, double *high);

// Palette luma and modality transform of one stored value.
double bv_gray_modality(const struct bv_image *image, double stored);

enum bv_voi_kind {
    BV_VOI_RANGE, // low … high to 0 … 1: what is shown when the file names no VOI
    BV_VOI_WINDOW,
    BV_VOI_LUT,
};

struct bv_voi {
    enum bv_voi_kind kind;
    enum bv_voi_function function; // of a window
    struct bv_window window;
    const struct bv_lut *lut; // borrowed from the image
    double low, high;         // of a range
};

// The index-th view the file offers: its VOI LUTs come before its windows, as in pydicom; past
// the end, the range of the image after the modality transform.
struct bv_voi bv_gray_voi(const struct bv_image *image, int index);

// A value after the modality transform to [0, 1].
double bv_gray_voi_apply(const struct bv_voi *voi, double value);

// Whether display inverts: MONOCHROME1 or Presentation LUT Shape INVERSE, once for both.
bool bv_gray_inverts(const struct bv_image *image);

// The whole pipeline for one stored value, in [0, 1], 1 is white.
double bv_gray_display(const struct bv_image *image, const struct bv_voi *voi, double stored);

// Colour to gray in the exact arithmetic of the libraries that models were trained with.

// n pixels of R, G, B to n gray values. Each is BT.601 luma; they differ in rounding.
void bv_gray_pillow(const uint8_t *rgb, uint8_t *gray, size_t n); // Image.convert("L")
void bv_gray_opencv(const uint8_t *rgb, uint8_t *gray, size_t n); // cvtColor(RGB2GRAY)
void bv_gray_libpng(const uint8_t *rgb, uint8_t *gray, size_t n); // imread(png, 0)

// The same for one 16-bit pixel, rounded to nearest.
uint16_t bv_gray_16(uint16_t r, uint16_t g, uint16_t b);

// preset.c: how the authors of each model made the pixels that it was trained on, by name.

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

// shown.c: the image as a viewer shows it, by its own window, U8 in three channels, its longer side
// at most `longest`.
enum bv_status bv_image_shown(const struct bv_image *image, int longest, struct bv_pixels *out,
                              struct bv_error *err);

#endif

// resize.h: resampling that equals the library each model was trained with. 8-bit results are
// equal to the byte, float results to the last few units.
//
// Images are [height][width][channels], channels 1 to 4, all sizes at least 1. in and out do not
// overlap. Each returns BV_ERR_NOMEM for lack of working memory and BV_ERR_ARG for a filter that
// the library does not have; nothing else fails.
#ifndef BV_IMAGE_RESIZE_H
#define BV_IMAGE_RESIZE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

enum bv_resample_filter {
    BV_FILTER_NEAREST,
    BV_FILTER_BOX,
    BV_FILTER_BILINEAR,
    BV_FILTER_BICUBIC,
    BV_FILTER_LANCZOS,
    BV_FILTER_AREA,
};

struct bv_size {
    int width, height;
};

// Pillow's Image.resize of modes L and RGB: NEAREST, BOX, BILINEAR, BICUBIC (a = -0.5), LANCZOS;
// all but NEAREST widen with the shrink factor. Two passes, 22-bit weights, bytes between them.
enum bv_status bv_resize_pillow(const uint8_t *in, struct bv_size from, int channels, uint8_t *out,
                                struct bv_size to, enum bv_resample_filter filter,
                                struct bv_error *err);

// Pillow 13's, which halves the work on tall images: a height that shrinks by more than twice what
// the width does (or while that grows) is resampled first. Else the same.
enum bv_status bv_resize_pillow13(const uint8_t *in, struct bv_size from, int channels,
                                  uint8_t *out, struct bv_size to, enum bv_resample_filter filter,
                                  struct bv_error *err);

// torchvision's resize of a tensor of bytes with antialiasing (0.29, processors with AVX2):
// BILINEAR, BICUBIC. As Pillow before 13, with weights of 16 bits.
enum bv_status bv_resize_torchvision(const uint8_t *in, struct bv_size from, int channels,
                                     uint8_t *out, struct bv_size to,
                                     enum bv_resample_filter filter, struct bv_error *err);

struct bv_torch_resize {
    enum bv_resample_filter filter; // BILINEAR or BICUBIC
    bool antialias;                 // bicubic then has a = -0.5, else a = -0.75
    bool align_corners;             // not together with antialias
    bool float_positions;           // bilinear, as torch 2 has them: equal cells stay equal
};

// torch.nn.functional.interpolate and torchvision's Resize of a float tensor (torch 1.13, CPU).
enum bv_status bv_resize_torch(const float *in, struct bv_size from, int channels, float *out,
                               struct bv_size to, struct bv_torch_resize how, struct bv_error *err);

// cv2.resize 4.6 of CV_8U: AREA, BILINEAR, BICUBIC, NEAREST.
enum bv_status bv_resize_opencv(const uint8_t *in, struct bv_size from, int channels, uint8_t *out,
                                struct bv_size to, enum bv_resample_filter filter,
                                struct bv_error *err);

// cv2.resize 4.6 of CV_32F: AREA, BILINEAR.
enum bv_status bv_resize_opencv_f32(const float *in, struct bv_size from, int channels, float *out,
                                    struct bv_size to, enum bv_resample_filter filter,
                                    struct bv_error *err);

// tf.image.resize 2.21 of bytes without antialiasing, its floats cut to bytes: BILINEAR.
enum bv_status bv_resize_tensorflow(const uint8_t *in, struct bv_size from, int channels,
                                    uint8_t *out, struct bv_size to, enum bv_resample_filter filter,
                                    struct bv_error *err);

// skimage.transform.resize 0.19 of a float32 plane: order 1, mode "constant", preserve_range,
// Gaussian antialiasing when a side shrinks.
enum bv_status bv_resize_skimage(const float *in, struct bv_size from, float *out,
                                 struct bv_size to, struct bv_error *err);

#endif

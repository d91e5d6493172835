// ms_ssim.h: how alike two gray images look.
#ifndef BV_IMAGE_MS_SSIM_H
#define BV_IMAGE_MS_SSIM_H

#include <stdint.h>

#include "base/status.h"

enum { BV_MS_SSIM_SIDE = 161 }; // the smallest side: five scales under a window of 11 pixels

// Multi-scale structural similarity (Wang, Simoncelli and Bovik, 2003) of two 8-bit images
// [height][width]: five scales, Gaussian windows of 11 pixels (sigma 1.5) inside the image, K1
// 0.01, K2 0.03, means of 2 × 2 pixels between scales (an odd side gets a line of zeros on both
// ends, as in the pytorch-msssim package). 1 for equal images; a negative contrast term counts as
// 0. BV_ERR_ARG for a side below BV_MS_SSIM_SIDE.
enum bv_status bv_ms_ssim(const uint8_t *a, const uint8_t *b, int width, int height, double *value,
                          struct bv_error *err);

#endif

// pixels.h: an image on its way to the encoder.
#ifndef BV_IMAGE_PIXELS_H
#define BV_IMAGE_PIXELS_H

#include <stdint.h>

#include "base/status.h"
#include "image/image.h"

// data is [height][width][channels] of U8, U16 or F32, owned (malloc). Zero-initialise.
struct bv_pixels {
    int width, height, channels;
    enum bv_sample sample;
    void *data;
};

// Allocates data for the sizes given; contents are undefined. BV_ERR_NOMEM, or BV_ERR_LIMIT for
// sizes below 1 or beyond 2^31 samples.
enum bv_status bv_pixels_create(struct bv_pixels *pixels, int width, int height, int channels,
                                enum bv_sample sample, struct bv_error *err);

// Frees data and zeroes. Accepts a zeroed struct.
void bv_pixels_free(struct bv_pixels *pixels);

// Frees to, moves from's content into it and zeroes from.
void bv_pixels_replace(struct bv_pixels *to, struct bv_pixels *from);

size_t bv_pixels_samples(const struct bv_pixels *pixels); // width × height × channels

// U8 and U16 become F32 of the same values; F32 stays.
enum bv_status bv_pixels_to_float(struct bv_pixels *pixels, struct bv_error *err);

// draw_text.c: words and numbers drawn into pictures.

enum { BV_LETTER_WIDTH = 5, BV_LETTER_HEIGHT = 7 }; // dots; letters stand one dot apart

// Writes text in dots of zoom × zoom pixels with the left upper corner at x, y ≥ 0 of a U8 picture;
// color has one value per channel. Small letters become capitals, what has no glyph a question
// mark; what lies outside is cut off.
void bv_draw_text(struct bv_pixels *picture, int x, int y, int zoom, const uint8_t *color,
                  const char *text);

// How many letters of a zoom fit a width.
int bv_letters_that_fit(int width, int zoom);

// ms_ssim.c: how alike two gray images look.

enum { BV_MS_SSIM_SIDE = 161 }; // the smallest side: five scales under a window of 11 pixels

// Multi-scale structural similarity (Wang, Simoncelli and Bovik, 2003) of two 8-bit images
// [height][width]: five scales, Gaussian windows of 11 pixels (sigma 1.5) inside the image, K1
// 0.01, K2 0.03, means of 2 × 2 pixels between scales (an odd side gets a line of zeros on both
// ends, as in the pytorch-msssim package). 1 for equal images; a negative contrast term counts as
// 0. BV_ERR_ARG for a side below BV_MS_SSIM_SIDE.
enum bv_status bv_ms_ssim(const uint8_t *a, const uint8_t *b, int width, int height, double *value,
                          struct bv_error *err);

#endif

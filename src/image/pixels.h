// pixels.h: an image on its way to the encoder.
#ifndef BV_IMAGE_PIXELS_H
#define BV_IMAGE_PIXELS_H

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

#endif

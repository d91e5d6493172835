// png_writer.h: small pictures as PNG files in memory.
#ifndef BV_IMAGE_PNG_WRITER_H
#define BV_IMAGE_PNG_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "image/image.h"

// A piece of text in a PNG file, UTF-8.
struct bv_png_text {
    const char *key, *text; // key: Latin-1, 1 to 79 characters
};

// pixels [height][width][channels] of 8 bits, channels 1 or 3. The caller frees *bytes.
enum bv_status bv_png_encode(const uint8_t *pixels, int width, int height, int channels,
                             uint8_t **bytes, size_t *size, struct bv_error *err);

// The same, RGB, with pieces of text.
enum bv_status bv_png_encode_rgb(const uint8_t *pixels, int width, int height,
                                 const struct bv_png_text *texts, int n_texts, uint8_t **bytes,
                                 size_t *size, struct bv_error *err);

// What a viewer would show of a radiograph, its longer side at most longest, gray, as PNG. The
// caller frees *bytes.
enum bv_status bv_thumbnail_encode(const struct bv_image *image, int longest, uint8_t **bytes,
                                   size_t *size, struct bv_error *err);

#endif

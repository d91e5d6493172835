// PNG through libpng: gray of 1 to 16 bits, palette, RGB, with or without alpha, interlaced.
// Gamma, colour profiles and transparency are ignored, as Pillow and OpenCV ignore them.
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

#include "base/memory.h"
#include "image/decode.h"

// Deflate cannot expand further than this (RFC 1951: 258 bytes from 2 bits, less overhead).
#define DEFLATE_MAX_RATIO 1032

struct png_reader {
    struct bv_bytes bytes;
    size_t offset;
    png_bytep *rows; // freed by bv_decode_png(), also after a longjmp
    struct bv_error *err;
    enum bv_status status;
};

static void on_error(png_structp png, png_const_charp message)
{
    struct png_reader *reader = png_get_error_ptr(png);
    if (reader->status == BV_OK)
        reader->status = bv_fail(reader->err, BV_ERR_FORMAT, "damaged PNG: %s", message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static void read_bytes(png_structp png, png_bytep out, size_t n)
{
    struct png_reader *reader = png_get_io_ptr(png);
    if (n > reader->bytes.size - reader->offset) {
        reader->status = bv_fail(reader->err, BV_ERR_FORMAT, "the PNG file is truncated");
        png_error(png, "truncated");
    }
    memcpy(out, reader->bytes.data + reader->offset, n);
    reader->offset += n;
}

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

// Walks the chunks before anything is allocated: the file must be complete, and its compressed
// data long enough for the size it declares.
static enum bv_status check_chunks(struct bv_bytes bytes, size_t max_pixels, struct bv_error *err)
{
    uint64_t needed = 0, compressed = 0;
    bool ended = false;
    for (size_t at = 8; !ended;) {
        if (bytes.size - at < 12 || be32(bytes.data + at) > bytes.size - at - 12)
            return bv_fail(err, BV_ERR_FORMAT, "the PNG file is truncated");
        uint32_t length = be32(bytes.data + at);
        const uint8_t *type = bytes.data + at + 4, *data = type + 4;
        if (at == 8) {
            if (memcmp(type, "IHDR", 4) != 0 || length != 13)
                return bv_fail(err, BV_ERR_FORMAT, "damaged PNG: no header");
            uint64_t width = be32(data), height = be32(data + 4);
            BV_TRY(bv_decode_check_size(width, height, max_pixels, err));
            unsigned channels = data[9] == 2 ? 3 : data[9] == 4 ? 2 : data[9] == 6 ? 4 : 1;
            needed = (width * channels * data[8] + 7) / 8 * height;
        }
        if (memcmp(type, "IDAT", 4) == 0)
            compressed += length;
        ended = memcmp(type, "IEND", 4) == 0;
        at += 12 + (size_t)length;
    }
    if (compressed < needed / DEFLATE_MAX_RATIO)
        return bv_fail(err, BV_ERR_FORMAT, "damaged PNG: pixel data shorter than declared");
    return BV_OK;
}

// Drops the last channel of each pixel in place and notes its range.
static void drop_alpha(struct bv_image *image, int channels)
{
    size_t n = (size_t)image->width * (size_t)image->height, kept = (size_t)channels - 1;
    for (size_t i = 0; i < n; i++) {
        int alpha = 0;
        if (image->sample == BV_SAMPLE_U16) {
            uint16_t *pixels = image->pixels;
            alpha = pixels[i * 2 + 1] >> 8;
            pixels[i] = pixels[i * 2];
        } else {
            uint8_t *pixels = image->pixels;
            alpha = pixels[i * (kept + 1) + kept];
            memmove(pixels + i * kept, pixels + i * (kept + 1), kept);
        }
        image->alpha_min = alpha < image->alpha_min ? alpha : image->alpha_min;
        image->alpha_max = alpha > image->alpha_max ? alpha : image->alpha_max;
    }
    if (image->alpha_min < 255)
        bv_image_warn(image, BV_REASON_ALPHA_DROPPED,
                      "the image is partly transparent; transparency was ignored");
}

// Everything that may longjmp.
static void decode(png_structp png, png_infop info, struct bv_image *image,
                   struct png_reader *reader)
{
    png_read_info(png, info);
    int depth = png_get_bit_depth(png, info), type = png_get_color_type(png, info);
    bool gray = type == PNG_COLOR_TYPE_GRAY || type == PNG_COLOR_TYPE_GRAY_ALPHA;
    image->indexed = type == PNG_COLOR_TYPE_PALETTE || (gray && depth == 1);
    image->sample = gray && depth == 16 ? BV_SAMPLE_U16 : BV_SAMPLE_U8;
    image->sixteen_bit = image->sample == BV_SAMPLE_U16;
    image->bits_stored = image->sixteen_bit ? 16 : 8;
    if (type == PNG_COLOR_TYPE_PALETTE)
        png_set_palette_to_rgb(png);
    if (gray && depth < 8)
        png_set_expand_gray_1_2_4_to_8(png);
    if (depth == 16 && gray)
        png_set_swap(png);
    else if (depth == 16)
        png_set_strip_16(png);
    (void)png_set_interlace_handling(png);
    png_read_update_info(png, info);
    int channels = png_get_channels(png, info);
    image->width = (int)png_get_image_width(png, info);
    image->height = (int)png_get_image_height(png, info);
    image->channels = channels;
    size_t row_bytes = (size_t)image->width * (size_t)channels * bv_sample_size(image->sample);
    reader->rows = malloc((size_t)image->height * sizeof *reader->rows);
    if (!reader->rows)
        reader->status = bv_fail_nomem(reader->err, "rows");
    else if (png_get_rowbytes(png, info) != row_bytes)
        reader->status = bv_fail(reader->err, BV_ERR_INTERNAL, "unexpected PNG row size");
    else
        reader->status = bv_decode_alloc(image, reader->err);
    if (reader->status != BV_OK)
        png_error(png, "stopped");
    for (int y = 0; y < image->height; y++)
        reader->rows[y] = (png_bytep)image->pixels + (size_t)y * row_bytes;
    png_read_image(png, reader->rows);
    png_read_end(png, info);
#ifdef PNG_eXIf_SUPPORTED
    png_uint_32 n_exif = 0;
    png_bytep exif = NULL;
    if (png_get_eXIf_1(png, info, &n_exif, &exif) && exif)
        image->orientation = bv_exif_orientation((struct bv_bytes){exif, n_exif});
#endif
    if (channels == 2 || channels == 4) {
        image->channels = channels - 1;
        drop_alpha(image, channels);
    }
}

enum bv_status bv_decode_png(struct bv_image *image, struct bv_bytes bytes, size_t max_pixels,
                             struct bv_error *err)
{
    BV_TRY(check_chunks(bytes, max_pixels, err));
    image->kind = BV_FILE_PNG;
    struct png_reader reader = {.bytes = bytes, .err = err};
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader, on_error, on_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info) {
        png_destroy_read_struct(&png, NULL, NULL);
        return bv_fail_nomem(err, "PNG reader");
    }
    if (setjmp(png_jmpbuf(png)) == 0) {
        png_set_read_fn(png, &reader, read_bytes);
        png_set_user_limits(png, INT32_MAX, INT32_MAX);
        png_set_chunk_malloc_max(png, 16 << 20);
        decode(png, info, image, &reader);
    }
    free(reader.rows);
    png_destroy_read_struct(&png, &info, NULL);
    return reader.status;
}

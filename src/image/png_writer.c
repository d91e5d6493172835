#include "image/png_writer.h"

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "image/gray.h"
#include "image/resize.h"

struct sink {
    uint8_t *data;
    size_t size, room;
};

static void write_sink(png_structp png, png_bytep bytes, png_size_t n)
{
    struct sink *sink = png_get_io_ptr(png);
    if (sink->room - sink->size < n) {
        size_t room = sink->room * 2 + n + 4096;
        uint8_t *data = realloc(sink->data, room);
        if (!data)
            png_error(png, "memory");
        sink->data = data;
        sink->room = room;
    }
    memcpy(sink->data + sink->size, bytes, n);
    sink->size += n;
}

static void flush_sink(png_structp png)
{
    (void)png;
}

static void refuse(png_structp png, png_const_charp text)
{
    (void)text;
    png_longjmp(png, 1);
}

static void ignore(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void put_texts(png_structp png, png_infop info, const struct bv_png_text *texts, int n)
{
    for (int i = 0; i < n; i++) {
        png_text text = {.compression = PNG_ITXT_COMPRESSION_NONE,
                         .key = (char *)(uintptr_t)texts[i].key,
                         .text = (char *)(uintptr_t)texts[i].text};
        png_set_text(png, info, &text, 1);
    }
}

// The rows of a picture, and what is said of it.
struct picture {
    const uint8_t *pixels;
    int width, height, channels;
    const struct bv_png_text *texts;
    int n_texts;
};

static enum bv_status encode(const struct picture *p, uint8_t **bytes, size_t *size,
                             struct bv_error *err)
{
    struct sink sink = {0};
    png_infop info = NULL;
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, refuse, ignore);
    if (png)
        info = png_create_info_struct(png);
    if (!png || !info || setjmp(png_jmpbuf(png))) {
        png_destroy_write_struct(&png, &info);
        free(sink.data);
        return bv_fail_nomem(err, "a PNG file");
    }
    png_set_write_fn(png, &sink, write_sink, flush_sink);
    png_set_IHDR(png, info, (png_uint_32)p->width, (png_uint_32)p->height, 8,
                 p->channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    put_texts(png, info, p->texts, p->n_texts);
    png_write_info(png, info);
    for (int y = 0; y < p->height; y++)
        png_write_row(png, p->pixels + (size_t)y * (size_t)p->width * (size_t)p->channels);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    *bytes = sink.data;
    *size = sink.size;
    return BV_OK;
}

enum bv_status bv_png_encode(const uint8_t *pixels, int width, int height, int channels,
                             uint8_t **bytes, size_t *size, struct bv_error *err)
{
    return encode(&(struct picture){pixels, width, height, channels, NULL, 0}, bytes, size, err);
}

enum bv_status bv_png_encode_rgb(const uint8_t *pixels, int width, int height,
                                 const struct bv_png_text *texts, int n_texts, uint8_t **bytes,
                                 size_t *size, struct bv_error *err)
{
    return encode(&(struct picture){pixels, width, height, 3, texts, n_texts}, bytes, size, err);
}

enum bv_status bv_thumbnail_encode(const struct bv_image *image, int longest, uint8_t **bytes,
                                   size_t *size, struct bv_error *err)
{
    struct bv_pixels shown = {0};
    BV_TRY(bv_preset_apply(image, BV_PRESET_DICOM_DISPLAY, &shown, err));
    int side = shown.width > shown.height ? shown.width : shown.height;
    struct bv_size from = {shown.width, shown.height}, to = from;
    if (side > longest) {
        to.width = shown.width * longest / side > 0 ? shown.width * longest / side : 1;
        to.height = shown.height * longest / side > 0 ? shown.height * longest / side : 1;
    }
    size_t n = (size_t)to.width * (size_t)to.height;
    uint8_t *small = malloc(n * (size_t)shown.channels), *gray = malloc(n);
    enum bv_status status = small && gray ? BV_OK : bv_fail_nomem(err, "a thumbnail");
    if (status == BV_OK)
        status = bv_resize_pillow(shown.data, from, shown.channels, small, to, BV_FILTER_BOX, err);
    if (status == BV_OK) {
        if (shown.channels == 3)
            bv_gray_pillow(small, gray, n);
        status = bv_png_encode(shown.channels == 3 ? gray : small, to.width, to.height, 1, bytes,
                               size, err);
    }
    free(small);
    free(gray);
    bv_pixels_free(&shown);
    return status;
}

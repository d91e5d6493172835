// JPEG through libjpeg-turbo with its default (accurate integer) DCT and smooth upsampling, which
// Pillow and OpenCV use: gray, YCbCr, RGB, CMYK and YCCK; sequential and progressive.
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
// jerror.h wants jpeglib.h before it.
#include <jerror.h>

#include "image/decode.h"

// A progressive file may repeat cheap scans over a large image; no encoder writes this many.
#define MAX_SCANS 200

struct jpeg_reader {
    struct jpeg_error_mgr manager; // first: libjpeg hands back a pointer to it
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    uint8_t *row; // one row as the decoder gives it
    struct bv_error *err;
    enum bv_status status;
};

static void stop(struct jpeg_reader *reader, j_common_ptr info, const char *text)
{
    char message[JMSG_LENGTH_MAX];
    if (!text) {
        reader->manager.format_message(info, message);
        text = message;
    }
    bool unsupported = reader->manager.msg_code == JERR_BAD_PRECISION ||
                       reader->manager.msg_code == JERR_SOF_UNSUPPORTED ||
                       reader->manager.msg_code == JERR_CONVERSION_NOTIMPL;
    if (reader->status == BV_OK)
        reader->status = bv_fail(reader->err, unsupported ? BV_ERR_UNSUPPORTED : BV_ERR_FORMAT,
                                 "%s JPEG: %s", unsupported ? "unsupported" : "damaged", text);
    longjmp(reader->jump, 1);
}

static void on_error(j_common_ptr info)
{
    stop((struct jpeg_reader *)info->err, info, NULL);
}

// libjpeg repairs damaged entropy data with a warning; half an image is no image.
static void on_message(j_common_ptr info, int level)
{
    if (level >= 0)
        return;
    struct jpeg_reader *reader = (struct jpeg_reader *)info->err;
    switch (reader->manager.msg_code) {
    case JWRN_JPEG_EOF:
        stop(reader, info, "the file is truncated");
        break;
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_MUST_RESYNC:
    case JWRN_ARITH_BAD_CODE:
        stop(reader, info, NULL);
        break;
    default:
        break;
    }
}

static void on_progress(j_common_ptr info)
{
    if (((j_decompress_ptr)info)->input_scan_number > MAX_SCANS)
        stop((struct jpeg_reader *)info->err, info, "too many scans");
}

static uint8_t clamp(int v)
{
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

// JFIF's YCbCr to RGB in libjpeg's own fixed point, so that Y is kept as well.
static void rgb_row(const uint8_t *ycc, uint8_t *rgb, uint8_t *luma, size_t width)
{
    for (size_t x = 0; x < width; x++, ycc += 3, rgb += 3) {
        int y = ycc[0], cb = ycc[1] - 128, cr = ycc[2] - 128;
        luma[x] = ycc[0];
        rgb[0] = clamp(y + ((91881 * cr + 32768) >> 16));
        rgb[1] = clamp(y + ((-22554 * cb - 46802 * cr + 32768) >> 16));
        rgb[2] = clamp(y + ((116130 * cb + 32768) >> 16));
    }
}

static int multiply_255(int a, int b)
{
    int t = a * b + 128;
    return ((t >> 8) + t) >> 8;
}

// Pillow's CMYK to RGB; Adobe writes the four inks inverted.
static void cmyk_row(const uint8_t *cmyk, uint8_t *rgb, size_t width, bool inverted)
{
    int flip = inverted ? 255 : 0;
    for (size_t x = 0; x < width; x++, cmyk += 4, rgb += 3) {
        int light = 255 - (cmyk[3] ^ flip);
        for (int c = 0; c < 3; c++)
            rgb[c] = clamp(light - multiply_255(cmyk[c] ^ flip, light));
    }
}

// Everything that may longjmp.
static void decode(j_decompress_ptr info, struct jpeg_reader *reader, struct bv_image *image,
                   struct bv_bytes bytes, size_t max_pixels)
{
    jpeg_mem_src(info, bytes.data, (unsigned long)bytes.size);
    jpeg_save_markers(info, JPEG_APP0 + 1, 0xffff);
    (void)jpeg_read_header(info, TRUE);
    reader->status =
        bv_decode_check_size(info->image_width, info->image_height, max_pixels, reader->err);
    if (reader->status == BV_OK && info->num_components == 2)
        reader->status = bv_fail(reader->err, BV_ERR_UNSUPPORTED, "a JPEG of two components");
    if (reader->status != BV_OK)
        stop(reader, (j_common_ptr)info, "");
    for (jpeg_saved_marker_ptr m = info->marker_list; m; m = m->next)
        if (m->data_length > 6 && memcmp(m->data, "Exif\0", 6) == 0)
            image->orientation =
                bv_exif_orientation((struct bv_bytes){m->data + 6, m->data_length - 6});
    image->width = (int)info->image_width;
    image->height = (int)info->image_height;
    image->sample = BV_SAMPLE_U8;
    image->bits_stored = 8;
    image->channels = info->num_components == 1 ? 1 : 3;
    bool ycc = info->jpeg_color_space == JCS_YCbCr;
    if (ycc)
        info->out_color_space = JCS_YCbCr;
    else if (info->num_components == 4)
        info->out_color_space = JCS_CMYK;
    (void)jpeg_start_decompress(info);
    size_t width = info->output_width, row_bytes = width * (size_t)image->channels;
    reader->status = bv_decode_alloc(image, reader->err);
    reader->row = malloc(width * (size_t)info->output_components);
    if (ycc)
        image->luma = malloc(width * info->output_height);
    if (reader->status == BV_OK && (!reader->row || (ycc && !image->luma)))
        reader->status = bv_fail_nomem(reader->err, "pixels");
    if (reader->status != BV_OK)
        stop(reader, (j_common_ptr)info, "");
    while (info->output_scanline < info->output_height) {
        size_t y = info->output_scanline;
        uint8_t *out = (uint8_t *)image->pixels + y * row_bytes;
        JSAMPROW target = ycc || info->output_components == 4 ? reader->row : out;
        (void)jpeg_read_scanlines(info, &target, 1);
        if (ycc)
            rgb_row(reader->row, out, image->luma + y * width, width);
        else if (info->output_components == 4)
            cmyk_row(reader->row, out, width, info->saw_Adobe_marker);
    }
    (void)jpeg_finish_decompress(info);
}

enum bv_status bv_decode_jpeg(struct bv_image *image, struct bv_bytes bytes, size_t max_pixels,
                              struct bv_error *err)
{
    image->kind = BV_FILE_JPEG;
    struct jpeg_reader reader = {.err = err};
    struct jpeg_decompress_struct info = {0};
    info.err = jpeg_std_error(&reader.manager);
    reader.manager.error_exit = on_error;
    reader.manager.emit_message = on_message;
    reader.progress.progress_monitor = on_progress;
    if (setjmp(reader.jump) == 0) {
        jpeg_create_decompress(&info);
        info.progress = &reader.progress;
        decode(&info, &reader, image, bytes, max_pixels);
    }
    jpeg_destroy_decompress(&info);
    free(reader.row);
    return reader.status;
}

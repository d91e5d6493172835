#include "image/image.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/large.h"
#include "image/decode.h"
#include "image/sniff.h"

#define DEFAULT_MAX_PIXELS ((size_t)100 * 1000 * 1000)
#define DEFAULT_MAX_FILE ((size_t)1 << 30)

const char *bv_reason_name(enum bv_reason reason)
{
    static const char *const names[BV_REASON_COUNT] = {
        [BV_REASON_LATERAL_VIEW] = "lateral_view",
        [BV_REASON_VIEW_UNKNOWN] = "view_unknown",
        [BV_REASON_NOT_RADIOGRAPH] = "not_radiograph",
        [BV_REASON_NOT_CHEST] = "not_chest",
        [BV_REASON_IMPLAUSIBLE] = "implausible",
        [BV_REASON_LOOKS_INVERTED] = "looks_inverted",
        [BV_REASON_COLOUR] = "colour",
        [BV_REASON_ALPHA_DROPPED] = "alpha_dropped",
        [BV_REASON_LOSSY] = "lossy",
        [BV_REASON_BURNED_IN] = "burned_in_annotation",
        [BV_REASON_FOR_PROCESSING] = "for_processing",
        [BV_REASON_PIXEL_ASPECT] = "pixel_aspect",
        [BV_REASON_BAD_WINDOW] = "bad_window",
        [BV_REASON_BAD_LUT] = "bad_lut",
        [BV_REASON_BAD_HEADER] = "bad_header",
        [BV_REASON_MIRRORED] = "mirrored",
        [BV_REASON_DARK_SIXTEEN_BIT] = "dark_sixteen_bit",
        [BV_REASON_SMALL] = "small",
    };
    return (unsigned)reason < BV_REASON_COUNT ? names[reason] : "unknown";
}

size_t bv_sample_size(enum bv_sample sample)
{
    switch (sample) {
    case BV_SAMPLE_U8:
        return 1;
    case BV_SAMPLE_U16:
    case BV_SAMPLE_I16:
        return 2;
    case BV_SAMPLE_I32:
    case BV_SAMPLE_F32:
        break;
    }
    return 4;
}

double bv_image_value(const struct bv_image *image, size_t i)
{
    switch (image->sample) {
    case BV_SAMPLE_U8:
        return ((const uint8_t *)image->pixels)[i];
    case BV_SAMPLE_U16:
        return ((const uint16_t *)image->pixels)[i];
    case BV_SAMPLE_I16:
        return ((const int16_t *)image->pixels)[i];
    case BV_SAMPLE_I32:
        return ((const int32_t *)image->pixels)[i];
    case BV_SAMPLE_F32:
        break;
    }
    return (double)((const float *)image->pixels)[i];
}

void bv_image_warn(struct bv_image *image, enum bv_reason reason, const char *format, ...)
{
    struct bv_warnings *list = &image->warnings;
    if (list->n == BV_MAX_WARNINGS || bv_image_warned(image, reason))
        return;
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const char *copy = bv_arena_strdup(&image->arena, text);
    list->items[list->n++] = (struct bv_warning){reason, copy ? copy : ""};
}

bool bv_image_warned(const struct bv_image *image, enum bv_reason reason)
{
    for (int i = 0; i < image->warnings.n; i++)
        if (image->warnings.items[i].reason == reason)
            return true;
    return false;
}

enum bv_status bv_decode_check_size(uint64_t width, uint64_t height, size_t max_pixels,
                                    struct bv_error *err)
{
    if (width == 0 || height == 0)
        return bv_fail(err, BV_ERR_FORMAT, "the image has no pixels (%ju × %ju)", (uintmax_t)width,
                       (uintmax_t)height);
    if (width > INT32_MAX || height > INT32_MAX || width * height > max_pixels)
        return bv_fail(err, BV_ERR_LIMIT, "%ju × %ju pixels, the limit is %zu in all",
                       (uintmax_t)width, (uintmax_t)height, max_pixels);
    return BV_OK;
}

enum bv_status bv_decode_alloc(struct bv_image *image, struct bv_error *err)
{
    size_t n = 0;
    if (!bv_mul_size((size_t)image->width, (size_t)image->height, &n) ||
        !bv_mul_size(n, (size_t)image->channels * bv_sample_size(image->sample), &n))
        return bv_fail(err, BV_ERR_LIMIT, "the image's size overflows");
    image->pixels = bv_alloc_large(n);
    return image->pixels ? BV_OK : bv_fail_nomem(err, "pixels");
}

static enum bv_status decode(struct bv_image *image, enum bv_format format, struct bv_bytes bytes,
                             const struct bv_image_options *options, struct bv_error *err)
{
    size_t max_pixels = options && options->max_pixels ? options->max_pixels : DEFAULT_MAX_PIXELS;
    size_t max_file = options && options->max_file ? options->max_file : DEFAULT_MAX_FILE;
    if (bytes.size > max_file)
        return bv_fail(err, BV_ERR_LIMIT, "%zu bytes, the limit is %zu", bytes.size, max_file);
    switch (format) {
    case BV_FORMAT_PNG:
        return bv_decode_png(image, bytes, max_pixels, err);
    case BV_FORMAT_JPEG:
        return bv_decode_jpeg(image, bytes, max_pixels, err);
    case BV_FORMAT_JPEG2000:
        return bv_decode_jpeg2000_file(image, bytes, max_pixels, err);
    case BV_FORMAT_DICOM:
        return bv_decode_dicom(image, bytes, options ? options->frame : -1, max_pixels, max_file,
                               err);
    case BV_FORMAT_EMPTY:
        return bv_fail(err, BV_ERR_FORMAT, "the file is empty");
    case BV_FORMAT_UNKNOWN:
        return bv_fail(err, BV_ERR_FORMAT, "not an image (DICOM, PNG, JPEG or JPEG 2000)");
    default:
        break;
    }
    return bv_fail(err, BV_ERR_UNSUPPORTED, "%s cannot be read; DICOM, PNG, JPEG and JPEG 2000 can",
                   bv_format_name(format));
}

enum bv_status bv_image_read(const uint8_t *bytes, size_t size, const char *name,
                             const struct bv_image_options *options, struct bv_image **out,
                             struct bv_error *err)
{
    struct bv_image *image = calloc(1, sizeof *image);
    if (!image)
        return bv_fail_nomem(err, name);
    image->slope = 1;
    image->aspect = 1;
    image->alpha_min = 255;
    image->n_frames = 1;
    enum bv_status status =
        decode(image, bv_sniff(bytes, size), (struct bv_bytes){bytes, size}, options, err);
    if (status != BV_OK) {
        bv_image_free(&image);
        (void)bv_fail_prefix(err, "%s", name);
        return status;
    }
    *out = image;
    return BV_OK;
}

enum bv_status bv_image_open(const char *path, const struct bv_image_options *options,
                             struct bv_image **image, struct bv_error *err)
{
    struct bv_mapping mapping = {0};
    size_t max_file = options && options->max_file ? options->max_file : DEFAULT_MAX_FILE;
    if (strcmp(path, "-") == 0) {
        char *bytes = NULL;
        size_t size = 0;
        BV_TRY(bv_read_all(path, max_file, &bytes, &size, err));
        enum bv_status status =
            bv_image_read((const uint8_t *)bytes, size, "standard input", options, image, err);
        free(bytes);
        return status;
    }
    BV_TRY(bv_mapping_open(&mapping, path, max_file, err));
    enum bv_status status = bv_image_read(mapping.data, mapping.size, path, options, image, err);
    bv_mapping_close(&mapping);
    return status;
}

void bv_image_free(struct bv_image **image)
{
    if (!*image)
        return;
    free((*image)->pixels);
    free((*image)->luma);
    bv_arena_free(&(*image)->arena);
    free(*image);
    *image = NULL;
}

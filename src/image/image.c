#include "image/image.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "image/decode.h"

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
        [BV_REASON_ORIENTATION] = "orientation",
    };
    return (unsigned)reason < BV_REASON_COUNT ? names[reason] : "unknown";
}

const char *bv_view_name(enum bv_view view)
{
    static const char *const names[] = {"unknown", "PA", "AP", "lateral"};
    return (unsigned)view < sizeof names / sizeof *names ? names[view] : "unknown";
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

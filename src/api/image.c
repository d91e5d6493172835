// The public calls on images: opening, and what is known of one.
#include "biovl/image.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "api/result.h"
#include "base/memory.h"

struct bv_image *bv_image_keep(const struct bv_image *image)
{
    struct bv_image *kept = (struct bv_image *)(uintptr_t)image;
    if (kept)
        (void)__atomic_add_fetch(&kept->references, 1, __ATOMIC_RELAXED);
    return kept;
}

void bv_image_close(struct bv_image **image)
{
    assert(image);
    struct bv_image *closed = *image;
    *image = NULL;
    if (!closed || __atomic_sub_fetch(&closed->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    bv_image_close(&closed->prior);
    bv_image_free(&closed);
}

static enum bv_status read_options(struct bv_image_options *o,
                                   const struct bv_image_options *theirs,
                                   struct bv_decode_options *decode, struct bv_error *err)
{
    BV_TRY(bv_options_read(o, sizeof *o, theirs, "bv_image_options", err));
    if (o->frame < 0)
        return bv_fail(err, BV_ERR_ARG, "frame %d: frames are counted from 1", o->frame);
    *decode = (struct bv_decode_options){o->frame - 1, o->max_pixels, o->max_bytes};
    return BV_OK;
}

// Makes a handle of a decoded image, which it takes.
static enum bv_status hand_out(struct bv_image *image, const char *name, struct bv_image *prior,
                               struct bv_image **out, struct bv_error *err)
{
    image->name = bv_arena_strdup(&image->arena, name);
    if (!image->name) {
        bv_image_free(&image);
        return bv_fail_nomem(err, "an image");
    }
    static _Atomic uint64_t serials;
    image->references = 1;
    image->serial = ++serials;
    image->prior = bv_image_keep(prior);
    *out = image;
    return BV_OK;
}

enum bv_status bv_image_open(struct bv_context *context, const char *path,
                             const struct bv_image_options *theirs, struct bv_image **out)
{
    assert(path && out);
    struct bv_error *err = bv_begin(context);
    struct bv_image_options options;
    struct bv_decode_options decode;
    struct bv_image *image = NULL;
    BV_TRY(read_options(&options, theirs, &decode, err));
    BV_TRY(bv_image_load(path, &decode, &image, err));
    return hand_out(image, options.name ? options.name : path, options.prior, out, err);
}

enum bv_status bv_image_open_bytes(struct bv_context *context, const void *bytes, size_t n_bytes,
                                   const struct bv_image_options *theirs, struct bv_image **out)
{
    assert((bytes || n_bytes == 0) && out);
    struct bv_error *err = bv_begin(context);
    struct bv_image_options options;
    struct bv_decode_options decode;
    struct bv_image *image = NULL;
    BV_TRY(read_options(&options, theirs, &decode, err));
    const char *name = options.name ? options.name : "image";
    BV_TRY(bv_image_decode(bytes, n_bytes, name, &decode, &image, err));
    return hand_out(image, name, options.prior, out, err);
}

// Pixels in memory.

struct layout {
    struct bv_pixel_buffer b;
    size_t value;  // bytes of one
    size_t stride; // bytes
};

static size_t value_size(enum bv_pixel_type type)
{
    switch (type) {
    case BV_PIXEL_U8:
        return 1;
    case BV_PIXEL_U16:
    case BV_PIXEL_I16:
        return 2;
    case BV_PIXEL_F32:
        return 4;
    }
    return 0;
}

// What the numbers say, before anything is read.
static enum bv_status check_layout(struct layout *l, size_t max_pixels, struct bv_error *err)
{
    const struct bv_pixel_buffer *b = &l->b;
    l->value = value_size(b->type);
    if (!b->data || l->value == 0)
        return bv_fail(err, BV_ERR_ARG, "pixels without data or of an unknown type");
    if (b->width < 1 || b->height < 1)
        return bv_fail(err, BV_ERR_ARG, "%d × %d pixels", b->width, b->height);
    if ((size_t)b->width > max_pixels / (size_t)b->height)
        return bv_fail(err, BV_ERR_LIMIT, "%d × %d pixels, the limit is %zu in all", b->width,
                       b->height, max_pixels);
    size_t row = (size_t)b->width * (size_t)(b->channels == 3 ? 3 : 1) * l->value, end;
    l->stride = b->stride ? b->stride : row;
    if (b->channels != 1 && b->channels != 3)
        return bv_fail(err, BV_ERR_ARG, "%d channels: an image has 1 or 3", b->channels);
    if (l->stride < row || l->stride % l->value != 0 ||
        !bv_mul_size(l->stride, (size_t)b->height, &end) || end > PTRDIFF_MAX)
        return bv_fail(err, BV_ERR_ARG, "a stride of %zu bytes for rows of %zu", l->stride, row);
    if ((uintptr_t)b->data % l->value != 0)
        return bv_fail(err, BV_ERR_ARG, "pixels that are not aligned to their type");
    return BV_OK;
}

static enum bv_status check_meaning(const struct bv_pixel_buffer *b, struct bv_error *err)
{
    int all = (int)(8 * value_size(b->type));
    if ((unsigned)b->view > BV_VIEW_LATERAL)
        return bv_fail(err, BV_ERR_ARG, "an unknown view");
    if (b->values == BV_VALUES_DISPLAYED)
        return b->type == BV_PIXEL_I16 || b->bits != 0
                   ? bv_fail(err, BV_ERR_ARG,
                             "displayed values are unsigned and use their whole range")
                   : BV_OK;
    if (b->values != BV_VALUES_STORED)
        return bv_fail(err, BV_ERR_ARG, "values that are neither displayed nor stored");
    if (b->channels != 1)
        return bv_fail(err, BV_ERR_ARG, "stored values are of one channel");
    if (b->photometric != BV_MONOCHROME1 && b->photometric != BV_MONOCHROME2)
        return bv_fail(err, BV_ERR_ARG, "an unknown photometric interpretation");
    if (b->bits < 0 || b->bits > all || (b->bits != 0 && b->type == BV_PIXEL_F32))
        return bv_fail(err, BV_ERR_ARG, "%d bits in a value of %d", b->bits, all);
    if (!isfinite(b->window_center) || !isfinite(b->window_width) || b->window_width < 0)
        return bv_fail(err, BV_ERR_ARG, "a window of width %g", b->window_width);
    return BV_OK;
}

// Floats and deep colours as they are displayed, in 8 bits; false for a value that is not finite.
static bool round_to_bytes(const struct layout *l, uint8_t *out)
{
    size_t n = (size_t)l->b.width * (size_t)l->b.channels;
    for (size_t y = 0; y < (size_t)l->b.height; y++, out += n) {
        const uint8_t *row = (const uint8_t *)l->b.data + y * l->stride;
        for (size_t i = 0; i < n; i++) {
            if (l->b.type == BV_PIXEL_U16) {
                out[i] =
                    (uint8_t)((((const uint16_t *)(const void *)row)[i] * 255U + 32767U) / 65535U);
                continue;
            }
            float value = ((const float *)(const void *)row)[i];
            if (!isfinite(value))
                return false;
            out[i] = (uint8_t)(value <= 0 ? 0 : value >= 1 ? 255 : value * 255 + 0.5f);
        }
    }
    return true;
}

static bool all_finite(const float *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(values[i]))
            return false;
    return true;
}

static enum bv_status copy_pixels(const struct layout *l, struct bv_image *image,
                                  struct bv_error *err)
{
    static const enum bv_sample samples[] = {BV_SAMPLE_U8, BV_SAMPLE_U16, BV_SAMPLE_I16,
                                             BV_SAMPLE_F32};
    const struct bv_pixel_buffer *b = &l->b;
    bool rounded = b->values == BV_VALUES_DISPLAYED &&
                   (b->type == BV_PIXEL_F32 || (b->type == BV_PIXEL_U16 && b->channels == 3));
    size_t n = (size_t)b->width * (size_t)b->height * (size_t)b->channels;
    image->sample = rounded ? BV_SAMPLE_U8 : samples[b->type];
    image->pixels = malloc(n * bv_sample_size(image->sample));
    if (!image->pixels)
        return bv_fail_nomem(err, "pixels");
    size_t row = (size_t)b->width * (size_t)b->channels * l->value;
    bool finite = true;
    if (rounded) {
        finite = round_to_bytes(l, image->pixels);
    } else {
        for (size_t y = 0; y < (size_t)b->height; y++)
            memcpy((uint8_t *)image->pixels + y * row, (const uint8_t *)b->data + y * l->stride,
                   row);
        finite = image->sample != BV_SAMPLE_F32 || all_finite(image->pixels, n);
    }
    return finite ? BV_OK : bv_fail(err, BV_ERR_ARG, "pixels that are not finite numbers");
}

static void describe_pixels(const struct bv_pixel_buffer *b, struct bv_image *image)
{
    bool stored = b->values == BV_VALUES_STORED;
    image->kind = stored ? BV_FILE_DICOM : BV_FILE_PNG;
    image->from_pixels = true;
    image->width = b->width;
    image->height = b->height;
    image->channels = b->channels;
    image->slope = 1;
    image->aspect = 1;
    image->alpha_min = 255;
    image->n_frames = 1;
    image->view = b->view;
    image->bits_stored = b->bits ? b->bits : (int)(8 * bv_sample_size(image->sample));
    image->sixteen_bit = !stored && image->sample == BV_SAMPLE_U16;
    if (!stored)
        return;
    image->is_signed = b->type == BV_PIXEL_I16 || b->type == BV_PIXEL_F32;
    image->photometric = b->photometric;
    if (b->window_width > 0)
        image->windows[image->n_windows++] = (struct bv_window){b->window_center, b->window_width};
}

enum bv_status bv_image_open_pixels(struct bv_context *context,
                                    const struct bv_pixel_buffer *pixels,
                                    const struct bv_image_options *theirs, struct bv_image **out)
{
    assert(pixels && out);
    struct bv_error *err = bv_begin(context);
    struct bv_image_options options;
    struct bv_decode_options decode;
    struct layout l;
    BV_TRY(read_options(&options, theirs, &decode, err));
    BV_TRY(bv_options_read(&l.b, sizeof l.b, pixels, "bv_pixel_buffer", err));
    BV_TRY(check_layout(&l, options.max_pixels ? options.max_pixels : BV_DEFAULT_MAX_PIXELS, err));
    BV_TRY(check_meaning(&l.b, err));
    struct bv_image *image = calloc(1, sizeof *image);
    if (!image)
        return bv_fail_nomem(err, "an image");
    enum bv_status status = copy_pixels(&l, image, err);
    if (status != BV_OK) {
        bv_image_free(&image);
        return status;
    }
    describe_pixels(&l.b, image);
    return hand_out(image, options.name ? options.name : "image", options.prior, out, err);
}

// Facts and warnings.

static enum bv_image_format format_of(const struct bv_image *image)
{
    static const enum bv_image_format formats[] = {BV_IMAGE_DICOM, BV_IMAGE_PNG, BV_IMAGE_JPEG,
                                                   BV_IMAGE_JPEG2000};
    return image->from_pixels ? BV_IMAGE_PIXELS : formats[image->kind];
}

enum bv_status bv_image_describe(const struct bv_image *image, struct bv_image_facts *facts)
{
    assert(image && facts);
    const struct bv_image_facts mine = {
        .name = image->name,
        .format = format_of(image),
        .width = image->width,
        .height = image->height,
        .channels = image->channels,
        .bits = image->bits_stored,
        .frame = image->frame + 1,
        .n_frames = image->n_frames,
        .lossy = image->lossy,
        .has_prior = image->prior != NULL,
        .view = image->view,
        .photometric = image->photometric,
        .row_spacing = image->spacing[0],
        .column_spacing = image->spacing[1],
        .modality = image->modality,
        .body_part = image->body_part,
        .transfer_syntax = image->transfer_syntax,
        .sop_class = image->sop_class,
    };
    BV_TRY(bv_counts_check(facts, "bv_image_facts", NULL));
    bv_counts_write(facts, &mine, sizeof mine);
    return BV_OK;
}

const char *bv_image_format_name(enum bv_image_format format)
{
    static const char *const names[] = {"dicom", "png", "jpeg", "jpeg2000", "pixels"};
    return (unsigned)format < sizeof names / sizeof *names ? names[format] : "unknown";
}

size_t bv_image_warning_count(const struct bv_image *image)
{
    assert(image);
    return (size_t)image->warnings.n;
}

enum bv_reason bv_image_warning_reason(const struct bv_image *image, size_t i)
{
    assert(i < bv_image_warning_count(image));
    return image->warnings.items[i].reason;
}

const char *bv_image_warning_text(const struct bv_image *image, size_t i)
{
    assert(i < bv_image_warning_count(image));
    return image->warnings.items[i].text;
}

// The public calls on gray values: what a viewer windows.
#include "image/gray.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "biovl/image.h"

enum { MOST = 65535 };

// The scale of an image's gray values.
struct scale {
    double low, high, step;
};

// Steps of 1 in the values of a table, else those of the rescale slope.
static struct scale find_scale(const struct bv_image *image)
{
    struct scale s = {.step = 1};
    double ends[2];
    bool table = image->palette_luma.n || image->modality_lut.n;
    bv_gray_full_range(image, &ends[0], &ends[1]);
    if (table) {
        const struct bv_lut *lut =
            image->palette_luma.n ? &image->palette_luma : &image->modality_lut;
        s.high = (double)((1U << lut->bits) - 1);
    } else {
        double a = bv_gray_modality(image, ends[0]), b = bv_gray_modality(image, ends[1]);
        s.low = fmin(a, b);
        s.high = fmax(a, b);
        s.step = fabs(image->slope);
    }
    // Floats have no step of their own.
    if (image->sample == BV_SAMPLE_F32 || !(s.step > 0) || (s.high - s.low) / s.step > MOST)
        s.step = s.high > s.low ? (s.high - s.low) / MOST : 1;
    return s;
}

static uint16_t to_scale(const struct scale *s, double value)
{
    double at = (value - s->low) / s->step + 0.5;
    return (uint16_t)(at > 0 ? at < MOST ? at : MOST : 0);
}

// Samples of at most 16 bits by a table, the rest one by one.
static bool fill(const struct bv_image *image, const struct scale *s, uint16_t *values, size_t n)
{
    bool is_signed = image->sample == BV_SAMPLE_I16;
    if (image->sample == BV_SAMPLE_I32 || image->sample == BV_SAMPLE_F32) {
        for (size_t i = 0; i < n; i++)
            values[i] = to_scale(s, bv_gray_modality(image, bv_image_value(image, i)));
        return true;
    }
    uint16_t *table = malloc((MOST + 1) * sizeof *table);
    if (!table)
        return false;
    int most = image->sample == BV_SAMPLE_U8 ? 255 : MOST;
    for (int i = 0; i <= most; i++)
        table[i] = to_scale(s, bv_gray_modality(image, is_signed ? (int16_t)i : i));
    const uint8_t *bytes = image->pixels;
    const uint16_t *words = image->pixels;
    for (size_t i = 0; i < n; i++)
        values[i] = table[image->sample == BV_SAMPLE_U8 ? bytes[i] : words[i]];
    free(table);
    return true;
}

static void fill_luma(const struct bv_image *image, uint16_t *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        values[i] = bv_gray_16((uint16_t)bv_image_value(image, 3 * i),
                               (uint16_t)bv_image_value(image, 3 * i + 1),
                               (uint16_t)bv_image_value(image, 3 * i + 2));
}

// A lookup table's inputs as a window.
static void lut_window(const struct bv_lut *lut, double *center, double *width)
{
    *center = lut->first + (double)lut->n / 2;
    *width = (double)lut->n;
}

size_t bv_image_window_count(const struct bv_image *image)
{
    assert(image);
    return (size_t)image->n_voi_luts + (size_t)image->n_windows;
}

void bv_image_window(const struct bv_image *image, size_t i, double *center, double *width)
{
    assert(center && width && i < bv_image_window_count(image));
    size_t n_luts = (size_t)image->n_voi_luts;
    if (i < n_luts) {
        lut_window(&image->voi_luts[i], center, width);
        return;
    }
    struct bv_window w = image->windows[i - n_luts];
    bool linear = image->voi_function == BV_VOI_LINEAR; // PS3.3 C.11.2.1.2
    *center = linear ? w.center - 0.5 : w.center;
    *width = linear && w.width > 1 ? w.width - 1 : w.width;
}

enum bv_window_shape bv_image_window_shape(const struct bv_image *image, size_t i)
{
    assert(image && i < bv_image_window_count(image));
    if (i < (size_t)image->n_voi_luts)
        return BV_WINDOW_TABLE;
    return image->voi_function == BV_VOI_SIGMOID ? BV_WINDOW_SIGMOID : BV_WINDOW_LINEAR;
}

size_t bv_image_window_table(const struct bv_image *image, size_t i, float *levels, size_t capacity)
{
    assert(image && (levels || !capacity) && i < bv_image_window_count(image));
    if (bv_image_window_shape(image, i) != BV_WINDOW_TABLE)
        return 0;
    const struct bv_voi voi = bv_gray_voi(image, (int)i);
    for (size_t k = 0; k < voi.lut->n && k < capacity; k++)
        levels[k] = (float)bv_gray_voi_apply(&voi, voi.lut->first + (double)k);
    return voi.lut->n;
}

enum bv_status bv_image_gray(struct bv_context *context, const struct bv_image *image,
                             uint16_t **values, struct bv_gray_values *facts)
{
    assert(context && image && values && facts);
    struct bv_error *err = bv_begin(context);
    BV_TRY(bv_counts_check(facts, "bv_gray_values", err));
    size_t n = (size_t)image->width * (size_t)image->height;
    bool colour = image->channels == 3;
    struct scale s = {0, image->sample == BV_SAMPLE_U8 ? 255 : MOST, 1};
    uint16_t *out = malloc(n * sizeof *out);
    if (!colour)
        s = find_scale(image);
    if (!isfinite(s.low) || !isfinite(s.high - s.low)) {
        free(out);
        return bv_fail(err, BV_ERR_FORMAT, "%s: a rescale slope that leads beyond all numbers",
                       image->name);
    }
    if (out && colour)
        fill_luma(image, out, n);
    if (!out || (!colour && !fill(image, &s, out, n))) {
        free(out);
        return bv_fail_nomem(err, "gray values");
    }
    struct bv_gray_values mine = {.low = s.low,
                                  .step = s.step,
                                  .inverted = bv_gray_inverts(image),
                                  .center = s.low + (s.high - s.low) / 2,
                                  .width = s.high > s.low ? s.high - s.low : 1};
    if (bv_image_window_count(image) > 0)
        bv_image_window(image, 0, &mine.center, &mine.width);
    bv_counts_write(facts, &mine, sizeof mine);
    *values = out;
    return BV_OK;
}

#include "image/gray.h"

#include <float.h>
#include <math.h>

// The extremes of n samples of one type: the loops that run over every pixel of every file.
#define DEFINE_EXTREMES(name, type)                                                                \
    static void name(const void *samples, size_t n, double *low, double *high)                     \
    {                                                                                              \
        const type *v = samples;                                                                   \
        type least = v[0], most = v[0];                                                            \
        for (size_t i = 1; i < n; i++) {                                                           \
            least = v[i] < least ? v[i] : least;                                                   \
            most = v[i] > most ? v[i] : most;                                                      \
        }                                                                                          \
        *low = (double)least;                                                                      \
        *high = (double)most;                                                                      \
    }

DEFINE_EXTREMES(extremes_u8, uint8_t)
DEFINE_EXTREMES(extremes_u16, uint16_t)
DEFINE_EXTREMES(extremes_i16, int16_t)
DEFINE_EXTREMES(extremes_i32, int32_t)
DEFINE_EXTREMES(extremes_f32, float)

void bv_gray_full_range(const struct bv_image *image, double *low, double *high)
{
    static void (*const extremes[])(const void *, size_t, double *, double *) = {
        [BV_SAMPLE_U8] = extremes_u8,   [BV_SAMPLE_U16] = extremes_u16,
        [BV_SAMPLE_I16] = extremes_i16, [BV_SAMPLE_I32] = extremes_i32,
        [BV_SAMPLE_F32] = extremes_f32,
    };
    size_t n = (size_t)image->width * (size_t)image->height * (size_t)image->channels;
    extremes[image->sample](image->pixels, n, low, high);
}

void bv_gray_range(const struct bv_image *image, double *low, double *high)
{
    size_t n = (size_t)image->width * (size_t)image->height * (size_t)image->channels;
    double least = DBL_MAX, most = -DBL_MAX;
    for (size_t i = 0; image->has_padding && i < n; i++) {
        double v = bv_image_value(image, i);
        if (v >= image->padding_low && v <= image->padding_high)
            continue;
        least = v < least ? v : least;
        most = v > most ? v : most;
    }
    if (least > most) {
        bv_gray_full_range(image, low, high);
        return;
    }
    *low = least;
    *high = most;
}

static double look_up(const struct bv_lut *lut, double value)
{
    double at = value - lut->first;
    if (!(at > 0))
        return lut->data[0];
    return at >= lut->n ? lut->data[lut->n - 1] : lut->data[(uint32_t)at];
}

double bv_gray_modality(const struct bv_image *image, double stored)
{
    if (image->palette_luma.n)
        return look_up(&image->palette_luma, stored);
    if (image->modality_lut.n)
        return look_up(&image->modality_lut, stored);
    return stored * image->slope + image->intercept;
}

// Of stored values in a palette or LUT every entry may occur, so the ends need not be extremes.
static struct bv_voi full_range(const struct bv_image *image)
{
    struct bv_voi voi = {.kind = BV_VOI_RANGE, .low = DBL_MAX, .high = -DBL_MAX};
    double ends[2];
    bv_gray_range(image, &ends[0], &ends[1]);
    if (!image->palette_luma.n && !image->modality_lut.n) {
        for (int i = 0; i < 2; i++) {
            double v = bv_gray_modality(image, ends[i]);
            voi.low = fmin(voi.low, v);
            voi.high = fmax(voi.high, v);
        }
        return voi;
    }
    size_t n = (size_t)image->width * (size_t)image->height;
    for (size_t i = 0; i < n; i++) {
        double stored = bv_image_value(image, i);
        if (stored < ends[0] || stored > ends[1])
            continue;
        double v = bv_gray_modality(image, stored);
        voi.low = fmin(voi.low, v);
        voi.high = fmax(voi.high, v);
    }
    return voi;
}

struct bv_voi bv_gray_voi(const struct bv_image *image, int index)
{
    if (index >= 0 && index < image->n_voi_luts)
        return (struct bv_voi){.kind = BV_VOI_LUT, .lut = &image->voi_luts[index]};
    index -= image->n_voi_luts;
    if (index >= 0 && index < image->n_windows)
        return (struct bv_voi){.kind = BV_VOI_WINDOW,
                               .function = image->voi_function,
                               .window = image->windows[index]};
    return full_range(image);
}

static double clamp01(double v)
{
    return v < 0 ? 0 : v > 1 ? 1 : v;
}

// PS3.3 C.11.2.1.2 and C.11.2.1.3.
static double window(const struct bv_voi *voi, double x)
{
    double c = voi->window.center, w = voi->window.width;
    switch (voi->function) {
    case BV_VOI_LINEAR:
        if (x <= c - 0.5 - (w - 1) / 2)
            return 0;
        if (x > c - 0.5 + (w - 1) / 2)
            return 1;
        return (x - (c - 0.5)) / (w - 1) + 0.5;
    case BV_VOI_LINEAR_EXACT:
        return clamp01((x - c) / w + 0.5);
    case BV_VOI_SIGMOID:
        break;
    }
    return 1 / (1 + exp(-4 * (x - c) / w));
}

double bv_gray_voi_apply(const struct bv_voi *voi, double value)
{
    if (voi->kind == BV_VOI_WINDOW)
        return window(voi, value);
    if (voi->kind == BV_VOI_LUT)
        return clamp01(look_up(voi->lut, value) / (double)((1U << voi->lut->bits) - 1));
    return voi->high > voi->low ? clamp01((value - voi->low) / (voi->high - voi->low)) : 0;
}

bool bv_gray_inverts(const struct bv_image *image)
{
    return image->photometric == BV_MONOCHROME1 || image->presentation_inverse;
}

double bv_gray_display(const struct bv_image *image, const struct bv_voi *voi, double stored)
{
    double v = bv_gray_voi_apply(voi, bv_gray_modality(image, stored));
    return bv_gray_inverts(image) ? 1 - v : v;
}

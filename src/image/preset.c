#include "image/gray.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct name {
    const char *name;
    enum bv_preset preset;
};

// The first name of a preset is its own, the others are what systems call it.
static const struct name names[] = {
    {"mimic-cxr-jpg", BV_PRESET_MIMIC_CXR_JPG},
    {"chexpert", BV_PRESET_CHEXPERT},
    {"biovil", BV_PRESET_BIOVIL},
    {"gloria", BV_PRESET_GLORIA},
    {"txv", BV_PRESET_TXV},
    {"cxr-foundation", BV_PRESET_CXR_FOUNDATION},
    {"dicom-display", BV_PRESET_DICOM_DISPLAY},
    {"stored", BV_PRESET_STORED},
    {"chexzero", BV_PRESET_MIMIC_CXR_JPG},
    {"medclip", BV_PRESET_MIMIC_CXR_JPG},
};

#define N_NAMES (sizeof names / sizeof *names)

enum bv_status bv_preset_find(const char *name, enum bv_preset *preset, struct bv_error *err)
{
    char list[256] = "";
    for (size_t i = 0; i < N_NAMES; i++) {
        if (strcmp(names[i].name, name) == 0) {
            *preset = names[i].preset;
            return BV_OK;
        }
        (void)strncat(list, i ? ", " : "", sizeof list - strlen(list) - 1);
        (void)strncat(list, names[i].name, sizeof list - strlen(list) - 1);
    }
    return bv_fail(err, BV_ERR_ARG, "no intensity preset \"%s\"; there are %s", name, list);
}

const char *bv_preset_name(enum bv_preset preset)
{
    for (size_t i = 0; i < N_NAMES; i++)
        if (names[i].preset == preset)
            return names[i].name;
    return "unknown";
}

void bv_equalize(uint8_t *pixels, size_t n)
{
    size_t histogram[256] = {0};
    for (size_t i = 0; i < n; i++)
        histogram[pixels[i]]++;
    int first = 0;
    while (first < 255 && !histogram[first])
        first++;
    if (histogram[first] == n)
        return;
    // OpenCV sums in int, scales in float, and leaves the lowest level at 0.
    float scale = 255.0f / (float)(n - histogram[first]);
    uint8_t map[256] = {0};
    size_t sum = 0;
    for (int i = first + 1; i < 256; i++) {
        sum += histogram[i];
        float v = rintf((float)sum * scale);
        map[i] = (uint8_t)(v > 255.0f ? 255.0f : v);
    }
    for (size_t i = 0; i < n; i++)
        pixels[i] = map[pixels[i]];
}

// What a preset needs to know of the whole image before it maps single values.
struct mapping {
    const struct bv_image *image;
    enum bv_preset preset;
    double low, high; // of the stored values
    double full;      // the largest value that the bits can hold
    bool flip;        // MONOCHROME1
    struct bv_voi voi;
};

// numpy: (x - min) / (max - min) * 255, then astype(uint8).
static double stretch(const struct mapping *m, double x)
{
    double span = m->high - m->low;
    return span > 0 ? trunc((x - m->low) / span * 255) : 0;
}

// cv2.convertScaleAbs(x, alpha=255/max): float arithmetic, rounding half to even.
static double scale_abs(const struct mapping *m, double x)
{
    float v = m->high != 0 ? fabsf((float)x * (float)(255.0 / m->high)) : 0;
    return v > 255.0f ? 255.0 : (double)rintf(v);
}

static double map_value(const struct mapping *m, double x)
{
    switch (m->preset) {
    case BV_PRESET_MIMIC_CXR_JPG:
        return m->flip ? 255 - stretch(m, x) : stretch(m, x);
    case BV_PRESET_BIOVIL:
        return stretch(m, x);
    case BV_PRESET_CHEXPERT:
    case BV_PRESET_GLORIA:
        return m->flip ? 255 - scale_abs(m, x) : scale_abs(m, x);
    case BV_PRESET_TXV: {
        // float32 throughout, as numpy does it on a float32 array.
        float v = (float)(m->flip ? m->full - x : x) / (float)m->full;
        return (double)((2.0f * v - 1.0f) * 1024.0f);
    }
    case BV_PRESET_DICOM_DISPLAY:
        return floor(bv_gray_display(m->image, &m->voi, x) * 255 + 0.5);
    case BV_PRESET_CXR_FOUNDATION: // not value by value: foundation()
    case BV_PRESET_STORED:
        break;
    }
    return m->low < 0 ? x - m->low : x;
}

static void put(struct bv_pixels *out, size_t i, double v)
{
    if (out->sample == BV_SAMPLE_U8)
        ((uint8_t *)out->data)[i] = (uint8_t)v;
    else if (out->sample == BV_SAMPLE_U16)
        ((uint16_t *)out->data)[i] = (uint16_t)v;
    else
        ((float *)out->data)[i] = (float)v;
}

#define LOOK_UP(stored, made)                                                                      \
    for (size_t i = 0; i < n; i++)                                                                 \
    ((made *)out->data)[i] = ((const made *)table->data)[((const stored *)image->pixels)[i] - low]
#define LOOK_UP_FROM(stored)                                                                       \
    do {                                                                                           \
        if (size == 1)                                                                             \
            LOOK_UP(stored, uint8_t);                                                              \
        else if (size == 2)                                                                        \
            LOOK_UP(stored, uint16_t);                                                             \
        else                                                                                       \
            LOOK_UP(stored, float);                                                                \
    } while (0)

// out[i] = table[pixel i - low], a loop for each pair of types.
static void look_up(const struct bv_image *image, int32_t low, const struct bv_pixels *table,
                    struct bv_pixels *out)
{
    size_t n = bv_pixels_samples(out), size = bv_sample_size(out->sample);
    if (image->sample == BV_SAMPLE_U8)
        LOOK_UP_FROM(uint8_t);
    else if (image->sample == BV_SAMPLE_U16)
        LOOK_UP_FROM(uint16_t);
    else
        LOOK_UP_FROM(int16_t);
}

// 16-bit data takes few values and has many pixels: each value is mapped once.
static enum bv_status map_pixels(const struct mapping *m, struct bv_pixels *out,
                                 struct bv_error *err)
{
    size_t n = bv_pixels_samples(out), n_values = (size_t)(m->high - m->low) + 1;
    bool deep = m->image->sample == BV_SAMPLE_I32 || m->image->sample == BV_SAMPLE_F32;
    if (deep || n < n_values) {
        for (size_t i = 0; i < n; i++)
            put(out, i, map_value(m, bv_image_value(m->image, i)));
        return BV_OK;
    }
    struct bv_pixels table = {0};
    BV_TRY(bv_pixels_create(&table, (int)n_values, 1, 1, out->sample, err));
    for (size_t v = 0; v < n_values; v++)
        put(&table, v, map_value(m, m->low + (double)v));
    look_up(m->image, (int32_t)m->low, &table, out);
    bv_pixels_free(&table);
    return BV_OK;
}

static enum bv_sample output_type(const struct mapping *m)
{
    if (m->preset == BV_PRESET_TXV)
        return BV_SAMPLE_F32;
    double top = m->low < 0 ? m->high - m->low : m->high;
    return m->preset == BV_PRESET_STORED && top > 255 ? BV_SAMPLE_U16 : BV_SAMPLE_U8;
}

// numpy.interp between two points.
static double interpolate(double x, double x0, double x1, double y1)
{
    return x >= x1 ? y1 : y1 / (x1 - x0) * (x - x0);
}

static void extremes(const double *v, size_t n, double *low, double *high)
{
    *low = INFINITY;
    *high = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        *low = v[i] < *low ? v[i] : *low;
        *high = v[i] > *high ? v[i] : *high;
    }
}

// CXR Foundation's data_processing_lib: the modality transform, the window from c - w/2 to
// c - 1 + w/2, MONOCHROME1 as maximum minus value, cut to unsigned integers, and those spread over
// 16 bits. Bytes that nothing has turned into floats stay bytes.
static enum bv_status foundation(const struct bv_image *image, struct bv_pixels *out,
                                 struct bv_error *err)
{
    size_t n = (size_t)image->width * (size_t)image->height * (size_t)image->channels;
    double *v = malloc(n * sizeof *v), low = 0, high = 0;
    if (!v)
        return bv_fail_nomem(err, "pixels");
    bool windowed = image->n_windows > 0;
    bool bytes = !windowed && !image->has_rescale && image->sample == BV_SAMPLE_U8 &&
                 (!image->modality_lut.n || image->modality_lut.bits <= 8);
    for (size_t i = 0; i < n; i++)
        v[i] = bv_gray_modality(image, bv_image_value(image, i));
    if (windowed) {
        const struct bv_window *window = &image->windows[0];
        double bottom = window->center - window->width / 2;
        double top = window->center - 1 + window->width / 2;
        for (size_t i = 0; i < n; i++)
            v[i] = interpolate(fmin(fmax(v[i], bottom), top), bottom, top, 65535);
    }
    extremes(v, n, &low, &high);
    if (image->photometric == BV_MONOCHROME1) {
        for (size_t i = 0; i < n; i++)
            v[i] = high - v[i];
        high -= low;
        low = 0;
    }
    enum bv_status status = bv_pixels_create(out, image->width, image->height, image->channels,
                                             bytes ? BV_SAMPLE_U8 : BV_SAMPLE_U16, err);
    double shift = bytes ? 0 : low, span = floor(high - low);
    double shrink = high - low > 65535 ? 65535 / (high - low) : 1;
    span = shrink < 1 ? 65535 : span;
    for (size_t i = 0; status == BV_OK && i < n; i++) {
        double level = floor(fmin((v[i] - shift) * shrink, 65535));
        if (bytes)
            ((uint8_t *)out->data)[i] = (uint8_t)level;
        else
            ((uint16_t *)out->data)[i] =
                (uint16_t)(span > 0 ? interpolate(level, 0, span, 65535) : 0);
    }
    free(v);
    return status;
}

enum bv_status bv_preset_apply(const struct bv_image *image, enum bv_preset preset,
                               struct bv_pixels *out, struct bv_error *err)
{
    if (preset == BV_PRESET_CXR_FOUNDATION)
        return foundation(image, out, err);
    struct mapping m = {.image = image, .preset = preset};
    m.flip = image->photometric == BV_MONOCHROME1;
    m.full = image->bits_stored < 32 ? (double)((1U << image->bits_stored) - 1) : 4294967295.0;
    bv_gray_full_range(image, &m.low, &m.high);
    if (preset == BV_PRESET_BIOVIL && image->alpha_max > 0) {
        // hi-ml stretches the whole array that scikit-image returns, the alpha channel included.
        m.low = fmin(m.low, image->alpha_min);
        m.high = fmax(m.high, image->alpha_max);
    }
    if (preset == BV_PRESET_DICOM_DISPLAY)
        m.voi = bv_gray_voi(image, 0);
    if (preset == BV_PRESET_STORED && m.high - fmin(m.low, 0) > 65535)
        return bv_fail(err, BV_ERR_UNSUPPORTED, "values from %g to %g do not fit 16 bits", m.low,
                       m.high);
    struct bv_pixels made = {0};
    BV_TRY(bv_pixels_create(&made, image->width, image->height, image->channels, output_type(&m),
                            err));
    enum bv_status status = map_pixels(&m, &made, err);
    if (status != BV_OK) {
        bv_pixels_free(&made);
        return status;
    }
    if (preset == BV_PRESET_MIMIC_CXR_JPG || preset == BV_PRESET_CHEXPERT)
        bv_equalize(made.data, bv_pixels_samples(&made));
    *out = made;
    return BV_OK;
}

// Pillow's resampling (libImaging Resample.c, Geometry.c) for 8-bit images, and torchvision's,
// which has the same positions and filters and weights of 16 bits (torch's
// UpSampleKernelAVXAntialias.h).
#include "image/resize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define PRECISION_BITS 22 // 32 bits, less 8 of the sample, less 2 of headroom

static double box(double x)
{
    return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
}

static double triangle(double x)
{
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

static double bicubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0)
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    if (x < 2.0)
        return (((x - 5) * x + 8) * x - 4) * a;
    return 0.0;
}

static double sinc(double x)
{
    if (x == 0.0)
        return 1.0;
    x = x * 3.14159265358979323846;
    return sin(x) / x;
}

static double lanczos3(double x)
{
    return -3.0 <= x && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0;
}

struct kernel {
    double (*weight)(double x);
    double support;
    bool short_weights; // of 16 bits, with as many after the point as the largest one leaves
};

// For each output position: the first input, the number of inputs, and their weights.
struct taps {
    int width; // room per output position
    int *first, *count;
    int32_t *weights; // [n_out][width]
    double *exact;    // [n_out][width]
    int bits;         // of weights after the point
};

static void taps_free(struct taps *taps)
{
    free(taps->first);
    free(taps->count);
    free(taps->weights);
    free(taps->exact);
}

static void round_weights(struct taps *taps, size_t n, bool short_weights)
{
    double largest = 0;
    taps->bits = PRECISION_BITS;
    for (size_t i = 0; short_weights && i < n; i++)
        largest = taps->exact[i] > largest ? taps->exact[i] : largest;
    for (int bits = 0; short_weights && bits < PRECISION_BITS; bits++) {
        if ((int)(0.5 + largest * (1 << (bits + 1))) < 1 << 15)
            continue;
        taps->bits = bits;
        break;
    }
    for (size_t i = 0; i < n; i++) {
        double w = taps->exact[i] * (1 << taps->bits);
        taps->weights[i] = (int32_t)(w < 0 ? w - 0.5 : w + 0.5);
    }
}

static enum bv_status taps_make(struct taps *taps, struct kernel kernel, int n_in, int n_out,
                                struct bv_error *err)
{
    double scale = (double)n_in / n_out, stretch = scale < 1.0 ? 1.0 : scale;
    double support = kernel.support * stretch;
    taps->width = (int)ceil(support) * 2 + 1;
    size_t n = 0;
    if (!bv_mul_size((size_t)n_out, (size_t)taps->width, &n))
        return bv_fail(err, BV_ERR_LIMIT, "resize: size overflows");
    taps->first = malloc((size_t)n_out * sizeof *taps->first);
    taps->count = malloc((size_t)n_out * sizeof *taps->count);
    taps->weights = calloc(n, sizeof *taps->weights);
    taps->exact = calloc(n, sizeof *taps->exact);
    if (!taps->first || !taps->count || !taps->weights || !taps->exact)
        return bv_fail_nomem(err, "resize weights");
    for (int i = 0; i < n_out; i++) {
        double center = (i + 0.5) * scale, inverse = 1.0 / stretch, sum = 0;
        int low = (int)(center - support + 0.5), high = (int)(center + support + 0.5);
        low = low < 0 ? 0 : low;
        high = high > n_in ? n_in : high;
        double *exact = taps->exact + (size_t)i * (size_t)taps->width;
        for (int k = low; k < high; k++) {
            exact[k - low] = kernel.weight((k - center + 0.5) * inverse);
            sum += exact[k - low];
        }
        for (int k = 0; k < high - low && sum != 0.0; k++)
            exact[k] /= sum;
        taps->first[i] = low;
        taps->count[i] = high - low;
    }
    round_weights(taps, n, kernel.short_weights);
    return BV_OK;
}

static uint8_t narrow(int32_t sum, int bits)
{
    int32_t v = sum >> bits;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static void pass_across(const uint8_t *in, int n_in, uint8_t *out, int n_out, int rows,
                        int channels, const struct taps *taps)
{
    const int32_t half = taps->bits > 0 ? 1 << (taps->bits - 1) : 0;
    for (int y = 0; y < rows; y++) {
        const uint8_t *row = in + (size_t)y * (size_t)n_in * (size_t)channels;
        for (int x = 0; x < n_out; x++) {
            const int32_t *weights = taps->weights + (size_t)x * (size_t)taps->width;
            const uint8_t *p = row + (size_t)taps->first[x] * (size_t)channels;
            for (int c = 0; c < channels; c++) {
                int32_t sum = half;
                for (int k = 0; k < taps->count[x]; k++)
                    sum += p[k * channels + c] * weights[k];
                *out++ = narrow(sum, taps->bits);
            }
        }
    }
}

// sums is scratch for one row of row_n samples.
static void pass_down(const uint8_t *in, uint8_t *out, int n_out, size_t row_n,
                      const struct taps *taps, int32_t *sums)
{
    const int32_t half = taps->bits > 0 ? 1 << (taps->bits - 1) : 0;
    for (int y = 0; y < n_out; y++, out += row_n) {
        const int32_t *weights = taps->weights + (size_t)y * (size_t)taps->width;
        for (size_t x = 0; x < row_n; x++)
            sums[x] = half;
        for (int k = 0; k < taps->count[y]; k++) {
            const uint8_t *row = in + (size_t)(taps->first[y] + k) * row_n;
            for (size_t x = 0; x < row_n; x++)
                sums[x] += row[x] * weights[k];
        }
        for (size_t x = 0; x < row_n; x++)
            out[x] = narrow(sums[x], taps->bits);
    }
}

// Geometry.c accumulates the source position in steps, so that its rounding is the same.
static enum bv_status nearest(const uint8_t *in, struct bv_size from, int channels, uint8_t *out,
                              struct bv_size to, struct bv_error *err)
{
    int *column = malloc((size_t)to.width * sizeof *column);
    if (!column)
        return bv_fail_nomem(err, "resize columns");
    double step = (double)from.width / to.width, at = step * 0.5;
    for (int x = 0; x < to.width; x++, at += step)
        column[x] = at < from.width ? (int)at : from.width - 1;
    step = (double)from.height / to.height;
    at = step * 0.5;
    for (int y = 0; y < to.height; y++, at += step) {
        size_t source_y = at < from.height ? (size_t)at : (size_t)from.height - 1;
        for (int x = 0; x < to.width; x++, out += channels)
            memcpy(out, in + (source_y * (size_t)from.width + (size_t)column[x]) * (size_t)channels,
                   (size_t)channels);
    }
    free(column);
    return BV_OK;
}

// One pass, with its weights; "in" has the size from.
static enum bv_status go_across(const uint8_t *in, struct bv_size from, int channels, uint8_t *out,
                                int width, struct kernel kernel, struct bv_error *err)
{
    struct taps taps = {0};
    enum bv_status status = taps_make(&taps, kernel, from.width, width, err);
    if (status == BV_OK)
        pass_across(in, from.width, out, width, from.height, channels, &taps);
    taps_free(&taps);
    return status;
}

static enum bv_status go_down(const uint8_t *in, struct bv_size from, int channels, uint8_t *out,
                              int height, struct kernel kernel, struct bv_error *err)
{
    struct taps taps = {0};
    size_t row_n = (size_t)from.width * (size_t)channels;
    int32_t *sums = malloc(row_n * sizeof *sums);
    enum bv_status status =
        sums ? taps_make(&taps, kernel, from.height, height, err) : bv_fail_nomem(err, "resize");
    if (status == BV_OK)
        pass_down(in, out, height, row_n, &taps, sums);
    taps_free(&taps);
    free(sums);
    return status;
}

// Bytes between the passes make their order visible.
static enum bv_status two_passes(const uint8_t *in, struct bv_size from, int channels, uint8_t *out,
                                 struct bv_size to, struct kernel kernel, bool down_first,
                                 struct bv_error *err)
{
    const struct bv_size middle = down_first ? (struct bv_size){from.width, to.height}
                                             : (struct bv_size){to.width, from.height};
    uint8_t *between = malloc((size_t)middle.width * (size_t)middle.height * (size_t)channels);
    if (!between)
        return bv_fail_nomem(err, "resize");
    enum bv_status status = down_first
                                ? go_down(in, from, channels, between, to.height, kernel, err)
                                : go_across(in, from, channels, between, to.width, kernel, err);
    if (status == BV_OK)
        status = down_first ? go_across(between, middle, channels, out, to.width, kernel, err)
                            : go_down(between, middle, channels, out, to.height, kernel, err);
    free(between);
    return status;
}

static enum bv_status resize(const uint8_t *in, struct bv_size from, int channels, uint8_t *out,
                             struct bv_size to, struct kernel kernel, bool down_first,
                             struct bv_error *err)
{
    if (from.width != to.width && from.height != to.height)
        return two_passes(in, from, channels, out, to, kernel, down_first, err);
    if (from.width != to.width)
        return go_across(in, from, channels, out, to.width, kernel, err);
    if (from.height != to.height)
        return go_down(in, from, channels, out, to.height, kernel, err);
    memcpy(out, in, (size_t)to.width * (size_t)to.height * (size_t)channels);
    return BV_OK;
}

static enum bv_status by_filter(const uint8_t *in, struct bv_size from, int channels, uint8_t *out,
                                struct bv_size to, enum bv_resample_filter filter, bool down_first,
                                struct bv_error *err)
{
    switch (filter) {
    case BV_FILTER_NEAREST:
        return nearest(in, from, channels, out, to, err);
    case BV_FILTER_BOX:
        return resize(in, from, channels, out, to, (struct kernel){box, 0.5, false}, down_first,
                      err);
    case BV_FILTER_BILINEAR:
        return resize(in, from, channels, out, to, (struct kernel){triangle, 1.0, false},
                      down_first, err);
    case BV_FILTER_BICUBIC:
        return resize(in, from, channels, out, to, (struct kernel){bicubic, 2.0, false}, down_first,
                      err);
    case BV_FILTER_LANCZOS:
        return resize(in, from, channels, out, to, (struct kernel){lanczos3, 3.0, false},
                      down_first, err);
    case BV_FILTER_AREA:
        break;
    }
    return bv_fail(err, BV_ERR_ARG, "Pillow has no area filter");
}

enum bv_status bv_resize_pillow(const uint8_t *in, struct bv_size from, int channels, uint8_t *out,
                                struct bv_size to, enum bv_resample_filter filter,
                                struct bv_error *err)
{
    return by_filter(in, from, channels, out, to, filter, false, err);
}

enum bv_status bv_resize_pillow13(const uint8_t *in, struct bv_size from, int channels,
                                  uint8_t *out, struct bv_size to, enum bv_resample_filter filter,
                                  struct bv_error *err)
{
    int64_t less_high = (int64_t)from.height - to.height,
            less_wide = (int64_t)from.width - to.width;
    bool down_first = less_high > 0 && less_high > 2 * less_wide;
    return by_filter(in, from, channels, out, to, filter, down_first, err);
}

enum bv_status bv_resize_torchvision(const uint8_t *in, struct bv_size from, int channels,
                                     uint8_t *out, struct bv_size to,
                                     enum bv_resample_filter filter, struct bv_error *err)
{
    if (filter == BV_FILTER_BILINEAR)
        return resize(in, from, channels, out, to, (struct kernel){triangle, 1.0, true}, false,
                      err);
    if (filter == BV_FILTER_BICUBIC)
        return resize(in, from, channels, out, to, (struct kernel){bicubic, 2.0, true}, false, err);
    return bv_fail(err, BV_ERR_ARG, "torchvision resizes bytes by bilinear and bicubic filters");
}

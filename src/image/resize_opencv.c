// OpenCV 4.6's resize. Its bytes depend on fixed-point weights and on the order of float sums;
// both are kept. Where the vector code of the x86-64 baseline rounds differently from the scalar
// code (bicubic), the vector code decides, and the scalar code finishes each row, as there.
#include "image/resize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COEF_SCALE 2048 // 11 bits
#define VECTOR 8        // 16-bit lanes of the x86-64 baseline

static int clamp_int(int v, int low, int high)
{
    return v < low ? low : v > high ? high : v;
}

static uint8_t saturate(float v)
{
    v = rintf(v);
    return (uint8_t)(v < 0.0f ? 0.0f : v > 255.0f ? 255.0f : v);
}

// The taps of one axis for linear and cubic filters. index is clamped to the image.
struct axis {
    int taps;
    int *index;     // [n_out][taps]
    float *weight;  // [n_out][taps]
    int16_t *fixed; // weight · 2048, rounded
};

static void axis_free(struct axis *axis)
{
    free(axis->index);
    free(axis->weight);
    free(axis->fixed);
}

// INTER_AREA that enlarges is linear with positions of its own.
static float area_position(int i, double scale, double inverse, int *low)
{
    *low = (int)floor(i * scale);
    float f = (float)((i + 1) - (*low + 1) * inverse);
    return f <= 0 ? 0.0f : f - floorf(f);
}

static void cubic_weights(float x, float *w)
{
    const float a = -0.75f;
    w[0] = ((a * (x + 1) - 5 * a) * (x + 1) + 8 * a) * (x + 1) - 4 * a;
    w[1] = ((a + 2) * x - (a + 3)) * x * x + 1;
    w[2] = ((a + 2) * (1 - x) - (a + 3)) * (1 - x) * (1 - x) + 1;
    w[3] = 1.0f - w[0] - w[1] - w[2];
}

// Across, positions outside take the border with full weight; down, OpenCV keeps the two weights
// on the same row, which rounds differently in fixed point.
static enum bv_status axis_make(struct axis *axis, enum bv_resample_filter filter, int n_in,
                                int n_out, bool across, struct bv_error *err)
{
    int taps = axis->taps = filter == BV_FILTER_BICUBIC ? 4 : 2;
    size_t n = (size_t)n_out * (size_t)taps;
    axis->index = malloc(n * sizeof *axis->index);
    axis->weight = malloc(n * sizeof *axis->weight);
    axis->fixed = malloc(n * sizeof *axis->fixed);
    if (!axis->index || !axis->weight || !axis->fixed)
        return bv_fail_nomem(err, "resize weights");
    double inverse = (double)n_out / n_in, scale = 1.0 / inverse;
    for (int i = 0; i < n_out; i++) {
        int low = 0;
        float *w = axis->weight + (size_t)i * (size_t)taps, f = 0;
        if (filter == BV_FILTER_AREA) {
            f = area_position(i, scale, inverse, &low);
        } else {
            f = (float)((i + 0.5) * scale - 0.5);
            low = (int)floorf(f);
            f -= (float)low;
        }
        if (taps == 4) {
            cubic_weights(f, w);
        } else {
            if (across && (low < 0 || low >= n_in - 1)) {
                low = clamp_int(low, 0, n_in - 1);
                f = 0;
            }
            w[0] = 1.0f - f;
            w[1] = f;
        }
        for (int k = 0; k < taps; k++) {
            size_t at = (size_t)i * (size_t)taps + (size_t)k;
            axis->index[at] = clamp_int(low + k - (taps == 4), 0, n_in - 1);
            axis->fixed[at] = (int16_t)rintf(w[k] * COEF_SCALE);
        }
    }
    return BV_OK;
}

struct axes {
    struct axis across, down;
};

static enum bv_status axes_make(struct axes *axes, enum bv_resample_filter filter,
                                struct bv_size from, struct bv_size to, struct bv_error *err)
{
    BV_TRY(axis_make(&axes->across, filter, from.width, to.width, true, err));
    return axis_make(&axes->down, filter, from.height, to.height, false, err);
}

static void axes_free(struct axes *axes)
{
    axis_free(&axes->across);
    axis_free(&axes->down);
}

static void row_fixed(const uint8_t *row, int32_t *out, int n_out, int channels,
                      const struct axis *axis)
{
    for (int x = 0; x < n_out; x++) {
        const int *index = axis->index + (size_t)x * (size_t)axis->taps;
        const int16_t *weight = axis->fixed + (size_t)x * (size_t)axis->taps;
        for (int c = 0; c < channels; c++) {
            int32_t sum = 0;
            for (int k = 0; k < axis->taps; k++)
                sum += row[index[k] * channels + c] * weight[k];
            *out++ = sum;
        }
    }
}

static void row_float(const float *row, float *out, int n_out, int channels,
                      const struct axis *axis)
{
    for (int x = 0; x < n_out; x++) {
        const int *index = axis->index + (size_t)x * (size_t)axis->taps;
        const float *weight = axis->weight + (size_t)x * (size_t)axis->taps;
        for (int c = 0; c < channels; c++)
            *out++ =
                row[index[0] * channels + c] * weight[0] + row[index[1] * channels + c] * weight[1];
    }
}

static void combine_linear(const int32_t *const *rows, const int16_t *b, uint8_t *out, size_t n)
{
    for (size_t x = 0; x < n; x++) {
        int32_t v = ((b[0] * (rows[0][x] >> 4)) >> 16) + ((b[1] * (rows[1][x] >> 4)) >> 16);
        out[x] = (uint8_t)((v + 2) >> 2);
    }
}

static void combine_cubic(const int32_t *const *rows, const int16_t *b, uint8_t *out, size_t n)
{
    const float scale = 1.0f / (COEF_SCALE * COEF_SCALE);
    float w[4];
    for (int k = 0; k < 4; k++)
        w[k] = (float)b[k] * scale;
    size_t x = 0;
    for (; x < n / VECTOR * VECTOR; x++)
        out[x] = saturate(
            (float)rows[0][x] * w[0] +
            ((float)rows[1][x] * w[1] + ((float)rows[2][x] * w[2] + (float)rows[3][x] * w[3])));
    for (; x < n; x++) {
        int32_t v = rows[0][x] * b[0] + rows[1][x] * b[1] + rows[2][x] * b[2] + rows[3][x] * b[3];
        v = (v + (1 << 21)) >> 22;
        out[x] = (uint8_t)clamp_int(v, 0, 255);
    }
}

static enum bv_status taps_u8(const uint8_t *in, struct bv_size from, int channels, uint8_t *out,
                              struct bv_size to, enum bv_resample_filter filter,
                              struct bv_error *err)
{
    struct axes axes = {0};
    size_t in_row = (size_t)from.width * (size_t)channels,
           row = (size_t)to.width * (size_t)channels;
    int32_t *wide = malloc((size_t)from.height * row * sizeof *wide);
    enum bv_status status =
        wide ? axes_make(&axes, filter, from, to, err) : bv_fail_nomem(err, "resize");
    for (int y = 0; status == BV_OK && y < from.height; y++)
        row_fixed(in + (size_t)y * in_row, wide + (size_t)y * row, to.width, channels,
                  &axes.across);
    for (int y = 0; status == BV_OK && y < to.height; y++) {
        const int32_t *rows[4] = {0};
        int taps = axes.down.taps;
        for (int k = 0; k < taps; k++)
            rows[k] = wide + (size_t)axes.down.index[y * taps + k] * row;
        void (*combine)(const int32_t *const *, const int16_t *, uint8_t *, size_t) =
            taps == 2 ? combine_linear : combine_cubic;
        combine(rows, axes.down.fixed + (size_t)y * (size_t)taps, out + (size_t)y * row, row);
    }
    axes_free(&axes);
    free(wide);
    return status;
}

static enum bv_status taps_f32(const float *in, struct bv_size from, int channels, float *out,
                               struct bv_size to, enum bv_resample_filter filter,
                               struct bv_error *err)
{
    struct axes axes = {0};
    size_t in_row = (size_t)from.width * (size_t)channels,
           row = (size_t)to.width * (size_t)channels;
    float *wide = malloc((size_t)from.height * row * sizeof *wide);
    enum bv_status status =
        wide ? axes_make(&axes, filter, from, to, err) : bv_fail_nomem(err, "resize");
    for (int y = 0; status == BV_OK && y < from.height; y++)
        row_float(in + (size_t)y * in_row, wide + (size_t)y * row, to.width, channels,
                  &axes.across);
    for (int y = 0; status == BV_OK && y < to.height; y++, out += row) {
        const float *a = wide + (size_t)axes.down.index[2 * y] * row;
        const float *b = wide + (size_t)axes.down.index[2 * y + 1] * row;
        float wa = axes.down.weight[2 * y], wb = axes.down.weight[2 * y + 1];
        for (size_t x = 0; x < row; x++)
            out[x] = a[x] * wa + b[x] * wb;
    }
    axes_free(&axes);
    free(wide);
    return status;
}

// One source cell that contributes to one output cell of INTER_AREA.
struct cell {
    int source, target;
    float weight;
};

// At most 2 cells more than sources: room for 2 · n_in.
static int area_cells(struct cell *cells, int n_in, int n_out, double scale)
{
    int n = 0;
    for (int i = 0; i < n_out; i++) {
        double start = i * scale, end = start + scale;
        double width = scale < n_in - start ? scale : n_in - start;
        int first = (int)ceil(start), last = (int)floor(end);
        last = last < n_in - 1 ? last : n_in - 1;
        first = first < last ? first : last;
        if (first - start > 1e-3)
            cells[n++] = (struct cell){first - 1, i, (float)((first - start) / width)};
        for (int k = first; k < last; k++)
            cells[n++] = (struct cell){k, i, (float)(1.0 / width)};
        if (end - last > 1e-3) {
            double part = end - last < 1.0 ? end - last : 1.0;
            part = part < width ? part : width;
            cells[n++] = (struct cell){last, i, (float)(part / width)};
        }
    }
    return n;
}

// Either side of the union of the two pixel types that INTER_AREA reads and writes.
struct plane {
    const uint8_t *u8;
    const float *f32;
};

static void area_row(struct plane in, size_t offset, float *sums, size_t row, int channels,
                     const struct cell *cells, int n_cells)
{
    memset(sums, 0, row * sizeof *sums);
    for (int i = 0; i < n_cells; i++) {
        size_t source = offset + (size_t)cells[i].source * (size_t)channels;
        float *sum = sums + (size_t)cells[i].target * (size_t)channels;
        for (int c = 0; c < channels; c++) {
            float v = in.u8 ? (float)in.u8[source + (size_t)c] : in.f32[source + (size_t)c];
            sum[c] += v * cells[i].weight;
        }
    }
}

static enum bv_status area_general(struct plane in, struct bv_size from, int channels,
                                   uint8_t *out_u8, float *out_f32, struct bv_size to,
                                   struct bv_error *err)
{
    double scale_x = 1.0 / ((double)to.width / from.width);
    double scale_y = 1.0 / ((double)to.height / from.height);
    size_t row = (size_t)to.width * (size_t)channels;
    struct cell *across = malloc(((size_t)from.width * 2 + 2) * sizeof *across);
    struct cell *down = malloc(((size_t)from.height * 2 + 2) * sizeof *down);
    float *part = malloc(row * 2 * sizeof *part), *sum = part ? part + row : NULL;
    enum bv_status status = BV_OK;
    if (!across || !down || !part) {
        status = bv_fail_nomem(err, "resize");
        goto fail;
    }
    int n_across = area_cells(across, from.width, to.width, scale_x);
    int n_down = area_cells(down, from.height, to.height, scale_y);
    for (int i = 0; i < n_down; i++) {
        area_row(in, (size_t)down[i].source * (size_t)from.width * (size_t)channels, part, row,
                 channels, across, n_across);
        bool first = i == 0 || down[i].target != down[i - 1].target;
        for (size_t x = 0; x < row; x++)
            sum[x] = first ? down[i].weight * part[x] : sum[x] + down[i].weight * part[x];
        if (i + 1 < n_down && down[i + 1].target == down[i].target)
            continue;
        size_t at = (size_t)down[i].target * row;
        for (size_t x = 0; x < row; x++) {
            if (out_u8)
                out_u8[at + x] = saturate(sum[x]);
            else
                out_f32[at + x] = sum[x];
        }
    }
fail:
    free(across);
    free(down);
    free(part);
    return status;
}

// Whole-number shrink factors: plain means. 2 × 2 of bytes rounds half up, the rest half to even.
static void area_integer_u8(const uint8_t *in, struct bv_size from, int channels, uint8_t *out,
                            struct bv_size to, int step_x, int step_y)
{
    float scale = 1.0f / (float)(step_x * step_y);
    bool two = step_x == 2 && step_y == 2 && channels != 2;
    for (int y = 0; y < to.height; y++)
        for (int x = 0; x < to.width; x++)
            for (int c = 0; c < channels; c++) {
                int sum = 0;
                for (int j = 0; j < step_y; j++)
                    for (int i = 0; i < step_x; i++)
                        sum += in[((y * step_y + j) * from.width + x * step_x + i) * channels + c];
                *out++ = two ? (uint8_t)((sum + 2) >> 2) : saturate((float)sum * scale);
            }
}

// OpenCV adds the samples of a cell row by row in float, four at a time.
static void area_integer_f32(const float *in, struct bv_size from, int channels, float *out,
                             struct bv_size to, int step_x, int step_y)
{
    float scale = 1.0f / (float)(step_x * step_y);
    int n = step_x * step_y;
    for (int y = 0; y < to.height; y++)
        for (int x = 0; x < to.width; x++)
            for (int c = 0; c < channels; c++) {
                float sum = 0, four[4];
                for (int k = 0; k < n; k++) {
                    int at = (y * step_y + k / step_x) * from.width + x * step_x + k % step_x;
                    float v = in[at * channels + c];
                    if (k < n / 4 * 4) {
                        four[k % 4] = v;
                        if (k % 4 == 3)
                            sum += four[0] + four[1] + four[2] + four[3];
                    } else {
                        sum += v;
                    }
                }
                *out++ = sum * scale;
            }
}

static void nearest(const uint8_t *in, struct bv_size from, int channels, uint8_t *out,
                    struct bv_size to)
{
    double step_x = 1.0 / ((double)to.width / from.width);
    double step_y = 1.0 / ((double)to.height / from.height);
    for (int y = 0; y < to.height; y++) {
        int source_y = clamp_int((int)floor(y * step_y), 0, from.height - 1);
        for (int x = 0; x < to.width; x++, out += channels) {
            int source_x = clamp_int((int)floor(x * step_x), 0, from.width - 1);
            memcpy(out,
                   in + ((size_t)source_y * (size_t)from.width + (size_t)source_x) *
                            (size_t)channels,
                   (size_t)channels);
        }
    }
}

// What INTER_AREA and INTER_LINEAR turn into for a pair of sizes.
enum way {
    WAY_COPY,
    WAY_TAPS,
    WAY_AREA_INTEGER,
    WAY_AREA,
};

static enum way choose(struct bv_size from, struct bv_size to, enum bv_resample_filter filter,
                       int *step_x, int *step_y)
{
    if (from.width == to.width && from.height == to.height)
        return WAY_COPY;
    double x = 1.0 / ((double)to.width / from.width), y = 1.0 / ((double)to.height / from.height);
    *step_x = (int)rint(x);
    *step_y = (int)rint(y);
    bool integer =
        fabs(x - *step_x) < 2.220446049250313e-16 && fabs(y - *step_y) < 2.220446049250313e-16;
    if (filter == BV_FILTER_BILINEAR && integer && *step_x == 2 && *step_y == 2)
        return WAY_AREA_INTEGER;
    if (filter != BV_FILTER_AREA || x < 1 || y < 1)
        return WAY_TAPS;
    return integer ? WAY_AREA_INTEGER : WAY_AREA;
}

enum bv_status bv_resize_opencv(const uint8_t *in, struct bv_size from, int channels, uint8_t *out,
                                struct bv_size to, enum bv_resample_filter filter,
                                struct bv_error *err)
{
    if (filter == BV_FILTER_BOX || filter == BV_FILTER_LANCZOS)
        return bv_fail(err, BV_ERR_ARG, "OpenCV resizes by area, bilinear, bicubic or nearest");
    int step_x = 1, step_y = 1;
    enum way way = choose(from, to, filter, &step_x, &step_y);
    if (way == WAY_COPY) {
        memcpy(out, in, (size_t)to.width * (size_t)to.height * (size_t)channels);
        return BV_OK;
    }
    if (filter == BV_FILTER_NEAREST) {
        nearest(in, from, channels, out, to);
        return BV_OK;
    }
    if (way == WAY_AREA_INTEGER) {
        area_integer_u8(in, from, channels, out, to, step_x, step_y);
        return BV_OK;
    }
    if (way == WAY_AREA)
        return area_general((struct plane){in, NULL}, from, channels, out, NULL, to, err);
    return taps_u8(in, from, channels, out, to, filter, err);
}

enum bv_status bv_resize_opencv_f32(const float *in, struct bv_size from, int channels, float *out,
                                    struct bv_size to, enum bv_resample_filter filter,
                                    struct bv_error *err)
{
    if (filter != BV_FILTER_AREA && filter != BV_FILTER_BILINEAR)
        return bv_fail(err, BV_ERR_ARG, "OpenCV resizes floats by area or bilinear");
    int step_x = 1, step_y = 1;
    enum way way = choose(from, to, filter, &step_x, &step_y);
    if (way == WAY_COPY) {
        memcpy(out, in, (size_t)to.width * (size_t)to.height * (size_t)channels * sizeof *out);
        return BV_OK;
    }
    if (way == WAY_AREA_INTEGER) {
        area_integer_f32(in, from, channels, out, to, step_x, step_y);
        return BV_OK;
    }
    if (way == WAY_AREA)
        return area_general((struct plane){NULL, in}, from, channels, NULL, out, to, err);
    return taps_f32(in, from, channels, out, to, filter, err);
}

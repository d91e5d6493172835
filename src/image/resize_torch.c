// torch's upsample kernels on the CPU. Positions and weights are computed in float, as there:
// their rounding is part of the result.
#include "image/resize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// For each output position along one axis: taps input indices and their weights.
struct axis {
    int taps;
    int *index;    // [n_out][taps]
    float *weight; // [n_out][taps], 0 where fewer are used
};

static enum bv_status axis_alloc(struct axis *axis, int n_out, int taps, struct bv_error *err)
{
    axis->taps = taps;
    axis->index = calloc((size_t)n_out * (size_t)taps, sizeof *axis->index);
    axis->weight = calloc((size_t)n_out * (size_t)taps, sizeof *axis->weight);
    return axis->index && axis->weight ? BV_OK : bv_fail_nomem(err, "resize weights");
}

static void axis_free(struct axis *axis)
{
    free(axis->index);
    free(axis->weight);
}

static float axis_scale(int n_in, int n_out, bool align_corners)
{
    if (!align_corners)
        return (float)n_in / (float)n_out;
    return n_out > 1 ? (float)(n_in - 1) / (float)(n_out - 1) : 0.0f;
}

// The scale is a float, the position is not: at 1e-5 of a pixel the difference shows.
static double source_position(float scale, int i, bool align_corners)
{
    return align_corners ? (double)scale * i : (double)scale * (i + 0.5) - 0.5;
}

static double linear_position(float scale, int i, const struct bv_torch_resize *how)
{
    if (how->float_positions && !how->align_corners)
        return (double)(scale * ((float)i + 0.5f) - 0.5f);
    return source_position(scale, i, how->align_corners);
}

static void linear_axis(struct axis *axis, int n_in, int n_out, const struct bv_torch_resize *how)
{
    float scale = axis_scale(n_in, n_out, how->align_corners);
    for (int i = 0; i < n_out; i++) {
        double at = linear_position(scale, i, how);
        at = at < 0 ? 0 : at;
        int low = (int)at < n_in - 1 ? (int)at : n_in - 1;
        float right = (float)(at - low);
        right = right < 0.0f ? 0.0f : right > 1.0f ? 1.0f : right;
        if (n_in == n_out) {
            low = i;
            right = 0.0f;
        }
        axis->index[2 * i] = low;
        axis->index[2 * i + 1] = low + (low < n_in - 1);
        axis->weight[2 * i] = 1.0f - right;
        axis->weight[2 * i + 1] = right;
    }
}

// Cancellation makes the rounding visible, so products are fused where torch's build fuses them.
static float cubic_inner(float x, float a)
{
    return fmaf(a + 2.0f, x, -(a + 3.0f)) * x * x + 1.0f;
}

static float cubic_outer(float x, float a)
{
    return fmaf(fmaf(a, x, -5.0f * a), x, 8.0f * a) * x - 4.0f * a;
}

static void cubic_axis(struct axis *axis, int n_in, int n_out, const struct bv_torch_resize *how)
{
    const float a = -0.75f;
    const bool align_corners = how->align_corners;
    float scale = axis_scale(n_in, n_out, align_corners);
    for (int i = 0; i < n_out; i++) {
        double at = source_position(scale, i, align_corners);
        int low = (int)floor(at);
        low = low < n_in - 1 ? low : n_in - 1;
        float t = (float)(at - low);
        t = t < 0.0f ? 0.0f : t > 1.0f ? 1.0f : t;
        float *w = axis->weight + 4 * i;
        w[0] = cubic_outer(t + 1.0f, a);
        w[1] = cubic_inner(t, a);
        w[2] = cubic_inner(1.0f - t, a);
        w[3] = cubic_outer(1.0f - t + 1.0f, a);
        for (int k = 0; k < 4; k++) {
            int at_k = low - 1 + k;
            axis->index[4 * i + k] = at_k < 0 ? 0 : at_k > n_in - 1 ? n_in - 1 : at_k;
        }
    }
}

static float aa_linear(float x)
{
    x = fabsf(x);
    return x < 1.0f ? 1.0f - x : 0.0f;
}

// torch writes the inner branch with double constants and the outer one with integers.
static float aa_cubic(float at)
{
    float x = fabsf(at);
    if (x < 1.0f)
        return (float)((1.5 * (double)x - 2.5) * (double)x * (double)x + 1.0);
    return x < 2.0f ? fmaf(fmaf(x - 5.0f, x, 8.0f), x, -4.0f) * -0.5f : 0.0f;
}

// The antialiased kernels stretch with the shrink factor and are cut at the borders, like
// Pillow's.
static enum bv_status antialias_axis(struct axis *axis, enum bv_resample_filter filter, int n_in,
                                     int n_out, struct bv_error *err)
{
    float scale = (float)n_in / (float)n_out;
    float half = filter == BV_FILTER_BICUBIC ? 2.0f : 1.0f;
    float support = scale >= 1.0f ? half * scale : half;
    float inverse = scale >= 1.0f ? 1.0f / scale : 1.0f;
    BV_TRY(axis_alloc(axis, n_out, (int)ceilf(support) * 2 + 1, err));
    for (int i = 0; i < n_out; i++) {
        float center = scale * ((float)i + 0.5f), sum = 0.0f;
        int low = (int)(center - support + 0.5f), high = (int)(center + support + 0.5f);
        low = low < 0 ? 0 : low;
        high = high > n_in ? n_in : high;
        float *w = axis->weight + (size_t)i * (size_t)axis->taps;
        int *index = axis->index + (size_t)i * (size_t)axis->taps;
        for (int k = 0; k < high - low && k < axis->taps; k++) {
            float x = ((float)(k + low) - center + 0.5f) * inverse;
            w[k] = filter == BV_FILTER_BICUBIC ? aa_cubic(x) : aa_linear(x);
            sum += w[k];
            index[k] = k + low;
        }
        for (int k = 0; k < high - low && k < axis->taps; k++)
            if (sum != 0.0f)
                w[k] /= sum;
    }
    return BV_OK;
}

// One pass along an axis: out[o][i][j] = Σ w[i][k] · in[o][index[i][k]][j]. The sums are fused as
// in torch's build: without antialiasing the first product joins the second, with it they follow
// each other.
static void pass(const float *in, float *out, size_t n_outer, int n_in, int n_out, size_t n_inner,
                 const struct axis *axis, bool antialias)
{
    for (size_t o = 0; o < n_outer; o++, in += (size_t)n_in * n_inner) {
        for (int i = 0; i < n_out; i++, out += n_inner) {
            const int *index = axis->index + (size_t)i * (size_t)axis->taps;
            const float *w = axis->weight + (size_t)i * (size_t)axis->taps;
            const float *first = in + (size_t)index[0] * n_inner;
            const float *second = in + (size_t)index[1] * n_inner;
            for (size_t j = 0; j < n_inner; j++)
                out[j] = antialias ? fmaf(second[j], w[1], first[j] * w[0])
                                   : fmaf(first[j], w[0], second[j] * w[1]);
            for (int k = 2; k < axis->taps; k++) {
                if (w[k] == 0.0f)
                    continue;
                const float *row = in + (size_t)index[k] * n_inner;
                for (size_t j = 0; j < n_inner; j++)
                    out[j] = fmaf(row[j], w[k], out[j]);
            }
        }
    }
}

enum bv_status bv_resize_torch(const float *in, struct bv_size from, int channels, float *out,
                               struct bv_size to, struct bv_torch_resize how, struct bv_error *err)
{
    bool linear = how.filter == BV_FILTER_BILINEAR;
    if ((!linear && how.filter != BV_FILTER_BICUBIC) || (how.antialias && how.align_corners))
        return bv_fail(err, BV_ERR_ARG, "torch resizes by bilinear or bicubic filters");
    struct axis across = {0}, down = {0};
    size_t row_n = (size_t)to.width * (size_t)channels;
    float *between = malloc((size_t)from.height * row_n * sizeof *between);
    enum bv_status status = between ? BV_OK : bv_fail_nomem(err, "resize");
    if (status == BV_OK && how.antialias) {
        status = antialias_axis(&across, how.filter, from.width, to.width, err);
        if (status == BV_OK)
            status = antialias_axis(&down, how.filter, from.height, to.height, err);
    } else if (status == BV_OK) {
        status = axis_alloc(&across, to.width, linear ? 2 : 4, err);
        if (status == BV_OK)
            status = axis_alloc(&down, to.height, linear ? 2 : 4, err);
        if (status == BV_OK) {
            void (*make)(struct axis *, int, int, const struct bv_torch_resize *) =
                linear ? linear_axis : cubic_axis;
            make(&across, from.width, to.width, &how);
            make(&down, from.height, to.height, &how);
        }
    }
    if (status == BV_OK) {
        pass(in, between, (size_t)from.height, from.width, to.width, (size_t)channels, &across,
             how.antialias);
        pass(between, out, 1, from.height, to.height, row_n, &down, how.antialias);
    }
    axis_free(&across);
    axis_free(&down);
    free(between);
    return status;
}

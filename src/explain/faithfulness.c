#include "explain/faithfulness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "explain/sweep.h"

// ---- The order ----

struct ranked {
    double value;
    uint32_t pixel;
};

static int highest_first(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->value < y->value || x->value > y->value)
        return x->value < y->value ? 1 : -1;
    return (x->pixel > y->pixel) - (x->pixel < y->pixel);
}

// Between the centres of cells; `at` in cells.
static double between(const float *grid, int64_t h, int64_t w, double row, double column)
{
    row = fmin(fmax(row - 0.5, 0), (double)(h - 1));
    column = fmin(fmax(column - 0.5, 0), (double)(w - 1));
    const int64_t r0 = (int64_t)row, c0 = (int64_t)column;
    const int64_t r1 = r0 + 1 < h ? r0 + 1 : r0, c1 = c0 + 1 < w ? c0 + 1 : c0;
    const double fr = row - (double)r0, fc = column - (double)c0;
    return (1 - fr) * ((1 - fc) * (double)grid[r0 * w + c0] + fc * (double)grid[r0 * w + c1]) +
           fr * ((1 - fc) * (double)grid[r1 * w + c0] + fc * (double)grid[r1 * w + c1]);
}

enum bv_status bv_faithfulness_order(const struct bv_maps *maps, size_t i, int height, int width,
                                     uint32_t *order, struct bv_error *err)
{
    const size_t n = (size_t)height * (size_t)width;
    const bool even = !(maps->cell_width > 0);
    const double cell_w = even ? (double)width / (double)maps->w : maps->cell_width;
    const double cell_h = even ? (double)height / (double)maps->h : maps->cell_height;
    const float *grid = maps->values + i * (size_t)(maps->h * maps->w);
    struct ranked *all = malloc(n * sizeof *all);
    if (!all)
        return bv_fail_nomem(err, "an order of pixels");
    for (size_t k = 0; k < n; k++) {
        const double y = (double)(k / (size_t)width) + 0.5, x = (double)(k % (size_t)width) + 0.5;
        all[k] = (struct ranked){
            between(grid, maps->h, maps->w, (y - maps->top) / cell_h, (x - maps->left) / cell_w),
            (uint32_t)k};
    }
    qsort(all, n, sizeof *all, highest_first);
    for (size_t k = 0; k < n; k++)
        order[k] = all[k].pixel;
    free(all);
    return BV_OK;
}

// ---- The blurred input ----

enum { KERNEL = 11, CUT = 20 }; // CUT: four sigmas, where scipy ends a Gaussian

// RISE's kernel: scipy.ndimage.gaussian_filter of a single one in a row of 11, mirrored at its
// ends, which leaves it nearly flat.
static void make_kernel(double kernel[KERNEL])
{
    double sum = 0, weight[2 * CUT + 1];
    for (int t = -CUT; t <= CUT; t++) {
        weight[t + CUT] = exp(-0.5 * t * t / 25.0);
        sum += weight[t + CUT];
    }
    for (int i = 0; i < KERNEL; i++) {
        kernel[i] = 0;
        for (int t = -CUT; t <= CUT; t++) {
            const int period = 2 * KERNEL;
            const int k = ((i + t) % period + period) % period;
            if ((k < KERNEL ? k : period - 1 - k) == KERNEL / 2)
                kernel[i] += weight[t + CUT] / sum;
        }
    }
}

// Along one axis, with zeros outside: `step` values lie between neighbours, n are along it.
static void blur_line(const float *from, float *to, size_t n, size_t step,
                      const double kernel[KERNEL])
{
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (int t = 0; t < KERNEL; t++) {
            const int64_t at = (int64_t)i + t - KERNEL / 2;
            if (at >= 0 && at < (int64_t)n)
                sum += kernel[t] * (double)from[(size_t)at * step];
        }
        to[i * step] = (float)sum;
    }
}

static enum bv_status blur(const struct bv_pixels *p, float *out, struct bv_error *err)
{
    const size_t H = (size_t)p->height, W = (size_t)p->width, C = (size_t)p->channels;
    const float *in = p->data;
    double kernel[KERNEL];
    float *rows = malloc(H * W * C * sizeof *rows);
    if (!rows)
        return bv_fail_nomem(err, "a blurred image");
    make_kernel(kernel);
    for (size_t y = 0; y < H; y++)
        for (size_t c = 0; c < C; c++)
            blur_line(in + y * W * C + c, rows + y * W * C + c, W, C, kernel);
    for (size_t k = 0; k < W * C; k++)
        blur_line(rows + k, out + k, H, W * C, kernel);
    free(rows);
    return BV_OK;
}

// ---- The curves ----

struct change {
    const uint32_t *order;
    const float *blurred; // NULL: deletion
};

static void apply(const void *arg, size_t i, const struct bv_pixels *from, float *to)
{
    const struct change *change = arg;
    const size_t C = (size_t)from->channels, n = i * (size_t)from->width;
    const float *input = from->data;
    memcpy(to, change->blurred ? change->blurred : input, bv_pixels_samples(from) * sizeof *to);
    for (size_t k = 0; k < n; k++)
        for (size_t c = 0; c < C; c++) {
            const size_t at = change->order[k] * C + c;
            to[at] = change->blurred ? input[at] : 0;
        }
}

static double area(const double *scores, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += scores[i];
    return (sum - scores[0] / 2 - scores[n - 1] / 2) / (double)(n - 1);
}

enum bv_status bv_faithfulness_measure(struct bv_session *session, const struct bv_pixels *pixels,
                                       const struct bv_goal *goal, const uint32_t *order,
                                       struct bv_faithfulness *result, struct bv_error *err)
{
    const size_t n = (size_t)pixels->height + 1;
    double *scores = calloc(2 * n, sizeof *scores);
    float *blurred = malloc(bv_pixels_samples(pixels) * sizeof *blurred);
    enum bv_status status = scores && blurred ? BV_OK : bv_fail_nomem(err, "faithfulness");
    if (status == BV_OK)
        status = blur(pixels, blurred, err);
    const struct change deletion = {order, NULL}, insertion = {order, blurred};
    if (status == BV_OK)
        status = bv_sweep_scores(session, pixels, goal, apply, &deletion, 0, n, scores, err);
    if (status == BV_OK)
        status = bv_sweep_scores(session, pixels, goal, apply, &insertion, 0, n, scores + n, err);
    if (status == BV_OK)
        *result = (struct bv_faithfulness){area(scores, n), area(scores + n, n)};
    free(scores);
    free(blurred);
    return status;
}

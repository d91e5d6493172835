#include "score/heatmap.h"

#include <math.h>
#include <stdlib.h>

// The sample at any index of a line of n that is mirrored at its edges (d c b a | a b c d | d c b
// a).
static size_t mirrored(long i, size_t n)
{
    long period = 2 * (long)n;
    i %= period;
    if (i < 0)
        i += period;
    return (size_t)(i < (long)n ? i : period - 1 - i);
}

// One axis: lines of n samples `step` apart, starting at each of n_lines offsets `next` apart.
static void smooth_axis(const double *in, double *out, size_t n, size_t step, size_t n_lines,
                        size_t next, double sigma)
{
    long radius = (long)(4 * sigma + 0.5);
    double total = 0;
    for (long k = -radius; k <= radius; k++)
        total += exp(-0.5 * (double)(k * k) / (sigma * sigma));
    for (size_t line = 0; line < n_lines; line++)
        for (size_t i = 0; i < n; i++) {
            double sum = 0;
            for (long k = -radius; k <= radius; k++)
                sum += in[line * next + mirrored((long)i + k, n) * step] *
                       exp(-0.5 * (double)(k * k) / (sigma * sigma));
            out[line * next + i * step] = sum / total;
        }
}

enum bv_status bv_heatmap_grid(const float *patches, const float *text, size_t h, size_t w,
                               size_t D, double sigma, float *grid, struct bv_error *err)
{
    double *a = malloc(2 * h * w * sizeof *a + 1), *b = a ? a + h * w : NULL;
    if (!a)
        return bv_fail_nomem(err, "a heat map");
    for (size_t i = 0; i < h * w; i++) {
        a[i] = 0;
        for (size_t d = 0; d < D; d++)
            a[i] += (double)patches[i * D + d] * text[d];
    }
    if (sigma > 0) {
        smooth_axis(a, b, h, w, w, 1, sigma);
        smooth_axis(b, a, w, 1, h, w, sigma);
    }
    for (size_t i = 0; i < h * w; i++)
        grid[i] = (float)a[i];
    free(a);
    return BV_OK;
}

static float sample(const float *grid, size_t h, size_t w, double y, double x, bool smooth)
{
    if (!smooth)
        return grid[(size_t)y * w + (size_t)x];
    y = fmax(y - 0.5, 0);
    x = fmax(x - 0.5, 0);
    size_t y0 = (size_t)y, x0 = (size_t)x;
    size_t y1 = y0 + 1 < h ? y0 + 1 : h - 1, x1 = x0 + 1 < w ? x0 + 1 : w - 1;
    double fy = y - (double)y0, fx = x - (double)x0;
    double top = (1 - fx) * grid[y0 * w + x0] + fx * grid[y0 * w + x1];
    double bottom = (1 - fx) * grid[y1 * w + x0] + fx * grid[y1 * w + x1];
    return (float)((1 - fy) * top + fy * bottom);
}

void bv_heatmap_spread(const float *grid, size_t h, size_t w, const struct bv_heatmap_crop *crop,
                       int height, int width, bool smooth, float *map)
{
    int shorter = height < width ? height : width;
    int side = (int)((double)crop->crop * shorter / crop->shorter);
    side = side < 1 ? 1 : side > shorter ? shorter : side;
    int top = (height - side) / 2, left = (width - side) / 2;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            int v = y - top, u = x - left;
            bool inside = v >= 0 && v < side && u >= 0 && u < side;
            double at = smooth ? 0.5 : 0; // nearest takes floor(i · n / side)
            map[(size_t)y * (size_t)width + (size_t)x] =
                inside ? sample(grid, h, w, (v + at) * (double)h / side,
                                (u + at) * (double)w / side, smooth)
                       : NAN;
        }
}

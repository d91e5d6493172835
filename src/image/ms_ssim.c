#include "image/pixels.h"

#include <math.h>
#include <stdlib.h>

enum { SCALES = 5, WINDOW = 11 };

// Two images of one scale, and room for what the windows make of them.
struct scale {
    double *a, *b;
    double *row, *mean_a, *mean_b, *square_a, *square_b, *product;
    int width, height;
};

static void window(double g[WINDOW])
{
    double sum = 0;
    for (int i = 0; i < WINDOW; i++) {
        double x = i - WINDOW / 2;
        g[i] = exp(-x * x / (2 * 1.5 * 1.5));
        sum += g[i];
    }
    for (int i = 0; i < WINDOW; i++)
        g[i] /= sum;
}

// The windowed mean of x·y at every place where the window lies inside: along rows, then columns.
static void filter(const struct scale *s, const double *x, const double *y, const double g[WINDOW],
                   double *out)
{
    int w = s->width - WINDOW + 1, h = s->height - WINDOW + 1;
    for (int i = 0; i < s->height; i++) {
        const double *p = x + (size_t)i * (size_t)s->width;
        const double *q = y ? y + (size_t)i * (size_t)s->width : NULL;
        for (int j = 0; j < w; j++) {
            double sum = 0;
            for (int k = 0; k < WINDOW; k++)
                sum += g[k] * (q ? p[j + k] * q[j + k] : p[j + k]);
            s->row[(size_t)i * (size_t)w + (size_t)j] = sum;
        }
    }
    for (int i = 0; i < h; i++)
        for (int j = 0; j < w; j++) {
            double sum = 0;
            for (int k = 0; k < WINDOW; k++)
                sum += g[k] * s->row[(size_t)(i + k) * (size_t)w + (size_t)j];
            out[(size_t)i * (size_t)w + (size_t)j] = sum;
        }
}

// The means over the image of contrast-structure and of the whole index.
static void compare(struct scale *s, double *contrast, double *index)
{
    const double c1 = (0.01 * 255) * (0.01 * 255), c2 = (0.03 * 255) * (0.03 * 255);
    size_t n = (size_t)(s->width - WINDOW + 1) * (size_t)(s->height - WINDOW + 1);
    double g[WINDOW], sum_contrast = 0, sum_index = 0;
    window(g);
    filter(s, s->a, NULL, g, s->mean_a);
    filter(s, s->b, NULL, g, s->mean_b);
    filter(s, s->a, s->a, g, s->square_a);
    filter(s, s->b, s->b, g, s->square_b);
    filter(s, s->a, s->b, g, s->product);
    for (size_t i = 0; i < n; i++) {
        double ma = s->mean_a[i], mb = s->mean_b[i];
        double spread = s->square_a[i] - ma * ma + s->square_b[i] - mb * mb;
        double cs = (2 * (s->product[i] - ma * mb) + c2) / (spread + c2);
        sum_contrast += cs;
        sum_index += cs * (2 * ma * mb + c1) / (ma * ma + mb * mb + c1);
    }
    *contrast = sum_contrast / (double)n;
    *index = sum_index / (double)n;
}

// Halves an image in place: out[i][j] lies at or before every pixel that later ones read.
static void halve(double *x, int width, int height)
{
    int pad_x = width % 2, pad_y = height % 2;
    int w = (width + 2 * pad_x) / 2, h = (height + 2 * pad_y) / 2;
    for (int i = 0; i < h; i++)
        for (int j = 0; j < w; j++) {
            double sum = 0;
            for (int k = 0; k < 4; k++) {
                int row = 2 * i + k / 2 - pad_y, column = 2 * j + k % 2 - pad_x;
                if (row >= 0 && row < height && column >= 0 && column < width)
                    sum += x[(size_t)row * (size_t)width + (size_t)column];
            }
            x[(size_t)i * (size_t)w + (size_t)j] = sum / 4;
        }
}

enum bv_status bv_ms_ssim(const uint8_t *a, const uint8_t *b, int width, int height, double *value,
                          struct bv_error *err)
{
    static const double weights[SCALES] = {0.0448, 0.2856, 0.3001, 0.2363, 0.1333};
    if (width < BV_MS_SSIM_SIDE || height < BV_MS_SSIM_SIDE)
        return bv_fail(err, BV_ERR_ARG, "similarity at five scales needs sides of %d pixels",
                       BV_MS_SSIM_SIDE);
    size_t n = (size_t)width * (size_t)height;
    double *block = malloc(8 * n * sizeof *block), product = 1;
    if (!block)
        return bv_fail_nomem(err, "the similarity of images");
    struct scale s = {block,         block + n,     block + 2 * n, block + 3 * n, block + 4 * n,
                      block + 5 * n, block + 6 * n, block + 7 * n, width,         height};
    for (size_t i = 0; i < n; i++) {
        s.a[i] = a[i];
        s.b[i] = b[i];
    }
    for (int k = 0; k < SCALES; k++) {
        double contrast = 0, index = 0;
        compare(&s, &contrast, &index);
        product *= pow(fmax(k + 1 < SCALES ? contrast : index, 0), weights[k]);
        halve(s.a, s.width, s.height);
        halve(s.b, s.width, s.height);
        s.width = (s.width + 2 * (s.width % 2)) / 2;
        s.height = (s.height + 2 * (s.height % 2)) / 2;
    }
    free(block);
    *value = product;
    return BV_OK;
}

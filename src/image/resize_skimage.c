// scikit-image 0.19's resize on SciPy's ndimage: a Gaussian per shrinking axis, then linear
// interpolation, both with zeros outside the image; sums in double, stored as float between passes.
#include "image/resize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// One pass along an axis with n_outer × n × n_inner values: correlate with the kernel of the given
// radius. line is scratch for n + 2·radius values.
static void correlate(float *data, size_t n_outer, size_t n, size_t n_inner, const double *kernel,
                      size_t radius, double *line)
{
    memset(line, 0, (n + 2 * radius) * sizeof *line);
    for (size_t o = 0; o < n_outer; o++)
        for (size_t j = 0; j < n_inner; j++) {
            float *p = data + o * n * n_inner + j;
            for (size_t i = 0; i < n; i++)
                line[radius + i] = (double)p[i * n_inner];
            for (size_t i = 0; i < n; i++) {
                // ndimage pairs the symmetric taps.
                const double *c = line + radius + i;
                double sum = c[0] * kernel[0];
                for (size_t k = radius; k >= 1; k--)
                    sum += (*(c - k) + c[k]) * kernel[k];
                p[i * n_inner] = (float)sum;
            }
        }
}

static enum bv_status blur(float *data, size_t n_outer, size_t n, size_t n_inner, double sigma,
                           struct bv_error *err)
{
    if (sigma <= 1e-15)
        return BV_OK;
    size_t radius = (size_t)(4.0 * sigma + 0.5);
    double *kernel = malloc((radius + 1) * sizeof *kernel);
    double *line = malloc((n + 2 * radius) * sizeof *line);
    enum bv_status status = BV_OK;
    if (kernel && line) {
        double sum = 0;
        for (size_t k = 0; k <= radius; k++) {
            kernel[k] = exp(-0.5 / (sigma * sigma) * (double)(k * k));
            sum += k ? 2 * kernel[k] : kernel[k];
        }
        for (size_t k = 0; k <= radius; k++)
            kernel[k] /= sum;
        correlate(data, n_outer, n, n_inner, kernel, radius, line);
    } else {
        status = bv_fail_nomem(err, "resize");
    }
    free(kernel);
    free(line);
    return status;
}

// The two taps of one output position; a weight of zero where a tap lies outside.
struct pair {
    size_t index[2];
    double weight[2];
};

static void make_pairs(struct pair *pairs, int n_in, int n_out)
{
    double zoom = (double)n_in / n_out;
    for (int i = 0; i < n_out; i++) {
        double at = zoom * (i + 0.5) - 0.5, low = floor(at), t = at - low;
        for (int k = 0; k < 2; k++) {
            double index = low + k;
            bool inside = index >= 0 && index < n_in;
            pairs[i].index[k] = inside ? (size_t)index : 0;
            pairs[i].weight[k] = !inside ? 0 : k ? t : 1 - t;
        }
    }
}

static void interpolate(const float *in, int in_width, float *out, struct bv_size to,
                        const struct pair *across, const struct pair *down)
{
    for (int y = 0; y < to.height; y++)
        for (int x = 0; x < to.width; x++) {
            double sum = 0;
            for (int j = 0; j < 2; j++)
                for (int i = 0; i < 2; i++)
                    sum += (double)in[down[y].index[j] * (size_t)in_width + across[x].index[i]] *
                           down[y].weight[j] * across[x].weight[i];
            *out++ = (float)sum;
        }
}

enum bv_status bv_resize_skimage(const float *in, struct bv_size from, float *out,
                                 struct bv_size to, struct bv_error *err)
{
    size_t n = (size_t)from.width * (size_t)from.height,
           n_out = (size_t)to.width * (size_t)to.height;
    float *smooth = malloc(n * sizeof *smooth);
    struct pair *across = malloc((size_t)to.width * sizeof *across);
    struct pair *down = malloc((size_t)to.height * sizeof *down);
    enum bv_status status = smooth && across && down ? BV_OK : bv_fail_nomem(err, "resize");
    if (status == BV_OK) {
        memcpy(smooth, in, n * sizeof *smooth);
        status = blur(smooth, 1, (size_t)from.height, (size_t)from.width,
                      ((double)from.height / to.height - 1) / 2, err);
    }
    if (status == BV_OK)
        status = blur(smooth, (size_t)from.height, (size_t)from.width, 1,
                      ((double)from.width / to.width - 1) / 2, err);
    if (status == BV_OK) {
        make_pairs(across, from.width, to.width);
        make_pairs(down, from.height, to.height);
        interpolate(smooth, from.width, out, to, across, down);
        // scikit-image clips to the range of the input, widened by the zeros outside.
        float low = in[0], high = in[0], out_low = out[0], out_high = out[0];
        for (size_t i = 0; i < n; i++) {
            low = in[i] < low ? in[i] : low;
            high = in[i] > high ? in[i] : high;
        }
        for (size_t i = 0; i < n_out; i++) {
            out_low = out[i] < out_low ? out[i] : out_low;
            out_high = out[i] > out_high ? out[i] : out_high;
        }
        if (out_low <= 0 && out_high >= 0) {
            low = low < 0 ? low : 0;
            high = high > 0 ? high : 0;
        }
        for (size_t i = 0; i < n_out; i++)
            out[i] = out[i] < low ? low : out[i] > high ? high : out[i];
    }
    free(smooth);
    free(across);
    free(down);
    return status;
}

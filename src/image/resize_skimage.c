// scikit-image 0.19's resize on SciPy's ndimage: a Gaussian per shrinking axis, then linear
// interpolation, both with zeros outside the image; sums in double, stored as float between passes.
#include "image/resize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// SciPy's Gaussian: kernel[0] is the centre, the other taps stand for two each.
struct gaussian {
    double *kernel; // [radius + 1]
    int radius;     // 0: nothing to smooth
};

static enum bv_status gaussian_make(struct gaussian *gaussian, int n_in, int n_out,
                                    struct bv_error *err)
{
    double sigma = ((double)n_in / n_out - 1) / 2, sum = 0;
    gaussian->radius = sigma > 1e-15 ? (int)(4.0 * sigma + 0.5) : 0;
    gaussian->kernel = malloc(((size_t)gaussian->radius + 1) * sizeof *gaussian->kernel);
    if (!gaussian->kernel)
        return bv_fail_nomem(err, "resize");
    for (int k = 0; k <= gaussian->radius; k++) {
        gaussian->kernel[k] = k ? exp(-0.5 / (sigma * sigma) * (double)((int64_t)k * k)) : 1;
        sum += k ? 2 * gaussian->kernel[k] : 1;
    }
    for (int k = 0; k <= gaussian->radius; k++)
        gaussian->kernel[k] /= sum;
    return BV_OK;
}

// Both passes add the outermost pair of taps first, as ndimage does, and take zeros outside.
static void smooth_down(const float *in, float *out, struct bv_size size,
                        const struct gaussian *gaussian, double *sums)
{
    size_t width = (size_t)size.width;
    for (int y = 0; y < size.height; y++) {
        for (size_t x = 0; x < width; x++)
            sums[x] = (double)in[(size_t)y * width + x] * gaussian->kernel[0];
        for (int k = gaussian->radius; k >= 1; k--) {
            const float *above = y - k >= 0 ? in + (size_t)(y - k) * width : NULL;
            const float *below = y + k < size.height ? in + (size_t)(y + k) * width : NULL;
            double w = gaussian->kernel[k];
            if (above && below)
                for (size_t x = 0; x < width; x++)
                    sums[x] += ((double)above[x] + (double)below[x]) * w;
            else if (above || below)
                for (size_t x = 0; x < width; x++)
                    sums[x] += (double)(above ? above : below)[x] * w;
        }
        for (size_t x = 0; x < width; x++)
            out[(size_t)y * width + x] = (float)sums[x];
    }
}

// In place; line has room for width + 2 · radius.
static void smooth_across(float *data, struct bv_size size, const struct gaussian *gaussian,
                          double *line)
{
    size_t width = (size_t)size.width, radius = (size_t)gaussian->radius;
    memset(line, 0, (width + 2 * radius) * sizeof *line);
    for (int y = 0; y < size.height && radius; y++) {
        float *row = data + (size_t)y * width;
        for (size_t x = 0; x < width; x++)
            line[radius + x] = (double)row[x];
        for (size_t x = 0; x < width; x++) {
            const double *c = line + radius + x;
            double sum = c[0] * gaussian->kernel[0];
            for (size_t k = radius; k >= 1; k--)
                sum += (*(c - k) + c[k]) * gaussian->kernel[k];
            row[x] = (float)sum;
        }
    }
}

static enum bv_status smooth(const float *in, float *out, struct bv_size from, struct bv_size to,
                             struct bv_error *err)
{
    struct gaussian across = {0}, down = {0};
    double *scratch = NULL;
    enum bv_status status = gaussian_make(&across, from.width, to.width, err);
    if (status == BV_OK)
        status = gaussian_make(&down, from.height, to.height, err);
    if (status == BV_OK) {
        size_t room = (size_t)from.width + 2 * (size_t)across.radius;
        scratch = malloc(room * sizeof *scratch);
        if (!scratch)
            status = bv_fail_nomem(err, "resize");
    }
    if (status == BV_OK) {
        smooth_down(in, out, from, &down, scratch);
        smooth_across(out, from, &across, scratch);
    }
    free(across.kernel);
    free(down.kernel);
    free(scratch);
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

// scikit-image clips to the range of the input, widened by the zeros outside it.
static void clip(const float *in, size_t n, float *out, size_t n_out)
{
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

enum bv_status bv_resize_skimage(const float *in, struct bv_size from, float *out,
                                 struct bv_size to, struct bv_error *err)
{
    size_t n = (size_t)from.width * (size_t)from.height;
    size_t n_out = (size_t)to.width * (size_t)to.height;
    float *smoothed = malloc(n * sizeof *smoothed);
    struct pair *across = malloc((size_t)to.width * sizeof *across);
    struct pair *down = malloc((size_t)to.height * sizeof *down);
    enum bv_status status = smoothed && across && down ? smooth(in, smoothed, from, to, err)
                                                       : bv_fail_nomem(err, "resize");
    if (status == BV_OK) {
        make_pairs(across, from.width, to.width);
        make_pairs(down, from.height, to.height);
        interpolate(smoothed, from.width, out, to, across, down);
        clip(in, n, out, n_out);
    }
    free(smoothed);
    free(across);
    free(down);
    return status;
}

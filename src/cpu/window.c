#include "cpu/kernels.h"

// One tap of n neighbouring results: pixels of a line from `column` on, or zeros beside it. line is
// NULL outside the image.
static void point_tap(const struct bv_cpu_windows *s, const float *line, int64_t column, int64_t n,
                      const float **to)
{
    int64_t stride = s->node->params.conv2d.stride_w, first = 0, last = 0;
    if (line && column < s->width) {
        first = column < 0 ? (stride - 1 - column) / stride : 0;
        last = (s->width - 1 - column) / stride + 1;
    }
    first = first < n ? first : n;
    last = last < first ? first : last < n ? last : n;
    int64_t k = 0, at = (column + first * stride) * s->channels, step = stride * s->channels;
    for (; k < first; k++)
        to[k] = s->zeros;
    for (; k < last; k++, at += step)
        to[k] = line + at;
    for (; k < n; k++)
        to[k] = s->zeros;
}

void bv_cpu_point_pixels(const void *source, int64_t first, int64_t n, const float **to)
{
    const struct bv_cpu_windows *s = source;
    const struct bv_tensor *out = s->node->out;
    const struct bv_conv2d_params *p = &s->node->params.conv2d;
    int64_t x = first % out->dim[2], y = s->first_result + first / out->dim[2] % out->dim[1];
    const float *image =
        s->image + first / (out->dim[1] * out->dim[2]) * s->height * s->width * s->channels;
    for (int64_t k = 0, run; k < n; k += run, x = 0) { // a line of results at a time
        run = out->dim[2] - x < n - k ? out->dim[2] - x : n - k;
        const float **at = to + k;
        for (int64_t i = 0; i < s->taps_h; i++) {
            int64_t row = y * p->stride_h - p->pad_h + i * p->dilation_h;
            const float *line = row >= 0 && row < s->height
                                    ? image + (row - s->first_line) * s->width * s->channels
                                    : NULL;
            for (int64_t j = 0; j < s->taps_w; j++, at += n)
                point_tap(s, line, x * p->stride_w - p->pad_w + j * p->dilation_w, run, at);
        }
        if (x + run == out->dim[2] && ++y == out->dim[1]) {
            y = 0;
            image += s->height * s->width * s->channels;
        }
    }
}

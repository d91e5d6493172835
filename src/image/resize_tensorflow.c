#include "image/resize.h"

#include <math.h>
#include <stdlib.h>

// Between which two samples of an axis a result lies, and how far from the first.
struct tap {
    int low, high;
    float part;
};

// Half-pixel centres; every operation rounds to float, as the library's.
static void fill_taps(struct tap *taps, int from, int to)
{
    const float scale = (float)from / (float)to;
    for (int i = 0; i < to; i++) {
        float x = ((float)i + 0.5f) * scale - 0.5f, down = floorf(x), up = ceilf(x);
        int low = down > 0 ? (int)down : 0, high = (int)up < from - 1 ? (int)up : from - 1;
        taps[i] = (struct tap){low < from - 1 ? low : from - 1, high, x - down};
    }
}

static void resize_row(const uint8_t *top, const uint8_t *bottom, float part_y,
                       const struct tap *taps, int width, int channels, uint8_t *out)
{
    for (int i = 0; i < width; i++) {
        const struct tap t = taps[i];
        const uint8_t *tl = top + t.low * channels, *tr = top + t.high * channels;
        const uint8_t *bl = bottom + t.low * channels, *br = bottom + t.high * channels;
        for (int c = 0; c < channels; c++) {
            float a = (float)tl[c] + (float)(tr[c] - tl[c]) * t.part;
            float b = (float)bl[c] + (float)(br[c] - bl[c]) * t.part;
            *out++ = (uint8_t)(a + (b - a) * part_y);
        }
    }
}

enum bv_status bv_resize_tensorflow(const uint8_t *in, struct bv_size from, int channels,
                                    uint8_t *out, struct bv_size to, enum bv_resample_filter filter,
                                    struct bv_error *err)
{
    if (filter != BV_FILTER_BILINEAR)
        return bv_fail(err, BV_ERR_ARG, "TensorFlow's resize is bilinear here");
    const size_t row = (size_t)from.width * (size_t)channels,
                 out_row = (size_t)to.width * (size_t)channels;
    struct tap *x = malloc((size_t)to.width * sizeof *x),
               *y = malloc((size_t)to.height * sizeof *y);
    enum bv_status status = x && y ? BV_OK : bv_fail_nomem(err, "a resized image");
    if (status == BV_OK) {
        fill_taps(x, from.width, to.width);
        fill_taps(y, from.height, to.height);
    }
    for (int i = 0; status == BV_OK && i < to.height; i++)
        resize_row(in + (size_t)y[i].low * row, in + (size_t)y[i].high * row, y[i].part, x,
                   to.width, channels, out + (size_t)i * out_row);
    free(x);
    free(y);
    return status;
}

#include <math.h>
#include <string.h>

#include "image/gray.h"
#include "image/step.h"

// numpy's mean over the last axis of a float32 array.
static void mean_of_three(const float *in, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++, in += 3)
        out[i] = (in[0] + in[1] + in[2]) / 3.0f;
}

enum bv_status bv_step_gray(struct bv_step_state *state, const struct bv_step *step,
                            struct bv_error *err)
{
    struct bv_pixels *p = &state->pixels, gray = {0};
    state->indexed = false;
    if (p->channels == 1)
        return BV_OK;
    bool mean = step->like == BV_LIKE_MEAN;
    if (mean)
        BV_TRY(bv_pixels_to_float(p, err));
    else if (p->sample != BV_SAMPLE_U8)
        return bv_fail(err, BV_ERR_ARG, "gray wants an 8-bit image here");
    BV_TRY(bv_pixels_create(&gray, p->width, p->height, 1, p->sample, err));
    size_t n = bv_pixels_samples(&gray);
    const struct bv_image *image = state->image;
    if (mean)
        mean_of_three(p->data, gray.data, n);
    else if (step->like == BV_LIKE_PILLOW)
        bv_gray_pillow(p->data, gray.data, n);
    else if (step->like != BV_LIKE_OPENCV && image->luma &&
             state->untouched) // imread(…, 0) asks the JPEG decoder for its Y
        memcpy(gray.data, image->luma, n);
    else if (step->like == BV_LIKE_OPENCV || image->kind == BV_FILE_JPEG2000 ||
             image->kind == BV_FILE_JPEG)
        bv_gray_opencv(p->data, gray.data, n);
    else
        bv_gray_libpng(p->data, gray.data, n);
    bv_pixels_replace(p, &gray);
    return BV_OK;
}

enum bv_status bv_step_rgb(struct bv_step_state *state, const struct bv_step *step,
                           struct bv_error *err)
{
    (void)step;
    struct bv_pixels *p = &state->pixels, rgb = {0};
    state->indexed = false;
    if (p->channels == 3)
        return BV_OK;
    BV_TRY(bv_pixels_create(&rgb, p->width, p->height, 3, p->sample, err));
    size_t n = bv_pixels_samples(p), size = bv_sample_size(p->sample);
    const char *in = p->data;
    char *out = rgb.data;
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < 3; c++)
            memcpy(out + (i * 3 + c) * size, in + i * size, size);
    bv_pixels_replace(p, &rgb);
    return BV_OK;
}

enum bv_status bv_step_bgr(struct bv_step_state *state, const struct bv_step *step,
                           struct bv_error *err)
{
    BV_TRY(bv_step_rgb(state, step, err));
    size_t n = bv_pixels_samples(&state->pixels), size = bv_sample_size(state->pixels.sample);
    char *pixel = state->pixels.data, kept[4];
    for (size_t i = 0; i < n; i += 3, pixel += 3 * size) {
        memcpy(kept, pixel, size);
        memcpy(pixel, pixel + 2 * size, size);
        memcpy(pixel + 2 * size, kept, size);
    }
    state->untouched = false;
    return BV_OK;
}

enum bv_status bv_step_stretch(struct bv_step_state *state, const struct bv_step *step,
                               struct bv_error *err)
{
    (void)step;
    struct bv_pixels *p = &state->pixels;
    if (p->sample != BV_SAMPLE_U8)
        return bv_fail(err, BV_ERR_ARG, "stretch wants an 8-bit image here");
    uint8_t *v = p->data, low = 255, high = 0, map[256];
    size_t n = bv_pixels_samples(p);
    for (size_t i = 0; i < n; i++) {
        low = v[i] < low ? v[i] : low;
        high = v[i] > high ? v[i] : high;
    }
    for (int i = low; i <= high; i++)
        map[i] = high > low ? (uint8_t)((double)(i - low) / (high - low) * 255) : 0;
    for (size_t i = 0; i < n; i++)
        v[i] = map[v[i]];
    state->untouched = false;
    return BV_OK;
}

enum bv_status bv_step_equalize(struct bv_step_state *state, const struct bv_step *step,
                                struct bv_error *err)
{
    (void)step;
    struct bv_pixels *p = &state->pixels;
    if (p->sample != BV_SAMPLE_U8 || p->channels != 1)
        return bv_fail(err, BV_ERR_ARG, "equalize wants an 8-bit gray image here");
    bv_equalize(p->data, bv_pixels_samples(p));
    return BV_OK;
}

enum bv_status bv_step_scale(struct bv_step_state *state, const struct bv_step *step,
                             struct bv_error *err)
{
    BV_TRY(bv_pixels_to_float(&state->pixels, err));
    float *v = state->pixels.data, divide = (float)step->divide;
    size_t n = bv_pixels_samples(&state->pixels);
    if (step->divide != 1)
        for (size_t i = 0; i < n; i++)
            v[i] /= divide;
    if (step->multiply != 1 || step->add != 0)
        for (size_t i = 0; i < n; i++)
            v[i] = (float)(v[i] * step->multiply + step->add); // as numpy, in double
    return BV_OK;
}

enum bv_status bv_step_divide_max(struct bv_step_state *state, const struct bv_step *step,
                                  struct bv_error *err)
{
    BV_TRY(bv_pixels_to_float(&state->pixels, err));
    float *v = state->pixels.data, most = (float)step->min;
    size_t n = bv_pixels_samples(&state->pixels);
    for (size_t i = 0; i < n; i++)
        most = v[i] > most ? v[i] : most;
    for (size_t i = 0; i < n; i++)
        v[i] /= most;
    return BV_OK;
}

enum bv_status bv_step_normalize(struct bv_step_state *state, const struct bv_step *step,
                                 struct bv_error *err)
{
    if (step->n_mean == 3) // one mean for each channel
        BV_TRY(bv_step_rgb(state, step, err));
    BV_TRY(bv_pixels_to_float(&state->pixels, err));
    float *v = state->pixels.data;
    size_t n = bv_pixels_samples(&state->pixels), channels = (size_t)state->pixels.channels;
    for (size_t i = 0; i < n; i++) {
        size_t c = step->n_mean == 3 ? i % channels : 0;
        v[i] = (v[i] - step->mean[c]) / step->std[c];
    }
    return BV_OK;
}

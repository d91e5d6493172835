#include "image/pixels.h"

#include <stdlib.h>

#include "base/memory.h"

enum bv_status bv_pixels_create(struct bv_pixels *pixels, int width, int height, int channels,
                                enum bv_sample sample, struct bv_error *err)
{
    if (width < 1 || height < 1 || channels < 1 || (int64_t)width * height > INT32_MAX / channels)
        return bv_fail(err, BV_ERR_LIMIT, "an image of %d × %d × %d samples", width, height,
                       channels);
    void *data =
        bv_alloc_large((size_t)width * (size_t)height * (size_t)channels * bv_sample_size(sample));
    if (!data)
        return bv_fail_nomem(err, "pixels");
    *pixels = (struct bv_pixels){width, height, channels, sample, data};
    return BV_OK;
}

void bv_pixels_free(struct bv_pixels *pixels)
{
    free(pixels->data);
    *pixels = (struct bv_pixels){0};
}

void bv_pixels_replace(struct bv_pixels *to, struct bv_pixels *from)
{
    free(to->data);
    *to = *from;
    *from = (struct bv_pixels){0};
}

size_t bv_pixels_samples(const struct bv_pixels *pixels)
{
    return (size_t)pixels->width * (size_t)pixels->height * (size_t)pixels->channels;
}

enum bv_status bv_pixels_to_float(struct bv_pixels *pixels, struct bv_error *err)
{
    if (pixels->sample == BV_SAMPLE_F32)
        return BV_OK;
    struct bv_pixels wide = {0};
    BV_TRY(bv_pixels_create(&wide, pixels->width, pixels->height, pixels->channels, BV_SAMPLE_F32,
                            err));
    float *out = wide.data;
    size_t n = bv_pixels_samples(pixels);
    if (pixels->sample == BV_SAMPLE_U8)
        for (size_t i = 0; i < n; i++)
            out[i] = ((const uint8_t *)pixels->data)[i];
    else
        for (size_t i = 0; i < n; i++)
            out[i] = ((const uint16_t *)pixels->data)[i];
    bv_pixels_replace(pixels, &wide);
    return BV_OK;
}

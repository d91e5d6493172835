// shown.c: an image as a viewer shows it.
#include "image/gray.h"
#include "image/resize.h"

enum bv_status bv_image_shown(const struct bv_image *image, int longest, struct bv_pixels *out,
                              struct bv_error *err)
{
    struct bv_pixels shown = {0}, small = {0};
    BV_TRY(bv_preset_apply(image, BV_PRESET_DICOM_DISPLAY, &shown, err));
    int side = shown.width > shown.height ? shown.width : shown.height;
    struct bv_size from = {shown.width, shown.height}, to = from;
    if (side > longest) {
        to.width = (int)((int64_t)from.width * longest / side);
        to.height = (int)((int64_t)from.height * longest / side);
        to.width = to.width > 0 ? to.width : 1;
        to.height = to.height > 0 ? to.height : 1;
    }
    enum bv_status status =
        bv_pixels_create(&small, to.width, to.height, shown.channels, BV_SAMPLE_U8, err);
    if (status == BV_OK)
        status =
            bv_resize_pillow(shown.data, from, shown.channels, small.data, to, BV_FILTER_BOX, err);
    if (status == BV_OK)
        status = bv_pixels_create(out, to.width, to.height, 3, BV_SAMPLE_U8, err);
    size_t n = (size_t)to.width * (size_t)to.height, channels = (size_t)shown.channels;
    for (size_t i = 0; status == BV_OK && i < n; i++) {
        for (size_t c = 0; c < 3; c++)
            ((uint8_t *)out->data)[3 * i + c] =
                ((const uint8_t *)small.data)[i * channels + (channels == 3 ? c : 0)];
    }
    bv_pixels_free(&small);
    bv_pixels_free(&shown);
    return status;
}

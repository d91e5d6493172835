#include "image.h"

#include "image/gray.h"
#include "image/plausibility.h"

void fuzz_image(enum bv_format format, const uint8_t *data, size_t size)
{
    if (bv_sniff(data, size) != format)
        return;
    struct bv_decode_options options = {.frame = 0, .max_pixels = 1 << 20, .max_file = 1 << 24};
    struct bv_image *image = NULL;
    struct bv_error err = {0};
    if (bv_image_decode(data, size, "fuzz", &options, &image, &err) != BV_OK)
        return;
    (void)bv_check_plausibility(image, NULL, &err);
    for (int preset = BV_PRESET_MIMIC_CXR_JPG; preset <= BV_PRESET_STORED; preset++) {
        struct bv_pixels pixels = {0};
        (void)bv_preset_apply(image, (enum bv_preset)preset, &pixels, &err);
        bv_pixels_free(&pixels);
    }
    bv_image_free(&image);
}

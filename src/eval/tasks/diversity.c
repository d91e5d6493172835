#include "eval/tasks/synthetic.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "image/gray.h"
#include "image/image.h"
#include "image/pixels.h"

struct gray {
    uint8_t *data;
    int width, height;
};

static enum bv_status load(const char *path, struct gray *gray, struct bv_error *err)
{
    struct bv_image *image = NULL;
    struct bv_pixels shown = {0};
    enum bv_status status = bv_image_load(path, NULL, &image, err);
    if (status == BV_OK)
        status = bv_preset_apply(image, BV_PRESET_DICOM_DISPLAY, &shown, err);
    size_t n = (size_t)shown.width * (size_t)shown.height;
    if (status == BV_OK && !(gray->data = malloc(n + 1)))
        status = bv_fail_nomem(err, path);
    if (status == BV_OK && shown.channels == 3)
        bv_gray_pillow(shown.data, gray->data, n);
    else if (status == BV_OK)
        memcpy(gray->data, shown.data, n);
    gray->width = shown.width;
    gray->height = shown.height;
    bv_pixels_free(&shown);
    bv_image_free(&image);
    return status;
}

static enum bv_status add_pair(struct bv_diversity *d, const struct gray *a, const struct gray *b,
                               struct bv_error *err)
{
    double value = 0;
    if (a->width != b->width || a->height != b->height)
        return BV_OK;
    BV_TRY(bv_ms_ssim(a->data, b->data, a->width, a->height, &value, err));
    d->smallest = d->pairs ? fmin(d->smallest, value) : value;
    d->largest = d->pairs ? fmax(d->largest, value) : value;
    d->sum += value;
    d->pairs++;
    return BV_OK;
}

enum bv_status bv_diversity_add(struct bv_diversity *diversity, const char *const *paths, size_t n,
                                struct bv_error *err)
{
    struct gray images[BV_DIVERSITY_IMAGES] = {{0}};
    size_t kept = 0, before = diversity->pairs;
    enum bv_status status = BV_OK;
    for (size_t i = 0; status == BV_OK && n > 1 && i < n && kept < BV_DIVERSITY_IMAGES; i++) {
        status = load(paths[i], &images[kept], err);
        if (status == BV_OK &&
            (images[kept].width < BV_MS_SSIM_SIDE || images[kept].height < BV_MS_SSIM_SIDE)) {
            free(images[kept].data);
            images[kept].data = NULL;
            diversity->too_small++;
        } else {
            kept++;
        }
    }
    for (size_t i = 0; i < kept; i++)
        for (size_t j = i + 1; status == BV_OK && j < kept; j++)
            status = add_pair(diversity, &images[i], &images[j], err);
    for (size_t i = 0; i < kept; i++)
        free(images[i].data);
    diversity->prompts += diversity->pairs > before;
    return status;
}

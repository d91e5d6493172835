#include "image/decode.h"

#include <stdlib.h>
#include <string.h>

#define TAG_ORIENTATION 0x0112
#define TYPE_SHORT 3

static uint32_t get(const uint8_t *p, size_t n, bool big)
{
    uint32_t v = 0;
    for (size_t i = 0; i < n; i++)
        v |= (uint32_t)p[i] << 8 * (big ? n - 1 - i : i);
    return v;
}

int bv_exif_orientation(struct bv_bytes exif)
{
    const uint8_t *p = exif.data;
    if (exif.size < 8 || (memcmp(p, "II*\0", 4) != 0 && memcmp(p, "MM\0*", 4) != 0))
        return 1;
    bool big = p[0] == 'M';
    size_t at = get(p + 4, 4, big);
    if (at > exif.size - 2)
        return 1;
    size_t n = get(p + at, 2, big);
    for (at += 2; n > 0 && at + 12 <= exif.size; n--, at += 12) {
        if (get(p + at, 2, big) != TAG_ORIENTATION || get(p + at + 2, 2, big) != TYPE_SHORT)
            continue;
        int orientation = (int)get(p + at + 8, 2, big);
        return orientation >= 1 && orientation <= 8 ? orientation : 1;
    }
    return 1;
}

// Where row and column of the upright image come from. 5 to 8 exchange rows and columns.
static void turn(const void *from, void *to, size_t width, size_t height, size_t pixel,
                 int orientation)
{
    bool swap = orientation >= 5;
    bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    bool from_bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    size_t w = swap ? height : width, h = swap ? width : height;
    char *out = to;
    for (size_t y = 0; y < h; y++)
        for (size_t x = 0; x < w; x++, out += pixel) {
            size_t sx = swap ? y : x, sy = swap ? x : y;
            sx = from_right ? width - 1 - sx : sx;
            sy = from_bottom ? height - 1 - sy : sy;
            memcpy(out, (const char *)from + (sy * width + sx) * pixel, pixel);
        }
}

enum bv_status bv_exif_upright(const struct bv_image *image, struct bv_image *upright,
                               struct bv_error *err)
{
    size_t w = (size_t)image->width, h = (size_t)image->height;
    size_t pixel = (size_t)image->channels * bv_sample_size(image->sample);
    struct bv_image made = *image;
    made.pixels = malloc(w * h * pixel);
    made.luma = image->luma ? malloc(w * h) : NULL;
    if (!made.pixels || (image->luma && !made.luma)) {
        bv_exif_upright_free(&made);
        return bv_fail_nomem(err, "pixels");
    }
    turn(image->pixels, made.pixels, w, h, pixel, image->orientation);
    if (made.luma)
        turn(image->luma, made.luma, w, h, 1, image->orientation);
    if (image->orientation >= 5) {
        made.width = image->height;
        made.height = image->width;
    }
    made.orientation = 1;
    *upright = made;
    return BV_OK;
}

void bv_exif_upright_free(struct bv_image *upright)
{
    free(upright->pixels);
    free(upright->luma);
    *upright = (struct bv_image){0};
}

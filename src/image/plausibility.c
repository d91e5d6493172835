#include "image/plausibility.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "image/decode.h"
#include "image/gray.h"

#define GRID 32
#define SMALL_SIDE 128
#define LOOK_SIDE 512 // pixels enough to judge by
#define LONGEST_OVER_SHORTEST 2.0
#define COLOURFUL 12.0 // mean distance between channels, in levels

// Means of GRID × GRID cells; cells of an image smaller than the grid repeat its pixels.
static void cell_means(const uint8_t *gray, int width, int height, double *means)
{
    for (int cy = 0; cy < GRID; cy++)
        for (int cx = 0; cx < GRID; cx++) {
            int64_t y0 = (int64_t)cy * height / GRID, y1 = ((int64_t)cy + 1) * height / GRID;
            int64_t x0 = (int64_t)cx * width / GRID, x1 = ((int64_t)cx + 1) * width / GRID;
            y1 = y1 > y0 ? y1 : y0 + 1;
            x1 = x1 > x0 ? x1 : x0 + 1;
            uint64_t sum = 0;
            for (int64_t y = y0; y < y1; y++)
                for (int64_t x = x0; x < x1; x++)
                    sum += gray[y * width + x];
            means[cy * GRID + cx] = (double)sum / (double)((y1 - y0) * (x1 - x0));
        }
}

static double region(const double *means, int x0, int x1, int y0, int y1)
{
    double sum = 0;
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++)
            sum += means[y * GRID + x];
    return sum / ((x1 - x0) * (y1 - y0));
}

struct bv_look bv_plausibility_look(const uint8_t *gray, int width, int height)
{
    double means[GRID * GRID], mean = 0, square = 0, mirrored = 0;
    cell_means(gray, width, height, means);
    for (int i = 0; i < GRID * GRID; i++)
        mean += means[i] / (GRID * GRID);
    for (int i = 0; i < GRID * GRID; i++) {
        double v = means[i] - mean, m = means[i / GRID * GRID + GRID - 1 - i % GRID] - mean;
        square += v * v / (GRID * GRID);
        mirrored += v * m / (GRID * GRID);
    }
    double deviation = sqrt(square);
    double lungs = (region(means, 6, 11, 8, 19) + region(means, 21, 26, 8, 19)) / 2;
    double middle = region(means, 14, 18, 8, 20), abdomen = region(means, 8, 24, 25, 31);
    struct bv_look look = {.contrast = deviation};
    if (deviation > 0) {
        look.chest = (middle + abdomen - 2 * lungs) / deviation;
        look.symmetry = mirrored / square;
    }
    return look;
}

bool bv_look_inverted(const struct bv_look *look)
{
    return look->chest < -0.5 && look->symmetry > -0.1;
}

bool bv_look_implausible(const struct bv_look *look)
{
    double chest = fabs(look->chest);
    return look->contrast < 8 || chest < 0.3 || (chest < 0.7 && look->symmetry < 0.35) ||
           (look->chest < -0.5 && look->symmetry <= -0.1);
}

static double colourfulness(const uint8_t *rgb, size_t n)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++, rgb += 3)
        sum += (uint64_t)abs(rgb[0] - rgb[1]) + (uint64_t)abs(rgb[1] - rgb[2]);
    return (double)sum / (double)n / 2;
}

static void judge(struct bv_image *image, const struct bv_pixels *gray)
{
    double wide = (double)image->width / image->height;
    struct bv_look look = bv_plausibility_look(gray->data, gray->width, gray->height);
    if (wide > LONGEST_OVER_SHORTEST || wide < 1 / LONGEST_OVER_SHORTEST)
        bv_image_warn(image, BV_REASON_IMPLAUSIBLE, "%d × %d pixels are no chest radiograph",
                      image->width, image->height);
    else if (look.contrast < 8)
        bv_image_warn(image, BV_REASON_IMPLAUSIBLE, "the image is almost uniform");
    else if (bv_look_implausible(&look))
        bv_image_warn(image, BV_REASON_IMPLAUSIBLE,
                      "the image does not look like a frontal chest radiograph");
    else if (bv_look_inverted(&look))
        bv_image_warn(image, BV_REASON_LOOKS_INVERTED,
                      "the image looks inverted: lungs are brighter than the mediastinum");
}

// Every step-th pixel of a large image, as displayed.
static enum bv_status show(const struct bv_image *image, struct bv_pixels *shown,
                           struct bv_error *err)
{
    int shorter = image->width < image->height ? image->width : image->height;
    int step = shorter / LOOK_SIDE;
    if (step < 2)
        return bv_preset_apply(image, BV_PRESET_DICOM_DISPLAY, shown, err);
    struct bv_image sparse = *image;
    sparse.width = image->width / step;
    sparse.height = image->height / step;
    size_t pixel = (size_t)image->channels * bv_sample_size(image->sample);
    char *out = malloc((size_t)sparse.width * (size_t)sparse.height * pixel);
    if (!out)
        return bv_fail_nomem(err, "pixels");
    sparse.pixels = out;
    for (int y = 0; y < sparse.height; y++)
        for (int x = 0; x < sparse.width; x++, out += pixel) {
            size_t at = (size_t)(y * step) * (size_t)image->width + (size_t)(x * step);
            memcpy(out, (const char *)image->pixels + at * pixel, pixel);
        }
    enum bv_status status = bv_preset_apply(&sparse, BV_PRESET_DICOM_DISPLAY, shown, err);
    free(sparse.pixels);
    return status;
}

// upright: what the model sees of the image.
static enum bv_status check_pixels(struct bv_image *image, const struct bv_image *upright,
                                   struct bv_error *err)
{
    struct bv_pixels shown = {0}, gray = {0};
    BV_TRY(show(upright, &shown, err));
    size_t n = (size_t)shown.width * (size_t)shown.height;
    enum bv_status status = BV_OK;
    if (shown.channels == 3) {
        double colour = colourfulness(shown.data, n);
        if (colour > COLOURFUL)
            bv_image_warn(image, BV_REASON_IMPLAUSIBLE, "a colour picture");
        status = bv_pixels_create(&gray, shown.width, shown.height, 1, BV_SAMPLE_U8, err);
        if (status == BV_OK) {
            bv_gray_pillow(shown.data, gray.data, n);
            bv_pixels_replace(&shown, &gray);
        }
    }
    if (status == BV_OK)
        judge(image, &shown);
    bv_pixels_free(&shown);
    return status;
}

static bool one_of(const char *text, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return false;
}

static void check_header(struct bv_image *image)
{
    static const char *const radiographs[] = {"CR", "DX", "RG", "DR", "OT", "SC"};
    static const char *const chest[] = {"CHEST", "THORAX", "LUNG", "TORAX", "HEART", "RIB"};
    const char *why = image->view_reason ? image->view_reason : "the file does not say";
    if (image->view == BV_VIEW_LATERAL)
        bv_image_warn(image, BV_REASON_LATERAL_VIEW,
                      "a lateral view%s%s; models for frontal views give meaningless scores",
                      image->view_reason ? ": " : "", image->view_reason ? why : "");
    else if (image->view == BV_VIEW_UNKNOWN)
        bv_image_warn(image, BV_REASON_VIEW_UNKNOWN, "which view it is cannot be told: %s", why);
    if (image->modality[0] &&
        !one_of(image->modality, radiographs, sizeof radiographs / sizeof *radiographs))
        bv_image_warn(image, BV_REASON_NOT_RADIOGRAPH, "the modality is not radiography");
    bool is_chest = image->body_part[0] == 0;
    for (size_t i = 0; i < sizeof chest / sizeof *chest; i++)
        is_chest |= strstr(image->body_part, chest[i]) != NULL;
    if (!is_chest)
        bv_image_warn(image, BV_REASON_NOT_CHEST, "the body part examined is not the chest");
    if (image->lossy)
        bv_image_warn(image, BV_REASON_LOSSY, "the image was compressed with loss");
}

static void check_high_byte(struct bv_image *image)
{
    size_t n = (size_t)image->width * (size_t)image->height * (size_t)image->channels;
    unsigned most = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned v = ((const uint16_t *)image->pixels)[i];
        most = v > most ? v : most;
    }
    if (most < 0x8000)
        bv_image_warn(image, BV_REASON_DARK_SIXTEEN_BIT,
                      "16-bit file with values up to %u: the model's authors keep its high byte "
                      "only, which is %u gray levels",
                      most, (most >> 8) + 1);
}

enum bv_status bv_check_plausibility(struct bv_image *image, const struct bv_recipe *recipe,
                                     struct bv_error *err)
{
    if (image->kind == BV_FILE_DICOM)
        check_header(image);
    if (image->width < SMALL_SIDE || image->height < SMALL_SIDE)
        bv_image_warn(image, BV_REASON_SMALL, "only %d × %d pixels", image->width, image->height);
    if (image->sixteen_bit && recipe && bv_recipe_reads_high_byte(recipe))
        check_high_byte(image);
    if (image->orientation <= 1)
        return check_pixels(image, image, err);
    if (!recipe || !bv_recipe_turns(recipe)) {
        bv_image_warn(image, BV_REASON_ORIENTATION,
                      "Exif orientation %d: the image is to be turned to be shown, and the model's "
                      "authors do not turn it",
                      image->orientation);
        return check_pixels(image, image, err);
    }
    struct bv_image upright = {0};
    BV_TRY(bv_exif_upright(image, &upright, err));
    enum bv_status status = check_pixels(image, &upright, err);
    bv_exif_upright_free(&upright);
    return status;
}

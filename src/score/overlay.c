#include "score/heatmap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/c_locale.h"
#include "image/gray.h"
#include "image/pixels.h"

enum { LONGEST = 1024, LEAST_WIDTH = 320, MARGIN = 8, MAX_LABELS = 40, HEAD_LINES = 3 };

static const uint8_t white[] = {230, 230, 230}, amber[] = {255, 190, 60};

struct range {
    float low, high;
};

static struct range range_of(const float *map, size_t n)
{
    struct range r = {INFINITY, -INFINITY};
    for (size_t i = 0; i < n; i++) {
        if (isnan(map[i]))
            continue;
        r.low = fminf(r.low, map[i]);
        r.high = fmaxf(r.high, map[i]);
    }
    return r;
}

// Lays the map over the radiograph: the higher the value, the less of the radiograph is left, but
// never less than half.
static void lay_map(struct bv_pixels *rgb, const float *map, const struct range *range, int width,
                    int height)
{
    float span = range->high > range->low ? range->high - range->low : 1.0f;
    for (int y = 0; y < rgb->height; y++) {
        for (int x = 0; x < rgb->width; x++) {
            size_t row = (size_t)((int64_t)y * height / rgb->height);
            size_t column = (size_t)((int64_t)x * width / rgb->width);
            float value = map[row * (size_t)width + column];
            if (isnan(value))
                continue;
            float t = (value - range->low) / span;
            uint8_t *p = (uint8_t *)rgb->data + 3 * ((size_t)y * (size_t)rgb->width + (size_t)x);
            for (int c = 0; c < 3; c++) {
                float heat = fminf(fmaxf(3.0f * t - (float)c, 0.0f), 1.0f) * 255.0f;
                p[c] = (uint8_t)lrintf((float)p[c] * (1.0f - 0.5f * t) + heat * 0.5f * t);
            }
        }
    }
}

static void write_lines(struct bv_pixels *panel, const struct bv_overlay *o,
                        const struct range *range, int zoom, int line)
{
    char text[256];
    int y = MARGIN;
    struct bv_c_locale scope = bv_c_locale_enter();
    bv_draw_text(panel, MARGIN, y, zoom, amber, "Research only, not for diagnosis");
    (void)snprintf(text, sizeof text, "Model %s: %s", o->model, o->kind);
    bv_draw_text(panel, MARGIN, y += line, zoom, white, text);
    if (o->map)
        (void)snprintf(text, sizeof text, "Heat map: %s (%.3f to %.3f)", o->mapped,
                       (double)range->low, (double)range->high);
    else
        (void)snprintf(text, sizeof text, "No heat map: the model has no local maps");
    bv_draw_text(panel, MARGIN, y += line, zoom, white, text);
    int fit = bv_letters_that_fit(panel->width - 2 * MARGIN, zoom), name = fit - 11;
    size_t shown = o->n < MAX_LABELS ? o->n : MAX_LABELS;
    for (size_t i = 0; i < shown; i++) {
        (void)snprintf(text, sizeof text, "%10.6f %.*s", o->scores[i], name, o->labels[i]);
        bv_draw_text(panel, MARGIN, y += line, zoom, white, text);
    }
    if (shown < o->n) {
        (void)snprintf(text, sizeof text, "and %zu labels more", o->n - shown);
        bv_draw_text(panel, MARGIN, y + line, zoom, white, text);
    }
    bv_c_locale_leave(&scope);
}

enum bv_status bv_overlay_draw(const struct bv_image *image, const struct bv_overlay *o,
                               struct bv_pixels *rgb, struct bv_error *err)
{
    struct bv_pixels radiograph = {0}, panel = {0}, whole = {0};
    struct range range = {0, 0};
    BV_TRY(bv_image_shown(image, LONGEST, &radiograph, err));
    if (o->map) {
        range = range_of(o->map, (size_t)image->width * (size_t)image->height);
        lay_map(&radiograph, o->map, &range, image->width, image->height);
    }
    int width = radiograph.width > LEAST_WIDTH ? radiograph.width : LEAST_WIDTH;
    int zoom = width >= 2 * LEAST_WIDTH ? 2 : 1, line = (BV_LETTER_HEIGHT + 3) * zoom;
    int n_lines = HEAD_LINES + (o->n > MAX_LABELS ? MAX_LABELS + 1 : (int)o->n);
    enum bv_status status =
        bv_pixels_create(&panel, width, n_lines * line + 2 * MARGIN, 3, BV_SAMPLE_U8, err);
    if (status == BV_OK)
        status =
            bv_pixels_create(&whole, width, radiograph.height + panel.height, 3, BV_SAMPLE_U8, err);
    if (status == BV_OK) {
        memset(panel.data, 0, bv_pixels_samples(&panel));
        memset(whole.data, 0, bv_pixels_samples(&whole));
        write_lines(&panel, o, &range, zoom, line);
        size_t row = 3 * (size_t)width, part = 3 * (size_t)radiograph.width;
        for (int y = 0; y < radiograph.height; y++)
            memcpy((uint8_t *)whole.data + (size_t)y * row,
                   (const uint8_t *)radiograph.data + (size_t)y * part, part);
        memcpy((uint8_t *)whole.data + (size_t)radiograph.height * row, panel.data,
               bv_pixels_samples(&panel));
        *rgb = whole;
    }
    bv_pixels_free(&panel);
    bv_pixels_free(&radiograph);
    return status;
}

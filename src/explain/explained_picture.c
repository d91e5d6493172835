#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain/explanation.h"
#include "image/gray.h"

enum { MARGIN = 8, LEAST_WIDTH = 320, BAR = 12, LINES = 8 };

static const uint8_t white[] = {230, 230, 230}, amber[] = {255, 190, 60};

#define OPACITY 0.4f

// Ten colours of viridis (Smith and van der Walt 2015), evenly spaced.
static const uint8_t viridis[10][3] = {{0x44, 0x01, 0x54}, {0x48, 0x28, 0x78}, {0x3e, 0x4a, 0x89},
                                       {0x31, 0x68, 0x8e}, {0x26, 0x82, 0x8e}, {0x1f, 0x9e, 0x89},
                                       {0x35, 0xb7, 0x79}, {0x6d, 0xcd, 0x59}, {0xb4, 0xde, 0x2c},
                                       {0xfd, 0xe7, 0x25}};

static void colour_of(double t, float rgb[3])
{
    t = fmin(fmax(t, 0), 1) * 9;
    const int low = t < 9 ? (int)t : 8;
    for (int c = 0; c < 3; c++)
        rgb[c] = (float)(viridis[low][c] + (t - low) * (viridis[low + 1][c] - viridis[low][c]));
}

void bv_explanation_scale(const struct bv_explanation *e, size_t i, double *low, double *high)
{
    const size_t cells = (size_t)(e->maps.h * e->maps.w);
    const float *grid = e->maps.values + i * cells;
    if (e->n_neutral > 0 && e->null_peak > e->null_median && !e->method->class_agnostic) {
        *low = e->null_median;
        *high = e->null_median + 2 * (e->null_peak - e->null_median);
        return;
    }
    *low = INFINITY;
    *high = -INFINITY;
    for (size_t k = 0; k < cells; k++)
        if (e->seen[k]) {
            *low = fmin(*low, grid[k]);
            *high = fmax(*high, grid[k]);
        }
}

static void lay_map(const struct bv_explanation *e, const float *map, double low, double high,
                    struct bv_pixels *rgb)
{
    const double span = high > low ? high - low : 1;
    for (int y = 0; y < rgb->height; y++)
        for (int x = 0; x < rgb->width; x++) {
            const size_t row = (size_t)((int64_t)y * e->height / rgb->height);
            const size_t column = (size_t)((int64_t)x * e->width / rgb->width);
            const float value = map[row * (size_t)e->width + column];
            uint8_t *p = (uint8_t *)rgb->data + 3 * ((size_t)y * (size_t)rgb->width + (size_t)x);
            float colour[3];
            if (isnan(value)) { // not seen: darker, without colour
                for (int c = 0; c < 3; c++)
                    p[c] = (uint8_t)(p[c] / 3);
                continue;
            }
            colour_of((value - low) / span, colour);
            for (int c = 0; c < 3; c++)
                p[c] = (uint8_t)lrintf((1 - OPACITY) * p[c] + OPACITY * colour[c]);
        }
}

// One pixel of a line; dotted ones leave two of three out.
static void dot(struct bv_pixels *rgb, int x, int y, const uint8_t *colour, bool dotted)
{
    if (x < 0 || y < 0 || x >= rgb->width || y >= rgb->height || (dotted && (x + y) % 3))
        return;
    memcpy((uint8_t *)rgb->data + 3 * ((size_t)y * (size_t)rgb->width + (size_t)x), colour, 3);
}

static void draw_grid(const struct bv_explanation *e, struct bv_pixels *rgb)
{
    const struct bv_frame *f = &e->frame;
    const double zx = (double)rgb->width / e->width, zy = (double)rgb->height / e->height;
    static const uint8_t gray[] = {150, 150, 150};
    for (int64_t r = 0; r <= e->maps.h; r++) {
        const double y = (e->maps.top + (double)r * e->maps.cell_height - f->top) / f->scale_y * zy;
        for (int x = 0; x < rgb->width; x++)
            dot(rgb, x, (int)floor(y), gray, true);
    }
    for (int64_t c = 0; c <= e->maps.w; c++) {
        const double x =
            (e->maps.left + (double)c * e->maps.cell_width - f->left) / f->scale_x * zx;
        for (int y = 0; y < rgb->height; y++)
            dot(rgb, (int)floor(x), y, gray, true);
    }
}

static void draw_box(const struct bv_explanation *e, const struct bv_map_box *box,
                     struct bv_pixels *rgb)
{
    const double zx = (double)rgb->width / e->width, zy = (double)rgb->height / e->height;
    const int left = (int)(box->x * zx), right = (int)((box->x + box->width) * zx) - 1;
    const int top = (int)(box->y * zy), bottom = (int)((box->y + box->height) * zy) - 1;
    for (int thick = 0; thick < 2; thick++) {
        for (int x = left; x <= right; x++) {
            dot(rgb, x, top + thick, white, false);
            dot(rgb, x, bottom - thick, white, false);
        }
        for (int y = top; y <= bottom; y++) {
            dot(rgb, left + thick, y, white, false);
            dot(rgb, right - thick, y, white, false);
        }
    }
}

static void draw_bar(struct bv_pixels *panel, int y, int zoom)
{
    const int width = panel->width - 2 * MARGIN;
    for (int x = 0; x < width; x++) {
        float colour[3];
        uint8_t c[3];
        colour_of((double)x / (width - 1), colour);
        for (int k = 0; k < 3; k++)
            c[k] = (uint8_t)colour[k];
        for (int k = 0; k < BAR * zoom; k++)
            dot(panel, MARGIN + x, y + k, c, false);
    }
}

struct writer {
    struct bv_pixels *panel;
    int y, zoom;
};

static void write_line(struct writer *w, const uint8_t *colour, const char *text)
{
    char cut[512];
    const int fit = bv_letters_that_fit(w->panel->width - 2 * MARGIN, w->zoom);
    (void)snprintf(cut, sizeof cut, "%.*s", fit > 0 ? fit : 0, text);
    bv_draw_text(w->panel, MARGIN, w->y, w->zoom, colour, cut);
    w->y += (BV_LETTER_HEIGHT + 3) * w->zoom;
}

static void write_panel(const struct bv_explanation *e, size_t i, const char *title,
                        const double scale[2], struct writer *w)
{
    char text[512];
    const struct bv_text_map *t = &e->texts[i];
    write_line(w, amber, "Research only, not for diagnosis");
    (void)snprintf(text, sizeof text, "%s, %lld x %lld cells, enlarged bilinearly", e->method->name,
                   (long long)e->maps.w, (long long)e->maps.h);
    write_line(w, white, title);
    write_line(w, white, text);
    draw_bar(w->panel, w->y, w->zoom);
    w->y += (BAR + 4) * w->zoom;
    (void)snprintf(text, sizeof text, "%s from %.4g to %.4g", e->method->unit, scale[0], scale[1]);
    write_line(w, white, text);
    (void)snprintf(text, sizeof text, "peak %.4g, score %.4g", t->peak, t->score);
    write_line(w, white, text);
    if (e->n_neutral > 0 && !e->method->class_agnostic)
        (void)snprintf(text, sizeof text, "neutral texts reach %.4g: %s", e->null_peak,
                       t->nothing ? "nothing here" : "above");
    else
        (void)snprintf(text, sizeof text, "%s",
                       e->method->class_agnostic ? "the same map for every text"
                                                 : "no neutral texts to compare with");
    write_line(w, t->nothing ? amber : white, text);
}

static enum bv_status draw_map(const struct bv_explanation *e, size_t i, const double scale[2],
                               struct bv_pixels *shown, struct bv_error *err)
{
    float *map = malloc((size_t)e->width * (size_t)e->height * sizeof *map);
    if (!map)
        return bv_fail_nomem(err, "a picture");
    bv_explanation_spread(e, i, false, map);
    lay_map(e, map, scale[0], scale[1], shown);
    free(map);
    draw_grid(e, shown);
    for (size_t k = 0; k < e->texts[i].n_boxes; k++)
        draw_box(e, &e->texts[i].boxes[k], shown);
    return BV_OK;
}

// The panel under the radiograph, in one picture.
static enum bv_status join(const struct bv_pixels *shown, const struct bv_pixels *panel,
                           struct bv_pixels *rgb, struct bv_error *err)
{
    BV_TRY(
        bv_pixels_create(rgb, panel->width, shown->height + panel->height, 3, BV_SAMPLE_U8, err));
    const size_t row = 3 * (size_t)rgb->width, part = 3 * (size_t)shown->width;
    uint8_t *to = rgb->data;
    memset(to, 0, bv_pixels_samples(rgb));
    for (int y = 0; y < shown->height; y++)
        memcpy(to + (size_t)y * row, (const uint8_t *)shown->data + (size_t)y * part, part);
    memcpy(to + (size_t)shown->height * row, panel->data, bv_pixels_samples(panel));
    return BV_OK;
}

enum bv_status bv_explanation_draw(const struct bv_explanation *e, size_t i,
                                   const struct bv_image *image, const char *title, int longest,
                                   struct bv_pixels *rgb, struct bv_error *err)
{
    struct bv_pixels shown = {0}, panel = {0};
    double scale[2];
    bv_explanation_scale(e, i, &scale[0], &scale[1]);
    BV_TRY(bv_image_shown(image, longest, &shown, err));
    enum bv_status status = draw_map(e, i, scale, &shown, err);
    const int width = shown.width > LEAST_WIDTH ? shown.width : LEAST_WIDTH;
    const int zoom = width >= 2 * LEAST_WIDTH ? 2 : 1;
    if (status == BV_OK)
        status = bv_pixels_create(&panel, width, LINES * (BV_LETTER_HEIGHT + 3) * zoom + 2 * MARGIN,
                                  3, BV_SAMPLE_U8, err);
    if (status == BV_OK) {
        struct writer w = {&panel, MARGIN, zoom};
        memset(panel.data, 0, bv_pixels_samples(&panel));
        write_panel(e, i, title, scale, &w);
        status = join(&shown, &panel, rgb, err);
    }
    bv_pixels_free(&panel);
    bv_pixels_free(&shown);
    return status;
}

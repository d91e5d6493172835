#include "retrieval/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/c_locale.h"
#include "base/encoding.h"
#include "image/pixels.h"
#include "image/png_writer.h"

enum { COLUMNS = 6, GAP = 8, ZOOM = 2, MAX_HITS = 600 };

// Text of the page.

static void put_escaped(FILE *out, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '<':
            (void)fputs("&lt;", out);
            break;
        case '>':
            (void)fputs("&gt;", out);
            break;
        case '&':
            (void)fputs("&amp;", out);
            break;
        case '"':
            (void)fputs("&quot;", out);
            break;
        default:
            (void)fputc(*text, out);
        }
    }
}

static enum bv_status put_hit(FILE *out, struct bv_store *store, const struct bv_hit *hit,
                              size_t rank, struct bv_error *err)
{
    struct bv_arena arena = {0};
    const void *image = NULL;
    size_t size = 0;
    enum bv_status status =
        bv_store_thumbnail(store, hit->entry.kind, hit->entry.row, &arena, &image, &size, err);
    if (status == BV_OK) {
        struct bv_c_locale scope = bv_c_locale_enter();
        (void)fprintf(out, "<article><h2>%zu <small>%.4f</small></h2>\n", rank, (double)hit->score);
        bv_c_locale_leave(&scope);
        char *picture = image ? bv_arena_alloc(&arena, BV_BASE64_SIZE(size) + 1) : NULL;
        if (picture) {
            bv_base64_encode(image, size, picture);
            (void)fprintf(out, "<img alt=\"\" src=\"data:image/png;base64,%s\">\n", picture);
        }
        (void)fputs("<code>", out);
        put_escaped(out, hit->entry.id);
        (void)fputs("</code>\n<p class=\"m\">", out);
        put_escaped(out, hit->entry.metadata);
        (void)fputs("</p>\n<p>", out);
        put_escaped(out, hit->entry.report);
        (void)fputs("</p></article>\n", out);
    }
    bv_arena_free(&arena);
    return status;
}

static const char page_head[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
    "style-src 'unsafe-inline'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n<title>biovl "
    "search</title>\n<style>\n"
    "body{font:15px/1.45 system-ui,sans-serif;margin:1.5rem;background:#111;color:#ddd}\n"
    "h1{font-size:1.1rem;font-weight:500}main{display:grid;gap:1rem;"
    "grid-template-columns:repeat(auto-fill,minmax(15rem,1fr))}\n"
    "article{background:#1c1c1c;padding:.8rem;border-radius:6px;overflow-wrap:anywhere}\n"
    "img{width:100%;image-rendering:auto;background:#000}h2{font-size:1rem;margin:0 0 .4rem}\n"
    "small{font-weight:400;color:#9a9}code{font-size:.75rem;color:#888}.m{color:#999;"
    "font-size:.8rem;margin:.3rem 0}footer{color:#777;margin-top:1rem}\n"
    "</style></head><body>\n<h1>";

enum bv_status bv_sheet_html(struct bv_store *store, const char *title, const struct bv_hit *hits,
                             size_t n, char **text, size_t *size, struct bv_error *err)
{
    char *page = NULL;
    size_t page_size = 0;
    FILE *out = open_memstream(&page, &page_size);
    if (!out)
        return bv_fail_nomem(err, "a page");
    enum bv_status status = BV_OK;
    (void)fputs(page_head, out);
    put_escaped(out, title);
    (void)fputs("</h1>\n<main>\n", out);
    for (size_t i = 0; i < n && status == BV_OK; i++)
        status = put_hit(out, store, &hits[i], i + 1, err);
    (void)fputs("</main>\n<footer>For research; not a medical device.</footer>\n</body></html>\n",
                out);
    bool bad = ferror(out) != 0;
    if ((fclose(out) != 0 || bad) && status == BV_OK)
        status = bv_fail_nomem(err, "a page");
    if (status == BV_OK) {
        *text = page;
        *size = page_size;
    } else {
        free(page);
    }
    return status;
}

// The picture.

// Centred in a square field of side; a gray field when there is no thumbnail.
static enum bv_status draw_thumbnail(struct bv_pixels *c, struct bv_store *store,
                                     const struct bv_hit *hit, int x, int y, int side,
                                     struct bv_error *err)
{
    struct bv_arena arena = {0};
    const void *bytes = NULL;
    size_t size = 0;
    struct bv_image *image = NULL;
    enum bv_status status =
        bv_store_thumbnail(store, hit->entry.kind, hit->entry.row, &arena, &bytes, &size, err);
    if (status == BV_OK && bytes)
        status = bv_image_decode(bytes, size, "a thumbnail", NULL, &image, err);
    for (int i = 0; i < side && status == BV_OK && !image; i++)
        memset((uint8_t *)c->data + (size_t)(y + i) * (size_t)c->width + (size_t)x, 48,
               (size_t)side);
    if (image && image->sample == BV_SAMPLE_U8 && image->channels == 1 && image->width <= side &&
        image->height <= side) {
        int left = x + (side - image->width) / 2, top = y + (side - image->height) / 2;
        for (int i = 0; i < image->height; i++)
            memcpy((uint8_t *)c->data + (size_t)(top + i) * (size_t)c->width + (size_t)left,
                   (const uint8_t *)image->pixels + (size_t)i * (size_t)image->width,
                   (size_t)image->width);
    }
    bv_image_free(&image);
    bv_arena_free(&arena);
    return status;
}

enum bv_status bv_sheet_png(struct bv_store *store, const struct bv_hit *hits, size_t n,
                            uint8_t **bytes, size_t *size, struct bv_error *err)
{
    int side = bv_store_info(store)->thumbnail;
    if (side < 64)
        side = 128;
    if (n > MAX_HITS)
        n = MAX_HITS;
    int columns = n < COLUMNS ? (n > 0 ? (int)n : 1) : COLUMNS;
    int rows = n > 0 ? ((int)n + columns - 1) / columns : 1;
    int line = BV_LETTER_HEIGHT * ZOOM + GAP, cell = side + line + GAP;
    static const uint8_t light[] = {220};
    struct bv_pixels c = {0};
    BV_TRY(bv_pixels_create(&c, GAP + columns * (side + GAP), GAP + rows * cell, 1, BV_SAMPLE_U8,
                            err));
    memset(c.data, 17, bv_pixels_samples(&c));
    enum bv_status status = BV_OK;
    for (size_t i = 0; i < n && status == BV_OK; i++) {
        int x = GAP + (int)i % columns * (side + GAP), y = GAP + (int)i / columns * cell;
        char label[32];
        status = draw_thumbnail(&c, store, &hits[i], x, y, side, err);
        struct bv_c_locale scope = bv_c_locale_enter();
        (void)snprintf(label, sizeof label, "%zu %.3f", i + 1, (double)hits[i].score);
        bv_c_locale_leave(&scope);
        bv_draw_text(&c, x, y + side + GAP / 2, ZOOM, light, label);
    }
    if (status == BV_OK)
        status = bv_png_encode(c.data, c.width, c.height, 1, bytes, size, err);
    bv_pixels_free(&c);
    return status;
}

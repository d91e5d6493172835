#include "image/pixels.h"

#include <stddef.h>

// Rows from the top, the left dot is bit 4.
static const struct {
    char c;
    uint8_t rows[BV_LETTER_HEIGHT];
} glyphs[] = {
    {'0', {14, 17, 19, 21, 25, 17, 14}}, {'1', {4, 12, 4, 4, 4, 4, 14}},
    {'2', {14, 17, 1, 2, 4, 8, 31}},     {'3', {31, 2, 4, 2, 1, 17, 14}},
    {'4', {2, 6, 10, 18, 31, 2, 2}},     {'5', {31, 16, 30, 1, 1, 17, 14}},
    {'6', {6, 8, 16, 30, 17, 17, 14}},   {'7', {31, 1, 2, 4, 8, 8, 8}},
    {'8', {14, 17, 17, 14, 17, 17, 14}}, {'9', {14, 17, 17, 15, 1, 2, 12}},
    {'A', {14, 17, 17, 31, 17, 17, 17}}, {'B', {30, 17, 17, 30, 17, 17, 30}},
    {'C', {14, 17, 16, 16, 16, 17, 14}}, {'D', {30, 17, 17, 17, 17, 17, 30}},
    {'E', {31, 16, 16, 30, 16, 16, 31}}, {'F', {31, 16, 16, 30, 16, 16, 16}},
    {'G', {14, 17, 16, 23, 17, 17, 15}}, {'H', {17, 17, 17, 31, 17, 17, 17}},
    {'I', {14, 4, 4, 4, 4, 4, 14}},      {'J', {7, 2, 2, 2, 2, 18, 12}},
    {'K', {17, 18, 20, 24, 20, 18, 17}}, {'L', {16, 16, 16, 16, 16, 16, 31}},
    {'M', {17, 27, 21, 21, 17, 17, 17}}, {'N', {17, 25, 21, 19, 17, 17, 17}},
    {'O', {14, 17, 17, 17, 17, 17, 14}}, {'P', {30, 17, 17, 30, 16, 16, 16}},
    {'Q', {14, 17, 17, 17, 21, 18, 13}}, {'R', {30, 17, 17, 30, 20, 18, 17}},
    {'S', {15, 16, 16, 14, 1, 1, 30}},   {'T', {31, 4, 4, 4, 4, 4, 4}},
    {'U', {17, 17, 17, 17, 17, 17, 14}}, {'V', {17, 17, 17, 17, 17, 10, 4}},
    {'W', {17, 17, 17, 21, 21, 27, 17}}, {'X', {17, 17, 10, 4, 10, 17, 17}},
    {'Y', {17, 17, 10, 4, 4, 4, 4}},     {'Z', {31, 1, 2, 4, 8, 16, 31}},
    {'.', {0, 0, 0, 0, 0, 12, 12}},      {',', {0, 0, 0, 0, 12, 4, 8}},
    {'-', {0, 0, 0, 31, 0, 0, 0}},       {'_', {0, 0, 0, 0, 0, 0, 31}},
    {':', {0, 12, 12, 0, 12, 12, 0}},    {';', {0, 12, 12, 0, 12, 4, 8}},
    {'/', {1, 1, 2, 4, 8, 16, 16}},      {'+', {0, 4, 4, 31, 4, 4, 0}},
    {'(', {2, 4, 8, 8, 8, 4, 2}},        {')', {8, 4, 2, 2, 2, 4, 8}},
    {'<', {2, 4, 8, 16, 8, 4, 2}},       {'>', {8, 4, 2, 1, 2, 4, 8}},
    {'=', {0, 0, 31, 0, 31, 0, 0}},      {'%', {24, 25, 2, 4, 8, 19, 3}},
    {'&', {12, 18, 20, 8, 21, 18, 13}},  {'\'', {4, 4, 8, 0, 0, 0, 0}},
    {' ', {0, 0, 0, 0, 0, 0, 0}},        {'?', {14, 17, 1, 2, 4, 0, 4}},
};

static const uint8_t *glyph_of(char c)
{
    size_t n = sizeof glyphs / sizeof *glyphs;
    if (c >= 'a' && c <= 'z')
        c = (char)(c - 'a' + 'A');
    for (size_t i = 0; i < n; i++) {
        if (glyphs[i].c == c)
            return glyphs[i].rows;
    }
    return glyphs[n - 1].rows;
}

static void draw(struct bv_pixels *p, int x, int y, int zoom, const uint8_t *color,
                 const uint8_t *rows)
{
    for (int i = 0; i < BV_LETTER_HEIGHT * zoom && y + i < p->height; i++) {
        for (int j = 0; j < BV_LETTER_WIDTH * zoom && x + j < p->width; j++) {
            if (!(rows[i / zoom] >> (BV_LETTER_WIDTH - 1 - j / zoom) & 1))
                continue;
            size_t at = (size_t)(y + i) * (size_t)p->width + (size_t)(x + j);
            for (int c = 0; c < p->channels; c++)
                ((uint8_t *)p->data)[at * (size_t)p->channels + (size_t)c] = color[c];
        }
    }
}

void bv_draw_text(struct bv_pixels *picture, int x, int y, int zoom, const uint8_t *color,
                  const char *text)
{
    for (; *text && x < picture->width; text++) {
        if (((unsigned char)*text & 0xc0) == 0x80)
            continue; // the further bytes of a character that became one question mark
        draw(picture, x, y, zoom, color, glyph_of(*text));
        x += (BV_LETTER_WIDTH + 1) * zoom;
    }
}

int bv_letters_that_fit(int width, int zoom)
{
    return (width + zoom) / ((BV_LETTER_WIDTH + 1) * zoom);
}

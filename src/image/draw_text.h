// draw_text.h: words and numbers drawn into pictures.
#ifndef BV_IMAGE_DRAW_TEXT_H
#define BV_IMAGE_DRAW_TEXT_H

#include "image/pixels.h"

enum { BV_LETTER_WIDTH = 5, BV_LETTER_HEIGHT = 7 }; // dots; letters stand one dot apart

// Writes text in dots of zoom × zoom pixels with the left upper corner at x, y ≥ 0 of a U8 picture;
// color has one value per channel. Small letters become capitals, what has no glyph a question
// mark; what lies outside is cut off.
void bv_draw_text(struct bv_pixels *picture, int x, int y, int zoom, const uint8_t *color,
                  const char *text);

// How many letters of a zoom fit a width.
int bv_letters_that_fit(int width, int zoom);

#endif

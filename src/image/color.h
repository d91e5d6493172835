// color.h: colour to gray in the exact arithmetic of the libraries that models were trained with.
#ifndef BV_IMAGE_COLOR_H
#define BV_IMAGE_COLOR_H

#include <stddef.h>
#include <stdint.h>

// n pixels of R, G, B to n gray values. Each is BT.601 luma; they differ in rounding.
void bv_gray_pillow(const uint8_t *rgb, uint8_t *gray, size_t n); // Image.convert("L")
void bv_gray_opencv(const uint8_t *rgb, uint8_t *gray, size_t n); // cvtColor(RGB2GRAY)
void bv_gray_libpng(const uint8_t *rgb, uint8_t *gray, size_t n); // imread(png, 0)

// The same for one 16-bit pixel, rounded to nearest.
uint16_t bv_gray_16(uint16_t r, uint16_t g, uint16_t b);

#endif

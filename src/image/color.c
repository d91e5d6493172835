#include "image/gray.h"

// Pillow's L24: 16-bit weights, half added.
void bv_gray_pillow(const uint8_t *rgb, uint8_t *gray, size_t n)
{
    for (size_t i = 0; i < n; i++, rgb += 3)
        gray[i] = (uint8_t)((rgb[0] * 19595U + rgb[1] * 38470U + rgb[2] * 7471U + 0x8000U) >> 16);
}

// OpenCV 4: 15-bit weights.
void bv_gray_opencv(const uint8_t *rgb, uint8_t *gray, size_t n)
{
    for (size_t i = 0; i < n; i++, rgb += 3)
        gray[i] = (uint8_t)((rgb[0] * 9798U + rgb[1] * 19235U + rgb[2] * 3735U + 0x4000U) >> 15);
}

// png_set_rgb_to_gray(…, 0.299, 0.587): 15-bit weights, truncated twice; equal components
// are copied.
void bv_gray_libpng(const uint8_t *rgb, uint8_t *gray, size_t n)
{
    for (size_t i = 0; i < n; i++, rgb += 3) {
        if (rgb[0] == rgb[1] && rgb[0] == rgb[2])
            gray[i] = rgb[0];
        else
            gray[i] = (uint8_t)((rgb[0] * 9797U + rgb[1] * 19234U + rgb[2] * 3737U) >> 15);
    }
}

uint16_t bv_gray_16(uint16_t r, uint16_t g, uint16_t b)
{
    return (uint16_t)((r * 19595U + (uint64_t)g * 38470U + b * 7471U + 0x8000U) >> 16);
}

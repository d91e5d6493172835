// window.h: where the pixels of a convolution's windows are.
#ifndef BV_CPU_WINDOW_H
#define BV_CPU_WINDOW_H

#include "graph/graph.h"

// The image that a conv2d node reads, as words of 32 bits (two pixels' channels in bf16).
struct bv_cpu_windows {
    const struct bv_node *node;
    const float *image, *zeros;      // zeros: a pixel outside the image
    int64_t height, width, channels; // channels: words from one pixel to the next
    int64_t taps_h, taps_w;
};

// Tap t of result first + k at to[t·n + k], 0 ≤ k < n: a pixel of the image, or zeros. source is a
// struct bv_cpu_windows; results are counted through all images, line by line.
void bv_cpu_point_pixels(const void *source, int64_t first, int64_t n, const float **to);

#endif

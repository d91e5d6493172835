#include "explain/mask.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct range {
    float least, width; // width 0: constant, or nothing but NaN
};

static struct range range_of(const float *map, size_t n)
{
    float least = INFINITY, largest = -INFINITY;
    for (size_t k = 0; k < n; k++) {
        least = map[k] < least ? map[k] : least;
        largest = map[k] > largest ? map[k] : largest;
    }
    const float width = largest - least;
    return (struct range){least, isfinite(width) && width > 0 ? width : 0};
}

void bv_mask_above(const float *map, size_t n, double threshold, uint8_t *mask)
{
    const struct range r = range_of(map, n);
    for (size_t k = 0; k < n; k++)
        mask[k] = r.width > 0 && (double)((map[k] - r.least) / r.width) > threshold;
}

// ---- Otsu's threshold ----

enum { LEVELS = 256 };

// As OpenCV computes it: the first of the largest variances between the two classes.
static int otsu(const size_t counts[LEVELS], size_t n)
{
    const double scale = 1.0 / (double)n;
    double mean = 0, mean1 = 0, share1 = 0, largest = 0;
    int best = 0;
    for (int i = 0; i < LEVELS; i++)
        mean += i * (double)counts[i];
    mean *= scale;
    for (int i = 0; i < LEVELS; i++) {
        const double share = (double)counts[i] * scale;
        mean1 *= share1;
        share1 += share;
        const double share2 = 1 - share1;
        if (fmin(share1, share2) < (double)FLT_EPSILON ||
            fmax(share1, share2) > 1 - (double)FLT_EPSILON)
            continue;
        mean1 = (mean1 + i * share) / share1;
        const double mean2 = (mean - share1 * mean1) / share2;
        const double variance = share1 * share2 * (mean1 - mean2) * (mean1 - mean2);
        if (variance > largest) {
            largest = variance;
            best = i;
        }
    }
    return best;
}

static int mark(const float *map, size_t n, uint8_t *mask)
{
    const struct range r = range_of(map, n);
    size_t counts[LEVELS] = {0}, valued = 0;
    memset(mask, 0, n);
    if (!(r.width > 0))
        return 0;
    for (size_t k = 0; k < n; k++) {
        if (isnan(map[k]))
            continue;
        mask[k] = (uint8_t)(255 * ((map[k] - r.least) / r.width));
        counts[mask[k]]++;
        valued++;
    }
    const int level = otsu(counts, valued);
    for (size_t k = 0; k < n; k++)
        mask[k] = mask[k] > level;
    return level;
}

// ---- What contours drawn as filled polygons leave and drop ----

enum { OUTSIDE = 2 };

struct plane {
    uint8_t *at;
    int height, width;
    uint32_t *stack; // [height · width]
};

// The unmarked pixels that are connected with pixel k by their sides become OUTSIDE.
static void flood(const struct plane *p, size_t k)
{
    const size_t W = (size_t)p->width, H = (size_t)p->height;
    size_t n = 0;
    if (p->at[k] != 0)
        return;
    p->at[k] = OUTSIDE;
    p->stack[n++] = (uint32_t)k;
    while (n) {
        const size_t from = p->stack[--n], x = from % W, y = from / W;
        const size_t next[4] = {x > 0 ? from - 1 : from, x + 1 < W ? from + 1 : from,
                                y > 0 ? from - W : from, y + 1 < H ? from + W : from};
        for (int i = 0; i < 4; i++)
            if (p->at[next[i]] == 0) {
                p->at[next[i]] = OUTSIDE;
                p->stack[n++] = (uint32_t)next[i];
            }
    }
}

static void fill_holes(const struct plane *p)
{
    const size_t W = (size_t)p->width, H = (size_t)p->height;
    for (size_t x = 0; x < W; x++) {
        flood(p, x);
        flood(p, (H - 1) * W + x);
    }
    for (size_t y = 0; y < H; y++) {
        flood(p, y * W);
        flood(p, y * W + W - 1);
    }
    for (size_t k = 0; k < H * W; k++)
        p->at[k] = p->at[k] != OUTSIDE;
}

static bool is_alone(const struct plane *p, int y, int x)
{
    for (int v = y > 0 ? y - 1 : 0; v <= y + 1 && v < p->height; v++)
        for (int u = x > 0 ? x - 1 : 0; u <= x + 1 && u < p->width; u++)
            if ((v != y || u != x) && p->at[(size_t)v * (size_t)p->width + (size_t)u])
                return false;
    return true;
}

static void drop_single_pixels(const struct plane *p)
{
    for (int y = 0; y < p->height; y++)
        for (int x = 0; x < p->width; x++) {
            uint8_t *at = &p->at[(size_t)y * (size_t)p->width + (size_t)x];
            if (*at && is_alone(p, y, x))
                *at = 0;
        }
}

enum bv_status bv_mask_otsu(const float *map, int height, int width, uint8_t *mask, int *level,
                            struct bv_error *err)
{
    const size_t n = (size_t)height * (size_t)width;
    struct plane plane = {mask, height, width, malloc(n * sizeof *plane.stack)};
    if (!plane.stack)
        return bv_fail_nomem(err, "a mask");
    const int found = mark(map, n, mask);
    if (level)
        *level = found;
    fill_holes(&plane);
    drop_single_pixels(&plane);
    free(plane.stack);
    return BV_OK;
}

#include "explain/mask.h"

#include <stdlib.h>
#include <string.h>

void bv_mask_runs_free(struct bv_mask_runs *runs)
{
    free(runs->lengths);
    *runs = (struct bv_mask_runs){0};
}

static enum bv_status check_size(int height, int width, struct bv_error *err)
{
    if (height < 1 || width < 1 || height > BV_MASK_MAX_SIDE || width > BV_MASK_MAX_SIDE ||
        (size_t)height * (size_t)width > BV_MASK_MAX_PIXELS)
        return bv_fail(err, BV_ERR_LIMIT, "a mask of %d × %d pixels", width, height);
    return BV_OK;
}

// ---- Pixels ----

// Walks down the columns; lengths NULL: counts the runs only.
static size_t find_runs(const uint8_t *mask, size_t H, size_t W, uint32_t *lengths)
{
    size_t n = 0;
    uint32_t length = 0;
    uint8_t now = 0;
    for (size_t x = 0; x < W; x++)
        for (size_t y = 0; y < H; y++) {
            if ((mask[y * W + x] != 0) != now) {
                if (lengths)
                    lengths[n] = length;
                n++;
                length = 0;
                now = !now;
            }
            length++;
        }
    if (lengths)
        lengths[n] = length;
    return n + 1;
}

enum bv_status bv_mask_runs_make(struct bv_mask_runs *runs, const uint8_t *mask, int height,
                                 int width, struct bv_error *err)
{
    BV_TRY(check_size(height, width, err));
    const size_t n = find_runs(mask, (size_t)height, (size_t)width, NULL);
    uint32_t *lengths = malloc(n * sizeof *lengths);
    if (!lengths)
        return bv_fail_nomem(err, "a mask");
    (void)find_runs(mask, (size_t)height, (size_t)width, lengths);
    *runs = (struct bv_mask_runs){height, width, lengths, n};
    return BV_OK;
}

void bv_mask_runs_fill(const struct bv_mask_runs *runs, uint8_t *mask)
{
    const size_t H = (size_t)runs->height, W = (size_t)runs->width;
    size_t k = 0;
    for (size_t i = 0; i < runs->n; i++)
        for (uint32_t left = runs->lengths[i]; left > 0; left--, k++)
            mask[k % H * W + k / H] = i % 2;
}

// ---- Text ----

// One number of at most 32 bits; NULL where the text is none.
static const char *read_number(const char *text, int64_t *value)
{
    uint64_t bits = 0;
    for (int shift = 0; shift < 35; shift += 5) {
        const unsigned c = (unsigned char)*text++;
        if (c < 48 || c > 111)
            return NULL;
        const unsigned five = c - 48;
        bits |= (uint64_t)(five & 31) << shift;
        if (five & 32)
            continue;
        if (five & 16)
            bits |= ~UINT64_C(0) << (shift + 5);
        *value = (int64_t)bits;
        return text;
    }
    return NULL;
}

enum bv_status bv_mask_runs_parse(struct bv_mask_runs *runs, const char *text, int height,
                                  int width, struct bv_error *err)
{
    BV_TRY(check_size(height, width, err));
    const int64_t pixels = (int64_t)height * width;
    const size_t most = strlen(text); // a character at least for each
    struct bv_mask_runs made = {height, width, NULL, 0};
    int64_t sum = 0, value = 0;
    made.lengths = malloc((most + 1) * sizeof *made.lengths);
    if (!made.lengths)
        return bv_fail_nomem(err, "a mask");
    while (text && *text) {
        text = read_number(text, &value);
        if (text && made.n > 2)
            value += made.lengths[made.n - 2];
        if (!text || value < 0 || value > pixels - sum)
            break;
        made.lengths[made.n++] = (uint32_t)value;
        sum += value;
    }
    if (!text || *text || sum != pixels) {
        bv_mask_runs_free(&made);
        return bv_fail(err, BV_ERR_FORMAT, "runs that do not make %d × %d pixels", width, height);
    }
    *runs = made;
    return BV_OK;
}

char *bv_mask_runs_format(const struct bv_mask_runs *runs)
{
    enum { MOST = 7 }; // characters of one run
    char *text = malloc(runs->n * MOST + 1), *end = text;
    if (!text)
        return NULL;
    for (size_t i = 0; i < runs->n; i++) {
        int64_t value = runs->lengths[i];
        bool more = true;
        if (i > 2)
            value -= runs->lengths[i - 2];
        while (more) {
            const int64_t five = value & 31;
            value = (value - five) / 32; // rounds down, below 0 as well
            more = five & 16 ? value != -1 : value != 0;
            *end++ = (char)(48 + five + (more ? 32 : 0));
        }
    }
    *end = 0;
    return text;
}

// ---- Questions ----

size_t bv_mask_runs_area(const struct bv_mask_runs *runs)
{
    size_t area = 0;
    for (size_t i = 1; i < runs->n; i += 2)
        area += runs->lengths[i];
    return area;
}

size_t bv_mask_runs_overlap(const struct bv_mask_runs *a, const struct bv_mask_runs *b)
{
    size_t i = 0, k = 0, both = 0;
    uint32_t left_a = a->n ? a->lengths[0] : 0, left_b = b->n ? b->lengths[0] : 0;
    while (i < a->n && k < b->n) {
        const uint32_t step = left_a < left_b ? left_a : left_b;
        both += i % 2 && k % 2 ? step : 0;
        left_a -= step;
        left_b -= step;
        if (!left_a && ++i < a->n)
            left_a = a->lengths[i];
        if (!left_b && ++k < b->n)
            left_b = b->lengths[k];
    }
    return both;
}

// Whether one of the pixels first … last, counted down the columns, is marked.
static bool has_any(const struct bv_mask_runs *runs, size_t first, size_t last)
{
    size_t begin = 0;
    for (size_t i = 0; i < runs->n && begin <= last; i++) {
        const size_t end = begin + runs->lengths[i];
        if (i % 2 && begin < end && end > first)
            return true;
        begin = end;
    }
    return false;
}

bool bv_mask_runs_near(const struct bv_mask_runs *runs, int row, int column, int squared_distance)
{
    for (int x = 0; x < runs->width; x++) {
        const int64_t dx = x - column, room = squared_distance - dx * dx;
        int dy = -1; // the largest with dy² below what is left
        while ((int64_t)(dy + 1) * (dy + 1) < room)
            dy++;
        const int top = row - dy > 0 ? row - dy : 0;
        const int bottom = row + dy < runs->height - 1 ? row + dy : runs->height - 1;
        const size_t start = (size_t)x * (size_t)runs->height;
        if (dy >= 0 && top <= bottom && has_any(runs, start + (size_t)top, start + (size_t)bottom))
            return true;
    }
    return false;
}

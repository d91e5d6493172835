// Weights to panels, activations to words.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/product.h"

const char bv_cpu_panels_key[] = "panels of ";

size_t bv_cpu_packed_size(enum bv_cpu_format format, int64_t N, int64_t K)
{
    int64_t panel = bv_cpu_isa()->panel;
    int64_t rows = K / bv_cpu_channels_per_word(format) + (format == BV_CPU_INT8 ? 2 : 0);
    return (size_t)((N + panel - 1) / panel * panel * rows);
}

// N rows of `words` words each to panels of `rows` rows.
static void pack_words(const float *w, int64_t N, int64_t words, int64_t rows, float *panels)
{
    const struct bv_cpu_isa *isa = bv_cpu_isa();
    const float *row[64];
    for (int64_t n = 0; n < N; n += isa->panel, panels += isa->panel * rows) {
        int columns = N - n < isa->panel ? (int)(N - n) : isa->panel;
        for (int j = 0; j < columns; j++)
            row[j] = w + (n + j) * words;
        isa->pack(row, columns, words, panels);
    }
}

void bv_cpu_pack(const float *w, int64_t N, int64_t K, float *panels)
{
    pack_words(w, N, K, K, panels);
}

struct packing {
    enum bv_cpu_format format;
    const float *w;   // [groups · N, K] f32
    float *converted; // room for as many rows in the format's words
    int64_t groups, N, K;
};

// A row of weights as four signed bytes a word: w = scale · byte. Returns 128 Σ bytes.
static int32_t quantize_row(const float *w, int64_t K, float scale, float *words)
{
    int32_t sum = 0;
    float inverse = scale > 0 ? 1 / scale : 0;
    signed char *to = (signed char *)words;
    for (int64_t k = 0; k < K; k++) {
        int q = (int)lrintf(w[k] * inverse);
        to[k] = (signed char)(q > 127 ? 127 : q < -127 ? -127 : q);
        sum += to[k];
    }
    return 128 * sum;
}

static void pack_bytes(const struct packing *p, const float *w, float *panels)
{
    const struct bv_cpu_isa *isa = bv_cpu_isa();
    int64_t words = p->K / 4, rows = words + 2;
    for (int64_t n = 0; n < p->N; n++) {
        float *after = panels + (n / isa->panel * rows + words) * isa->panel + n % isa->panel;
        float scale = isa->magnitude(w + n * p->K, p->K) / 127;
        int32_t correction = -quantize_row(w + n * p->K, p->K, scale, p->converted + n * words);
        after[0] = scale;
        memcpy(after + isa->panel, &correction, sizeof correction);
    }
    pack_words(p->converted, p->N, words, rows, panels);
}

static void pack_groups(void *arg, void *memory)
{
    const struct packing *p = arg;
    struct bv_cpu_panels *panels = memory;
    panels->format = p->format;
    panels->group_size = bv_cpu_packed_size(p->format, p->N, p->K);
    if (p->format == BV_CPU_INT8) // columns that do not exist: scale and correction 0
        memset(panels->words, 0, (size_t)p->groups * panels->group_size * sizeof(float));
    for (int64_t g = 0; g < p->groups; g++) {
        const float *w = p->w + g * p->N * p->K;
        float *to = panels->words + (size_t)g * panels->group_size;
        if (p->format == BV_CPU_INT8) {
            pack_bytes(p, w, to);
        } else if (p->format == BV_CPU_BF16) {
            bv_cpu_isa()->to_bf16(w, p->N * p->K, p->converted);
            pack_words(p->converted, p->N, p->K / 2, p->K / 2, to);
        } else {
            bv_cpu_pack(w, p->N, p->K, to);
        }
    }
}

static enum bv_status pack_weight(struct packing *p, const struct bv_tensor *weight,
                                  const char *key, struct bv_weights *weights,
                                  const void **prepared, struct bv_error *err)
{
    float *copy = NULL; // of what is not f32 in memory already
    enum bv_status status = BV_OK;
    p->w = weight->data;
    if (weight->recipe || weight->dtype != BV_F32 || (uintptr_t)weight->data % sizeof(float)) {
        p->w = copy = malloc((size_t)bv_elements(weight) * sizeof *copy);
        if (copy)
            bv_weights_read(weights, weight, copy);
    }
    if (p->format != BV_CPU_F32)
        p->converted = malloc((size_t)(p->N * p->K) * sizeof *p->converted / 2);
    if (!p->w || (p->format != BV_CPU_F32 && !p->converted))
        status = bv_fail_nomem(err, weight->name);
    size_t words = (size_t)p->groups * bv_cpu_packed_size(p->format, p->N, p->K);
    if (status == BV_OK)
        status =
            bv_weights_derive(weights, key, sizeof(struct bv_cpu_panels) + words * sizeof(float),
                              pack_groups, p, prepared, err);
    free(copy);
    free(p->converted);
    return status;
}

enum bv_status bv_cpu_prepare_panels(const struct bv_tensor *weight, int64_t groups,
                                     enum bv_cpu_format format, struct bv_weights *weights,
                                     const void **prepared, struct bv_error *err)
{
    *prepared = NULL;
    if (weight->role != BV_ROLE_WEIGHT)
        return BV_OK;
    if (format == BV_CPU_INT8 && bv_weights_kept(weights, weight->name))
        format = BV_CPU_BF16;
    char key[1800];
    (void)snprintf(key, sizeof key, "%s%d, format %d, %lld groups: %s", bv_cpu_panels_key,
                   bv_cpu_isa()->panel, (int)format, (long long)groups, weight->name);
    const void *found = bv_weights_derived(weights, key);
    if (found) {
        *prepared = found;
        return BV_OK;
    }
    struct packing p = {.format = format, .groups = groups, .N = weight->dim[0] / groups};
    p.K = bv_elements(weight) / weight->dim[0];
    enum bv_status status = pack_weight(&p, weight, key, weights, prepared, err);
    bv_weights_let_go(weights, weight);
    return status;
}

struct conversion {
    enum bv_cpu_format format;
    const float *x;
    int64_t rows, channels, share, pieces;
    float *out, *scale;
};

// Piece i of the rows.
static void row_range(const struct conversion *c, size_t i, int64_t *first, int64_t *last)
{
    *first = c->rows * (int64_t)i / c->pieces;
    *last = c->rows * ((int64_t)i + 1) / c->pieces;
}

static void measure_piece(void *arg, size_t i)
{
    const struct conversion *c = arg;
    int64_t first, last;
    row_range(c, i, &first, &last);
    for (int64_t r = first; r < last; r++)
        c->scale[r] = bv_cpu_isa()->magnitude(c->x + r * c->channels, c->channels) / 127;
}

static void convert_piece(void *arg, size_t i)
{
    const struct conversion *c = arg;
    const struct bv_cpu_isa *isa = bv_cpu_isa();
    int64_t first, last;
    row_range(c, i, &first, &last);
    if (c->format == BV_CPU_BF16)
        isa->to_bf16(c->x + first * c->channels, (last - first) * c->channels,
                     c->out + first * c->channels / 2);
    else
        for (int64_t r = first; r < last; r++)
            isa->to_bytes(c->x + r * c->channels, c->scale[r], c->channels,
                          c->out + r * c->channels / 4);
}

void bv_cpu_convert_rows(struct bv_pool *pool, enum bv_cpu_format format, const float *x,
                         int64_t rows, int64_t channels, int64_t share, float *out, float *scale)
{
    int64_t threads = bv_pool_threads(pool);
    struct conversion c = {format, x,    rows, channels, share, threads == 1 ? 1 : 2 * threads,
                           out,    scale};
    int64_t worth = rows * channels / 16384 + 1;
    if (c.pieces > worth)
        c.pieces = worth;
    if (c.pieces > rows)
        c.pieces = rows;
    if (format == BV_CPU_INT8) {
        bv_pool_for(pool, (size_t)c.pieces, measure_piece, &c);
        for (int64_t r = 0; share > 1 && r < rows; r += share) {
            float largest = 0;
            for (int64_t k = r; k < r + share; k++)
                largest = scale[k] > largest ? scale[k] : largest;
            for (int64_t k = r; k < r + share; k++)
                scale[k] = largest;
        }
    }
    bv_pool_for(pool, (size_t)c.pieces, convert_piece, &c);
}

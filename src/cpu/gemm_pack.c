// The layouts that the micro-kernel reads without a stride. A panel holds NR rows of the weight
// side by side: for each k in turn, the NR values that meet element k of an activation row, so that
// the kernel walks through it from front to back and a vector load takes neighbouring columns. The
// last panel is filled up with zeros. In bf16 and int8 a "k" is a word of two or four neighbouring
// channels, as vdpbf16ps and vpdpbusd take them: rows are first turned into words, then packed as
// if the words were floats. int8 weights are symmetric with a scale for each row; activations are
// bytes around 128, because vpdpbusd multiplies unsigned by signed, and the correction -128 Σ w
// behind each panel takes the 128 out of the sum again.
#include "cpu/gemm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

const char bv_cpu_panels_key[] = "panels of ";

size_t bv_cpu_packed_size(enum bv_cpu_format format, int64_t N, int64_t K)
{
    int64_t nr = bv_cpu_isa()->nr;
    int64_t rows = K / bv_cpu_channels_per_word(format) + (format == BV_CPU_INT8 ? 2 : 0);
    return (size_t)((N + nr - 1) / nr * nr * rows);
}

void bv_cpu_pack(const float *w, int64_t N, int64_t K, float *panels)
{
    const struct bv_cpu_isa *isa = bv_cpu_isa();
    const float *row[64];
    for (int64_t n = 0; n < N; n += isa->nr, panels += isa->nr * K) {
        int columns = N - n < isa->nr ? (int)(N - n) : isa->nr;
        for (int j = 0; j < columns; j++)
            row[j] = w + (n + j) * K;
        isa->pack(row, columns, K, panels);
    }
}

// Panels are packed by tasks, each with a buffer for a panel's rows as words.
struct packing {
    const struct bv_cpu_isa *isa;
    enum bv_cpu_format format;
    const float *w; // [groups · N, K] f32
    int64_t groups, N, K, words;
    int64_t taps, tap;     // tap: channels of one before it is filled up to K / taps
    int64_t panels, tasks; // panels of all groups
    float *buffer;
    struct bv_pool *pool;
    struct bv_cpu_panels *to;
};

// A row of weights as four signed bytes a word: w = scale · byte. Returns -128 Σ bytes.
static int32_t quantize_row(const struct packing *p, const float *w, float scale, float *words)
{
    int32_t sum = 0;
    unsigned char *to = (unsigned char *)words;
    p->isa->to_bytes(w, scale, p->K, words); // byte + 128
    for (int64_t k = 0; k < p->K; k++) {
        sum += to[k];
        to[k] ^= 128;
    }
    return -128 * (sum - 128 * (int32_t)p->K);
}

static void pack_panel(const struct packing *p, int64_t index, float *buffer)
{
    int64_t nr = p->isa->nr, each = p->panels / p->groups, n = index % each * nr;
    const float *w = p->w + (index / each * p->N + n) * p->K, *row[64];
    int64_t rows = p->words + (p->format == BV_CPU_INT8 ? 2 : 0);
    float *to = p->to->words + index * nr * rows, *scale = to + p->words * nr;
    int32_t correction[64] = {0};
    int columns = p->N - n < nr ? (int)(p->N - n) : (int)nr;
    if (p->format == BV_CPU_INT8) // columns that do not exist: scale and correction 0
        memset(scale, 0, (size_t)(2 * nr) * sizeof *scale);
    for (int j = 0; j < columns; j++) {
        const float *x = w + j * p->K;
        float *words = buffer ? buffer + j * p->words : NULL;
        row[j] = words ? words : x;
        if (p->format == BV_CPU_BF16) {
            p->isa->to_bf16(x, p->K, words);
        } else if (p->format == BV_CPU_INT8) {
            scale[j] = p->isa->magnitude(x, p->K) / 127;
            correction[j] = quantize_row(p, x, scale[j], words);
        }
    }
    p->isa->pack(row, columns, p->words, to);
    if (p->format == BV_CPU_INT8)
        memcpy(scale + nr, correction, (size_t)nr * sizeof *correction);
}

static void pack_task(void *arg, size_t task)
{
    const struct packing *p = arg;
    int64_t i = (int64_t)task;
    float *buffer = p->buffer ? p->buffer + i * p->isa->nr * p->words : NULL;
    for (int64_t k = p->panels * i / p->tasks; k < p->panels * (i + 1) / p->tasks; k++)
        pack_panel(p, k, buffer);
}

static void pack_groups(void *arg, void *memory)
{
    struct packing *p = arg;
    p->to = memory;
    p->to->format = p->format;
    p->to->group_size = bv_cpu_packed_size(p->format, p->N, p->K);
    bv_pool_for(p->pool, (size_t)p->tasks, pack_task, p);
}

// A copy whose taps are filled up with zeros; NULL: no memory.
static float *fill_up(const struct packing *p)
{
    int64_t n = p->groups * p->N * p->taps, wide = p->K / p->taps;
    float *filled = bv_alloc_large((size_t)(n * wide) * sizeof *filled);
    for (int64_t i = 0; filled && i < n; i++) {
        memcpy(filled + i * wide, p->w + i * p->tap, (size_t)p->tap * sizeof *filled);
        memset(filled + i * wide + p->tap, 0, (size_t)(wide - p->tap) * sizeof *filled);
    }
    return filled;
}

// Packs into a buffer, which grows.
static enum bv_status pack_into(struct packing *p, struct bv_cpu_pack_buffer *buffer, size_t bytes,
                                const void **prepared, struct bv_error *err)
{
    if (buffer->bytes < bytes) {
        free(buffer->memory);
        *buffer = (struct bv_cpu_pack_buffer){bv_alloc_large(bytes), bytes};
        if (!buffer->memory) {
            buffer->bytes = 0;
            return bv_fail_nomem(err, "a packed weight");
        }
    }
    pack_groups(p, buffer->memory);
    *prepared = buffer->memory;
    return BV_OK;
}

static enum bv_status pack_weight(struct packing *p, const struct bv_tensor *weight,
                                  const char *key, const struct bv_cpu_pack_context *how,
                                  const void **prepared, struct bv_error *err)
{
    float *copy = NULL, *filled = NULL; // of what is not f32 in memory already
    enum bv_status status = BV_OK;
    p->w = weight->data;
    if (weight->formula || weight->dtype != BV_F32 || (uintptr_t)weight->data % sizeof(float)) {
        p->w = copy = bv_alloc_large((size_t)bv_elements(weight) * sizeof *copy);
        if (copy)
            bv_weights_read(how->weights, weight, copy);
    }
    if (p->w && p->tap * p->taps != p->K)
        p->w = filled = fill_up(p);
    if (p->format != BV_CPU_F32)
        p->buffer = malloc((size_t)(p->tasks * p->isa->nr * p->words) * sizeof *p->buffer);
    if (!p->w || (p->format != BV_CPU_F32 && !p->buffer))
        status = bv_fail_nomem(err, weight->name);
    size_t words = (size_t)p->groups * bv_cpu_packed_size(p->format, p->N, p->K);
    size_t bytes = sizeof(struct bv_cpu_panels) + words * sizeof(float);
    if (status == BV_OK && how->buffer)
        status = pack_into(p, how->buffer, bytes, prepared, err);
    else if (status == BV_OK)
        status = bv_weights_derive(how->weights, key, bytes, pack_groups, p, prepared, err);
    free(filled);
    free(copy);
    free(p->buffer);
    return status;
}

enum bv_status bv_cpu_pack_weight(const struct bv_tensor *weight, int64_t groups, int64_t taps,
                                  enum bv_cpu_format format, const struct bv_cpu_pack_context *how,
                                  const void **prepared, struct bv_error *err)
{
    *prepared = NULL;
    if (weight->role != BV_ROLE_WEIGHT)
        return BV_OK;
    if (format == BV_CPU_INT8 && bv_weights_kept(how->weights, weight->name))
        format = BV_CPU_BF16;
    char key[1800];
    (void)snprintf(key, sizeof key, "%s%d, format %d, %lld groups, %lld taps: %s",
                   bv_cpu_panels_key, bv_cpu_isa()->nr, (int)format, (long long)groups,
                   (long long)taps, weight->name);
    const void *found = bv_weights_derived(how->weights, key);
    if (found) {
        *prepared = found;
        return BV_OK;
    }
    struct packing p = {
        .isa = bv_cpu_isa(), .format = format, .groups = groups, .taps = taps, .pool = how->pool};
    int64_t each = bv_cpu_channels_per_word(format);
    p.N = weight->dim[0] / groups;
    p.tap = bv_elements(weight) / weight->dim[0] / taps;
    p.words = (p.tap + each - 1) / each * taps;
    p.K = p.words * each;
    p.panels = groups * ((p.N + p.isa->nr - 1) / p.isa->nr);
    p.tasks = bv_pool_threads(how->pool) == 1 ? 1 : 4 * bv_pool_threads(how->pool);
    if (p.tasks > p.panels)
        p.tasks = p.panels;
    enum bv_status status = pack_weight(&p, weight, key, how, prepared, err);
    bv_weights_let_go(how->weights, weight);
    return status;
}

// Rows of x to words of fewer bits.
struct conversion {
    enum bv_cpu_format format;
    const float *x;
    int64_t channels, share;
    float *out, *scale;
};

static float row_scale(const struct conversion *c, int64_t r)
{
    return bv_cpu_isa()->magnitude(c->x + r * c->channels, c->channels) / 127;
}

static void measure_rows(const void *arg, int64_t first, int64_t last)
{
    const struct conversion *c = arg;
    for (int64_t r = first; r < last; r++)
        c->scale[r] = row_scale(c, r);
}

static void convert_rows(const void *arg, int64_t first, int64_t last)
{
    const struct conversion *c = arg;
    const struct bv_cpu_isa *isa = bv_cpu_isa();
    if (c->format == BV_CPU_BF16)
        isa->to_bf16(c->x + first * c->channels, (last - first) * c->channels,
                     c->out + first * c->channels / 2);
    else
        for (int64_t r = first; r < last; r++) {
            if (c->share == 1) // now, while the row is in the cache
                c->scale[r] = row_scale(c, r);
            isa->to_bytes(c->x + r * c->channels, c->scale[r], c->channels,
                          c->out + r * c->channels / 4);
        }
}

void bv_cpu_convert_rows(struct bv_pool *pool, enum bv_cpu_format format, const float *x,
                         int64_t rows, int64_t channels, int64_t share, float *out, float *scale)
{
    struct conversion c = {format, x, channels, share, out, scale};
    if (format == BV_CPU_INT8 && share > 1) {
        bv_pool_for_ranges(pool, rows, channels, measure_rows, &c);
        for (int64_t r = 0; r < rows; r += share) {
            float largest = 0;
            for (int64_t k = r; k < r + share; k++)
                largest = scale[k] > largest ? scale[k] : largest;
            for (int64_t k = r; k < r + share; k++)
                scale[k] = largest;
        }
    }
    bv_pool_for_ranges(pool, rows, channels, convert_rows, &c);
}

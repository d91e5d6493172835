#include "cpu/product.h"

#include <stdio.h>
#include <stdlib.h>

#define MOST_POINTERS 2048

static const int64_t small_panels = 64 * 1024; // floats

static int64_t ceiling(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

size_t bv_cpu_packed_size(int64_t N, int64_t K)
{
    int panel = bv_cpu_isa()->panel;
    return (size_t)(ceiling(N, panel) * panel * K);
}

void bv_cpu_pack(const float *w, int64_t N, int64_t K, float *panels)
{
    const struct bv_cpu_isa *isa = bv_cpu_isa();
    const float *row[64];
    for (int64_t n = 0; n < N; n += isa->panel, panels += isa->panel * K) {
        int columns = N - n < isa->panel ? (int)(N - n) : isa->panel;
        for (int j = 0; j < columns; j++)
            row[j] = w + (n + j) * K;
        isa->pack(row, columns, K, panels);
    }
}

struct packing {
    const float *w;
    int64_t groups, N, K;
};

static void pack_groups(void *arg, void *memory)
{
    const struct packing *p = arg;
    for (int64_t g = 0; g < p->groups; g++)
        bv_cpu_pack(p->w + g * p->N * p->K, p->N, p->K,
                    (float *)memory + (size_t)g * bv_cpu_packed_size(p->N, p->K));
}

enum bv_status bv_cpu_prepare_panels(const struct bv_tensor *weight, int64_t groups,
                                     struct bv_weights *weights, const void **panels,
                                     struct bv_error *err)
{
    *panels = NULL;
    if (weight->role != BV_ROLE_WEIGHT)
        return BV_OK;
    struct packing p = {.groups = groups, .N = weight->dim[0] / groups};
    p.K = bv_elements(weight) / weight->dim[0];
    char key[1024];
    (void)snprintf(key, sizeof key, "panels of %d, %lld groups: %s", bv_cpu_isa()->panel,
                   (long long)groups, weight->name);
    *panels = bv_weights_derived(weights, key);
    if (*panels)
        return BV_OK;
    float *copy = NULL; // of what is not f32 in memory already
    p.w = weight->data;
    if (weight->recipe || weight->dtype != BV_F32 || (uintptr_t)weight->data % sizeof(float)) {
        copy = malloc((size_t)bv_elements(weight) * sizeof *copy);
        if (!copy)
            return bv_fail_nomem(err, weight->name);
        bv_weights_read(weights, weight, copy);
        p.w = copy;
    }
    size_t size = (size_t)groups * bv_cpu_packed_size(p.N, p.K) * sizeof(float);
    enum bv_status status = bv_weights_derive(weights, key, size, pack_groups, &p, panels, err);
    free(copy);
    bv_weights_let_go(weights, weight);
    return status;
}

void bv_cpu_point_matrix(const void *source, int64_t first, int64_t n, const float **to)
{
    const struct bv_cpu_matrix *m = source;
    for (int64_t i = 0; i < n; i++)
        to[i] = m->data + (first + i) * m->ld;
}

// How a product is cut: tasks are row blocks × column blocks, row blocks run in strips.
struct split {
    const struct bv_cpu_product *p;
    const struct bv_cpu_isa *isa;
    int64_t row_blocks, column_blocks, panels;
};

// Part i of n nearly equal parts of [0, total).
static int64_t part(int64_t total, int64_t n, int64_t i)
{
    return total / n * i + total % n * i / n;
}

static void run_strip(const struct split *s, const float *const *pointers, int64_t row, int n_rows,
                      int64_t panel, const float *next)
{
    const struct bv_cpu_product *p = s->p;
    int64_t column = panel * s->isa->panel, left = p->columns - column;
    bool simple = p->activation == BV_ACT_NONE || p->activation == BV_ACT_RELU;
    struct bv_cpu_tile tile = {
        .rows = pointers,
        .taps = p->taps,
        .depth = p->depth,
        .panel = p->panels + column * p->taps * p->depth,
        .next = next,
        .out = p->out + row * p->ldo + column,
        .ldo = p->ldo,
        .columns = left < s->isa->panel ? (int)left : s->isa->panel,
        .bias = p->bias ? p->bias + column : NULL,
        .residual = p->residual ? p->residual + row * p->ldo + column : NULL,
        .activation = simple ? p->activation : BV_ACT_NONE,
    };
    s->isa->tile(&tile, n_rows);
    for (int i = 0; i < n_rows && !simple; i++)
        s->isa->activate(p->activation, tile.out + i * p->ldo, tile.out + i * p->ldo, tile.columns);
}

static void block_task(void *arg, size_t task)
{
    const struct split *s = arg;
    const struct bv_cpu_product *p = s->p;
    int64_t row_block = (int64_t)task % s->row_blocks, column_block = (int64_t)task / s->row_blocks;
    int64_t row0 = part(p->rows, s->row_blocks, row_block);
    int64_t rows = part(p->rows, s->row_blocks, row_block + 1) - row0;
    int64_t panel0 = part(s->panels, s->column_blocks, column_block);
    int64_t panel1 = part(s->panels, s->column_blocks, column_block + 1);
    int64_t strips = ceiling(rows, s->isa->strip);
    const float *pointers[MOST_POINTERS];
    for (int64_t i = 0; i < strips; i++) {
        int64_t at = part(rows, strips, i), n = part(rows, strips, i + 1) - at;
        p->point(p->source, row0 + at, n, pointers + at * p->taps);
    }
    int64_t panel_size = p->taps * p->depth * s->isa->panel;
    bool panels_fit = (panel1 - panel0) * panel_size <= small_panels;
    // Panels that fit the second-level cache pass under each strip, so that rows of the result are
    // written whole; otherwise the strips pass under each panel.
    int64_t outer = panels_fit ? strips : panel1 - panel0;
    int64_t inner = panels_fit ? panel1 - panel0 : strips;
    for (int64_t a = 0; a < outer; a++)
        for (int64_t b = 0; b < inner; b++) {
            int64_t i = panels_fit ? a : b, j = panel0 + (panels_fit ? b : a);
            int64_t at = part(rows, strips, i), n = part(rows, strips, i + 1) - at;
            const float *next = NULL; // two strips bring in the next panel, half each
            if (!panels_fit && i < 2 && j + 1 < panel1)
                next = p->panels + (j + 1) * panel_size + i * (panel_size / 2);
            run_strip(s, pointers + at * p->taps, row0 + at, (int)n, j, next);
        }
}

void bv_cpu_product(struct bv_pool *pool, const struct bv_cpu_product *p)
{
    struct split s = {.p = p, .isa = bv_cpu_isa()};
    int64_t K = p->taps * p->depth;
    // A block's rows stay in the second-level cache while the panels pass.
    int64_t rows = 96 * 1024 / (K > 0 ? K : 1), most = MOST_POINTERS / p->taps;
    if (rows > most)
        rows = most;
    rows = rows / s.isa->strip * s.isa->strip;
    if (rows < 4 * s.isa->strip && most >= 4 * s.isa->strip)
        rows = 4 * s.isa->strip;
    if (rows < s.isa->strip)
        rows = s.isa->strip;
    s.panels = ceiling(p->columns, s.isa->panel);
    s.row_blocks = ceiling(p->rows, rows);
    s.column_blocks = 1;
    // Enough tasks to share evenly, none so small that handing it out costs more than doing it.
    int64_t threads = bv_pool_threads(pool), wanted = threads == 1 ? 1 : 4 * threads;
    int64_t worth = p->rows * p->columns * K / (1 << 18) + 1;
    if (wanted > worth)
        wanted = worth;
    if (s.row_blocks < wanted)
        s.column_blocks = ceiling(wanted, s.row_blocks);
    if (s.column_blocks > s.panels)
        s.column_blocks = s.panels;
    bv_pool_for(pool, (size_t)(s.row_blocks * s.column_blocks), block_task, &s);
}

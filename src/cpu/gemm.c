// The blocking around the micro-kernel (simd/gemm_kernel.c), in the terms of Goto and van de Geijn.
//
// The result [M,N] is cut into row blocks × column blocks; each pair is a task of the pool. A row
// block is so long that its M·K words of x stay in the second-level cache (96 Ki words) while
// panels pass; columns are cut only where rows alone do not give four tasks to a thread, and never
// so finely that a task does less than 2^18 multiplications. Within a task the micro-kernel
// computes MR × NR elements at a time over the whole of K: K is not blocked, so each element is one
// sum in one order, whatever the cut, and no partial result is written and read again.
//
// Two nestings. Where a task's panels fit the second-level cache too, all panels pass under one
// strip of MR rows before the next strip: rows of the result are written whole, one after another.
// Otherwise all strips pass under one panel before the next panel, so that each panel comes from
// memory once. Either way the kernel is told what to prefetch meanwhile: half of the next panel, or
// the next strip's rows.
//
// x is never gathered. For each strip the caller's point() writes the address of every row of every
// tap, and the kernel reads the rows where they are: a convolution's windows, a matrix with any
// stride, a copy in words.
#include "cpu/gemm.h"

#define MOST_POINTERS 4096 // at least BV_CPU_MAX_TAPS × the rows of a strip

static const int64_t small_panels = 64 * 1024; // floats

static int64_t ceiling(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

void bv_cpu_point_matrix(const void *source, int64_t first, int64_t n, const float **to)
{
    const struct bv_cpu_matrix *m = source;
    for (int64_t i = 0; i < n; i++)
        to[i] = m->data + (first + i) * m->ld;
}

// How a product is cut: tasks are row blocks × column blocks, row blocks run in strips.
struct split {
    const struct bv_cpu_gemm *p;
    const struct bv_cpu_isa *isa;
    int64_t row_blocks, column_blocks, panels, panel_size;
};

// Part i of n nearly equal parts of [0, total).
static int64_t part(int64_t total, int64_t n, int64_t i)
{
    return total / n * i + total % n * i / n;
}

// Element `at` of f32 or bf16.
static void *element(const void *p, bool bf16, int64_t at)
{
    return p ? (char *)p + at * (bf16 ? 2 : 4) : NULL;
}

// A tile whose activation is not its own, by way of the first-level cache.
static void run_and_activate(const struct split *s, struct bv_cpu_tile *tile, int n_rows)
{
    const struct bv_cpu_gemm *p = s->p;
    float block[16 * 64]; // more than MR × NR
    void *out = tile->out;
    tile->out = block;
    tile->ldo = s->isa->nr;
    tile->out_bf16 = false;
    s->isa->tile[p->format](tile, n_rows);
    s->isa->activate_tile(p->activation, block, n_rows, tile->columns, out, p->out_bf16, p->ldo);
}

static void run_strip(const struct split *s, const float *const *pointers, int64_t row, int n_rows,
                      int64_t panel, const float *next)
{
    const struct bv_cpu_gemm *p = s->p;
    int64_t column = panel * s->isa->nr, left = p->columns - column;
    struct bv_cpu_tile tile = {
        .rows = pointers,
        .taps = p->taps,
        .depth = p->depth,
        .panel = p->panels + panel * s->panel_size,
        .next = next,
        .out = element(p->out, p->out_bf16, row * p->ldo + column),
        .residual = element(p->residual, p->residual_bf16, row * p->ldo + column),
        .ldo = p->ldo,
        .ldr = p->ldo,
        .out_bf16 = p->out_bf16,
        .residual_bf16 = p->residual_bf16,
        .columns = left < s->isa->nr ? (int)left : s->isa->nr,
        .bias = p->bias ? p->bias + column : NULL,
        .row_scale = p->row_scale ? p->row_scale + row : NULL,
    };
    if (p->activation != BV_ACT_NONE && p->activation != BV_ACT_RELU &&
        p->activation != BV_ACT_RELU6) {
        run_and_activate(s, &tile, n_rows);
    } else {
        tile.activation = p->activation;
        s->isa->tile[p->format](&tile, n_rows);
    }
}

// One block of the result: some rows × some panels. What is where, from the registers outwards:
//
//   registers   a tile: up to MR rows × one panel of NR columns. Its sums stay there while
//               isa->tile walks all of K: each element of the panel is loaded once for MR rows,
//               each element of a row once for NR columns
//   L1          the strip's MR rows, read again by every panel, or the panel, read again by every
//               strip: the inner of the two loops below moves the other one
//   L2          the block's rows (bv_cpu_gemm() chooses so many that they fit), or its panels where
//               those are fewer
//   memory      the panels, each read once per row block; `next` names what a following tile begins
//               with, for the tile function to prefetch
//
// A row is not a row of a matrix but, for each of its taps, a pointer to `depth` words: linear has
// one tap, conv2d one for each pixel of the window, so that no im2col matrix is written. Strips
// differ by a row at most, so that none is left with a row or two.
static void block_task(void *arg, size_t task)
{
    const struct split *s = arg;
    const struct bv_cpu_gemm *p = s->p;
    int64_t row_block = (int64_t)task % s->row_blocks, column_block = (int64_t)task / s->row_blocks;
    int64_t row0 = part(p->rows, s->row_blocks, row_block);
    int64_t rows = part(p->rows, s->row_blocks, row_block + 1) - row0;
    int64_t panel0 = part(s->panels, s->column_blocks, column_block);
    int64_t panel1 = part(s->panels, s->column_blocks, column_block + 1);
    int64_t strips = ceiling(rows, s->isa->mr);
    const float *pointers[MOST_POINTERS];
    for (int64_t i = 0; i < strips; i++) {
        int64_t at = part(rows, strips, i), n = part(rows, strips, i + 1) - at;
        p->point(p->source, row0 + at, n, pointers + at * p->taps);
    }
    bool panels_fit = (panel1 - panel0) * s->panel_size <= small_panels;
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
                next = p->panels + (j + 1) * s->panel_size + i * (s->panel_size / 2);
            if (panels_fit && b == 0 && i + 1 < strips) // the next strip's rows, of the last tap
                next = pointers[(at + n) * p->taps +
                                (p->taps - 1) * (part(rows, strips, i + 2) - at - n)];
            run_strip(s, pointers + at * p->taps, row0 + at, (int)n, j, next);
        }
}

void bv_cpu_gemm(struct bv_pool *pool, const struct bv_cpu_gemm *p)
{
    struct split s = {.p = p, .isa = bv_cpu_isa()};
    int64_t K = p->taps * p->depth;
    s.panel_size =
        (int64_t)bv_cpu_packed_size(p->format, s.isa->nr, K * bv_cpu_channels_per_word(p->format));
    // A block's rows stay in the second-level cache while the panels pass.
    int64_t rows = 96 * 1024 / (K > 0 ? K : 1), most = MOST_POINTERS / p->taps;
    if (rows > most)
        rows = most;
    rows = rows / s.isa->mr * s.isa->mr;
    if (rows < 4 * s.isa->mr && most >= 4 * s.isa->mr)
        rows = 4 * s.isa->mr;
    if (rows < s.isa->mr)
        rows = s.isa->mr;
    s.panels = ceiling(p->columns, s.isa->nr);
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

#include "explain/sweep.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 16

struct batch {
    const struct bv_pixels *pixels;
    bv_change_pixels *change;
    const void *arg;
    size_t first, each;
    float *block;
};

static void change_one(void *arg, size_t i)
{
    const struct batch *b = arg;
    b->change(b->arg, b->first + i, b->pixels, b->block + i * b->each);
}

enum bv_status bv_sweep_scores(struct bv_session *session, const struct bv_pixels *pixels,
                               const struct bv_goal *goal, bv_change_pixels *change,
                               const void *arg, size_t first, size_t n, double *scores,
                               struct bv_error *err)
{
    struct batch b = {pixels, change, arg, first, bv_pixels_samples(pixels), NULL};
    float *outputs = calloc(BATCH * goal->D, sizeof *outputs);
    b.block = calloc(BATCH * b.each, sizeof *b.block);
    enum bv_status status = b.block && outputs ? BV_OK : bv_fail_nomem(err, "changed images");
    for (size_t done = 0; status == BV_OK && done < n; done += BATCH) {
        const size_t count = n - done < BATCH ? n - done : BATCH;
        const struct bv_wanted wanted = {goal->output, outputs, count * goal->D};
        b.first = first + done;
        bv_pool_for(bv_session_pool(session), count, change_one, &b);
        const struct bv_pixel_batch batch = {b.block,        NULL,          (int64_t)count,
                                             pixels->height, pixels->width, pixels->channels};
        status = bv_session_encode_pixels(session, &batch, &wanted, 1, err);
        for (size_t i = 0; status == BV_OK && i < count; i++)
            for (size_t t = 0; t < goal->n; t++)
                scores[(done + i) * goal->n + t] = bv_goal_score(goal, t, outputs + i * goal->D);
    }
    free(b.block);
    free(outputs);
    return status;
}

// Memory for maps of h × w and the scores of the input as it is.
static enum bv_status begin_maps(struct bv_session *session, const struct bv_probe_request *r,
                                 int64_t h, int64_t w, bool errors, struct bv_maps *maps,
                                 struct bv_error *err)
{
    const size_t n = r->goal->n, all = n * (size_t)(h * w);
    *maps = (struct bv_maps){.h = h, .w = w};
    maps->values = calloc(all + 1, sizeof *maps->values);
    maps->errors = errors ? calloc(all + 1, sizeof *maps->errors) : NULL;
    maps->scores = calloc(n + 1, sizeof *maps->scores);
    float *output = calloc(r->goal->D + 1, sizeof *output);
    enum bv_status status = BV_OK;
    if (!maps->values || !maps->scores || !output || (errors && !maps->errors))
        status = bv_fail_nomem(err, "heat maps");
    const struct bv_wanted wanted = {r->goal->output, output, r->goal->D};
    const struct bv_pixel_batch batch = {
        r->pixels->data, NULL, 1, r->pixels->height, r->pixels->width, r->pixels->channels};
    if (status == BV_OK)
        status = bv_session_encode_pixels(session, &batch, &wanted, 1, err);
    for (size_t t = 0; status == BV_OK && t < n; t++)
        maps->scores[t] = bv_goal_score(r->goal, t, output);
    free(output);
    return status;
}

// ---- occlusion: by how much the score falls without a box (Zeiler and Fergus 2014) ----

enum { BOX = 32, STRIDE = 16 }; // pixels of the input

struct boxes {
    int64_t columns;
};

static void occlude(const void *arg, size_t i, const struct bv_pixels *from, float *to)
{
    const struct boxes *boxes = arg;
    const size_t top = i / (size_t)boxes->columns * STRIDE,
                 left = i % (size_t)boxes->columns * STRIDE;
    const size_t channels = (size_t)from->channels, row = (size_t)from->width * channels;
    memcpy(to, from->data, bv_pixels_samples(from) * sizeof *to);
    for (size_t y = 0; y < BOX; y++)
        memset(to + (top + y) * row + left * channels, 0, BOX * channels * sizeof *to);
}

static enum bv_status sweep_occlusion(struct bv_session *session, const struct bv_probe_request *r,
                                      struct bv_maps *maps, struct bv_error *err)
{
    const struct bv_pixels *p = r->pixels;
    if (p->width < BOX || p->height < BOX)
        return bv_fail(err, BV_ERR_UNSUPPORTED, "an input of %d × %d is smaller than the box of %d",
                       p->width, p->height, BOX);
    const int64_t h = (p->height - BOX) / STRIDE + 1, w = (p->width - BOX) / STRIDE + 1;
    const size_t cells = (size_t)(h * w), n = r->goal->n;
    const struct boxes boxes = {w};
    BV_TRY(begin_maps(session, r, h, w, false, maps, err));
    maps->top = maps->left = (BOX - STRIDE) / 2.0; // a cell lies in the middle of its box
    maps->cell_height = maps->cell_width = STRIDE;
    double *scores = calloc(cells * n + 1, sizeof *scores);
    if (!scores)
        return bv_fail_nomem(err, "heat maps");
    enum bv_status status =
        bv_sweep_scores(session, p, r->goal, occlude, &boxes, 0, cells, scores, err);
    for (size_t t = 0; status == BV_OK && t < n; t++)
        for (size_t k = 0; k < cells; k++)
            maps->values[t * cells + k] = (float)(maps->scores[t] - scores[k * n + t]);
    free(scores);
    return status;
}

// ---- rise: the mean score under random masks that show a cell (Petsiuk et al. 2018) ----

enum { SIDE = 8, GRID = 28, FIRST = 256, MOST = 16384 };
#define SHOWN 0.5

struct masks {
    uint64_t seed;
};

// SplitMix64 (Steele et al. 2014): the masks of a seed are the same everywhere.
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static int cell_size(int pixels)
{
    return (pixels + SIDE - 1) / SIDE;
}

static void draw_mask(const struct masks *m, size_t i, int height, int width,
                      unsigned char cells[SIDE * SIDE], struct bv_rise_mask *mask)
{
    uint64_t state = m->seed * 0xd1342543de82ef95u + i;
    const uint64_t bits = next_random(&state);
    for (int k = 0; k < SIDE * SIDE; k++)
        cells[k] = (unsigned char)(bits >> k & 1);
    *mask =
        (struct bv_rise_mask){cells, SIDE, (int)(next_random(&state) % (uint64_t)cell_size(height)),
                              (int)(next_random(&state) % (uint64_t)cell_size(width))};
}

// Where position o of the enlarged grid samples a side of `side` cells: two cells and the weight of
// the second.
static void sample_at(int o, int side, int pixels, int *low, int *high, float *fraction)
{
    const int cell = (pixels + side - 1) / side, last = side - 1;
    double u = (o + 0.5) * side / ((side + 1.0) * cell) - 0.5;
    u = u < 0 ? -u : u > last ? 2 * last - u : u;
    *low = (int)u;
    *high = *low < last ? *low + 1 : last;
    *fraction = (float)(u - *low);
}

void bv_rise_mask_fill(const struct bv_rise_mask *m, int height, int width, float *out)
{
    for (int y = 0; y < height; y++) {
        int y0 = 0, y1 = 0;
        float fy = 0;
        sample_at(y + m->row, m->side, height, &y0, &y1, &fy);
        for (int x = 0; x < width; x++) {
            int x0 = 0, x1 = 0;
            float fx = 0;
            sample_at(x + m->column, m->side, width, &x0, &x1, &fx);
            const float top =
                (1 - fx) * m->cells[y0 * m->side + x0] + fx * m->cells[y0 * m->side + x1];
            const float bottom =
                (1 - fx) * m->cells[y1 * m->side + x0] + fx * m->cells[y1 * m->side + x1];
            out[(size_t)y * (size_t)width + (size_t)x] = (1 - fy) * top + fy * bottom;
        }
    }
}

static void show_part(const void *arg, size_t i, const struct bv_pixels *from, float *to)
{
    unsigned char cells[SIDE * SIDE];
    struct bv_rise_mask mask;
    const size_t n = (size_t)from->width * (size_t)from->height, C = (size_t)from->channels;
    const float *pixels = from->data;
    draw_mask(arg, i, from->height, from->width, cells, &mask);
    bv_rise_mask_fill(&mask, from->height, from->width, to); // the first n of n · C
    for (size_t k = n; k-- > 0;) {
        const float shown = to[k];
        for (size_t c = 0; c < C; c++)
            to[k * C + c] = shown * pixels[k * C + c];
    }
}

// Sums over masks, at the centres of GRID × GRID cells.
struct sums {
    size_t n, cells;
    double *weighted, *squares; // [n, cells]
};

static void add_mask(struct sums *s, const struct masks *m, size_t i, const struct bv_pixels *p,
                     const double *scores, const double *of_input)
{
    unsigned char cells[SIDE * SIDE];
    struct bv_rise_mask mask;
    draw_mask(m, i, p->height, p->width, cells, &mask);
    for (size_t k = 0; k < s->cells; k++) {
        int y0 = 0, y1 = 0, x0 = 0, x1 = 0;
        float fy = 0, fx = 0;
        const int y = (int)(((double)(k / GRID) + 0.5) * p->height / GRID);
        const int x = (int)(((double)(k % GRID) + 0.5) * p->width / GRID);
        sample_at(y + mask.row, SIDE, p->height, &y0, &y1, &fy);
        sample_at(x + mask.column, SIDE, p->width, &x0, &x1, &fx);
        const double shown =
            (1 - fy) * ((1 - fx) * cells[y0 * SIDE + x0] + fx * cells[y0 * SIDE + x1]) +
            fy * ((1 - fx) * cells[y1 * SIDE + x0] + fx * cells[y1 * SIDE + x1]);
        for (size_t t = 0; t < s->n; t++) {
            // The score's distance from the input's own: the same map but for a constant, whose
            // error is smaller.
            const double each = (scores[t] - of_input[t]) * (shown - SHOWN) / SHOWN;
            s->weighted[t * s->cells + k] += each;
            s->squares[t * s->cells + k] += each * each;
        }
    }
}

// The largest standard error as a part of its map's range, after N masks.
static double settle(const struct sums *s, size_t N, struct bv_maps *maps)
{
    double worst = 0;
    for (size_t t = 0; t < s->n; t++) {
        double low = INFINITY, high = -INFINITY, error = 0;
        for (size_t k = t * s->cells; k < (t + 1) * s->cells; k++) {
            const double mean = s->weighted[k] / (double)N;
            const double variance = fmax(s->squares[k] / (double)N - mean * mean, 0);
            maps->values[k] = (float)mean;
            maps->errors[k] = (float)sqrt(variance / (double)(N - 1));
            low = fmin(low, mean);
            high = fmax(high, mean);
            error = fmax(error, maps->errors[k]);
        }
        worst = fmax(worst, high > low ? error / (high - low) : 0);
    }
    return worst;
}

static enum bv_status sweep_until(struct bv_session *session, const struct bv_probe_request *r,
                                  struct sums *s, double *scores, struct bv_maps *maps,
                                  struct bv_error *err)
{
    const struct masks masks = {r->seed};
    size_t done = 0, wanted = r->masks > 0 ? (size_t)r->masks : FIRST;
    for (;;) {
        BV_TRY(bv_sweep_scores(session, r->pixels, r->goal, show_part, &masks, done, wanted - done,
                               scores, err));
        for (size_t i = done; i < wanted; i++)
            add_mask(s, &masks, i, r->pixels, scores + (i - done) * s->n, maps->scores);
        done = wanted;
        maps->masks = (int)done;
        if (settle(s, done, maps) < 0.02 || r->masks > 0 || done >= MOST)
            return BV_OK;
        wanted = 2 * done;
    }
}

static enum bv_status sweep_rise(struct bv_session *session, const struct bv_probe_request *r,
                                 struct bv_maps *maps, struct bv_error *err)
{
    struct sums s = {.n = r->goal->n, .cells = GRID * GRID};
    if (r->masks < 0 || r->masks == 1 || r->masks > MOST)
        return bv_fail(err, BV_ERR_ARG, "%d masks; 2 to %d are possible", r->masks, MOST);
    BV_TRY(begin_maps(session, r, GRID, GRID, true, maps, err));
    double *scores = calloc(MOST * s.n, sizeof *scores);
    s.weighted = calloc(s.n * s.cells, sizeof *s.weighted);
    s.squares = calloc(s.n * s.cells, sizeof *s.squares);
    enum bv_status status = BV_OK;
    if (!scores || !s.weighted || !s.squares)
        status = bv_fail_nomem(err, "heat maps");
    if (status == BV_OK)
        status = sweep_until(session, r, &s, scores, maps, err);
    free(scores);
    free(s.weighted);
    free(s.squares);
    return status;
}

const struct bv_map_method bv_method_occlusion = {
    .name = "occlusion", .unit = "change of the score", .sweep = sweep_occlusion};
const struct bv_map_method bv_method_rise = {
    .name = "rise", .unit = "change of the score", .sweep = sweep_rise};

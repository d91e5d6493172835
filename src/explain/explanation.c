#include "explain/explanation.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Prompts for a null distribution: about pictures in general, none about what a chest shows.
const char *const bv_neutral_texts[BV_NEUTRAL_TEXTS + 1] = {"an image",
                                                            "a picture",
                                                            "a photograph",
                                                            "a radiograph",
                                                            "a chest radiograph",
                                                            "an x-ray image",
                                                            "a medical image",
                                                            "a grayscale image",
                                                            "a scan",
                                                            "the image",
                                                            "this is an image",
                                                            "an image of something",
                                                            "something is shown",
                                                            "a view",
                                                            "a frontal view",
                                                            "a document",
                                                            "text",
                                                            "a person",
                                                            "an object",
                                                            "a thing",
                                                            ""};

// ---- Small statistics ----

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// The q-quantile of n sorted values, between two of them linearly.
static double quantile(const double *sorted, size_t n, double q)
{
    const double at = q * (double)(n - 1);
    const size_t low = (size_t)at, high = low + 1 < n ? low + 1 : low;
    return sorted[low] + (at - (double)low) * (sorted[high] - sorted[low]);
}

struct place {
    double value;
    size_t index;
};

static int by_value(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

// Ranks of n values, ties sharing their mean. scratch [n].
static void rank(double *values, size_t n, struct place *scratch)
{
    for (size_t i = 0; i < n; i++)
        scratch[i] = (struct place){values[i], i};
    qsort(scratch, n, sizeof *scratch, by_value);
    for (size_t i = 0, j; i < n; i = j) {
        for (j = i; j < n && scratch[j].value == scratch[i].value; j++)
            ;
        for (size_t k = i; k < j; k++)
            values[scratch[k].index] = (double)(i + j - 1) / 2;
    }
}

static double correlation(const double *x, const double *y, size_t n)
{
    double mx = 0, my = 0, xy = 0, xx = 0, yy = 0;
    for (size_t i = 0; i < n; i++) {
        mx += x[i] / (double)n;
        my += y[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        xy += (x[i] - mx) * (y[i] - my);
        xx += (x[i] - mx) * (x[i] - mx);
        yy += (y[i] - my) * (y[i] - my);
    }
    return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : NAN;
}

// ---- Where cells lie ----

static void cell_in_image(const struct bv_explanation *e, double row, double column, double *x,
                          double *y)
{
    const struct bv_frame *f = &e->frame;
    *x = (e->maps.left + column * e->maps.cell_width - f->left) / f->scale_x;
    *y = (e->maps.top + row * e->maps.cell_height - f->top) / f->scale_y;
}

static void share_evenly(struct bv_explanation *e)
{
    if (e->maps.cell_width > 0)
        return;
    e->maps.cell_width = (double)e->frame.width / (double)e->maps.w;
    e->maps.cell_height = (double)e->frame.height / (double)e->maps.h;
}

static enum bv_status find_seen(struct bv_explanation *e, struct bv_error *err)
{
    const int64_t h = e->maps.h, w = e->maps.w;
    size_t n = 0;
    e->seen = calloc((size_t)(h * w) + 1, 1);
    if (!e->seen)
        return bv_fail_nomem(err, "a heat map");
    for (int64_t k = 0; k < h * w; k++) {
        double x = 0, y = 0;
        cell_in_image(e, (double)(k / w) + 0.5, (double)(k % w) + 0.5, &x, &y);
        e->seen[k] = x >= 0 && x < e->width && y >= 0 && y < e->height;
        n += e->seen[k];
    }
    return n > 0 ? BV_OK
                 : bv_fail(err, BV_ERR_REFUSED,
                           "no cell of the maps has its centre in the image: it is too narrow or "
                           "too small");
}

struct bv_map_box bv_explanation_seen(const struct bv_explanation *e)
{
    const struct bv_frame *f = &e->frame;
    const double x0 = fmax(-f->left / f->scale_x, 0), x1 = (f->width - f->left) / f->scale_x;
    const double y0 = fmax(-f->top / f->scale_y, 0), y1 = (f->height - f->top) / f->scale_y;
    return (struct bv_map_box){
        .x = x0, .y = y0, .width = fmin(x1, e->width) - x0, .height = fmin(y1, e->height) - y0};
}

static float sample(const float *grid, int64_t h, int64_t w, double row, double column)
{
    row = fmin(fmax(row - 0.5, 0), (double)(h - 1));
    column = fmin(fmax(column - 0.5, 0), (double)(w - 1));
    const int64_t r0 = (int64_t)row, c0 = (int64_t)column;
    const int64_t r1 = r0 + 1 < h ? r0 + 1 : r0, c1 = c0 + 1 < w ? c0 + 1 : c0;
    const double fr = row - (double)r0, fc = column - (double)c0;
    return (float)((1 - fr) * ((1 - fc) * grid[r0 * w + c0] + fc * grid[r0 * w + c1]) +
                   fr * ((1 - fc) * grid[r1 * w + c0] + fc * grid[r1 * w + c1]));
}

void bv_explanation_spread(const struct bv_explanation *e, size_t i, bool errors, float *out)
{
    const struct bv_frame *f = &e->frame;
    const int64_t h = e->maps.h, w = e->maps.w;
    const float *grid = (errors ? e->maps.errors : e->maps.values) + i * (size_t)(h * w);
    for (int y = 0; y < e->height; y++)
        for (int x = 0; x < e->width; x++) {
            const double v = (y + 0.5) * f->scale_y + f->top, u = (x + 0.5) * f->scale_x + f->left;
            const double row = (v - e->maps.top) / e->maps.cell_height;
            const double column = (u - e->maps.left) / e->maps.cell_width;
            const bool inside = v >= 0 && v < f->height && u >= 0 && u < f->width;
            out[(size_t)y * (size_t)e->width + (size_t)x] =
                inside ? sample(grid, h, w, row, column) : NAN;
        }
}

// ---- Boxes: connected cells at least half as high as the peak is above the null ----

struct blob {
    int64_t top, left, bottom, right; // bottom and right: one past the last
    double peak;
};

static void flood(const struct bv_explanation *e, const float *grid, double least, int64_t from,
                  unsigned char *done, int64_t *stack, struct blob *b)
{
    const int64_t h = e->maps.h, w = e->maps.w;
    int64_t n = 0;
    stack[n++] = from;
    done[from] = 1;
    *b = (struct blob){from / w, from % w, from / w + 1, from % w + 1, grid[from]};
    while (n > 0) {
        const int64_t k = stack[--n], r = k / w, c = k % w;
        const int64_t next[4] = {r > 0 ? k - w : -1, r + 1 < h ? k + w : -1, c > 0 ? k - 1 : -1,
                                 c + 1 < w ? k + 1 : -1};
        b->top = r < b->top ? r : b->top;
        b->bottom = r + 1 > b->bottom ? r + 1 : b->bottom;
        b->left = c < b->left ? c : b->left;
        b->right = c + 1 > b->right ? c + 1 : b->right;
        b->peak = fmax(b->peak, grid[k]);
        for (int i = 0; i < 4; i++)
            if (next[i] >= 0 && !done[next[i]] && e->seen[next[i]] && grid[next[i]] >= least) {
                done[next[i]] = 1;
                stack[n++] = next[i];
            }
    }
}

static void add_box(const struct bv_explanation *e, struct bv_text_map *t, const struct blob *b)
{
    const struct bv_map_box seen = bv_explanation_seen(e);
    double x0 = 0, y0 = 0, x1 = 0, y1 = 0;
    cell_in_image(e, (double)b->top, (double)b->left, &x0, &y0);
    cell_in_image(e, (double)b->bottom, (double)b->right, &x1, &y1);
    x0 = fmax(x0, seen.x);
    y0 = fmax(y0, seen.y);
    const struct bv_map_box box = {x0, y0, fmin(x1, seen.x + seen.width) - x0,
                                   fmin(y1, seen.y + seen.height) - y0, b->peak};
    size_t at = t->n_boxes < BV_MAP_BOXES ? t->n_boxes++ : BV_MAP_BOXES - 1;
    if (at == BV_MAP_BOXES - 1 && t->boxes[at].width > 0 && t->boxes[at].peak >= box.peak)
        return;
    for (; at > 0 && t->boxes[at - 1].peak < box.peak; at--)
        t->boxes[at] = t->boxes[at - 1];
    t->boxes[at] = box;
}

static enum bv_status find_boxes(const struct bv_explanation *e, const float *grid, double base,
                                 struct bv_text_map *t, struct bv_error *err)
{
    const size_t cells = (size_t)(e->maps.h * e->maps.w);
    unsigned char *done = calloc(cells, 1);
    int64_t *stack = calloc(cells, sizeof *stack);
    const double least = base + (t->peak - base) / 2;
    const bool made = done && stack;
    t->least = t->peak > base ? least : NAN;
    for (size_t k = 0; made && k < cells; k++)
        if (e->seen[k] && !done[k] && grid[k] >= least && t->peak > base) {
            struct blob b;
            flood(e, grid, least, (int64_t)k, done, stack, &b);
            add_box(e, t, &b);
        }
    free(done);
    free(stack);
    return made ? BV_OK : bv_fail_nomem(err, "boxes");
}

void bv_explanation_mask(const struct bv_explanation *e, size_t i, uint8_t *mask)
{
    const struct bv_frame *f = &e->frame;
    const int64_t h = e->maps.h, w = e->maps.w;
    const float *grid = e->maps.values + i * (size_t)(h * w);
    for (int y = 0; y < e->height; y++)
        for (int x = 0; x < e->width; x++) {
            const double v = (y + 0.5) * f->scale_y + f->top, u = (x + 0.5) * f->scale_x + f->left;
            const int64_t row = (int64_t)floor((v - e->maps.top) / e->maps.cell_height);
            const int64_t column = (int64_t)floor((u - e->maps.left) / e->maps.cell_width);
            const bool inside = v >= 0 && v < f->height && u >= 0 && u < f->width && row >= 0 &&
                                row < h && column >= 0 && column < w;
            const int64_t k = inside ? row * w + column : 0;
            mask[(size_t)y * (size_t)e->width + (size_t)x] =
                inside && e->seen[k] && grid[k] >= e->texts[i].least; // NAN: none
        }
}

// ---- Reading the maps ----

struct neutral {
    double *mean;  // [cells] over the neutral maps; seen cells first, one after the other
    double *ranks; // [cells] scratch
    struct place *scratch;
    size_t n; // seen cells
};

// The seen cells of a map, one after the other.
static size_t gather(const struct bv_explanation *e, const float *grid, double *out)
{
    size_t n = 0;
    for (int64_t k = 0; k < e->maps.h * e->maps.w; k++)
        if (e->seen[k])
            out[n++] = grid[k];
    return n;
}

// The null distribution from the maps of the neutral texts, which follow the others'.
static enum bv_status read_null(struct bv_explanation *e, struct neutral *null,
                                struct bv_error *err)
{
    const size_t cells = (size_t)(e->maps.h * e->maps.w), m = e->n_neutral;
    double *all = calloc(cells * (m + 1), sizeof *all), *peaks = calloc(m + 1, sizeof *peaks);
    if (!all || !peaks) {
        free(all);
        free(peaks);
        return bv_fail_nomem(err, "a null distribution");
    }
    size_t used = 0;
    for (size_t i = 0; i < m; i++) {
        null->n = gather(e, e->maps.values + (e->n + i) * cells, all + used);
        peaks[i] = -INFINITY;
        for (size_t k = 0; k < null->n; k++) {
            peaks[i] = fmax(peaks[i], all[used + k]);
            null->mean[k] += all[used + k] / (double)m;
        }
        used += null->n;
    }
    if (m > 0) {
        qsort(all, used, sizeof *all, ascending);
        qsort(peaks, m, sizeof *peaks, ascending);
        e->null_median = quantile(all, used, 0.5);
        e->null_peak = quantile(peaks, m, 0.95);
        rank(null->mean, null->n, null->scratch);
    }
    free(all);
    free(peaks);
    return BV_OK;
}

static void find_peak(const struct bv_explanation *e, const float *grid, struct bv_text_map *t)
{
    int64_t best = -1;
    for (int64_t k = 0; k < e->maps.h * e->maps.w; k++)
        if (e->seen[k] && (best < 0 || grid[k] > grid[best]))
            best = k;
    t->peak = grid[best];
    cell_in_image(e, (double)(best / e->maps.w) + 0.5, (double)(best % e->maps.w) + 0.5, &t->column,
                  &t->row);
}

static enum bv_status read_map(struct bv_explanation *e, size_t i, const struct neutral *null,
                               struct bv_error *err)
{
    struct bv_text_map *t = &e->texts[i];
    const size_t cells = (size_t)(e->maps.h * e->maps.w);
    const float *grid = e->maps.values + i * cells;
    t->score = e->maps.scores[i];
    t->prompt_dependence = t->least = NAN;
    for (size_t k = 0; k < cells; k++)
        if (!isfinite(grid[k]))
            return bv_fail(err, BV_ERR_MODEL, "method %s gives values that are not numbers here",
                           e->method->name);
    find_peak(e, grid, t);
    const size_t n = gather(e, grid, null->ranks);
    double base = e->null_median;
    if (e->n_neutral == 0) { // the map's own median
        qsort(null->ranks, n, sizeof *null->ranks, ascending);
        base = quantile(null->ranks, n, 0.5);
    } else {
        rank(null->ranks, n, null->scratch);
        t->prompt_dependence =
            e->method->class_agnostic ? 0 : 1 - correlation(null->ranks, null->mean, n);
        t->nothing = !e->method->class_agnostic && !(t->peak > e->null_peak);
    }
    return t->nothing ? BV_OK : find_boxes(e, grid, base, t, err);
}

static enum bv_status read_maps(struct bv_explanation *e, struct bv_error *err)
{
    const size_t cells = (size_t)(e->maps.h * e->maps.w);
    struct neutral null = {.mean = calloc(cells + 1, sizeof(double)),
                           .ranks = calloc(cells + 1, sizeof(double)),
                           .scratch = calloc(cells + 1, sizeof(struct place))};
    enum bv_status status = BV_OK;
    if (!null.mean || !null.ranks || !null.scratch)
        status = bv_fail_nomem(err, "heat maps");
    if (status == BV_OK)
        status = read_null(e, &null, err);
    for (size_t i = 0; status == BV_OK && i < e->n; i++)
        status = read_map(e, i, &null, err);
    free(null.mean);
    free(null.ranks);
    free(null.scratch);
    return status;
}

enum bv_status bv_explanation_make(struct bv_explanation **out, struct bv_session *session,
                                   const struct bv_probe_request *request, size_t n_neutral,
                                   int width, int height, struct bv_error *err)
{
    struct bv_explanation *e = calloc(1, sizeof *e);
    if (!e)
        return bv_fail_nomem(err, "heat maps");
    e->method = request->method;
    e->width = width;
    e->height = height;
    e->n = request->goal->n - n_neutral;
    e->n_neutral = n_neutral;
    e->null_median = e->null_peak = NAN;
    e->texts = calloc(e->n + 1, sizeof *e->texts);
    enum bv_status status = e->texts ? BV_OK : bv_fail_nomem(err, "heat maps");
    if (status == BV_OK)
        status = bv_recipe_frame(bv_session_model(session)->recipe, width, height, &e->frame, err);
    if (status == BV_OK)
        status = bv_probe_maps(session, request, &e->maps, err);
    if (status == BV_OK) {
        share_evenly(e);
        status = find_seen(e, err);
    }
    if (status == BV_OK)
        status = read_maps(e, err);
    e->layers = e->maps.layers;
    e->masks = e->maps.masks;
    if (status == BV_OK)
        *out = e;
    else
        bv_explanation_destroy(&e);
    return status;
}

void bv_explanation_destroy(struct bv_explanation **out)
{
    struct bv_explanation *e = *out;
    if (!e)
        return;
    bv_maps_free(&e->maps);
    free(e->texts);
    free(e->seen);
    free(e);
    *out = NULL;
}

// ---- Which method ----

static bool can(const struct bv_model *model, const struct bv_map_method *method,
                const char *output)
{
    struct bv_error unused = {0};
    return bv_probe_check(model, method, 0, output, &unused) == BV_OK;
}

void bv_method_names(const struct bv_model *model, const char *output, char *text, size_t size)
{
    size_t used = 0;
    text[0] = 0;
    for (size_t i = 0; bv_method_at(i); i++)
        if (used < size && can(model, bv_method_at(i), output))
            used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "",
                                     bv_method_at(i)->name);
}

const struct bv_map_method *bv_method_default(const struct bv_model *model, const char *output)
{
    // Measured for the model that ships (docs/explain.md): what looks inside it points no better
    // than chance.
    const char *arch = bv_json_string(json_object_get(model->card, "image"), "arch", "");
    static const struct bv_map_method *const order[] = {&bv_method_legrad, &bv_method_gradcam};
    if (bv_probe_of_decoder(model, output))
        return &bv_method_attention;
    if (strcmp(arch, "efficientnet-lite") == 0)
        return &bv_method_occlusion;
    if (json_object_get(model->card, "heatmap") && can(model, &bv_method_similarity, "global"))
        return &bv_method_similarity;
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        if (can(model, order[i], "global"))
            return order[i];
    return &bv_method_occlusion;
}

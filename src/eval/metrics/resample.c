#include "eval/metrics/bootstrap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { POSITIVE = 1, LAST = 2, UNIT_SHIFT = 2, BLOCK = 512, AHEAD = 24 };

static const double targets[2] = {0.9, 0.95};

// The items of one score, positives first; returns where they end.
static size_t add_score(struct bv_resample_list *l, const struct bv_ranked_item *items,
                        size_t first)
{
    size_t end = first, at = first;
    while (end < l->n && items[end].score == items[first].score)
        end++;
    for (uint32_t positive = 2; positive-- > 0;) {
        for (size_t i = first; i < end; i++) {
            if ((items[i].positive != 0) != positive)
                continue;
            l->words[at] = items[i].unit << UNIT_SHIFT | positive;
            if (l->errors)
                l->errors[at] = items[i].score - positive;
            at++;
        }
    }
    l->words[end - 1] |= LAST;
    return end;
}

enum bv_status bv_resample_list_make(struct bv_resample_list *list, const struct bv_ranked *ranked,
                                     double threshold, bool is_probability, struct bv_error *err)
{
    struct bv_resample_list l = {.n = ranked->n, .has_threshold = !isnan(threshold)};
    l.words = malloc(l.n * sizeof *l.words + 1);
    l.errors = is_probability ? malloc(l.n * sizeof *l.errors + 1) : NULL;
    l.blocks = malloc((l.n / BLOCK + 1) * sizeof *l.blocks);
    if (!l.words || (is_probability && !l.errors) || !l.blocks) {
        bv_resample_list_free(&l);
        return bv_fail_nomem(err, "the bootstrap");
    }
    for (size_t i = 0, begun = 0; i < l.n;) {
        double score = ranked->items[i].score;
        i = add_score(&l, ranked->items, i);
        if (score >= threshold)
            l.n_above = i;
        size_t bin = is_probability ? bv_reliability_bin_of(score) : 0;
        for (size_t b = BV_RELIABILITY_BINS - 1 - bin; b < BV_RELIABILITY_BINS; b++)
            l.bin_end[b] = i;
        if (i - begun >= BLOCK || i == l.n)
            l.blocks[l.n_blocks++] = begun = i;
    }
    *list = l;
    return BV_OK;
}

static int by_score(const void *a, const void *b)
{
    double x = ((const struct bv_ranked_item *)a)->score;
    double y = ((const struct bv_ranked_item *)b)->score;
    return (x < y) - (x > y);
}

enum bv_status bv_resample_list_pool(struct bv_resample_list *list, const struct bv_ranked *lists,
                                     size_t n_lists, struct bv_error *err)
{
    size_t n = 0, at = 0;
    for (size_t l = 0; l < n_lists; l++)
        n += lists[l].n;
    struct bv_ranked_item *items = malloc(n * sizeof *items + 1);
    if (!items)
        return bv_fail_nomem(err, "the bootstrap");
    for (size_t l = 0; l < n_lists; l++) {
        if (lists[l].n)
            memcpy(items + at, lists[l].items, lists[l].n * sizeof *items);
        at += lists[l].n;
    }
    qsort(items, n, sizeof *items, by_score);
    const struct bv_ranked pooled = {items, n};
    enum bv_status status = bv_resample_list_make(list, &pooled, NAN, false, err);
    free(items);
    return status;
}

void bv_resample_list_free(struct bv_resample_list *list)
{
    free(list->words);
    free(list->errors);
    free(list->blocks);
    *list = (struct bv_resample_list){0};
}

// ---- The pass ----

// The resamples side by side: compilers make vector instructions of these.
typedef uint8_t lanes8 __attribute__((vector_size(BV_LANES)));
typedef uint32_t lanes32 __attribute__((vector_size(4 * BV_LANES)));
typedef int32_t signed32 __attribute__((vector_size(4 * BV_LANES)));
typedef double lanes64 __attribute__((vector_size(8 * BV_LANES)));

// tp and fp count what was read. Of the score that is being read, if it has positives (is_open),
// the counts before it are kept.
struct walk {
    lanes32 tp, fp, tp_before, fp_before;
    bool is_open;
    lanes64 above;            // Σ over positives: 2 · false positives of higher scores + ties
    lanes64 steps, trapezoid; // as in struct bv_areas
    lanes64 squares, gap;
};

// Counts are below 2^31.
#define TO_DOUBLE(counts) __builtin_convertvector((signed32)(counts), lanes64)

// part / whole, or otherwise where whole is 0.
static inline void divide(const lanes64 *part, const lanes64 *whole, double otherwise,
                          lanes64 *share)
{
    for (int k = 0; k < BV_LANES; k++)
        (*share)[k] = (*whole)[k] > 0 ? (*part)[k] / (*whole)[k] : otherwise;
}

// A score with positives adds to the areas.
static inline void close_score(struct walk *w)
{
    lanes64 tp_before = TO_DOUBLE(w->tp_before), fp_before = TO_DOUBLE(w->fp_before);
    lanes64 tp = TO_DOUBLE(w->tp), fp = TO_DOUBLE(w->fp), positives = tp - tp_before;
    lanes64 all_before = tp_before + fp_before, all = tp + fp, before, precision;
    divide(&tp_before, &all_before, 1, &before);
    divide(&tp, &all, 0, &precision);
    w->above += positives * (fp_before + fp);
    w->steps += positives * precision;
    w->trapezoid += positives * (precision + before) / 2;
    w->is_open = false;
}

static inline void read_item(const struct bv_resample_list *list, const uint8_t *weights, size_t i,
                             bool with_errors, struct walk *w)
{
    uint32_t word = list->words[i];
    lanes8 bytes;
    memcpy(&bytes, weights + (size_t)(word >> UNIT_SHIFT) * BV_LANES, sizeof bytes);
    lanes32 drawn = __builtin_convertvector(bytes, lanes32);
    if (word & POSITIVE) {
        if (!w->is_open) {
            w->tp_before = w->tp;
            w->fp_before = w->fp;
            w->is_open = true;
        }
        w->tp += drawn;
    } else
        w->fp += drawn;
    if (with_errors) {
        lanes64 error = TO_DOUBLE(drawn) * list->errors[i];
        w->gap += error;
        w->squares += error * list->errors[i];
    }
    if (word & LAST && w->is_open)
        close_score(w);
}

// Items [first, end), which end with a score's last one. The weights of items to come are fetched
// ahead: they lie anywhere.
static inline void read_items(const struct bv_resample_list *list, const uint8_t *weights,
                              size_t first, size_t end, bool with_errors, struct walk *walk)
{
    struct walk w = *walk;
    for (size_t i = first; i < end; i++) {
        size_t ahead = i + AHEAD < list->n ? i + AHEAD : i;
        __builtin_prefetch(weights + (size_t)(list->words[ahead] >> UNIT_SHIFT) * BV_LANES);
        read_item(list, weights, i, with_errors, &w);
    }
    *walk = w;
}

static void finish_areas(const struct walk *w, struct bv_resampled results[BV_LANES])
{
    for (int k = 0; k < BV_LANES; k++) {
        struct bv_resampled *r = &results[k];
        r->P = w->tp[k];
        r->N = w->fp[k];
        r->half_pairs = 2 * r->P * r->N - w->above[k];
        r->steps = w->steps[k];
        r->trapezoid = w->trapezoid[k];
        r->squares = w->squares[k];
    }
}

// Counts at the ends of blocks.
struct counts {
    uint32_t tp[BV_LANES], fp[BV_LANES];
};

static void store(const struct walk *w, struct counts *counts)
{
    memcpy(counts->tp, &w->tp, sizeof counts->tp);
    memcpy(counts->fp, &w->fp, sizeof counts->fp);
}

// From mark to mark: the ends of blocks and bins, and the threshold.
static void read_marked(const struct bv_resample_list *list, const uint8_t *weights,
                        struct counts *ends, struct bv_resampled results[BV_LANES])
{
    struct walk w = {.is_open = false};
    size_t n_bins = list->errors ? BV_RELIABILITY_BINS : 0, bin = 0, at = 0;
    for (size_t block = 0; block < list->n_blocks;) {
        size_t end = list->blocks[block];
        if (bin < n_bins && list->bin_end[bin] < end)
            end = list->bin_end[bin];
        if (at < list->n_above && list->n_above < end)
            end = list->n_above;
        if (list->errors)
            read_items(list, weights, at, end, true, &w);
        else
            read_items(list, weights, at, end, false, &w);
        at = end;
        for (int k = 0; k < BV_LANES && at == list->n_above; k++) {
            results[k].tp = w.tp[k];
            results[k].fp = w.fp[k];
        }
        for (; bin < n_bins && list->bin_end[bin] <= at; bin++) {
            for (int k = 0; k < BV_LANES; k++)
                results[k].gaps[bin] = w.gap[k];
            w.gap -= w.gap;
        }
        if (at == list->blocks[block])
            store(&w, &ends[block++]);
    }
    finish_areas(&w, results);
}

// ---- Thresholds of a resample ----

struct point {
    double tp, fp;
};

// The counts of one resample at the last score up to which is_before holds, which no score after
// one that fails it fulfils. *next: those at the first score that fails it.
static struct point find_last(const struct bv_resample_list *list, const uint8_t *weights,
                              const struct counts *ends, size_t lane,
                              bool (*is_before)(const struct point *, double), double limit,
                              struct point *next)
{
    struct point last = {0, 0}, now = {0, 0};
    size_t low = 0, high = list->n_blocks;
    while (low < high) { // the first block at whose end is_before fails
        size_t middle = (low + high) / 2;
        now = (struct point){ends[middle].tp[lane], ends[middle].fp[lane]};
        if (is_before(&now, limit))
            low = middle + 1;
        else
            high = middle;
    }
    if (low)
        last = (struct point){ends[low - 1].tp[lane], ends[low - 1].fp[lane]};
    *next = now = last;
    for (size_t i = low ? list->blocks[low - 1] : 0; i < list->n; i++) {
        uint32_t word = list->words[i];
        *(word & POSITIVE ? &now.tp : &now.fp) +=
            weights[(size_t)(word >> UNIT_SHIFT) * BV_LANES + lane];
        *next = now;
        if (word & LAST && !is_before(&now, limit))
            return last;
        if (word & LAST)
            last = now;
    }
    return last;
}

static bool has_fewer_tp(const struct point *point, double limit)
{
    return point->tp < limit;
}

static bool has_no_more_fp(const struct point *point, double limit)
{
    return point->fp <= limit;
}

// The same quotients are compared as where one set of data is looked at.
static void find_points(const struct bv_resample_list *list, const uint8_t *weights,
                        const struct counts *ends, size_t lane, struct bv_resampled *r)
{
    for (int t = 0; t < 2; t++) {
        double most = fmin(r->N, floor((1 - targets[t]) * r->N) + 1);
        double least = fmax(0, ceil(targets[t] * r->P) - 1);
        struct point next, last;
        while (most >= 0 && (r->N - most) / r->N < targets[t])
            most--;
        while (least <= r->P && least / r->P < targets[t])
            least++;
        (void)find_last(list, weights, ends, lane, has_fewer_tp, least, &next);
        r->fp_at_sensitivity[t] = next.fp;
        last = find_last(list, weights, ends, lane, has_no_more_fp, most, &next);
        r->tp_at_specificity[t] = last.tp + last.fp > 0 ? last.tp : NAN; // no row scores above
    }
}

enum bv_status bv_resample_pass(const struct bv_resample_list *list, const uint8_t *weights,
                                bool areas_only, struct bv_resampled results[BV_LANES],
                                struct bv_error *err)
{
    memset(results, 0, BV_LANES * sizeof *results);
    if (areas_only) {
        struct walk w = {.is_open = false};
        read_items(list, weights, 0, list->n, false, &w);
        finish_areas(&w, results);
        return BV_OK;
    }
    struct counts *ends = malloc((list->n_blocks + 1) * sizeof *ends);
    if (!ends)
        return bv_fail_nomem(err, "the bootstrap");
    read_marked(list, weights, ends, results);
    for (size_t k = 0; k < BV_LANES; k++)
        if (results[k].P > 0 && results[k].N > 0)
            find_points(list, weights, ends, k, &results[k]);
    free(ends);
    return BV_OK;
}

struct bv_metrics bv_resampled_metrics(const struct bv_resample_list *list,
                                       const struct bv_resampled *r)
{
    struct bv_metrics m = bv_metrics_none();
    double gap = 0, n = r->P + r->N;
    if (!(r->P > 0) || !(r->N > 0))
        return m;
    m.auroc = r->half_pairs / (2 * r->P * r->N);
    m.average_precision = r->steps / r->P;
    m.pr_auc_trapezoid = r->trapezoid / r->P;
    if (list->errors) {
        for (int bin = 0; bin < BV_RELIABILITY_BINS; bin++)
            gap += fabs(r->gaps[bin]);
        m.brier = r->squares / n;
        m.ece = gap / n;
    }
    if (list->has_threshold) {
        struct bv_confusion c = {(uint64_t)r->tp, (uint64_t)r->fp, (uint64_t)(r->N - r->fp),
                                 (uint64_t)(r->P - r->tp)};
        bv_metrics_set_decisions(&m, &c);
    }
    m.specificity_at_sensitivity_90 = (r->N - r->fp_at_sensitivity[0]) / r->N;
    m.specificity_at_sensitivity_95 = (r->N - r->fp_at_sensitivity[1]) / r->N;
    m.sensitivity_at_specificity_90 = r->tp_at_specificity[0] / r->P;
    m.sensitivity_at_specificity_95 = r->tp_at_specificity[1] / r->P;
    return m;
}

#include "eval/metrics/ranked.h"

#include <math.h>
#include <stdlib.h>

static int by_score(const void *a, const void *b)
{
    const struct bv_ranked_item *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return (x->unit > y->unit) - (x->unit < y->unit);
}

void bv_ranked_sort(struct bv_ranked_item *items, size_t n)
{
    if (n)
        qsort(items, n, sizeof *items, by_score);
}

void bv_areas_add(struct bv_areas *areas, uint64_t positives, uint64_t negatives)
{
    if (!positives && !negatives)
        return;
    double before = areas->tp || areas->fp ? areas->precision : 1;
    areas->half_pairs += negatives * (2 * areas->tp + positives);
    areas->tp += positives;
    areas->fp += negatives;
    areas->precision = (double)areas->tp / (double)(areas->tp + areas->fp);
    areas->steps += (double)positives * areas->precision;
    areas->trapezoids += (double)positives * (areas->precision + before) / 2;
}

double bv_areas_auroc(const struct bv_areas *areas)
{
    if (!areas->tp || !areas->fp)
        return NAN;
    return (double)areas->half_pairs / (2 * (double)areas->tp * (double)areas->fp);
}

double bv_areas_average_precision(const struct bv_areas *areas)
{
    return areas->tp && areas->fp ? areas->steps / (double)areas->tp : NAN;
}

double bv_areas_pr_trapezoid(const struct bv_areas *areas)
{
    return areas->tp && areas->fp ? areas->trapezoids / (double)areas->tp : NAN;
}

struct bv_areas bv_areas_ranked(const struct bv_ranked_item *items, size_t n,
                                const uint32_t *weights)
{
    struct bv_areas areas = {0};
    for (size_t i = 0; i < n;) {
        uint64_t count[2] = {0};
        double score = items[i].score;
        for (; i < n && items[i].score == score; i++)
            count[items[i].positive] += weights ? weights[items[i].unit] : 1;
        bv_areas_add(&areas, count[1], count[0]);
    }
    return areas;
}

// A heap of list numbers, the one with the largest next score on top.
struct heap {
    const struct bv_ranked *lists;
    size_t *at;      // next item of each list
    size_t *entries; // list numbers that have items left
    size_t n;
};

static double top_score(const struct heap *heap, size_t entry)
{
    size_t list = heap->entries[entry];
    return heap->lists[list].items[heap->at[list]].score;
}

static void sift_down(struct heap *heap, size_t entry)
{
    for (;;) {
        size_t largest = entry;
        for (size_t child = 2 * entry + 1; child <= 2 * entry + 2 && child < heap->n; child++)
            if (top_score(heap, child) > top_score(heap, largest))
                largest = child;
        if (largest == entry)
            return;
        size_t swapped = heap->entries[entry];
        heap->entries[entry] = heap->entries[largest];
        heap->entries[largest] = swapped;
        entry = largest;
    }
}

static void merge(struct heap *heap, struct bv_areas *areas)
{
    while (heap->n) {
        uint64_t count[2] = {0};
        double score = top_score(heap, 0);
        while (heap->n && top_score(heap, 0) == score) {
            size_t list = heap->entries[0];
            count[heap->lists[list].items[heap->at[list]++].positive]++;
            if (heap->at[list] == heap->lists[list].n)
                heap->entries[0] = heap->entries[--heap->n];
            sift_down(heap, 0);
        }
        bv_areas_add(areas, count[1], count[0]);
    }
}

enum bv_status bv_areas_pooled(const struct bv_ranked *lists, size_t n_lists,
                               struct bv_areas *areas, struct bv_error *err)
{
    struct bv_areas pooled = {0};
    struct heap heap = {.lists = lists};
    heap.at = calloc(n_lists + 1, sizeof *heap.at);
    heap.entries = calloc(n_lists + 1, sizeof *heap.entries);
    if (heap.at && heap.entries) {
        for (size_t i = 0; i < n_lists; i++)
            if (lists[i].n)
                heap.entries[heap.n++] = i;
        for (size_t i = heap.n; i-- > 0;)
            sift_down(&heap, i);
        merge(&heap, &pooled);
    }
    bool failed = !heap.at || !heap.entries;
    free(heap.at);
    free(heap.entries);
    if (failed)
        return bv_fail_nomem(err, "the micro average");
    *areas = pooled;
    return BV_OK;
}

// Keeps the first, the last, and every point where the curve bends: where a second difference of
// the counts is not zero.
static size_t drop_intermediate(struct bv_curve_point *points, size_t n)
{
    if (n <= 2)
        return n;
    size_t kept = 1;
    uint64_t last_tp = points[0].tp, last_fp = points[0].fp;
    for (size_t i = 1; i < n; i++) {
        struct bv_curve_point point = points[i];
        bool bends = i + 1 == n || points[i + 1].tp - point.tp != point.tp - last_tp ||
                     points[i + 1].fp - point.fp != point.fp - last_fp;
        last_tp = point.tp;
        last_fp = point.fp;
        if (bends)
            points[kept++] = point;
    }
    return kept;
}

enum bv_status bv_curve_points(const struct bv_ranked_item *items, size_t n, bool drop_collinear,
                               struct bv_curve_point **out, size_t *n_out, struct bv_error *err)
{
    size_t n_points = 0;
    for (size_t i = 0; i < n; i++)
        n_points += i + 1 == n || items[i].score != items[i + 1].score;
    struct bv_curve_point *points = n_points ? malloc(n_points * sizeof *points) : NULL;
    if (n_points && !points)
        return bv_fail_nomem(err, "a ROC curve");
    uint64_t count[2] = {0};
    for (size_t i = 0, p = 0; i < n; i++) {
        count[items[i].positive]++;
        if (i + 1 == n || items[i].score != items[i + 1].score)
            points[p++] = (struct bv_curve_point){items[i].score, count[1], count[0]};
    }
    *n_out = drop_collinear ? drop_intermediate(points, n_points) : n_points;
    *out = points;
    return BV_OK;
}

#include "retrieval/vectors.h"

#include <stdlib.h>
#include <string.h>

static int by_score(const void *a, const void *b)
{
    const struct bv_candidate *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

// Moves the k best to the front (Hoare's selection); k < n.
static void select_best(struct bv_candidate *v, size_t n, size_t k)
{
    size_t low = 0, high = n - 1;
    while (low < high) {
        struct bv_candidate pivot = v[low + (high - low) / 2];
        size_t i = low, j = high;
        for (;;) {
            while (by_score(&v[i], &pivot) < 0)
                i++;
            while (by_score(&pivot, &v[j]) < 0)
                j--;
            if (i >= j)
                break;
            struct bv_candidate t = v[i];
            v[i++] = v[j];
            v[j--] = t;
        }
        if (k <= j)
            high = j;
        else
            low = j + 1;
    }
}

static void prune(struct bv_candidates *c)
{
    if (c->n <= c->k)
        return;
    select_best(c->items, c->n, c->k - 1);
    float kth = c->items[c->k - 1].score;
    size_t kept = 0;
    for (size_t i = 0; i < c->n; i++) {
        if (c->items[i].score >= kth)
            c->items[kept++] = c->items[i];
    }
    c->n = kept;
    c->threshold = kth;
    c->has_threshold = true;
}

static bool make_room(struct bv_candidates *c)
{
    prune(c);
    // Ties may keep it full: then it grows.
    if (c->capacity > 0 && c->n < c->capacity / 2)
        return true;
    size_t capacity = c->capacity ? c->capacity * 2 : c->k * 4 + 256;
    struct bv_candidate *items = realloc(c->items, capacity * sizeof *items);
    if (!items)
        return false;
    c->items = items;
    c->capacity = capacity;
    return true;
}

void bv_candidates_push(struct bv_candidates *c, float score, uint32_t row)
{
    bool good = c->has_threshold ? score >= c->threshold : score == score;
    if (!good || c->out_of_memory)
        return;
    if (c->n == c->capacity && !make_room(c)) {
        c->out_of_memory = true;
        return;
    }
    c->items[c->n++] = (struct bv_candidate){score, row};
}

// Whether any of 16 scores reaches the threshold; written for the vectoriser.
static bool any_reaches(const float *scores, float threshold)
{
    int any = 0;
    for (int i = 0; i < 16; i++)
        any |= scores[i] >= threshold;
    return any;
}

void bv_candidates_push_scores(struct bv_candidates *c, const float *scores, uint32_t first,
                               size_t n, const uint64_t *allowed)
{
    for (size_t i = 0; i < n;) {
        if (i + 16 <= n && c->has_threshold && !any_reaches(scores + i, c->threshold)) {
            i += 16;
            continue;
        }
        size_t end = i + 16 < n ? i + 16 : n;
        for (; i < end; i++) {
            uint32_t row = first + (uint32_t)i;
            if (!allowed || (allowed[row / 64] >> (row & 63) & 1))
                bv_candidates_push(c, scores[i], row);
        }
    }
}

void bv_candidates_merge(struct bv_candidates *c, const struct bv_candidates *other)
{
    for (size_t i = 0; i < other->n; i++)
        bv_candidates_push(c, other->items[i].score, other->items[i].row);
    c->out_of_memory = c->out_of_memory || other->out_of_memory;
}

void bv_candidates_finish(struct bv_candidates *c)
{
    prune(c);
    if (c->n > 1)
        qsort(c->items, c->n, sizeof *c->items, by_score);
}

void bv_candidates_free(struct bv_candidates *c)
{
    free(c->items);
    memset(c, 0, sizeof *c);
}

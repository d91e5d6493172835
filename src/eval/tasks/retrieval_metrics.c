#include "eval/tasks/retrieval_table.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct placed {
    float score;
    uint32_t item;
};

static int by_score(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

static enum bv_status push_rank(struct bv_retrieval *r, uint32_t rank, struct bv_error *err)
{
    if (r->n_queries == r->room_ranks) {
        size_t room = r->room_ranks ? 2 * r->room_ranks : 256;
        uint32_t *larger = realloc(r->ranks, room * sizeof *larger);
        if (!larger)
            return bv_fail_nomem(err, "the ranks of the queries");
        r->ranks = larger;
        r->room_ranks = room;
    }
    r->ranks[r->n_queries++] = rank;
    return BV_OK;
}

// How many relevant items stand within each cut-off, and where the first one is, from 1.
static void count(const struct bv_retrieval *r, const struct placed *sorted,
                  const uint8_t *relevant, size_t n, size_t *found, size_t *first)
{
    size_t so_far = 0;
    *first = 0;
    for (size_t i = 0; i < n; i++) {
        so_far += relevant[sorted[i].item];
        if (so_far && !*first)
            *first = i + 1;
        for (size_t k = 0; k < r->n_ks; k++)
            if (i < r->ks[k])
                found[k] = so_far;
    }
}

enum bv_status bv_retrieval_add(struct bv_retrieval *r, const float *scores,
                                const uint8_t *relevant, size_t n, struct bv_error *err)
{
    size_t n_relevant = 0, first = 0, found[BV_RETRIEVAL_MAX_K] = {0};
    for (size_t i = 0; i < n; i++)
        n_relevant += relevant[i];
    if (!n_relevant) {
        r->n_without++;
        return BV_OK;
    }
    struct placed *sorted = malloc(n * sizeof *sorted);
    if (!sorted)
        return bv_fail_nomem(err, "a ranking");
    for (size_t i = 0; i < n; i++)
        sorted[i] = (struct placed){scores[i], (uint32_t)i};
    qsort(sorted, n, sizeof *sorted, by_score);
    count(r, sorted, relevant, n, found, &first);
    free(sorted);
    BV_TRY(push_rank(r, (uint32_t)first, err));
    for (size_t k = 0; k < r->n_ks; k++) {
        r->precision[k] += (double)found[k] / (double)r->ks[k];
        r->recall[k] += (double)found[k] / (double)n_relevant;
        r->hits[k] += found[k] > 0;
    }
    r->rank += (double)first;
    r->reciprocal += 1 / (double)first;
    return BV_OK;
}

static int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

void bv_retrieval_finish(struct bv_retrieval *r, double *median_rank)
{
    size_t n = r->n_queries;
    double whole = n ? (double)n : NAN;
    for (size_t k = 0; k < r->n_ks; k++) {
        r->precision[k] /= whole;
        r->recall[k] /= whole;
        r->hits[k] /= whole;
    }
    r->rank /= whole;
    r->reciprocal /= whole;
    *median_rank = NAN;
    if (n) {
        qsort(r->ranks, n, sizeof *r->ranks, ascending);
        *median_rank = ((double)r->ranks[(n - 1) / 2] + (double)r->ranks[n / 2]) / 2;
    }
}

void bv_retrieval_free(struct bv_retrieval *r)
{
    free(r->ranks);
    r->ranks = NULL;
    r->room_ranks = 0;
}

struct numbered_text {
    const char *text;
    uint32_t number;
};

static int by_text(const void *a, const void *b)
{
    const struct numbered_text *x = a, *y = b;
    int order = strcmp(x->text, y->text);
    return order ? order : (x->number > y->number) - (x->number < y->number);
}

enum bv_status bv_text_groups(const char *const *texts, size_t n, uint32_t *groups,
                              size_t *n_duplicates, struct bv_error *err)
{
    struct numbered_text *sorted = calloc(n + 1, sizeof *sorted);
    if (!sorted)
        return bv_fail_nomem(err, "the texts");
    for (size_t i = 0; i < n; i++)
        sorted[i] = (struct numbered_text){texts[i], (uint32_t)i};
    qsort(sorted, n, sizeof *sorted, by_text);
    size_t repeats = 0;
    for (size_t i = 0; i < n; i++) {
        bool repeated = i && strcmp(sorted[i].text, sorted[i - 1].text) == 0;
        groups[sorted[i].number] = repeated ? groups[sorted[i - 1].number] : sorted[i].number;
        repeats += repeated;
    }
    free(sorted);
    *n_duplicates = repeats;
    return BV_OK;
}

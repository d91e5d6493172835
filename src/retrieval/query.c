#include "retrieval/query.h"

#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "retrieval/store.h"

enum { MAX_K = 100000, RERANK_I8 = 10 }; // 8-bit hits scored exactly per hit wanted

struct bv_searcher {
    struct bv_store *store;
    struct bv_pool *pool;
    struct bv_vectors vectors[BV_KINDS];
    bool loaded[BV_KINDS];
    struct bv_faiss *faiss[BV_KINDS];
    uint64_t generation; // of the rows that were loaded
};

enum bv_status bv_searcher_open(struct bv_searcher **out, struct bv_store *store,
                                struct bv_pool *pool, struct bv_error *err)
{
    struct bv_searcher *s = calloc(1, sizeof *s);
    if (!s)
        return bv_fail_nomem(err, "a search");
    s->store = store;
    s->pool = pool;
    *out = s;
    return BV_OK;
}

static void forget(struct bv_searcher *s)
{
    for (int kind = 0; kind < BV_KINDS; kind++) {
        bv_vectors_free(&s->vectors[kind]);
        bv_faiss_free(&s->faiss[kind]);
        s->loaded[kind] = false;
    }
}

void bv_searcher_close(struct bv_searcher **searcher)
{
    if (!searcher || !*searcher)
        return;
    forget(*searcher);
    free(*searcher);
    *searcher = NULL;
}

static enum bv_status need_vectors(struct bv_searcher *s, enum bv_kind kind, struct bv_error *err)
{
    if (s->loaded[kind])
        return BV_OK;
    BV_TRY(bv_vector_file_load(s->store, kind, BV_VECTOR_FILE_LEAST, s->pool, &s->vectors[kind],
                               NULL, err));
    s->loaded[kind] = true;
    return BV_OK;
}

// Exact scores of rows that FAISS proposes, read from the file one by one.
static enum bv_status score_stored(struct bv_searcher *s, const struct bv_query *q,
                                   const int64_t *rows, size_t n, struct bv_candidates *c,
                                   struct bv_error *err)
{
    struct bv_vectors one = {0};
    BV_TRY(bv_vectors_create(&one, 1, bv_store_info(s->store)->dimension, err));
    const uint32_t first = 0;
    enum bv_status status = BV_OK;
    for (size_t i = 0; i < n && status == BV_OK; i++) {
        float score;
        if (rows[i] < 0)
            continue;
        status = bv_store_vector(s->store, q->find, (uint32_t)rows[i], one.rows, err);
        if (status == BV_OK)
            status = bv_vectors_score(&one, q->vector, &first, 1, &score, err);
        if (status == BV_OK)
            bv_candidates_push(c, score, (uint32_t)rows[i]);
    }
    bv_vectors_free(&one);
    return status;
}

static enum bv_status find_by_faiss(struct bv_searcher *s, const struct bv_query *q, size_t depth,
                                    struct bv_candidates *c, struct bv_error *err)
{
    struct bv_acceleration how = {0};
    if (!s->faiss[q->find])
        BV_TRY(bv_accelerate(s->store, q->find, s->pool, &s->faiss[q->find], &how, err));
    c->k = depth;
    if (!s->faiss[q->find])
        return BV_OK;
    int64_t *rows = malloc(depth * sizeof *rows);
    if (!rows)
        return bv_fail_nomem(err, "a search");
    enum bv_status status =
        bv_faiss_search(s->faiss[q->find], q->vector, 1, depth, q->effort, rows, err);
    if (status == BV_OK)
        status = score_stored(s, q, rows, depth, c, err);
    free(rows);
    if (status == BV_OK && c->out_of_memory)
        status = bv_fail_nomem(err, "a search");
    if (status == BV_OK)
        bv_candidates_finish(c);
    return status;
}

// The depth best rows that pass the filter, ties of the last included. The caller frees c.
static enum bv_status find_rows(struct bv_searcher *s, const struct bv_query *q, size_t depth,
                                struct bv_candidates *c, struct bv_error *err)
{
    bool filtered = q->filter && q->filter->sql;
    bool accelerated = strcmp(bv_store_info(s->store)->accelerator, "exact") != 0;
    if (q->method == BV_METHOD_FAISS && !accelerated)
        return bv_fail(err, BV_ERR_ARG, "%s was made for exact search: it has no FAISS file",
                       bv_store_path(s->store));
    if (!filtered && accelerated && (q->method == BV_METHOD_FAISS || q->method == BV_METHOD_AUTO))
        return find_by_faiss(s, q, depth, c, err);
    BV_TRY(need_vectors(s, q->find, err));
    struct bv_vectors *v = &s->vectors[q->find];
    uint64_t *allowed = NULL;
    size_t n_allowed = v->n;
    if (filtered)
        BV_TRY(bv_store_select(s->store, q->find, q->filter, v->n, &allowed, &n_allowed, err));
    enum bv_status status = BV_OK;
    const size_t rerank = depth * RERANK_I8 > 100 ? depth * RERANK_I8 : 100;
    const struct bv_search search = {q->vector, 1, depth, rerank, allowed};
    if (q->method == BV_METHOD_I8) {
        status = bv_vectors_quantize(v, s->pool, err);
        if (status == BV_OK)
            status = bv_vectors_search_i8(v, &search, s->pool, c, err);
    } else if (n_allowed > 0) {
        status = bv_vectors_search(v, &search, s->pool, c, err);
    }
    free(allowed);
    return status;
}

static int by_score(const void *a, const void *b)
{
    const struct bv_hit *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    if (x->cosine != y->cosine)
        return x->cosine > y->cosine ? -1 : 1;
    return strcmp(x->entry.id, y->entry.id);
}

// Keeps the first hit of each study.
static size_t keep_best_of_study(struct bv_hit *hits, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        bool seen = false;
        for (size_t j = 0; j < kept && !seen; j++)
            seen = strcmp(hits[j].entry.study, hits[i].entry.study) == 0;
        if (!seen)
            hits[kept++] = hits[i];
    }
    return kept;
}

// One round: the depth best rows as hits in their final order. *exhausted when there are no more.
static enum bv_status run_round(struct bv_searcher *s, const struct bv_query *q, size_t depth,
                                struct bv_arena *arena, struct bv_hit **out, size_t *n_out,
                                bool *exhausted, struct bv_error *err)
{
    struct bv_candidates c = {0};
    size_t n = 0;
    struct bv_hit *hits = NULL;
    enum bv_status status = find_rows(s, q, depth, &c, err);
    if (status == BV_OK) {
        *exhausted = c.n < depth;
        hits = bv_arena_array(arena, c.n + 1, sizeof *hits);
        status = hits ? BV_OK : bv_fail_nomem(err, "hits");
    }
    for (size_t i = 0; i < c.n && status == BV_OK; i++) {
        hits[n].score = hits[n].cosine = c.items[i].score;
        status = bv_store_entry(s->store, q->find, c.items[i].row, arena, &hits[n].entry, err);
        if (status == BV_OK)
            n += !q->leave_out || strcmp(hits[n].entry.id, q->leave_out) != 0;
    }
    bv_candidates_free(&c);
    if (status != BV_OK)
        return status;
    qsort(hits, n, sizeof *hits, by_score);
    *n_out = q->by_study ? keep_best_of_study(hits, n) : n;
    *out = hits;
    return BV_OK;
}

static enum bv_status apply_rerank(const struct bv_query *q, struct bv_hit *hits, size_t n,
                                   struct bv_error *err)
{
    float *scores = malloc((n + 1) * sizeof *scores);
    if (!scores)
        return bv_fail_nomem(err, "a reranking");
    enum bv_status status = q->rerank(q->rerank_arg, hits, n, scores, err);
    for (size_t i = 0; i < n && status == BV_OK; i++)
        hits[i].score = scores[i];
    free(scores);
    if (status == BV_OK)
        qsort(hits, n, sizeof *hits, by_score);
    return status;
}

static enum bv_status run(struct bv_searcher *s, const struct bv_query *q, struct bv_arena *arena,
                          struct bv_hit **out, size_t *n_out, struct bv_error *err)
{
    if (q->k == 0 || q->k > MAX_K || q->rerank_depth > MAX_K)
        return bv_fail(err, BV_ERR_ARG, "k must be 1 to %d", MAX_K);
    size_t wanted = q->rerank && q->rerank_depth > q->k ? q->rerank_depth : q->k;
    struct bv_hit *hits = NULL;
    size_t n = 0;
    bool exhausted = false;
    // Left-out rows and further hits of a study take room: look deeper until k are left.
    for (size_t depth = wanted + (q->leave_out != NULL); !exhausted; depth *= 4) {
        if (depth > (size_t)4 * MAX_K)
            break;
        struct bv_arena round = {0};
        enum bv_status status = run_round(s, q, depth, &round, &hits, &n, &exhausted, err);
        if (status != BV_OK) {
            bv_arena_free(&round);
            return status;
        }
        if (n >= wanted || exhausted || depth * 4 > (size_t)4 * MAX_K) {
            // Only the last round's hits are handed out.
            struct bv_hit *copy = bv_arena_array(arena, n + 1, sizeof *copy);
            for (size_t i = 0; copy && i < n; i++) {
                copy[i] = hits[i];
                copy[i].entry.id = bv_arena_strdup(arena, hits[i].entry.id);
                copy[i].entry.study = bv_arena_strdup(arena, hits[i].entry.study);
                copy[i].entry.metadata = bv_arena_strdup(arena, hits[i].entry.metadata);
                copy[i].entry.report = bv_arena_strdup(arena, hits[i].entry.report);
                if (!copy[i].entry.id || !copy[i].entry.study || !copy[i].entry.metadata ||
                    !copy[i].entry.report)
                    copy = NULL;
            }
            bv_arena_free(&round);
            if (!copy)
                return bv_fail_nomem(err, "hits");
            hits = copy;
            break;
        }
        bv_arena_free(&round);
    }
    if (n > wanted)
        n = wanted;
    *out = hits;
    *n_out = n;
    return BV_OK;
}

enum bv_status bv_searcher_run(struct bv_searcher *s, const struct bv_query *q,
                               struct bv_arena *arena, struct bv_hit **out, size_t *n_out,
                               struct bv_error *err)
{
    // Another process may change the index: what is asked is one state of it.
    BV_TRY(bv_store_view_begin(s->store, err));
    if (s->generation != bv_store_generation(s->store)) {
        forget(s);
        s->generation = bv_store_generation(s->store);
    }
    enum bv_status status = run(s, q, arena, out, n_out, err);
    bv_store_view_end(s->store); // a reranking takes long, and nobody could write
    if (status == BV_OK && q->rerank)
        status = apply_rerank(q, *out, *n_out, err);
    if (status == BV_OK && *n_out > q->k)
        *n_out = q->k;
    return status;
}

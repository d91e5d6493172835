// posix_madvise knows nothing of huge pages; madvise does.
#define _DEFAULT_SOURCE
#include "retrieval/vectors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/dtype.h"
#include "base/memory.h"

enum {
    BLOCK_ROWS = 256,   // scored at a time: 256 rows of 512 f16 stay in the second-level cache
    SHARE_ROWS = 16384, // what a thread takes at a time
    MAX_QUERIES = 64,   // scored together
};

// Rows start on cache lines; huge pages spare a scan its TLB misses.
static void *alloc_rows(size_t bytes)
{
    size_t huge = (size_t)2 << 20;
    size_t unit = bytes >= huge ? huge : 64;
    size_t padded;
    if (!bv_add_size(bytes, unit - 1, &padded))
        return NULL;
    padded = padded / unit * unit;
    void *p = aligned_alloc(unit, padded ? padded : unit);
#ifdef MADV_HUGEPAGE
    if (p && unit == huge)
        (void)madvise(p, padded, MADV_HUGEPAGE); // a hint; refusal costs only time
#endif
    return p;
}

static size_t round_up(size_t n, size_t unit)
{
    return (n + unit - 1) / unit * unit;
}

size_t bv_vectors_stride(size_t dimension)
{
    return round_up(dimension, BV_SCAN_LANES);
}

enum bv_status bv_vectors_create(struct bv_vectors *v, size_t n, size_t dimension,
                                 struct bv_error *err)
{
    if (dimension == 0 || dimension > 65536 || n > UINT32_MAX)
        return bv_fail(err, BV_ERR_LIMIT, "%zu vectors of %zu dimensions", n, dimension);
    size_t stride = bv_vectors_stride(dimension), elements, bytes;
    if (!bv_mul_size(n, stride, &elements) || !bv_mul_size(elements, sizeof(uint16_t), &bytes))
        return bv_fail_nomem(err, "vectors");
    uint16_t *rows = alloc_rows(bytes);
    if (!rows)
        return bv_fail_nomem(err, "vectors");
    if (stride != dimension) {
        for (size_t i = 0; i < n; i++)
            memset(rows + i * stride + dimension, 0, (stride - dimension) * sizeof *rows);
    }
    *v = (struct bv_vectors){.n = n, .dimension = dimension, .stride = stride, .rows = rows};
    return BV_OK;
}

void bv_vectors_free(struct bv_vectors *v)
{
    if (v->mapped)
        (void)munmap(v->rows, v->mapped);
    else
        free(v->rows);
    free(v->codes);
    free(v->scales);
    memset(v, 0, sizeof *v);
}

// Largest magnitude to ±127; the scale that undoes it.
static float quantize_row(const float *in, size_t n, int8_t *out)
{
    float largest = 0.0f;
    for (size_t i = 0; i < n; i++)
        largest = fmaxf(largest, fabsf(in[i]));
    float factor = largest > 0.0f ? 127.0f / largest : 0.0f;
    for (size_t i = 0; i < n; i++)
        out[i] = (int8_t)lrintf(in[i] * factor);
    return largest / 127.0f;
}

struct quantize_job {
    struct bv_vectors *v;
};

static void quantize_share(void *arg, size_t share)
{
    const struct quantize_job *job = arg;
    struct bv_vectors *v = job->v;
    size_t end = (share + 1) * SHARE_ROWS < v->n ? (share + 1) * SHARE_ROWS : v->n;
    for (size_t r = share * SHARE_ROWS; r < end; r++) {
        uint8_t *code = v->codes + r * v->code_stride;
        float row[BV_SCAN_BYTES];
        int8_t part[BV_SCAN_BYTES];
        // Two passes over a row in small parts, so that no buffer of its length is needed.
        float largest = 0.0f;
        for (size_t i = 0; i < v->dimension; i++)
            largest = fmaxf(largest, fabsf(bv_f16_to_f32(v->rows[r * v->stride + i])));
        float factor = largest > 0.0f ? 127.0f / largest : 0.0f;
        for (size_t i = 0; i < v->dimension; i += BV_SCAN_BYTES) {
            size_t n = v->dimension - i < BV_SCAN_BYTES ? v->dimension - i : BV_SCAN_BYTES;
            bv_f16_to_f32_array(v->rows + r * v->stride + i, row, n);
            for (size_t j = 0; j < n; j++)
                part[j] = (int8_t)lrintf(row[j] * factor);
            for (size_t j = 0; j < n; j++)
                code[i + j] = (uint8_t)(part[j] + 128);
        }
        memset(code + v->dimension, 128, v->code_stride - v->dimension);
        v->scales[r] = largest / 127.0f;
    }
}

enum bv_status bv_vectors_quantize(struct bv_vectors *v, struct bv_pool *pool, struct bv_error *err)
{
    size_t stride = round_up(v->dimension, BV_SCAN_BYTES), bytes;
    if (v->codes)
        return BV_OK;
    if (!bv_mul_size(v->n, stride, &bytes))
        return bv_fail_nomem(err, "8-bit vectors");
    uint8_t *codes = alloc_rows(bytes);
    float *scales = malloc((v->n ? v->n : 1) * sizeof *scales);
    if (!codes || !scales) {
        free(codes);
        free(scales);
        return bv_fail_nomem(err, "8-bit vectors");
    }
    v->codes = codes;
    v->scales = scales;
    v->code_stride = stride;
    struct quantize_job job = {v};
    bv_pool_for(pool, (v->n + SHARE_ROWS - 1) / SHARE_ROWS, quantize_share, &job);
    return BV_OK;
}

// One search at work. Each of n_slots slots takes shares slot, slot + n_slots, … and keeps its
// own candidates; what is kept depends on neither.
struct search_job {
    const struct bv_vectors *v;
    const struct bv_scan *scan;
    const float *queries; // [n_queries][stride], padded with zeros
    const int8_t *coded;  // [n_queries][code_stride]; NULL for an exact scan
    const float *coded_scales;
    size_t n_queries, n_slots;
    const uint64_t *allowed;
    struct bv_candidates *found; // [n_slots][n_queries]
    float *scores;               // [n_slots][n_queries][BLOCK_ROWS]
    int32_t *dots;               // [n_slots][BLOCK_ROWS]
};

// Whether any row of a block may be a result; first is a multiple of 64.
static bool block_is_allowed(const uint64_t *allowed, size_t first, size_t n)
{
    if (!allowed)
        return true;
    for (size_t word = first / 64; word < (first + n + 63) / 64; word++) {
        if (allowed[word])
            return true;
    }
    return false;
}

static void score_block(const struct search_job *job, size_t slot, size_t first, size_t n)
{
    const struct bv_vectors *v = job->v;
    float *scores = job->scores + slot * job->n_queries * BLOCK_ROWS;
    if (!job->coded) {
        job->scan->f16(v->rows + first * v->stride, n, v->stride, job->queries, job->n_queries,
                       scores);
    } else {
        int32_t *dots = job->dots + slot * BLOCK_ROWS;
        for (size_t q = 0; q < job->n_queries; q++) {
            job->scan->i8(v->codes + first * v->code_stride, n, v->code_stride,
                          job->coded + q * v->code_stride, dots);
            for (size_t i = 0; i < n; i++)
                scores[q * n + i] = (float)dots[i] * v->scales[first + i] * job->coded_scales[q];
        }
    }
    for (size_t q = 0; q < job->n_queries; q++)
        bv_candidates_push_scores(&job->found[slot * job->n_queries + q], scores + q * n,
                                  (uint32_t)first, n, job->allowed);
}

static void search_slot(void *arg, size_t slot)
{
    const struct search_job *job = arg;
    size_t n_rows = job->v->n;
    for (size_t share = slot; share * SHARE_ROWS < n_rows; share += job->n_slots) {
        size_t end = (share + 1) * SHARE_ROWS < n_rows ? (share + 1) * SHARE_ROWS : n_rows;
        for (size_t first = share * SHARE_ROWS; first < end; first += BLOCK_ROWS) {
            size_t n = end - first < BLOCK_ROWS ? end - first : BLOCK_ROWS;
            if (block_is_allowed(job->allowed, first, n))
                score_block(job, slot, first, n);
        }
    }
}

// Runs the job's slots and gathers their candidates.
static enum bv_status run_job(struct search_job *job, size_t k, struct bv_pool *pool,
                              struct bv_candidates *results, struct bv_error *err)
{
    bool complete = true;
    job->n_slots = 4 * (size_t)bv_pool_threads(pool); // evens out busy processors
    job->found = calloc(job->n_slots * job->n_queries, sizeof *job->found);
    job->scores = malloc(job->n_slots * job->n_queries * BLOCK_ROWS * sizeof *job->scores);
    job->dots = malloc(job->n_slots * BLOCK_ROWS * sizeof *job->dots);
    if (job->found && job->scores && job->dots) {
        for (size_t i = 0; i < job->n_slots * job->n_queries; i++)
            job->found[i].k = k;
        bv_pool_for(pool, job->n_slots, search_slot, job);
        for (size_t q = 0; q < job->n_queries; q++) {
            results[q] = (struct bv_candidates){.k = k};
            for (size_t s = 0; s < job->n_slots; s++)
                bv_candidates_merge(&results[q], &job->found[s * job->n_queries + q]);
            bv_candidates_finish(&results[q]);
            complete = complete && !results[q].out_of_memory;
        }
        for (size_t i = 0; i < job->n_slots * job->n_queries; i++)
            bv_candidates_free(&job->found[i]);
        if (!complete) {
            for (size_t q = 0; q < job->n_queries; q++)
                bv_candidates_free(&results[q]);
        }
    } else {
        complete = false;
    }
    free(job->found);
    free(job->scores);
    free(job->dots);
    return complete ? BV_OK : bv_fail_nomem(err, "a search");
}

// [n][dimension] to malloc'd [n][stride] with zeros behind; NULL when memory is out.
static float *pad_queries(const float *queries, size_t n, size_t dimension, size_t stride)
{
    float *padded = calloc(n * stride, sizeof *padded);
    for (size_t q = 0; padded && q < n; q++)
        memcpy(padded + q * stride, queries + q * dimension, dimension * sizeof *padded);
    return padded;
}

static enum bv_status check_search(const struct bv_vectors *v, size_t n_queries, size_t k,
                                   struct bv_error *err)
{
    if (k == 0 || k > v->n + 1000000 || n_queries > 1000000)
        return bv_fail(err, BV_ERR_ARG, "a search for the %zu best of %zu queries", k, n_queries);
    return BV_OK;
}

enum bv_status bv_vectors_search(const struct bv_vectors *v, const struct bv_search *search,
                                 struct bv_pool *pool, struct bv_candidates *results,
                                 struct bv_error *err)
{
    const size_t n_queries = search->n;
    BV_TRY(check_search(v, n_queries, search->k, err));
    float *padded = pad_queries(search->queries, n_queries, v->dimension, v->stride);
    if (!padded)
        return bv_fail_nomem(err, "queries");
    enum bv_status status = BV_OK;
    for (size_t first = 0; first < n_queries && status == BV_OK; first += MAX_QUERIES) {
        size_t n = n_queries - first < MAX_QUERIES ? n_queries - first : MAX_QUERIES;
        struct search_job job = {.v = v,
                                 .scan = bv_scan_best(),
                                 .queries = padded + first * v->stride,
                                 .n_queries = n,
                                 .allowed = search->allowed};
        status = run_job(&job, search->k, pool, results + first, err);
        if (status != BV_OK) {
            for (size_t q = 0; q < first; q++)
                bv_candidates_free(&results[q]);
        }
    }
    free(padded);
    return status;
}

// Replaces 8-bit scores by exact ones and keeps the k best.
static enum bv_status rerank(const struct bv_vectors *v, const float *query, size_t k,
                             struct bv_candidates *c, struct bv_error *err)
{
    struct bv_candidates exact = {.k = k};
    const struct bv_scan *scan = bv_scan_best();
    for (size_t i = 0; i < c->n; i++) {
        float score;
        scan->f16(v->rows + (size_t)c->items[i].row * v->stride, 1, v->stride, query, 1, &score);
        bv_candidates_push(&exact, score, c->items[i].row);
    }
    if (exact.out_of_memory) {
        bv_candidates_free(&exact);
        return bv_fail_nomem(err, "a search");
    }
    bv_candidates_finish(&exact);
    bv_candidates_free(c);
    *c = exact;
    return BV_OK;
}

enum bv_status bv_vectors_search_i8(const struct bv_vectors *v, const struct bv_search *search,
                                    struct bv_pool *pool, struct bv_candidates *results,
                                    struct bv_error *err)
{
    const float *queries = search->queries;
    const size_t n_queries = search->n;
    BV_TRY(check_search(v, n_queries, search->k, err));
    if (!v->codes || search->n_rerank < search->k)
        return bv_fail(err, BV_ERR_ARG, "an 8-bit search without 8-bit vectors");
    float *padded = pad_queries(queries, n_queries, v->dimension, v->stride);
    int8_t *coded = calloc(n_queries ? n_queries : 1, v->code_stride);
    float *scales = malloc((n_queries ? n_queries : 1) * sizeof *scales);
    enum bv_status status = padded && coded && scales ? BV_OK : bv_fail_nomem(err, "8-bit queries");
    size_t done = 0; // queries whose results hold something
    for (size_t q = 0; q < n_queries && status == BV_OK; q++)
        scales[q] =
            quantize_row(queries + q * v->dimension, v->dimension, coded + q * v->code_stride);
    while (done < n_queries && status == BV_OK) {
        size_t n = n_queries - done < MAX_QUERIES ? n_queries - done : MAX_QUERIES;
        struct search_job job = {.v = v,
                                 .scan = bv_scan_best(),
                                 .coded = coded + done * v->code_stride,
                                 .coded_scales = scales + done,
                                 .n_queries = n,
                                 .allowed = search->allowed};
        status = run_job(&job, search->n_rerank, pool, results + done, err);
        if (status == BV_OK)
            done += n;
    }
    for (size_t q = 0; q < n_queries && status == BV_OK; q++)
        status = rerank(v, padded + q * v->stride, search->k, &results[q], err);
    if (status != BV_OK) {
        for (size_t q = 0; q < done; q++)
            bv_candidates_free(&results[q]);
    }
    free(padded);
    free(coded);
    free(scales);
    return status;
}

enum bv_status bv_vectors_score(const struct bv_vectors *v, const float *query,
                                const uint32_t *rows, size_t n_rows, float *scores,
                                struct bv_error *err)
{
    float *padded = pad_queries(query, 1, v->dimension, v->stride);
    if (!padded)
        return bv_fail_nomem(err, "a query");
    const struct bv_scan *scan = bv_scan_best();
    for (size_t i = 0; i < n_rows; i++)
        scan->f16(v->rows + (size_t)rows[i] * v->stride, 1, v->stride, padded, 1, &scores[i]);
    free(padded);
    return BV_OK;
}

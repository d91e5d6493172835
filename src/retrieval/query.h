// query.h: questions to an index.
#ifndef BV_RETRIEVAL_QUERY_H
#define BV_RETRIEVAL_QUERY_H

#include "retrieval/accelerate.h"
#include "retrieval/filter.h"

// How rows are found. Scores are exact inner products with the stored f16 vectors in every case.
enum bv_method {
    BV_METHOD_AUTO,  // the index's own choice
    BV_METHOD_EXACT, // every row
    BV_METHOD_I8,    // every row through 8-bit copies, the best ones exactly
    BV_METHOD_FAISS, // the FAISS file; with a filter every row
};

struct bv_hit {
    float score;  // what the hits are ordered by: the cosine, or what a reranker made of the pair
    float cosine; // with the query's vector
    struct bv_entry entry;
};

// Rescores pairs of the query and hits (rerank.h). The hits come in the order of their cosines.
typedef enum bv_status (*bv_rerank)(void *arg, const struct bv_hit *hits, size_t n, float *scores,
                                    struct bv_error *err);

struct bv_query {
    const float *vector; // [dimension]
    enum bv_kind find;   // what the hits are
    size_t k;
    const struct bv_filter *filter; // NULL: none
    bool by_study;                  // the best hit of each study only
    const char *leave_out;          // an id that is no hit: the query itself; NULL: none
    enum bv_method method;
    int effort;       // of FAISS, see faiss.h
    bv_rerank rerank; // NULL: none
    void *rerank_arg;
    size_t rerank_depth; // hits that are rescored, at least k
};

// An index with what searching it needs in memory, loaded when first used. Belongs to one thread.
struct bv_searcher;

// store and pool are borrowed. pool may be NULL.
enum bv_status bv_searcher_open(struct bv_searcher **searcher, struct bv_store *store,
                                struct bv_pool *pool, struct bv_error *err);
void bv_searcher_close(struct bv_searcher **searcher); // accepts NULL

// The k best: higher scores first, equal ones by their cosines, then in the order of their ids,
// which does not depend on the order of adding, on threads or on shards. *hits and their strings
// are in the arena.
enum bv_status bv_searcher_run(struct bv_searcher *searcher, const struct bv_query *query,
                               struct bv_arena *arena, struct bv_hit **hits, size_t *n_hits,
                               struct bv_error *err);

#endif

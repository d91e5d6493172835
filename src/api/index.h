// index.h: the inside of an index's handle.
#ifndef BV_API_INDEX_H
#define BV_API_INDEX_H

#include "api/context.h"
#include "base/file.h"
#include "retrieval/ingest.h"
#include "retrieval/query.h"

struct bv_index {
    struct bv_context *context;
    struct bv_store *store;
    struct bv_arena arena;
    const char *key_file;
    struct bv_sitekey key;
    bool has_key;
    struct bv_searcher *searcher; // NULL until the first question
};

struct bv_refetch;

struct bv_reranker {
    struct bv_engine *engine;
    struct bv_rerank_images images;
    struct bv_refetch *refetch; // NULL: images without a path are not read again
};

// Loads the site key once and checks that it is the index's.
enum bv_status bv_index_need_key(struct bv_index *index, struct bv_error *err);

// Brings the copies of the vectors beside the index up to date, so that the next search need not. A
// failure is left to that search.
void bv_index_settle(struct bv_index *index);

#endif

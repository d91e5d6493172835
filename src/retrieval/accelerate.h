// accelerate.h: the FAISS files beside an index: INDEX.image.faiss and INDEX.report.faiss.
#ifndef BV_RETRIEVAL_ACCELERATE_H
#define BV_RETRIEVAL_ACCELERATE_H

#include "retrieval/faiss.h"
#include "retrieval/store.h"

struct bv_acceleration {
    bool rebuilt;       // the file was missing, stale or damaged
    const char *reason; // why it was rebuilt; a literal
    double recall;      // share of the true 10 nearest, over 200 rows as queries; when built
};

// Reads the file of a kind of item when it belongs to the vectors that the index holds and its
// checksum is right; else builds it again from the index, measures its recall and writes it. *faiss
// is NULL when there is nothing to search. The caller frees it.
enum bv_status bv_accelerate(struct bv_store *store, enum bv_kind kind, struct bv_pool *pool,
                             struct bv_faiss **faiss, struct bv_acceleration *how,
                             struct bv_error *err);

#endif

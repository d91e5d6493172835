// query.h: questions to an index.
#ifndef BV_RETRIEVAL_QUERY_H
#define BV_RETRIEVAL_QUERY_H

#include "base/memory.h"
#include "base/status.h"
#include "model/fusion_session.h"
#include "retrieval/ann_index.h"
#include "retrieval/store.h"

// accelerate.c: the FAISS files beside an index: INDEX.image.faiss and INDEX.report.faiss.

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

// filter.c: conditions on metadata ("view=PA", "age>=60") as SQL with bound parameters.

// The FTS5 query for reports in which all words of a text occur, those in "double quotes" one after
// the other; a word*'s begin suffices. Signs within a word ("right-sided", "COVID-19", "and/or",
// "patient's") part it into words that follow each other, as they do in the reports. BV_ERR_ARG for
// a text without a word, and for AND, OR, NOT and NEAR, which mean more in FTS5's own syntax.
enum bv_status bv_filter_words(const char *text, struct bv_arena *arena, const char **query,
                               struct bv_error *err);

// conditions are KEY OP VALUE with = != < <= > >= or ~ (contains); <, >, <= and >= compare
// numbers, the others text. An item without the key passes only !=. full_text (may be NULL) is an
// FTS5 query on the study's report. A condition of another form is BV_ERR_ARG and quoted.
enum bv_status bv_filter_make(struct bv_filter *filter, const char *const *conditions, size_t n,
                              const char *full_text, struct bv_arena *arena, struct bv_error *err);

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

// Rescores pairs of the query and hits (rerank.c). The hits come in the order of their cosines.
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
    int effort;       // of FAISS, see ann_index.h
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

// rerank.c: hits rescored by a fusion encoder, which reads the image and the text of a pair
// together. The pair is the image asked and the hit's report, or the text asked and the hit's
// image.

#define BV_RERANK_IMAGES 64

// Images as a fusion encoder has read them, kept for the texts to come: the most recent
// BV_RERANK_IMAGES, by path or by what the image in memory is known by. Set session, leave the rest
// zero; free with bv_rerank_images_free().
struct bv_rerank_images {
    struct bv_session *session; // borrowed
    struct bv_rerank_image {
        char *path;      // NULL: an image in memory
        uint64_t serial; // of that image; 0: a path
        struct bv_fusion_image image;
        uint64_t used; // when, for choosing what to forget
    } items[BV_RERANK_IMAGES];
    size_t n;
    uint64_t clock;
    size_t n_encoded; // how many images were read so far
};
void bv_rerank_images_free(struct bv_rerank_images *images); // accepts a zeroed one

// Whether the model can rerank: BV_ERR_MODEL when it cannot match texts with pixels.
enum bv_status bv_rerank_check(const struct bv_model *model, struct bv_error *err);

// Reads an image of an index again, which has no path; the caller frees *image.
typedef enum bv_status (*bv_image_again)(void *arg, const struct bv_entry *entry,
                                         struct bv_image **image, struct bv_error *err);

// What was asked: one of the first three.
struct bv_rerank_query {
    const struct bv_image *image;
    const struct bv_entry *entry; // an image of the index
    const char *text;
    struct bv_rerank_images *images;
    const char *index;    // its path, for messages and for what is kept beside it
    bv_image_again again; // NULL: images without a path cannot be read
    void *again_arg;
};

// A bv_rerank; query is a struct bv_rerank_query. scores: the probability that image and text
// match. A report is read as it is embedded (report.c), all of them in one batched call; an image
// at the path that its metadata keeps, else from what is kept of it (rerank_cache.c), else again.
// BV_ERR_ARG when a hit has no report (image asked), or no path and nothing reads it again (text
// asked), or both sides are texts.
enum bv_status bv_rerank_hits(void *query, const struct bv_hit *hits, size_t n, float *scores,
                              struct bv_error *err);

// The path that an image was indexed with; NULL when the index does not hold it. In the arena.
enum bv_status bv_rerank_path(const struct bv_entry *entry, struct bv_arena *arena,
                              const char **path, struct bv_error *err);

// rerank_cache.c: images that were read again, as a fusion encoder has read them, in the folder
// INDEX.rerank, which is the owner's alone: numbers without a header, under names that are hashes
// of the item's name, the model and the precision. At most 4096; then it is begun anew.

// False where nothing is kept, or it is damaged.
bool bv_rerank_cache_read(const char *index, const char *id, const struct bv_session *session,
                          struct bv_fusion_image *image);
enum bv_status bv_rerank_cache_write(const char *index, const char *id,
                                     const struct bv_session *session,
                                     const struct bv_fusion_image *image, struct bv_error *err);
void bv_rerank_cache_clear(
    const char *index); // all that is kept; done whenever something is removed

// sheet.c: hits to look at: a page of thumbnails.

// A self-contained HTML page: thumbnails, scores, ids, metadata and reports, everything escaped, no
// script and nothing loaded from elsewhere. title is shown as it is. The caller frees *text.
enum bv_status bv_sheet_html(struct bv_store *store, const char *title, const struct bv_hit *hits,
                             size_t n, char **text, size_t *size, struct bv_error *err);

// A PNG: thumbnails in rows of at most 6 in the order of the hits, rank and score under each. Hits
// without a thumbnail are gray fields. At most 600 hits. The caller frees *bytes.
enum bv_status bv_sheet_png(struct bv_store *store, const struct bv_hit *hits, size_t n,
                            uint8_t **bytes, size_t *size, struct bv_error *err);

#endif

// rerank.h: hits rescored by a fusion encoder, which reads the image and the text of a pair
// together. The pair is the image asked and the hit's report, or the text asked and the hit's
// image.
#ifndef BV_RETRIEVAL_RERANK_H
#define BV_RETRIEVAL_RERANK_H

#include "model/fusion_session.h"
#include "retrieval/query.h"

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

// What was asked: one of the three.
struct bv_rerank_query {
    struct bv_rerank_images *images;
    const struct bv_image *image;
    const char *path; // of an image
    const char *text;
    const char *index; // its name, for messages
};

// A bv_rerank; query is a struct bv_rerank_query. scores: the probability that image and text
// match. A report is read as it is embedded (report.h), all of them in one batched call; an image
// at the path that its metadata keeps. BV_ERR_ARG when a hit has no report (image asked) or no path
// (text asked), or both sides are texts.
enum bv_status bv_rerank_hits(void *query, const struct bv_hit *hits, size_t n, float *scores,
                              struct bv_error *err);

// The path that an image was indexed with; NULL when the index does not hold it. In the arena.
enum bv_status bv_rerank_path(const struct bv_entry *entry, struct bv_arena *arena,
                              const char **path, struct bv_error *err);

#endif

// model_scorer.h: a dual encoder as the scorer of an evaluation: with labels, or of embeddings.
#ifndef BV_EVAL_RUN_MODEL_SCORER_H
#define BV_EVAL_RUN_MODEL_SCORER_H

#include "eval/run/devices.h"
#include "eval/run/pipeline.h"
#include "score/classifier.h"

// Decodes and preprocesses a file as the session's model wants it. For several threads at once.
enum bv_status bv_scorer_prepare(const struct bv_session *session, const char *path,
                                 struct bv_prepared *prepared, struct bv_error *err);

struct bv_model_scorer {
    struct bv_session *session;             // borrowed, like the rest
    const struct bv_classifier *classifier; // of that session; NULL: the "scores" of an image are
                                            // the elements of its normalised embedding
    size_t dim;                             // of embeddings
    float *pixels, *embeddings, *regions;   // grown as needed
    size_t room_pixels, room_embeddings, room_regions;
    char moved[BV_MOVED_CHARS];
};

// Zero-initialise all but session, classifier and dim. *scorer points to *model.
void bv_model_scorer_init(struct bv_model_scorer *model, struct bv_scorer *scorer);
void bv_model_scorer_free(struct bv_model_scorer *model);

#endif

// model_scorer.h: a dual encoder as the scorer of an evaluation: with labels, or of embeddings.
#ifndef BV_EVAL_RUN_MODEL_SCORER_H
#define BV_EVAL_RUN_MODEL_SCORER_H

#include "eval/run/devices.h"
#include "eval/run/pipeline.h"
#include "score/classifier.h"

// Decodes and preprocesses a file as the session's model wants it or, unless it is NULL, all
// members of a classifier. For several threads at once.
enum bv_status bv_scorer_prepare(const struct bv_session *session,
                                 const struct bv_classifier *classifier, const char *path,
                                 struct bv_prepared *prepared, struct bv_error *err);

struct bv_model_scorer {
    struct bv_session *session;       // borrowed, like the rest
    struct bv_classifier *classifier; // of that session; NULL: the "scores" of an image are
                                      // the elements of its normalised embedding
    size_t dim;                       // of embeddings
    char moved[BV_MOVED_CHARS];
};

// Zero-initialise all but session, classifier and dim. *scorer points to *model.
void bv_model_scorer_init(struct bv_model_scorer *model, struct bv_scorer *scorer);

#endif

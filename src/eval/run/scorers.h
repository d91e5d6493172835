// scorers.h: scorers: what the pipeline runs a batch of rows through.
#ifndef BV_EVAL_RUN_SCORERS_H
#define BV_EVAL_RUN_SCORERS_H

#include "eval/run/pipeline.h"
#include "model/fusion_session.h"
#include "score/classifier.h"
#include "score/prompts.h"

// model_scorer.c: a dual encoder as the scorer of an evaluation: with labels, or of embeddings.

// Decodes and preprocesses a file as the session's model wants it or, unless it is NULL, all
// members of a classifier. For several threads at once.
enum bv_status bv_scorer_preprocess(const struct bv_session *session,
                                    const struct bv_classifier *classifier, const char *path,
                                    struct bv_preprocessed *preprocessed, struct bv_error *err);

struct bv_model_scorer {
    struct bv_session *session;       // borrowed, like the rest
    struct bv_classifier *classifier; // of that session; NULL: the "scores" of an image are
                                      // the elements of its normalised embedding
    size_t dim;                       // of embeddings
    char moved[BV_MOVED_CHARS];
};

// Zero-initialise all but session, classifier and dim. *scorer points to *model.
void bv_model_scorer_init(struct bv_model_scorer *model, struct bv_scorer *scorer);

// match_scorer.c: a fusion encoder with its labels as the scorer of an evaluation: the probability
// that an image and a label's prompt belong together.

struct bv_match_scorer;

// What the scores are, in the results.
#define BV_MATCH_SCORE_KIND "match_probability"

// A label's score is the mean over its prompts of the softmax of the matching head's outputs, at
// the one that the card's fusion.match names. labels and session are borrowed. BV_ERR_ARG when the
// model has no such head, or reads detector regions instead of images. *scorer points to *match.
enum bv_status bv_match_scorer_create(struct bv_match_scorer **match, struct bv_session *session,
                                      const struct bv_labels *labels, struct bv_scorer *scorer,
                                      struct bv_error *err);
void bv_match_scorer_destroy(struct bv_match_scorer **match); // accepts NULL

#endif

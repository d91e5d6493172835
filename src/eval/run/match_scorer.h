// match_scorer.h: a fusion encoder with its labels as the scorer of an evaluation: the probability
// that an image and a label's prompt belong together.
#ifndef BV_EVAL_RUN_MATCH_SCORER_H
#define BV_EVAL_RUN_MATCH_SCORER_H

#include "eval/run/pipeline.h"
#include "model/fusion_session.h"
#include "score/prompts.h"

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

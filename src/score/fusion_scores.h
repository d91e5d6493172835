// fusion_scores.h: what a fusion encoder says of an image and a text: scores from its heads.
//
// Heads are named in card.fusion:
//   "match":    {"output", "index"}: softmax of the output's logits at index; of a single logit σ,
//               then "activation" says "sigmoid"
//   "answer":   {"output", "activation": "sigmoid"|"softmax", "answers": [...]}
//   "diagnose": {"output", "labels": [...], "activation"}
//   "segment":  {"output", "threshold"}
#ifndef BV_SCORE_FUSION_SCORES_H
#define BV_SCORE_FUSION_SCORES_H

#include "model/fusion_session.h"

// Whether the model has a head: "match", "answer", "diagnose", "segment".
bool bv_fusion_can(const struct bv_model *model, const char *head);

// What the model can do, for messages: "match texts with images (biovl match)". A static string or
// one in text.
const char *bv_fusion_abilities(const struct bv_model *model, char text[256]);

// The name of the quantity that a head yields: "match_softmax", "answer_sigmoid", …
const char *bv_fusion_kind(const struct bv_model *model, const char *head);

// The probability that each text matches the image: scores [n]. truncated (may be NULL) [n] tells
// which texts were cut to the model's maximum. BV_ERR_MODEL where the model has no such head. This
// is what a reranker calls: the image is encoded once, by the caller.
enum bv_status bv_fusion_match(struct bv_session *session, const struct bv_fusion_image *image,
                               const char *const *texts, size_t n, double *scores,
                               unsigned char *truncated, struct bv_error *err);

// How many scores bv_fusion_scores() yields for a head.
enum bv_status bv_fusion_score_count(struct bv_session *session,
                                     const struct bv_fusion_image *image, const char *head,
                                     size_t *n, struct bv_error *err);

// The scores of one text (a question, a report) under "answer" or "diagnose": scores [count].
enum bv_status bv_fusion_scores(struct bv_session *session, const struct bv_fusion_image *image,
                                const char *head, const char *text, double *scores, bool *truncated,
                                struct bv_error *err);

#endif

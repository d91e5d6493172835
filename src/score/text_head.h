// text_head.h: texts through a model's trained head (model/head.h) to classes.
#ifndef BV_SCORE_TEXT_HEAD_H
#define BV_SCORE_TEXT_HEAD_H

#include "model/head.h"
#include "model/session.h"

// Logits of n texts or, seconds not NULL, pairs (UTF-8): logits receives [n,n_logits]; cls, where
// not NULL, [n,text_dim], the output "global" of the same run. Heads of kind sequence and pair.
// truncated, errors as of bv_encode_texts(). Logits that are not finite are BV_ERR_MODEL of their
// text.
enum bv_status bv_text_head_logits(const struct bv_text_head *head, struct bv_session *session,
                                   const char *const *texts, const char *const *seconds, size_t n,
                                   float *logits, float *cls, unsigned char *truncated,
                                   struct bv_error *errors, struct bv_error *err);

// Logits of each token of one text, special ones included: *logits receives [tokens->n,n_logits],
// which the caller frees. Heads of kind token. BV_ERR_MODEL: one that is not finite.
enum bv_status bv_text_head_token_logits(const struct bv_text_head *head,
                                         struct bv_session *session, const struct bv_tokens *tokens,
                                         float **logits, struct bv_error *err);

// What a row of logits says: classes [n_labels] receives the place of the largest (the first of
// equal ones; "sigmoid": 1 from a probability of 0.5), probabilities [n_classes], which may be
// NULL, those of all classes of a label, label after label.
void bv_text_head_decide(const struct bv_text_head *head, const float *logits, int32_t *classes,
                         double *probabilities);

#endif

// classifier.h: classification: labels embedded once, images scored against them. A model that has
// a trained head instead of a text encoder scores the labels that the head knows.
#ifndef BV_SCORE_CLASSIFIER_H
#define BV_SCORE_CLASSIFIER_H

#include "model/session.h"
#include "score/prompts.h"
#include "score/rules.h"

// The labels of one session's model, embedded. Immutable after creation.
struct bv_classifier;

// Embeds every prompt. labels (borrowed) must outlive the classifier.
enum bv_status bv_classifier_create(struct bv_classifier **classifier, struct bv_session *session,
                                    const struct bv_labels *labels, struct bv_error *err);
void bv_classifier_destroy(struct bv_classifier **classifier); // accepts NULL

const struct bv_labels *bv_classifier_labels(const struct bv_classifier *classifier);
const struct bv_scoring *bv_classifier_scoring(const struct bv_classifier *classifier);
size_t bv_classifier_dim(const struct bv_classifier *classifier); // of embeddings
// The embedding [dim] of a label's positive prompts, the first where they are not combined, of unit
// length; NULL where a trained head takes the place of texts.
const float *bv_classifier_embedding(const struct bv_classifier *classifier, size_t label);
size_t bv_classifier_truncated(const struct bv_classifier *classifier); // prompts that were cut

// The outputs of the image tower that scoring needs: the pooled one ("global", or a trained head's
// logits), and that of the regions, NULL where the rule has none.
const char *bv_classifier_output(const struct bv_classifier *classifier);
const char *bv_classifier_region_output(const struct bv_classifier *classifier);

// Scores one image from its pooled output [D] and, where the rule wants them, its regions [R,D].
// scores, positive and negative receive [labels] as below.
enum bv_status bv_classifier_score_image(const struct bv_classifier *classifier, const float *image,
                                         const float *regions, size_t R, double *scores,
                                         double *positive, double *negative, struct bv_error *err);

// Scores n image embeddings [n,D] (raw or normalised). scores, positive and negative receive
// [n, labels]: the rule's quantity, and the similarities it was made of; the latter two may be
// NULL. negative is 0 without negative prompts. BV_ERR_ARG when the rule wants regions.
enum bv_status bv_classifier_score(const struct bv_classifier *classifier, const float *images,
                                   size_t n, double *scores, double *positive, double *negative,
                                   struct bv_error *err);

#endif

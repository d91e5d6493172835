// classifier.h: classification: labels embedded once, images scored against them. A model that has
// a trained head instead of a text encoder scores the labels that the head knows.
#ifndef BV_SCORE_CLASSIFIER_H
#define BV_SCORE_CLASSIFIER_H

#include "model/session.h"
#include "score/prompts.h"
#include "score/rules.h"

// The labels of one session's model, embedded; alone, or the first member of an ensemble.
struct bv_classifier;

// Embeds every prompt. labels and session (both borrowed) must outlive the classifier.
enum bv_status bv_classifier_create(struct bv_classifier **classifier, struct bv_session *session,
                                    const struct bv_labels *labels, struct bv_error *err);
void bv_classifier_destroy(struct bv_classifier **classifier); // accepts NULL

// Adds a member (borrowed, and alone) to the ensemble: images are scored by the mean over the
// members (score/classify.h). BV_ERR_ARG where prompts or scoring rules differ, or it is a member
// already; BV_ERR_LIMIT beyond BV_MAX_MEMBERS.
#define BV_MAX_MEMBERS 64
enum bv_status bv_classifier_join(struct bv_classifier *classifier, struct bv_classifier *member,
                                  struct bv_error *err);
size_t bv_classifier_member_count(const struct bv_classifier *classifier); // 1 alone
// i < member_count; 0 is the classifier itself.
const struct bv_classifier *bv_classifier_member(const struct bv_classifier *classifier, size_t i);
struct bv_session *bv_classifier_session(const struct bv_classifier *classifier, size_t i);

// How many recipes the members preprocess by, and which of these is member i's.
size_t bv_classifier_recipe_count(const struct bv_classifier *classifier);
size_t bv_classifier_recipe(const struct bv_classifier *classifier, size_t i);

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

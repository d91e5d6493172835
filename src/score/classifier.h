// classifier.h: zero-shot classifiers: made of a model and prompts, and images through them to
// scores.
#ifndef BV_SCORE_CLASSIFIER_H
#define BV_SCORE_CLASSIFIER_H

#include "model/encode.h"
#include "model/session.h"
#include "score/prompts.h"
#include "score/rules.h"

// classifier.c: classification: labels embedded once, images scored against them. A model that has
// a trained head instead of a text encoder scores the labels that the head knows.

// The labels of one session's model, embedded; alone, or the first member of an ensemble.
struct bv_classifier;

// Embeds every prompt. labels and session (both borrowed) must outlive the classifier.
enum bv_status bv_classifier_create(struct bv_classifier **classifier, struct bv_session *session,
                                    const struct bv_labels *labels, struct bv_error *err);
// The same with what the prompts became kept on disk (prompt_cache.c), and taken from there by the
// next classifier of the same model and prompts, which then reads none of the text encoder.
enum bv_status bv_classifier_create_cached(struct bv_classifier **classifier,
                                           struct bv_session *session,
                                           const struct bv_labels *labels, struct bv_error *err);
void bv_classifier_destroy(struct bv_classifier **classifier); // accepts NULL

// Adds a member (borrowed, and alone) to the ensemble: images are scored by the mean over the
// members (bv_classify_inputs). BV_ERR_ARG where prompts or scoring rules differ, or it is a member
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
// Which number of bv_classifier_output() is that label's, of a trained head; -1 elsewhere.
int64_t bv_classifier_head_row(const struct bv_classifier *classifier, size_t label);
// The labels as queries of a decoder; NULL where none scores them.
const struct bv_decoder_labels *bv_classifier_decoder(const struct bv_classifier *classifier);
size_t bv_classifier_truncated(const struct bv_classifier *classifier); // prompts that were cut

// The outputs of the image tower that scoring needs: the pooled one ("global", or a trained head's
// logits), and that of the regions, NULL where the rule has none.
const char *bv_classifier_output(const struct bv_classifier *classifier);
// Whether a label's score depends on which others are asked with it.
bool bv_classifier_asks_together(const struct bv_classifier *classifier);

const char *bv_classifier_region_output(const struct bv_classifier *classifier);

// Scores one image from its pooled output [D] (raw or normalised) and, where the rule wants them,
// its regions [R,D]. scores, positive and negative receive [labels]: the rule's quantity, and the
// similarities it was made of; the latter two may be NULL. negative is 0 without negative prompts.
enum bv_status bv_classifier_score_image(const struct bv_classifier *classifier, const float *image,
                                         const float *regions, size_t R, double *scores,
                                         double *positive, double *negative, struct bv_error *err);

// classify.c: images through a classifier, or through an ensemble of them, to scores.

// An image, preprocessed once for each recipe among the members of an ensemble: parts, as many as
// bv_classifier_recipe_count(). Zero-initialise.
struct bv_classifier_input {
    struct bv_encoder_input *parts; // owned
    size_t n_parts;
};

// Preprocesses an image, and its prior unless that is NULL. Any number of threads at once.
// BV_ERR_ARG where a member takes no prior image.
enum bv_status bv_classifier_input_make(const struct bv_classifier *classifier,
                                        const struct bv_image *image, const struct bv_image *prior,
                                        struct bv_classifier_input *input, struct bv_error *err);
// The same for one model that needs no labels: one part.
enum bv_status bv_classifier_input_make_one(const struct bv_model *model,
                                            const struct bv_image *image,
                                            struct bv_classifier_input *input,
                                            struct bv_error *err);
// One part, of pixels that it takes, in success and in failure.
enum bv_status bv_classifier_input_of(struct bv_pixels *pixels, struct bv_classifier_input *input,
                                      struct bv_error *err);
void bv_classifier_input_free(struct bv_classifier_input *input); // accepts a zeroed one

// Where scores go, each [n, labels]: the rule's quantity, and the similarities it was made of,
// either of which may be NULL. negative is 0 without negative prompts.
struct bv_label_scores {
    double *scores, *positive, *negative;
};

// Scores n inputs: the mean over the members, added up in their order. The bits do not depend on
// what else is in the call. Belongs to the thread of the members' sessions.
enum bv_status bv_classify_inputs(struct bv_classifier *classifier,
                                  const struct bv_classifier_input *const *inputs, size_t n,
                                  const struct bv_label_scores *out, struct bv_error *err);

// Both. priors may be NULL, and so may each of them. An image that fails leaves its error in
// errors[i] and NaN in its rows, and the others are scored; with errors NULL the first failure ends
// the call.
enum bv_status bv_classify_images(struct bv_classifier *classifier,
                                  const struct bv_image *const *images,
                                  const struct bv_image *const *priors, size_t n,
                                  const struct bv_label_scores *out, struct bv_error *errors,
                                  struct bv_error *err);

#endif

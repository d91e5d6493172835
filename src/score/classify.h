// classify.h: images through a classifier, or through an ensemble of them, to scores.
#ifndef BV_SCORE_CLASSIFY_H
#define BV_SCORE_CLASSIFY_H

#include "model/encode.h"
#include "score/classifier.h"

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

// encode.h: from images and texts to what a model's encoders make of them: the one way for scores,
// embeddings, indexes and evaluations.
#ifndef BV_MODEL_ENCODE_H
#define BV_MODEL_ENCODE_H

#include "model/session.h"

// An image as the encoder reads it, and the earlier image of the same patient (prior.data is NULL
// without one). Zero-initialise.
struct bv_encoder_input {
    struct bv_pixels pixels, prior; // [height][width][channels] F32, of one size
};

// Preprocesses an image, and its prior unless that is NULL, by the model's recipe. Any number of
// threads at once. BV_ERR_ARG: the model reads no images, or takes no prior one.
enum bv_status bv_encoder_input_make(const struct bv_model *model, const struct bv_image *image,
                                     const struct bv_image *prior, struct bv_encoder_input *input,
                                     struct bv_error *err);
void bv_encoder_input_free(struct bv_encoder_input *input); // accepts a zeroed one

// Outputs of the image encoder for n inputs, raw: each wanted output receives [n, its shape] in the
// order of the inputs. Neighbours of one size are one batch; an output whose shape depends on the
// size takes inputs of one size only (BV_ERR_ARG). The bits do not depend on the neighbours.
enum bv_status bv_encode_inputs(struct bv_session *session,
                                const struct bv_encoder_input *const *inputs, size_t n,
                                const struct bv_wanted *wanted, int n_wanted, struct bv_error *err);

// Both: the images are preprocessed on the session's threads, a few at a time. priors may be NULL,
// and so may each of them. An image that fails leaves its error in errors[i] and zeros in its rows,
// and the others are encoded; with errors NULL the first failure ends the call.
enum bv_status bv_encode_images(struct bv_session *session, const struct bv_image *const *images,
                                const struct bv_image *const *priors, size_t n,
                                const struct bv_wanted *wanted, int n_wanted,
                                struct bv_error *errors, struct bv_error *err);

// A pooled output of the text encoder for n texts (UTF-8): wanted receives [n,D], raw, in the order
// given. truncated receives 1 for each text that was cut to the model's length, or is NULL. errors
// as for images. BV_ERR_ARG: the model reads no texts.
enum bv_status bv_encode_texts(struct bv_session *session, const char *const *texts, size_t n,
                               const struct bv_wanted *wanted, unsigned char *truncated,
                               struct bv_error *errors, struct bv_error *err);

// The same with several pooled outputs of one run, of n texts or, seconds not NULL, of n pairs.
enum bv_status bv_encode_text_outputs(struct bv_session *session, const char *const *texts,
                                      const char *const *seconds, size_t n,
                                      const struct bv_wanted *wanted, int n_wanted,
                                      unsigned char *truncated, struct bv_error *errors,
                                      struct bv_error *err);

#endif

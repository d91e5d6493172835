// critic.h: a small network that scores an image embedding with a text embedding (MultiInfo's
// estimate of mutual information, Liao et al. 2021).
#ifndef BV_SCORE_CRITIC_H
#define BV_SCORE_CRITIC_H

#include "model/model.h"

#define BV_MAX_CRITIC_LAYERS 8

// Linear layers with ReLU between them over [image, text]; the last has one output. Borrows the
// model's weights.
struct bv_critic {
    int n_layers;
    struct {
        const float *weight, *bias; // [out,in], [out]
        size_t in, out;
    } layers[BV_MAX_CRITIC_LAYERS];
    size_t widest;
};

// Reads the layers that card["scoring"]["critic"] names. BV_ERR_MODEL when one is missing or does
// not fit its neighbours.
enum bv_status bv_critic_open(struct bv_critic *critic, const struct bv_model *model,
                              size_t n_image, size_t n_text, struct bv_error *err);

// image [n_image] and text [n_text], raw.
enum bv_status bv_critic_score(const struct bv_critic *critic, const float *image, size_t n_image,
                               const float *text, size_t n_text, double *score,
                               struct bv_error *err);

#endif

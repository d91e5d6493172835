// session_run.h: the inside of a session, for the files of this folder that feed it.
#ifndef BV_MODEL_SESSION_RUN_H
#define BV_MODEL_SESSION_RUN_H

#include "model/session.h"

enum bv_tower { BV_TOWER_IMAGE, BV_TOWER_PAIR, BV_TOWER_TEXT, BV_TOWER_FUSION, BV_TOWERS };

#define BV_TOWER_KEY 9

// What a program was compiled for: N,H,W,C of images and of images with a prior one; B,T of texts;
// the members of struct bv_fusion_shape. Zero-initialise.
struct bv_tower_key {
    enum bv_tower tower;
    int64_t dim[BV_TOWER_KEY];
};

// Runs the program for a key, compiled the first time; when the GPU fails under device "auto", the
// CPU computes this and all that follows.
enum bv_status bv_session_run(struct bv_session *session, const struct bv_tower_key *key,
                              const void *const *inputs, const struct bv_wanted *wanted,
                              int n_wanted, struct bv_error *err);

// In the order of their lengths, so that those of a batch are alike.
#define BV_BATCH_TEXTS 16 // most texts of a batch
struct bv_by_length {
    size_t n_tokens, index;
};
enum bv_status bv_order_by_length(const struct bv_tokens *const *texts, size_t n,
                                  struct bv_by_length **order, struct bv_error *err);

// The length to which a batch is padded whose longest text has n tokens.
int64_t bv_padded_length(const struct bv_model *model, size_t n);

// Room for n floats that stays valid until the next call: the pixels of a batch.
enum bv_status bv_session_scratch(struct bv_session *session, size_t n, float **scratch,
                                  struct bv_error *err);

// BV_ERR_MODEL where an output of n numbers in all is not what is wanted.
enum bv_status bv_check_wanted(const struct bv_wanted *wanted, int64_t n,
                               const struct bv_model *model, struct bv_error *err);

// BV_ERR_ARG for a text of no tokens or of more than the model takes.
enum bv_status bv_check_length(const struct bv_model *model, const struct bv_tokens *text,
                               struct bv_error *err);

#endif

// session_run.h: the inside of a session, for the files of this folder that feed it and for
// encoders whose inside is looked at (src/explain).
#ifndef BV_MODEL_SESSION_RUN_H
#define BV_MODEL_SESSION_RUN_H

#include "model/session.h"

// An encoder as a session sees it; two are the same where their addresses are.
#define BV_TOWER_SIZES 9
struct bv_tower {
    // Makes the graph for given sizes. The caller owns *graph, also when it holds a failure.
    enum bv_status (*build)(const struct bv_model *model, const int64_t size[BV_TOWER_SIZES],
                            struct bv_graph **graph, struct bv_error *err);
    bool batched; // all inputs and outputs of the graph begin with size[0], the items of a batch
};

// What a program is compiled for. Zero-initialise: unused sizes are compared too.
struct bv_tower_key {
    const struct bv_tower *tower;
    int64_t size[BV_TOWER_SIZES];
};

// Runs the program for a key, compiled the first time; when the GPU fails under device "auto", the
// CPU computes this and all that follows. Inputs that the graph does not read are left out.
enum bv_status bv_session_run(struct bv_session *session, const struct bv_tower_key *key,
                              const struct bv_input *inputs, int n_inputs,
                              const struct bv_wanted *wanted, int n_wanted, struct bv_error *err);

// Says that the tower will run several times, so that the first run need not spare the memory of
// packed weights.
void bv_session_expect_runs(struct bv_session *session, const struct bv_tower *tower);

// In the order of their lengths, so that those of a batch are alike.
#define BV_BATCH_TEXTS 16 // most texts of a batch
struct bv_by_length {
    size_t n_tokens, index;
};
enum bv_status bv_order_by_length(const struct bv_tokens *const *texts, size_t n,
                                  struct bv_by_length **order, struct bv_error *err);

// Texts in that order, and where an output of D numbers each goes.
struct bv_text_list {
    const struct bv_tokens *const *texts;
    const struct bv_by_length *order;
    const char *output;
    int64_t D;
    float *out;
};

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

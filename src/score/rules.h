// rules.h: scoring rules: from embeddings to one named quantity per label.
#ifndef BV_SCORE_RULES_H
#define BV_SCORE_RULES_H

#include <stddef.h>

#include "base/file.h"
#include "base/json.h"
#include "biovl/types.h"
#include "model/session.h"
#include "score/prompts.h"
#include "text/tokens.h"

// rules.c: from embeddings to one named quantity per label. Small pure functions.

// The name of a rule goes with a score into every output.
#define BV_SCORE_RULES 10

// How several prompts of a label become one.
enum bv_prompt_combine {
    BV_COMBINE_EMBEDDING,     // normalised embeddings averaged, then normalised again
    BV_COMBINE_RAW_EMBEDDING, // embeddings averaged as they come, then normalised (BioViL)
    BV_COMBINE_MEAN_SCORE,    // similarities averaged (MedCLIP's ensemble)
    BV_COMBINE_MAX_SCORE,     // the largest similarity (GLoRIA)
};

struct bv_scoring {
    enum bv_score_rule rule;
    enum bv_prompt_combine combine;
    float scale; // of the similarities before the rule
    float bias;  // added to them then (sigmoid)
};

// Reads card["scoring"]; logit_scale and logit_bias are the model's (bv_model_logit_scale).
// Unknown names are BV_ERR_MODEL.
enum bv_status bv_scoring_parse(struct bv_scoring *scoring, const json_t *card, float logit_scale,
                                float logit_bias, struct bv_error *err);

// In place: rows of D floats to unit length (double accumulation); zero rows stay.
void bv_normalize_rows(float *rows, size_t n, size_t D);

// Combines n embeddings of one label in place as EMBEDDING or RAW_EMBEDDING says: the first row
// receives the result. For the score-wise ways rows are normalised and kept. Returns how many rows
// remain.
size_t bv_combine_embeddings(enum bv_prompt_combine combine, float *rows, size_t n, size_t D);

// The similarities of a label's n remaining rows as one.
double bv_combine_similarities(enum bv_prompt_combine combine, const double *similarities,
                               size_t n);

// The place of a label among a head's names: the one of that name (case ignored), or the only one
// whose name ends in ": " and it (several heads: "NIH: Edema"). BV_ERR_ARG where there is none, or
// more than one; model is named in messages.
enum bv_status bv_find_head_label(const json_t *names, const char *name, const char *model,
                                  size_t *found, struct bv_error *err);

// torchxrayvision's scale: probability 0 … threshold … 1 to 0 … 0.5 … 1, piecewise linear; without
// a threshold (NaN) 0.5.
double bv_operating_point(double logit, double threshold);

// In place, scores [images,labels]: each label's scores to mean 0 and standard deviation 1 over the
// images, as GLoRIA does before it compares labels. A label whose scores are all equal becomes 0;
// a single image stays as it is.
void bv_standardize_scores(double *scores, size_t images, size_t labels);

// Scores from similarities: positive[i], and negative[i] for pair_softmax.
void bv_score_labels(const struct bv_scoring *scoring, const double *positive,
                     const double *negative, size_t n, double *scores);

// prompt_cache.c: what prompts became, kept on disk from one run to the next: at most 256 files and
// 256 MB, the ones unused for longest removed.

struct bv_prompt_cache {
    char folder[BV_CACHE_PATH], path[BV_CACHE_PATH + 64];
    uint8_t key[32];
    size_t n; // floats
};

// Where the n floats are kept that a session makes of these token ids: by the model's tensors, file
// and card, the version of this library, the device and its precision. False where nothing can be
// kept: no home, a folder of someone else's, a model without digest, more than 64 MB.
bool bv_prompt_cache_open(struct bv_prompt_cache *cache, const struct bv_session *session,
                          const struct bv_tokens *tokens, size_t n_tokens, size_t n);
// Fills values [n]; false, and values are anything, where they are not there, whole and finite.
bool bv_prompt_cache_read(const struct bv_prompt_cache *cache, float *values);
// Keeps values, whole or not at all; no failure is told.
void bv_prompt_cache_write(const struct bv_prompt_cache *cache, const float *values);

// local.c: GLoRIA's similarity of the words of a text with the regions of an image (Huang et al.
// 2021, section 3.3), as its zero-shot code computes it.
//
//   score[r,w]  = softmax_w(region_r · word_w)
//   weight[w,r] = softmax_r(temperature · score[r,w])
//   context_w   = Σ_r weight[w,r] · region_r
//   similarity  = max_w sharpness · cos(word_w, context_w)         (log of the largest exp)
//
// The authors run over as many word slots as the raw text has characters; slots past the last word
// hold zeros. They take part in the softmax over words, and their cosine is 0.

// The words of one text: sums of their pieces' embeddings, the opening special token left out, the
// closing one in its place as the last word.
struct bv_words {
    float *rows; // [n,D], owned
    size_t n, D;
    size_t n_slots; // at least n
};

struct bv_local_params {
    double temperature, sharpness;
    size_t max_slots;
};

// Reads card["scoring"]["local"].
void bv_local_parse(struct bv_local_params *params, const json_t *card);

// How many slots the authors use for a raw text: its characters other than '[', at most max_slots.
size_t bv_word_slots(const char *text, const struct bv_local_params *params);

// Sums embeddings [tokens->n,D] over each word's pieces. *words is zeroed; free with
// bv_words_free().
enum bv_status bv_words_create(struct bv_words *words, const struct bv_tokens *tokens,
                               const float *embeddings, size_t D, size_t n_slots,
                               struct bv_error *err);
void bv_words_free(struct bv_words *words); // accepts a zeroed value

// weight [words->n,R] of the formula above, for regions [R,D].
enum bv_status bv_word_attention(const struct bv_words *words, const float *regions, size_t R,
                                 const struct bv_local_params *params, double *weight,
                                 struct bv_error *err);

// The similarity of the formula above.
enum bv_status bv_word_similarity(const struct bv_words *words, const float *regions, size_t R,
                                  const struct bv_local_params *params, double *similarity,
                                  struct bv_error *err);

// critic.c: a small network that scores an image embedding with a text embedding (MultiInfo's
// estimate of mutual information, Liao et al. 2021).

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

// decoder.c: labels asked of an image through the model's query decoder.

// The texts of all queries, embedded, and which of them each label is.
struct bv_decoder_labels {
    float *texts; // [n,rows,D], owned
    size_t n, rows, D;
    size_t concepts; // queries of a label
    size_t classes;  // logits of a label
    size_t *row;     // [labels], owned
    bool together;   // queries see each other: a label's score depends on which others are asked
};

// Embeds the queries: the labels' prompts, one for each, or, where card["scoring"]["labels"] names
// a set, all of that with its texts in the prompts' classes; labels are then some of the set. *d is
// zeroed; free with bv_decoder_close(), also in failure. *truncated grows by the texts that were
// cut.
enum bv_status bv_decoder_open(struct bv_decoder_labels *d, struct bv_session *session,
                               const struct bv_labels *labels, bool cached, size_t *truncated,
                               struct bv_error *err);
void bv_decoder_close(struct bv_decoder_labels *d); // accepts a zeroed one

// Scores an image from its rows [image_rows,D]: the probability of the second of two logits, or the
// only logit as it is. logits (may be NULL) receives what the scores are made of.
enum bv_status bv_decoder_score(const struct bv_decoder_labels *d, struct bv_session *session,
                                const float *image, size_t image_rows, size_t n_labels,
                                double *scores, double *logits, struct bv_error *err);

#endif

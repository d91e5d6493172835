// local.h: GLoRIA's similarity of the words of a text with the regions of an image (Huang et al.
// 2021, section 3.3), as its zero-shot code computes it.
//
//   score[r,w]  = softmax_w(region_r · word_w)
//   weight[w,r] = softmax_r(temperature · score[r,w])
//   context_w   = Σ_r weight[w,r] · region_r
//   similarity  = max_w sharpness · cos(word_w, context_w)         (log of the largest exp)
//
// The authors run over as many word slots as the raw text has characters; slots past the last word
// hold zeros. They take part in the softmax over words, and their cosine is 0.
#ifndef BV_SCORE_LOCAL_H
#define BV_SCORE_LOCAL_H

#include <stddef.h>

#include "base/json.h"
#include "text/tokens.h"

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

#endif

// rules.h: from embeddings to one named quantity per label. Small pure functions.
#ifndef BV_SCORE_RULES_H
#define BV_SCORE_RULES_H

#include <stddef.h>

#include "base/json.h"
#include "biovl/types.h"

// The name of a rule goes with a score into every output.
#define BV_SCORE_RULES 7

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
};

// Reads card["scoring"]; logit_scale is the model's (bv_model_logit_scale). Unknown names are
// BV_ERR_MODEL.
enum bv_status bv_scoring_parse(struct bv_scoring *scoring, const json_t *card, float logit_scale,
                                struct bv_error *err);

// In place: rows of D floats to unit length (double accumulation); zero rows stay.
void bv_normalize_rows(float *rows, size_t n, size_t D);

// Combines n embeddings of one label in place as EMBEDDING or RAW_EMBEDDING says: the first row
// receives the result. For the score-wise ways rows are normalised and kept. Returns how many rows
// remain.
size_t bv_combine_embeddings(enum bv_prompt_combine combine, float *rows, size_t n, size_t D);

// The similarities of a label's n remaining rows as one.
double bv_combine_similarities(enum bv_prompt_combine combine, const double *similarities,
                               size_t n);

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

#endif

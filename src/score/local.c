#include "score/rules.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void bv_local_parse(struct bv_local_params *params, const json_t *card)
{
    const json_t *spec = json_object_get(json_object_get(card, "scoring"), "local");
    int64_t slots = bv_json_integer(spec, "slots", 96);
    params->temperature = bv_json_number(spec, "temperature", 4);
    params->sharpness = bv_json_number(spec, "sharpness", 5);
    params->max_slots = slots > 0 ? (size_t)slots : 1;
}

size_t bv_word_slots(const char *text, const struct bv_local_params *params)
{
    size_t n = 0;
    for (const char *p = text; *p; p++)
        n += *p != '[' && ((unsigned char)*p & 0xc0) != 0x80; // not a later byte of a character
    if (n < 1)
        n = 1;
    return n < params->max_slots ? n : params->max_slots;
}

enum bv_status bv_words_create(struct bv_words *words, const struct bv_tokens *tokens,
                               const float *embeddings, size_t D, size_t n_slots,
                               struct bv_error *err)
{
    size_t n = tokens->n ? (size_t)(tokens->words[tokens->n - 1] - tokens->words[0]) : 0;
    float *rows = calloc(n * D + 1, sizeof *rows);
    if (!rows)
        return bv_fail_nomem(err, "words");
    for (size_t i = 0; i < tokens->n; i++) {
        int32_t word = tokens->words[i] - tokens->words[0] - 1;
        for (size_t d = 0; word >= 0 && d < D; d++)
            rows[(size_t)word * D + d] += embeddings[i * D + d];
    }
    words->rows = rows;
    words->n = n < n_slots ? n : n_slots;
    words->D = D;
    words->n_slots = n_slots;
    return BV_OK;
}

void bv_words_free(struct bv_words *words)
{
    free(words->rows);
    *words = (struct bv_words){0};
}

static double dot(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

// In place over n values step apart, and `zeros` further values of 0 that are not stored.
static void softmax(double *x, size_t n, size_t step, size_t zeros)
{
    double largest = zeros ? 0 : -INFINITY, total = 0;
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, x[i * step]);
    for (size_t i = 0; i < n; i++)
        total += x[i * step] = exp(x[i * step] - largest);
    total += (double)zeros * exp(-largest);
    for (size_t i = 0; i < n; i++)
        x[i * step] /= total;
}

enum bv_status bv_word_attention(const struct bv_words *words, const float *regions, size_t R,
                                 const struct bv_local_params *params, double *weight,
                                 struct bv_error *err)
{
    if (R == 0 || words->n == 0)
        return bv_fail(err, BV_ERR_ARG, "a text without words or an image without regions");
    for (size_t w = 0; w < words->n; w++)
        for (size_t r = 0; r < R; r++)
            weight[w * R + r] = dot(regions + r * words->D, words->rows + w * words->D, words->D);
    for (size_t r = 0; r < R; r++)
        softmax(weight + r, words->n, R, words->n_slots - words->n);
    for (size_t w = 0; w < words->n; w++) {
        for (size_t r = 0; r < R; r++)
            weight[w * R + r] *= params->temperature;
        softmax(weight + w * R, R, 1, 0);
    }
    return BV_OK;
}

// cos(word, Σ weight[r] region[r]).
static double cosine_with_context(const float *word, const double *weight, const float *regions,
                                  size_t R, size_t D, double *context)
{
    double product = 0, ww = 0, cc = 0;
    memset(context, 0, D * sizeof *context);
    for (size_t r = 0; r < R; r++)
        for (size_t d = 0; d < D; d++)
            context[d] += weight[r] * regions[r * D + d];
    for (size_t d = 0; d < D; d++) {
        product += word[d] * context[d];
        ww += (double)word[d] * word[d];
        cc += context[d] * context[d];
    }
    return product / fmax(sqrt(ww) * sqrt(cc), 1e-8);
}

enum bv_status bv_word_similarity(const struct bv_words *words, const float *regions, size_t R,
                                  const struct bv_local_params *params, double *similarity,
                                  struct bv_error *err)
{
    double *weight = malloc((words->n * R + 1) * sizeof *weight);
    double *context = malloc(words->D * sizeof *context);
    enum bv_status status = BV_OK;
    if (!weight || !context)
        status = bv_fail_nomem(err, "word attention");
    if (status == BV_OK)
        status = bv_word_attention(words, regions, R, params, weight, err);
    if (status == BV_OK) {
        double largest = words->n_slots > words->n ? 0 : -INFINITY;
        for (size_t w = 0; w < words->n; w++)
            largest = fmax(largest, cosine_with_context(words->rows + w * words->D, weight + w * R,
                                                        regions, R, words->D, context));
        *similarity = params->sharpness * largest;
    }
    free(weight);
    free(context);
    return status;
}

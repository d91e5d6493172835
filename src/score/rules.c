#include "score/rules.h"

#include <math.h>
#include <string.h>

static const char *const rule_names[] = {
    [BV_SCORE_COSINE] = "cosine",
    [BV_SCORE_LOGIT] = "logit",
    [BV_SCORE_PAIR_SOFTMAX] = "pair_softmax",
    [BV_SCORE_SOFTMAX] = "softmax",
};

static const char *const combine_names[] = {
    [BV_COMBINE_EMBEDDING] = "mean_embedding",
    [BV_COMBINE_RAW_EMBEDDING] = "mean_raw_embedding",
    [BV_COMBINE_MEAN_SCORE] = "mean_score",
    [BV_COMBINE_MAX_SCORE] = "max_score",
};

const char *bv_score_rule_name(enum bv_score_rule rule)
{
    return rule_names[rule];
}

static int find(const char *const *names, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

enum bv_status bv_scoring_parse(struct bv_scoring *scoring, const json_t *card, float logit_scale,
                                struct bv_error *err)
{
    const json_t *spec = json_object_get(card, "scoring");
    const char *rule_name = bv_json_string(spec, "rule", "cosine");
    const char *combine_name = bv_json_string(spec, "combine", "mean_embedding");
    int rule = find(rule_names, 4, rule_name), combine = find(combine_names, 4, combine_name);
    if (rule < 0)
        return bv_fail(err, BV_ERR_MODEL, "unknown scoring rule \"%s\"", rule_name);
    if (combine < 0)
        return bv_fail(err, BV_ERR_MODEL, "unknown way to combine prompts \"%s\"", combine_name);
    const json_t *scale = json_object_get(spec, "scale");
    scoring->rule = (enum bv_score_rule)rule;
    scoring->combine = (enum bv_prompt_combine)combine;
    scoring->scale = 1;
    if (json_is_number(scale))
        scoring->scale = (float)json_number_value(scale);
    else if (json_is_string(scale) && strcmp(json_string_value(scale), "logit_scale") == 0)
        scoring->scale = logit_scale;
    return BV_OK;
}

void bv_normalize_rows(float *rows, size_t n, size_t D)
{
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (size_t d = 0; d < D; d++)
            sum += (double)rows[i * D + d] * rows[i * D + d];
        double norm = sqrt(sum);
        for (size_t d = 0; norm > 0 && d < D; d++)
            rows[i * D + d] = (float)(rows[i * D + d] / norm);
    }
}

size_t bv_combine_embeddings(enum bv_prompt_combine combine, float *rows, size_t n, size_t D)
{
    if (combine != BV_COMBINE_RAW_EMBEDDING)
        bv_normalize_rows(rows, n, D);
    if (combine == BV_COMBINE_MEAN_SCORE || combine == BV_COMBINE_MAX_SCORE)
        return n;
    for (size_t d = 0; d < D; d++) {
        double sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += rows[i * D + d];
        rows[d] = (float)(sum / (double)n);
    }
    bv_normalize_rows(rows, 1, D);
    return 1;
}

double bv_label_similarity(enum bv_prompt_combine combine, const float *image, const float *rows,
                           size_t n, size_t D)
{
    double total = 0, largest = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        double dot = 0;
        for (size_t d = 0; d < D; d++)
            dot += (double)image[d] * rows[i * D + d];
        total += dot;
        largest = fmax(largest, dot);
    }
    return combine == BV_COMBINE_MAX_SCORE ? largest : total / (double)n;
}

static void softmax(double *x, size_t n)
{
    double largest = -INFINITY, total = 0;
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, x[i]);
    for (size_t i = 0; i < n; i++)
        total += x[i] = exp(x[i] - largest);
    for (size_t i = 0; i < n; i++)
        x[i] /= total;
}

void bv_score_labels(const struct bv_scoring *scoring, const double *positive,
                     const double *negative, size_t n, double *scores)
{
    double scale = scoring->rule == BV_SCORE_COSINE ? 1 : scoring->scale;
    for (size_t i = 0; i < n; i++)
        scores[i] = scale * positive[i];
    if (scoring->rule == BV_SCORE_PAIR_SOFTMAX)
        for (size_t i = 0; i < n; i++)
            scores[i] = 1 / (1 + exp(scale * (negative[i] - positive[i])));
    else if (scoring->rule == BV_SCORE_SOFTMAX)
        softmax(scores, n);
}

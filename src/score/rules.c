#include "score/rules.h"

#include <math.h>
#include <string.h>
#include <strings.h>

static const char *const rule_names[] = {
    [BV_SCORE_COSINE] = "cosine",
    [BV_SCORE_LOGIT] = "logit",
    [BV_SCORE_PAIR_SOFTMAX] = "pair_softmax",
    [BV_SCORE_SOFTMAX] = "softmax",
    [BV_SCORE_GLOBAL_LOCAL] = "global_local",
    [BV_SCORE_MUTUAL_INFORMATION] = "mutual_information",
    [BV_SCORE_OPERATING_POINT] = "operating_point",
    [BV_SCORE_HEAD_SIGMOID] = "head_sigmoid",
    [BV_SCORE_QUERY_DECODER] = "query_decoder",
    [BV_SCORE_SIGMOID] = "sigmoid",
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
                                float logit_bias, struct bv_error *err)
{
    const json_t *spec = json_object_get(card, "scoring");
    const char *rule_name = bv_json_string(spec, "rule", "cosine");
    const char *combine_name = bv_json_string(spec, "combine", "mean_embedding");
    int rule = find(rule_names, BV_SCORE_RULES, rule_name),
        combine = find(combine_names, 4, combine_name);
    if (rule < 0)
        return bv_fail(err, BV_ERR_MODEL, "unknown scoring rule \"%s\"", rule_name);
    if (combine < 0)
        return bv_fail(err, BV_ERR_MODEL, "unknown way to combine prompts \"%s\"", combine_name);
    const json_t *scale = json_object_get(spec, "scale");
    scoring->rule = (enum bv_score_rule)rule;
    scoring->combine = (enum bv_prompt_combine)combine;
    scoring->scale = 1;
    scoring->bias = scoring->rule == BV_SCORE_SIGMOID ? logit_bias : 0;
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

double bv_combine_similarities(enum bv_prompt_combine combine, const double *similarities, size_t n)
{
    double total = 0, largest = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        total += similarities[i];
        largest = fmax(largest, similarities[i]);
    }
    return combine == BV_COMBINE_MAX_SCORE ? largest : total / (double)n;
}

enum bv_status bv_find_head_label(const json_t *names, const char *name, const char *model,
                                  size_t *found, struct bv_error *err)
{
    size_t n = json_array_size(names), several = 0;
    for (size_t k = 0; k < n; k++)
        if (strcasecmp(json_string_value(json_array_get(names, k)), name) == 0) {
            *found = k;
            return BV_OK;
        }
    for (size_t k = 0; k < n; k++) {
        const char *colon = strstr(json_string_value(json_array_get(names, k)), ": ");
        if (!colon || strcasecmp(colon + 2, name) != 0)
            continue;
        if (several++ > 0)
            return bv_fail(err, BV_ERR_ARG,
                           "model \"%s\" has label \"%.60s\" in several heads, \"%.60s\" and "
                           "\"%.60s\" among them: name one",
                           model, name, json_string_value(json_array_get(names, *found)),
                           json_string_value(json_array_get(names, k)));
        *found = k;
    }
    if (several == 0)
        return bv_fail(err, BV_ERR_ARG,
                       "model \"%s\" was not trained for label \"%.60s\" (biovl info lists its "
                       "labels)",
                       model, name);
    return BV_OK;
}

double bv_operating_point(double logit, double threshold)
{
    double p = 1 / (1 + exp(-logit));
    if (isnan(threshold))
        return 0.5;
    return p < threshold ? p / (2 * threshold) : 1 - (1 - p) / (2 * (1 - threshold));
}

void bv_standardize_scores(double *scores, size_t images, size_t labels)
{
    for (size_t l = 0; images > 1 && l < labels; l++) {
        double mean = 0, variance = 0;
        for (size_t i = 0; i < images; i++)
            mean += scores[i * labels + l] / (double)images;
        for (size_t i = 0; i < images; i++)
            variance += (scores[i * labels + l] - mean) * (scores[i * labels + l] - mean);
        double deviation = sqrt(variance / (double)images);
        for (size_t i = 0; i < images; i++)
            scores[i * labels + l] =
                deviation > 0 ? (scores[i * labels + l] - mean) / deviation : 0;
    }
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
    bool scaled = scoring->rule == BV_SCORE_LOGIT || scoring->rule == BV_SCORE_PAIR_SOFTMAX ||
                  scoring->rule == BV_SCORE_SOFTMAX || scoring->rule == BV_SCORE_SIGMOID;
    double scale = scaled ? scoring->scale : 1;
    for (size_t i = 0; i < n; i++)
        scores[i] = scale * positive[i];
    if (scoring->rule == BV_SCORE_PAIR_SOFTMAX)
        for (size_t i = 0; i < n; i++)
            scores[i] = 1 / (1 + exp(scale * (negative[i] - positive[i])));
    else if (scoring->rule == BV_SCORE_SOFTMAX)
        softmax(scores, n);
    else if (scoring->rule == BV_SCORE_SIGMOID)
        for (size_t i = 0; i < n; i++)
            scores[i] = 1 / (1 + exp(-(scores[i] + scoring->bias)));
}

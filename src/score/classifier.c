#include "score/classifier.h"

#include <stdlib.h>
#include <string.h>

// The embedded prompts of one label: rows of the classifier's matrix.
struct rows {
    size_t first, n;
};

struct bv_classifier {
    const struct bv_labels *labels;
    struct bv_scoring scoring;
    size_t D, n_rows, n_truncated;
    float *matrix;                    // [n_rows,D]
    struct rows *positive, *negative; // [labels]
};

void bv_classifier_destroy(struct bv_classifier **out)
{
    struct bv_classifier *c = *out;
    if (!c)
        return;
    free(c->matrix);
    free(c->positive);
    free(c->negative);
    free(c);
    *out = NULL;
}

// Tokenizes every prompt of every label, positives then negatives, in order.
static enum bv_status tokenize(struct bv_classifier *c, const struct bv_model *model,
                               struct bv_tokens *tokens, struct bv_error *err)
{
    size_t k = 0;
    for (size_t i = 0; i < c->labels->n; i++) {
        const struct bv_label *l = &c->labels->items[i];
        for (size_t p = 0; p < l->n_positive + l->n_negative; p++, k++) {
            const char *text = p < l->n_positive ? l->positive[p] : l->negative[p - l->n_positive];
            if (bv_tokenizer_encode(model->tokenizer, text, strlen(text), &tokens[k], err) != BV_OK)
                return bv_fail_prefix(err, "label \"%.60s\"", l->name);
            c->n_truncated += tokens[k].truncated;
        }
    }
    return BV_OK;
}

// All prompts at once; or, where the authors pool over padding, each label's as one batch.
static enum bv_status encode(struct bv_classifier *c, struct bv_session *session,
                             const struct bv_tokens *const *list, struct bv_error *err)
{
    const json_t *spec = json_object_get(bv_session_model(session)->card, "scoring");
    const char *padded = bv_json_string(spec, "padded_output", NULL);
    if (!padded)
        return bv_session_encode_tokens(session, list, c->n_rows, "global", c->matrix, err);
    size_t row = 0;
    for (size_t i = 0; i < 2 * c->labels->n; i++) {
        const struct bv_label *l = &c->labels->items[i / 2];
        size_t n = i % 2 ? l->n_negative : l->n_positive;
        BV_TRY(
            bv_session_encode_padded(session, list + row, n, padded, c->matrix + row * c->D, err));
        row += n;
    }
    return BV_OK;
}

static enum bv_status embed(struct bv_classifier *c, struct bv_session *session,
                            struct bv_error *err)
{
    struct bv_tokens *tokens = calloc(c->n_rows, sizeof *tokens);
    const struct bv_tokens **list = calloc(c->n_rows, sizeof *list);
    enum bv_status status = BV_OK;
    if (!tokens || !list)
        status = bv_fail_nomem(err, "prompts");
    if (status == BV_OK)
        status = tokenize(c, bv_session_model(session), tokens, err);
    for (size_t i = 0; status == BV_OK && i < c->n_rows; i++)
        list[i] = &tokens[i];
    if (status == BV_OK)
        status = encode(c, session, list, err);
    for (size_t i = 0; tokens && i < c->n_rows; i++)
        bv_tokens_free(&tokens[i]);
    free(tokens);
    free(list);
    return status;
}

static void combine(struct bv_classifier *c)
{
    size_t row = 0;
    for (size_t i = 0; i < c->labels->n; i++) {
        const struct bv_label *l = &c->labels->items[i];
        size_t n[2] = {l->n_positive, l->n_negative};
        struct rows *to[2] = {&c->positive[i], &c->negative[i]};
        for (int k = 0; k < 2; k++) {
            *to[k] = (struct rows){row, 0};
            if (n[k] > 0)
                to[k]->n =
                    bv_combine_embeddings(c->scoring.combine, c->matrix + row * c->D, n[k], c->D);
            row += n[k];
        }
    }
}

static enum bv_status fill(struct bv_classifier *c, struct bv_session *session,
                           struct bv_error *err)
{
    const struct bv_model *model = bv_session_model(session);
    float scale = 1;
    struct bv_output_shape shape = {0};
    BV_TRY(bv_model_logit_scale(model, &scale, err));
    BV_TRY(bv_scoring_parse(&c->scoring, model->card, scale, err));
    BV_TRY(bv_session_text_shape(session, "global", 8, &shape, err));
    c->D = (size_t)shape.dim[0];
    for (size_t i = 0; i < c->labels->n; i++) {
        const struct bv_label *l = &c->labels->items[i];
        c->n_rows += l->n_positive + l->n_negative;
        if (c->scoring.rule == BV_SCORE_PAIR_SOFTMAX && l->n_negative == 0)
            return bv_fail(err, BV_ERR_MODEL,
                           "label \"%.60s\" has no negative prompt, which %s needs", l->name,
                           bv_score_rule_name(c->scoring.rule));
    }
    c->matrix = malloc(c->n_rows * c->D * sizeof *c->matrix);
    c->positive = calloc(c->labels->n, sizeof *c->positive);
    c->negative = calloc(c->labels->n, sizeof *c->negative);
    if (!c->matrix || !c->positive || !c->negative)
        return bv_fail_nomem(err, "label embeddings");
    BV_TRY(embed(c, session, err));
    combine(c);
    return BV_OK;
}

enum bv_status bv_classifier_create(struct bv_classifier **out, struct bv_session *session,
                                    const struct bv_labels *labels, struct bv_error *err)
{
    struct bv_classifier *c = calloc(1, sizeof *c);
    if (!c)
        return bv_fail_nomem(err, "a classifier");
    c->labels = labels;
    enum bv_status status = fill(c, session, err);
    if (status != BV_OK)
        bv_classifier_destroy(&c);
    else
        *out = c;
    return status;
}

const struct bv_labels *bv_classifier_labels(const struct bv_classifier *c)
{
    return c->labels;
}

const struct bv_scoring *bv_classifier_scoring(const struct bv_classifier *c)
{
    return &c->scoring;
}

size_t bv_classifier_dim(const struct bv_classifier *c)
{
    return c->D;
}

size_t bv_classifier_truncated(const struct bv_classifier *c)
{
    return c->n_truncated;
}

enum bv_status bv_classifier_score(const struct bv_classifier *c, const float *images, size_t n,
                                   double *scores, double *positive, double *negative,
                                   struct bv_error *err)
{
    size_t L = c->labels->n;
    float *image = malloc(c->D * sizeof *image);
    double *pos = calloc(L, sizeof *pos), *neg = calloc(L, sizeof *neg);
    enum bv_status status = BV_OK;
    if (!image || !pos || !neg)
        status = bv_fail_nomem(err, "scores");
    for (size_t i = 0; status == BV_OK && i < n; i++) {
        memcpy(image, images + i * c->D, c->D * sizeof *image);
        bv_normalize_rows(image, 1, c->D);
        for (size_t l = 0; l < L; l++) {
            const struct rows *p = &c->positive[l], *q = &c->negative[l];
            pos[l] = bv_label_similarity(c->scoring.combine, image, c->matrix + p->first * c->D,
                                         p->n, c->D);
            neg[l] = q->n ? bv_label_similarity(c->scoring.combine, image,
                                                c->matrix + q->first * c->D, q->n, c->D)
                          : 0;
        }
        bv_score_labels(&c->scoring, pos, neg, L, scores + i * L);
        if (positive)
            memcpy(positive + i * L, pos, L * sizeof *pos);
        if (negative)
            memcpy(negative + i * L, neg, L * sizeof *neg);
    }
    free(image);
    free(pos);
    free(neg);
    return status;
}

#include "score/text_head.h"

#include <math.h>
#include <stdlib.h>

#include "model/encode.h"

// No class is the largest of numbers that are none: an error, never an answer.
static enum bv_status check_finite(const struct bv_model *m, const float *logits, size_t n,
                                   struct bv_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(logits[i]))
            return bv_fail(err, BV_ERR_MODEL, "model \"%s\" answers with no number", m->name);
    return BV_OK;
}

enum bv_status bv_text_head_logits(const struct bv_text_head *head, struct bv_session *s,
                                   const char *const *texts, const char *const *seconds, size_t n,
                                   float *logits, float *cls, unsigned char *truncated,
                                   struct bv_error *errors, struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(s);
    const struct bv_wanted wanted[] = {{head->output, logits, n * head->n_logits},
                                       {"global", cls, n * (size_t)m->text_dim}};
    if (head->kind == BV_HEAD_TOKEN || (head->kind == BV_HEAD_PAIR) != (seconds != NULL))
        return bv_fail(err, BV_ERR_ARG, "model \"%s\" classifies %s", m->name,
                       head->kind == BV_HEAD_TOKEN  ? "tokens"
                       : head->kind == BV_HEAD_PAIR ? "pairs of texts"
                                                    : "single texts");
    BV_TRY(
        bv_encode_text_outputs(s, texts, seconds, n, wanted, cls ? 2 : 1, truncated, errors, err));
    for (size_t i = 0; i < n; i++) {
        if (errors && errors[i].status != BV_OK)
            continue;
        const enum bv_status status =
            check_finite(m, logits + i * head->n_logits, head->n_logits, errors ? &errors[i] : err);
        if (!errors)
            BV_TRY(status);
    }
    return BV_OK;
}

enum bv_status bv_text_head_token_logits(const struct bv_text_head *head, struct bv_session *s,
                                         const struct bv_tokens *tokens, float **logits,
                                         struct bv_error *err)
{
    if (head->kind != BV_HEAD_TOKEN)
        return bv_fail(err, BV_ERR_ARG, "model \"%s\" does not classify tokens",
                       bv_session_model(s)->name);
    float *rows = calloc(tokens->n + 1, head->n_logits * sizeof *rows);
    if (!rows)
        return bv_fail_nomem(err, "logits");
    const struct bv_wanted wanted = {head->output, rows, tokens->n * head->n_logits};
    enum bv_status status = bv_session_encode_sequence(s, tokens, &wanted, 1, err);
    if (status == BV_OK)
        status = check_finite(bv_session_model(s), rows, tokens->n * head->n_logits, err);
    if (status == BV_OK)
        *logits = rows;
    else
        free(rows);
    return status;
}

static void softmax(const float *logits, size_t n, double *out)
{
    double largest = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++)
        largest = (double)logits[i] > largest ? (double)logits[i] : largest;
    for (size_t i = 0; i < n; i++)
        sum += out[i] = exp((double)logits[i] - largest);
    for (size_t i = 0; i < n; i++)
        out[i] /= sum;
}

void bv_text_head_decide(const struct bv_text_head *head, const float *logits, int32_t *classes,
                         double *probabilities)
{
    for (size_t i = 0; i < head->n_labels; i++) {
        const struct bv_head_label *label = &head->labels[i];
        const float *own = logits + label->first;
        double *p = probabilities ? probabilities + label->offset : NULL;
        classes[i] = 0;
        if (head->sigmoid) {
            classes[i] = own[0] >= 0;
            if (p) {
                p[1] = 1 / (1 + exp(-(double)own[0]));
                p[0] = 1 / (1 + exp((double)own[0]));
            }
            continue;
        }
        for (size_t c = 1; c < label->n_classes; c++)
            if (own[c] > own[classes[i]])
                classes[i] = (int32_t)c;
        if (p)
            softmax(own, label->n_classes, p);
    }
}

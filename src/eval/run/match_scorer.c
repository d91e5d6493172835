#include "eval/run/scorers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct bv_match_scorer {
    struct bv_session *session;
    const struct bv_labels *labels;
    const char *output; // of the fusion encoder
    size_t index;       // of "they belong together" among its elements
    size_t n_texts;
    struct bv_tokens *tokens;      // [n_texts] prompts, label after label
    const struct bv_tokens **list; // [n_texts]
    float *logits;                 // [n_texts][width]
    size_t width;                  // of the output; known with the first image
    char moved[BV_MOVED_CHARS];
};

static enum bv_status preprocess(void *arg, const char *path, struct bv_preprocessed *preprocessed,
                                 struct bv_error *err)
{
    const struct bv_match_scorer *m = arg;
    return bv_scorer_preprocess(m->session, NULL, path, preprocessed, err);
}

static enum bv_status find_width(struct bv_match_scorer *m, const struct bv_fusion_image *image,
                                 struct bv_error *err)
{
    struct bv_output_shape shape = {0};
    if (m->width)
        return BV_OK;
    BV_TRY(bv_session_fusion_shape(m->session, image, (int64_t)m->list[0]->n, NULL, m->output,
                                   &shape, err));
    if (shape.rank != 1 || shape.dim[0] < 2 || (size_t)shape.dim[0] <= m->index)
        return bv_fail(err, BV_ERR_MODEL, "the matching head \"%s\" has no element %zu", m->output,
                       m->index);
    m->logits = malloc(m->n_texts * (size_t)shape.dim[0] * sizeof *m->logits);
    if (!m->logits)
        return bv_fail_nomem(err, "matching scores");
    m->width = (size_t)shape.dim[0];
    return BV_OK;
}

static double softmax_at(const float *logits, size_t n, size_t index)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += exp((double)logits[i] - (double)logits[index]);
    return 1 / sum;
}

static enum bv_status score_image(struct bv_match_scorer *m, const struct bv_fusion_image *image,
                                  double *scores, struct bv_error *err)
{
    BV_TRY(find_width(m, image, err));
    const struct bv_wanted wanted = {m->output, m->logits, m->n_texts * m->width};
    BV_TRY(bv_session_fuse(m->session, image, m->list, m->n_texts, &wanted, err));
    const float *logits = m->logits;
    for (size_t l = 0; l < m->labels->n; l++) {
        size_t n = m->labels->items[l].n_positive;
        scores[l] = 0;
        for (size_t p = 0; p < n; p++, logits += m->width)
            scores[l] += softmax_at(logits, m->width, m->index) / (double)n;
    }
    return BV_OK;
}

static enum bv_status score(void *arg, const struct bv_classifier_input *const *images, size_t n,
                            double *scores, struct bv_error *err)
{
    struct bv_match_scorer *m = arg;
    for (size_t i = 0; i < n; i++) {
        const struct bv_pixels *p = &images[i]->parts[0].pixels;
        struct bv_fusion_image image = {0};
        BV_TRY(bv_fusion_image_encode(m->session, p->data, p->height, p->width, p->channels, &image,
                                      err));
        enum bv_status status = score_image(m, &image, scores + i * m->labels->n, err);
        bv_fusion_image_free(&image);
        BV_TRY(status);
    }
    return BV_OK;
}

static const char *moved(void *arg)
{
    struct bv_match_scorer *m = arg;
    return bv_device_moved(m->session, m->moved);
}

static enum bv_status tokenize(struct bv_match_scorer *m, struct bv_error *err)
{
    const struct bv_model *model = bv_session_model(m->session);
    size_t k = 0;
    for (size_t l = 0; l < m->labels->n; l++)
        m->n_texts += m->labels->items[l].n_positive;
    m->tokens = calloc(m->n_texts, sizeof *m->tokens);
    m->list = calloc(m->n_texts, sizeof *m->list);
    if (!m->tokens || !m->list)
        return bv_fail_nomem(err, "prompts");
    for (size_t l = 0; l < m->labels->n; l++) {
        const struct bv_label *label = &m->labels->items[l];
        for (size_t p = 0; p < label->n_positive; p++, k++) {
            const char *text = label->positive[p];
            if (bv_tokenizer_encode(model->tokenizer, text, strlen(text), &m->tokens[k], err) !=
                BV_OK)
                return bv_fail_prefix(err, "label \"%.60s\"", label->name);
            m->list[k] = &m->tokens[k];
        }
    }
    return BV_OK;
}

static enum bv_status check_model(struct bv_match_scorer *m, struct bv_error *err)
{
    const struct bv_model *model = bv_session_model(m->session);
    const json_t *match = json_object_get(json_object_get(model->card, "fusion"), "match");
    int64_t index = bv_json_integer(match, "index", -1);
    m->output = bv_json_string(match, "output", NULL);
    m->index = (size_t)index;
    if (!bv_model_has_fusion(model) || !m->output || index < 0)
        return bv_fail(err, BV_ERR_ARG, "model \"%s\" has no image-text matching head",
                       model->name);
    struct bv_fusion_wants wants = bv_model_fusion_wants(model);
    if (wants.regions || wants.text_features || !model->recipe || !model->tokenizer)
        return bv_fail(err, BV_ERR_ARG,
                       "model \"%s\" reads detector regions or token features, not images and "
                       "texts",
                       model->name);
    return BV_OK;
}

enum bv_status bv_match_scorer_create(struct bv_match_scorer **match, struct bv_session *session,
                                      const struct bv_labels *labels, struct bv_scorer *scorer,
                                      struct bv_error *err)
{
    struct bv_match_scorer *m = calloc(1, sizeof *m);
    if (!m)
        return bv_fail_nomem(err, "a matching scorer");
    m->session = session;
    m->labels = labels;
    enum bv_status status = check_model(m, err);
    if (status == BV_OK)
        status = tokenize(m, err);
    if (status != BV_OK) {
        bv_match_scorer_destroy(&m);
        return status;
    }
    *scorer = (struct bv_scorer){
        .arg = m, .n_labels = labels->n, .preprocess = preprocess, .score = score, .moved = moved};
    *match = m;
    return BV_OK;
}

void bv_match_scorer_destroy(struct bv_match_scorer **match)
{
    struct bv_match_scorer *m = *match;
    if (!m)
        return;
    for (size_t i = 0; m->tokens && i < m->n_texts; i++)
        bv_tokens_free(&m->tokens[i]);
    free(m->tokens);
    free(m->list);
    free(m->logits);
    free(m);
    *match = NULL;
}

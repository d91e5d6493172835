#include "score/fusion_scores.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/head.h"

static const json_t *head_of(const struct bv_model *model, const char *head)
{
    return json_object_get(json_object_get(model->card, "fusion"), head);
}

bool bv_fusion_can(const struct bv_model *model, const char *head)
{
    return json_is_object(head_of(model, head));
}

const char *bv_fusion_abilities(const struct bv_model *model, char text[256])
{
    const struct {
        bool can;
        const char *what;
    } list[] = {
        {json_object_get(json_object_get(model->card, "scoring"), "rule") != NULL,
         "embed and classify"},
        {bv_fusion_can(model, "match"), "match texts with an image (biovl match)"},
        {bv_fusion_can(model, "answer"), "answer questions (biovl ask)"},
        {bv_fusion_can(model, "diagnose"), "diagnose (biovl classify)"},
        {bv_fusion_can(model, "segment"), "segment (biovl segment)"},
        {bv_text_head_card(model->card) != NULL, "label texts (biovl label)"},
    };
    size_t used = 0;
    text[0] = 0;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (list[i].can)
            used +=
                (size_t)snprintf(text + used, 256 - used, "%s%s", used ? ", " : "", list[i].what);
    return used ? text : "nothing that this version knows";
}

static const char *activation_of(const json_t *head)
{
    return bv_json_string(head, "activation", "softmax");
}

const char *bv_fusion_kind(const struct bv_model *model, const char *head)
{
    bool sigmoid = strcmp(activation_of(head_of(model, head)), "sigmoid") == 0;
    if (strcmp(head, "answer") == 0)
        return sigmoid ? "answer_sigmoid" : "answer_softmax";
    if (strcmp(head, "diagnose") == 0)
        return sigmoid ? "diagnosis_sigmoid" : "diagnosis_softmax";
    return sigmoid ? "match_sigmoid" : "match_softmax";
}

static enum bv_status require(const struct bv_model *m, const char *head, const char **output,
                              struct bv_error *err)
{
    char text[256];
    if (!bv_fusion_can(m, head))
        return bv_fail(err, BV_ERR_MODEL, "model \"%s\" has no \"%s\" head; it can: %s", m->name,
                       head, bv_fusion_abilities(m, text));
    *output = bv_json_string(head_of(m, head), "output", "");
    return BV_OK;
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

// σ of each logit, or softmax over them.
static void activate(const json_t *head, const float *logits, size_t n, double *scores)
{
    bool each = strcmp(activation_of(head), "sigmoid") == 0 || n == 1;
    double largest = logits[0], sum = 0;
    for (size_t i = 1; i < n; i++)
        largest = fmax(largest, logits[i]);
    for (size_t i = 0; i < n; i++) {
        scores[i] = each ? sigmoid(logits[i]) : exp(logits[i] - largest);
        sum += scores[i];
    }
    for (size_t i = 0; !each && i < n; i++)
        scores[i] /= sum;
}

// How many logits an output has for one text.
static enum bv_status width_of(struct bv_session *s, const struct bv_fusion_image *image,
                               const char *output, size_t *n, struct bv_error *err)
{
    struct bv_output_shape shape = {0};
    BV_TRY(bv_session_fusion_shape(s, image, 7, NULL, output, &shape, err));
    if (shape.rank != 1)
        return bv_fail(err, BV_ERR_MODEL, "output \"%s\" is not one vector per text", output);
    *n = (size_t)shape.dim[0];
    return BV_OK;
}

enum bv_status bv_fusion_score_count(struct bv_session *s, const struct bv_fusion_image *image,
                                     const char *head, size_t *n, struct bv_error *err)
{
    const char *output = NULL;
    BV_TRY(require(bv_session_model(s), head, &output, err));
    return width_of(s, image, output, n, err);
}

// The logits of texts, of each as many as wanted has room for.
static enum bv_status run(struct bv_session *s, const struct bv_fusion_image *image,
                          const char *const *texts, size_t n, const struct bv_wanted *wanted,
                          unsigned char *truncated, struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(s);
    struct bv_tokens *tokens = calloc(n + 1, sizeof *tokens);
    const struct bv_tokens **list = calloc(n + 1, sizeof *list);
    enum bv_status status = tokens && list ? BV_OK : bv_fail_nomem(err, "texts");
    for (size_t i = 0; status == BV_OK && i < n; i++) {
        status = bv_tokenizer_encode(m->tokenizer, texts[i], strlen(texts[i]), &tokens[i], err);
        if (status != BV_OK && n > 1)
            (void)bv_fail_prefix(err, "text %zu", i + 1);
        else if (status == BV_OK && truncated)
            truncated[i] = tokens[i].truncated;
        list[i] = &tokens[i];
    }
    if (status == BV_OK)
        status = bv_session_fuse(s, image, list, n, wanted, err);
    for (size_t i = 0; tokens && i < n; i++)
        bv_tokens_free(&tokens[i]);
    free(tokens);
    free(list);
    return status;
}

enum bv_status bv_fusion_match(struct bv_session *s, const struct bv_fusion_image *image,
                               const char *const *texts, size_t n, double *scores,
                               unsigned char *truncated, struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(s);
    const json_t *head = head_of(m, "match");
    const char *output = NULL;
    size_t width = 0;
    double p[16];
    BV_TRY(require(m, "match", &output, err));
    BV_TRY(width_of(s, image, output, &width, err));
    size_t index = width == 1 ? 0 : (size_t)bv_json_integer(head, "index", 1);
    if (width > sizeof p / sizeof *p || index >= width)
        return bv_fail(err, BV_ERR_MODEL, "a matching head of %zu classes", width);
    float *logits = malloc((n + 1) * width * sizeof *logits);
    const struct bv_wanted wanted = {output, logits, n * width};
    if (!logits)
        return bv_fail_nomem(err, "scores");
    enum bv_status status = run(s, image, texts, n, &wanted, truncated, err);
    for (size_t i = 0; status == BV_OK && i < n; i++) {
        activate(head, logits + i * width, width, p);
        scores[i] = p[index];
    }
    free(logits);
    return status;
}

enum bv_status bv_fusion_scores(struct bv_session *s, const struct bv_fusion_image *image,
                                const char *head, const char *text, double *scores, bool *truncated,
                                struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(s);
    const char *output = NULL;
    size_t n = 0;
    unsigned char cut = 0;
    BV_TRY(require(m, head, &output, err));
    BV_TRY(width_of(s, image, output, &n, err));
    float *logits = malloc(n * sizeof *logits);
    const struct bv_wanted wanted = {output, logits, n};
    if (!logits)
        return bv_fail_nomem(err, "scores");
    enum bv_status status = run(s, image, &text, 1, &wanted, &cut, err);
    if (status == BV_OK)
        activate(head_of(m, head), logits, n, scores);
    if (truncated)
        *truncated = cut != 0;
    free(logits);
    return status;
}

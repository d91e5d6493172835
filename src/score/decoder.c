#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/graphs.h"
#include "score/rules.h"

void bv_decoder_close(struct bv_decoder_labels *d)
{
    free(d->texts);
    free(d->row);
    *d = (struct bv_decoder_labels){0};
}

// The text of a query of a set that the model fixes: one of its class in the prompts.
static const char *fixed_text(const json_t *card, const json_t *names, size_t label, size_t concept)
{
    const json_t *classes = json_object_get(json_object_get(card, "prompts"), "classes");
    const char *name = json_string_value(json_array_get(names, label));
    return name ? json_string_value(json_array_get(json_object_get(classes, name), concept)) : NULL;
}

// The first of one text's rows is its embedding; where the decoder reads words too, the others are
// those of its tokens' rows, summed over the pieces of a word, special tokens words of their own.
static enum bv_status encode_words(struct bv_session *session, const struct bv_tokens *tokens,
                                   const char *output, size_t slots, size_t D, float *rows,
                                   struct bv_error *err)
{
    float *pieces = malloc((tokens->n * D + 1) * sizeof *pieces);
    if (!pieces)
        return bv_fail_nomem(err, "words");
    const struct bv_wanted wanted[] = {{"global", rows, D}, {output, pieces, tokens->n * D}};
    enum bv_status status = bv_session_encode_sequence(session, tokens, wanted, 2, err);
    for (size_t i = 0; status == BV_OK && i < tokens->n; i++) {
        size_t word = (size_t)(tokens->words[i] - tokens->words[0]);
        for (size_t k = 0; word < slots && k < D; k++)
            rows[(1 + word) * D + k] += pieces[i * D + k];
    }
    free(pieces);
    return status;
}

// The labels as the queries themselves.
static enum bv_status ask_labels(struct bv_decoder_labels *d, const struct bv_labels *labels,
                                 const char **texts, struct bv_error *err)
{
    for (size_t i = 0; i < labels->n; i++) {
        const struct bv_label *label = &labels->items[i];
        if (label->n_positive != d->concepts)
            return bv_fail(err, BV_ERR_ARG,
                           "label \"%.60s\" has %zu prompts; the query decoder asks %zu for each",
                           label->name, label->n_positive, d->concepts);
        d->row[i] = i;
        for (size_t k = 0; k < d->concepts; k++)
            texts[i * d->concepts + k] = label->positive[k];
    }
    return BV_OK;
}

// The model's own set, always asked as a whole; the labels are some of it.
static enum bv_status ask_set(struct bv_decoder_labels *d, const struct bv_model *model,
                              const json_t *names, const struct bv_labels *labels,
                              const char **texts, struct bv_error *err)
{
    for (size_t i = 0; i < labels->n; i++)
        BV_TRY(bv_find_head_label(names, labels->items[i].name, model->name, &d->row[i], err));
    for (size_t i = 0; i < d->n; i++) {
        texts[i] = fixed_text(model->card, names, i / d->concepts, i % d->concepts);
        if (!texts[i])
            return bv_fail(err, BV_ERR_MODEL,
                           "card: scoring.labels[%zu] has no %zu texts in prompts", i / d->concepts,
                           d->concepts);
    }
    return BV_OK;
}

// All texts: one embedding for each, or that and its words.
static enum bv_status encode(struct bv_decoder_labels *d, struct bv_session *session,
                             const struct bv_tokens *tokens, const struct bv_tokens *const *list,
                             struct bv_error *err)
{
    const struct bv_model *model = bv_session_model(session);
    const char *words = bv_json_string(bv_model_decoder_card(model), "words", NULL);
    const struct bv_wanted all = {"global", d->texts, d->n * d->D};
    if (!words || d->rows == 1)
        return bv_session_encode_tokens(session, list, d->n, &all, err);
    for (size_t i = 0; i < d->n; i++)
        BV_TRY(encode_words(session, &tokens[i], words, d->rows - 1, d->D,
                            d->texts + i * d->rows * d->D, err));
    return BV_OK;
}

static enum bv_status encode_or_take(struct bv_decoder_labels *d, struct bv_session *session,
                                     const struct bv_tokens *tokens,
                                     const struct bv_tokens *const *list, bool cached,
                                     struct bv_error *err)
{
    struct bv_prompt_cache cache;
    size_t n = d->n * d->rows * d->D;
    bool kept = cached && bv_prompt_cache_open(&cache, session, tokens, d->n, n);
    if (kept && bv_prompt_cache_read(&cache, d->texts))
        return BV_OK;
    if (kept)
        memset(d->texts, 0, n * sizeof *d->texts); // words that a text does not have
    BV_TRY(encode(d, session, tokens, list, err));
    if (kept)
        bv_prompt_cache_write(&cache, d->texts);
    return BV_OK;
}

static enum bv_status embed(struct bv_decoder_labels *d, struct bv_session *session,
                            const char *const *texts, bool cached, size_t *truncated,
                            struct bv_error *err)
{
    const struct bv_tokenizer *tokenizer = bv_session_model(session)->tokenizer;
    struct bv_tokens *tokens = calloc(d->n + 1, sizeof *tokens);
    const struct bv_tokens **list = calloc(d->n + 1, sizeof *list);
    enum bv_status status = tokens && list ? BV_OK : bv_fail_nomem(err, "prompts");
    for (size_t i = 0; status == BV_OK && i < d->n; i++) {
        status = bv_tokenizer_encode(tokenizer, texts[i], strlen(texts[i]), &tokens[i], err);
        *truncated += tokens[i].truncated;
        list[i] = &tokens[i];
    }
    if (status == BV_OK)
        status = encode_or_take(d, session, tokens, list, cached, err);
    for (size_t i = 0; tokens && i < d->n; i++)
        bv_tokens_free(&tokens[i]);
    free(tokens);
    free(list);
    return status;
}

// How many logits the head gives.
static enum bv_status count_classes(struct bv_decoder_labels *d, const struct bv_model *model,
                                    struct bv_error *err)
{
    struct bv_graph *graph = NULL;
    struct bv_output_shape shape = {0};
    const struct bv_decoder_shape small = {(int64_t)d->concepts, (int64_t)d->rows, 1, (int64_t)d->D,
                                           false};
    enum bv_status status = bv_model_decoder_graph(model, &small, &graph, err);
    if (status != BV_OK) {
        bv_graph_destroy(&graph);
        return status;
    }
    BV_TRY(bv_take_shape(model, &graph, "logits", &shape, err));
    d->classes = (size_t)shape.dim[0];
    return BV_OK;
}

enum bv_status bv_decoder_open(struct bv_decoder_labels *d, struct bv_session *session,
                               const struct bv_labels *labels, bool cached, size_t *truncated,
                               struct bv_error *err)
{
    const struct bv_model *model = bv_session_model(session);
    const json_t *card = bv_model_decoder_card(model);
    const json_t *names = json_object_get(json_object_get(model->card, "scoring"), "labels");
    if (!card || model->text_dim == 0)
        return bv_fail(err, BV_ERR_MODEL, "model \"%s\" has no query decoder over texts",
                       model->name);
    d->concepts = (size_t)bv_model_decoder_concepts(model);
    d->n = (names ? json_array_size(names) : labels->n) * d->concepts;
    d->rows = (size_t)bv_model_decoder_rows(model);
    d->D = (size_t)model->text_dim;
    d->together = bv_json_boolean(card, "self_attention", true);
    if (d->n > BV_MAX_DECODER_TEXTS)
        return bv_fail(err, BV_ERR_LIMIT, "%zu queries; a query decoder takes up to %d", d->n,
                       BV_MAX_DECODER_TEXTS);
    d->texts = calloc(d->n * d->rows * d->D + 1, sizeof *d->texts);
    d->row = calloc(labels->n + 1, sizeof *d->row);
    if (!d->texts || !d->row)
        return bv_fail_nomem(err, "label embeddings");
    BV_TRY(count_classes(d, model, err));
    const char **texts = calloc(d->n + 1, sizeof *texts);
    enum bv_status status = !texts  ? bv_fail_nomem(err, "prompts")
                            : names ? ask_set(d, model, names, labels, texts, err)
                                    : ask_labels(d, labels, texts, err);
    if (status == BV_OK)
        status = embed(d, session, texts, cached, truncated, err);
    free(texts);
    return status;
}

enum bv_status bv_decoder_score(const struct bv_decoder_labels *d, struct bv_session *session,
                                const float *image, size_t image_rows, size_t n_labels,
                                double *scores, double *logits, struct bv_error *err)
{
    const struct bv_decoder_shape shape = {(int64_t)d->n, (int64_t)d->rows, (int64_t)image_rows,
                                           (int64_t)d->D, false};
    const size_t n_logits = d->n / d->concepts * d->classes;
    float *out = malloc((n_logits + 1) * sizeof *out);
    if (!out)
        return bv_fail_nomem(err, "scores");
    const struct bv_wanted wanted = {"logits", out, n_logits};
    enum bv_status status = bv_session_decode(session, &shape, d->texts, image, &wanted, 1, err);
    for (size_t l = 0; status == BV_OK && l < n_labels; l++) {
        const float *x = out + d->row[l] * d->classes;
        double logit = d->classes == 2 ? (double)x[1] - (double)x[0] : (double)x[0];
        scores[l] = d->classes == 2 ? 1 / (1 + exp(-logit)) : logit;
        if (logits)
            logits[l] = logit;
    }
    free(out);
    return status;
}

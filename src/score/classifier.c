#include "score/classifier.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/graphs.h"

#include "score/rules.h"

// The embedded prompts of one label: rows of the classifier's matrix.
struct rows {
    size_t first, n;
};

struct bv_classifier {
    const struct bv_labels *labels;
    struct bv_session *session;
    struct bv_classifier *members[BV_MAX_MEMBERS]; // of an ensemble, this one first; borrowed
    size_t recipes[BV_MAX_MEMBERS];                // which each preprocesses by
    size_t n_members, n_recipes;
    struct bv_scoring scoring;
    size_t D, n_rows, n_truncated;
    bool cached;                      // embeddings are kept on disk
    float *matrix;                    // [n_rows,D]
    struct rows *positive, *negative; // [labels]

    struct bv_words *words; // [n_rows], for word-region similarity
    struct bv_local_params local;
    char region_output[32];

    struct bv_critic critic;
    size_t image_dim; // of the images where it is not D

    struct bv_decoder_labels decoder;

    size_t *head_row;   // [labels], the head's output for each
    double *thresholds; // [labels]
    char head_output[32];
};

void bv_classifier_destroy(struct bv_classifier **out)
{
    struct bv_classifier *c = *out;
    if (!c)
        return;
    for (size_t i = 0; c->words && i < c->n_rows; i++)
        bv_words_free(&c->words[i]);
    free(c->words);
    bv_decoder_close(&c->decoder);
    free(c->head_row);
    free(c->thresholds);
    free(c->matrix);
    free(c->positive);
    free(c->negative);
    free(c);
    *out = NULL;
}

// Tokenizes every prompt of every label, positives then negatives, in order.
static enum bv_status tokenize(struct bv_classifier *c, const struct bv_model *model,
                               struct bv_tokens *tokens, size_t *slots, struct bv_error *err)
{
    size_t k = 0;
    for (size_t i = 0; i < c->labels->n; i++) {
        const struct bv_label *l = &c->labels->items[i];
        for (size_t p = 0; p < l->n_positive + l->n_negative; p++, k++) {
            const char *text = p < l->n_positive ? l->positive[p] : l->negative[p - l->n_positive];
            if (bv_tokenizer_encode(model->tokenizer, text, strlen(text), &tokens[k], err) != BV_OK)
                return bv_fail_prefix(err, "label \"%.60s\"", l->name);
            c->n_truncated += tokens[k].truncated;
            slots[k] = bv_word_slots(text, &c->local);
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
    const struct bv_wanted all = {"global", c->matrix, c->n_rows * c->D};
    if (!padded)
        return bv_session_encode_tokens(session, list, c->n_rows, &all, err);
    size_t row = 0;
    for (size_t i = 0; i < 2 * c->labels->n; i++) {
        const struct bv_label *l = &c->labels->items[i / 2];
        size_t n = i % 2 ? l->n_negative : l->n_positive;
        struct bv_wanted wanted = {padded, c->matrix + row * c->D, n * c->D};
        BV_TRY(bv_session_encode_padded(session, list + row, n, &wanted, err));
        row += n;
    }
    return BV_OK;
}

// Embeddings of all prompts with the words of each, for word-region similarity.
static enum bv_status encode_words(struct bv_classifier *c, struct bv_session *session,
                                   const struct bv_tokens *tokens, const size_t *slots,
                                   struct bv_error *err)
{
    const json_t *spec = json_object_get(bv_session_model(session)->card, "scoring");
    const char *output = bv_json_string(json_object_get(spec, "local"), "tokens", "tokens");
    enum bv_status status = BV_OK;
    c->words = calloc(c->n_rows, sizeof *c->words);
    if (!c->words)
        return bv_fail_nomem(err, "words");
    for (size_t i = 0; status == BV_OK && i < c->n_rows; i++) {
        float *rows = malloc(tokens[i].n * c->D * sizeof *rows);
        if (!rows)
            return bv_fail_nomem(err, "words");
        struct bv_wanted wanted[] = {{"global", c->matrix + i * c->D, c->D},
                                     {output, rows, tokens[i].n * c->D}};
        status = bv_session_encode_sequence(session, &tokens[i], wanted, 2, err);
        if (status == BV_OK)
            status = bv_words_create(&c->words[i], &tokens[i], rows, c->D, slots[i], err);
        free(rows);
    }
    return status;
}

// Embeds the prompts, or takes what was kept of them.
static enum bv_status encode_or_take(struct bv_classifier *c, struct bv_session *session,
                                     const struct bv_tokens *tokens,
                                     const struct bv_tokens *const *list, struct bv_error *err)
{
    struct bv_prompt_cache cache;
    bool kept =
        c->cached && bv_prompt_cache_open(&cache, session, tokens, c->n_rows, c->n_rows * c->D);
    if (kept && bv_prompt_cache_read(&cache, c->matrix))
        return BV_OK;
    BV_TRY(encode(c, session, list, err));
    if (kept)
        bv_prompt_cache_write(&cache, c->matrix);
    return BV_OK;
}

static enum bv_status embed(struct bv_classifier *c, struct bv_session *session,
                            struct bv_error *err)
{
    struct bv_tokens *tokens = calloc(c->n_rows, sizeof *tokens);
    const struct bv_tokens **list = calloc(c->n_rows, sizeof *list);
    size_t *slots = calloc(c->n_rows, sizeof *slots);
    enum bv_status status = BV_OK;
    if (!tokens || !list || !slots)
        status = bv_fail_nomem(err, "prompts");
    if (status == BV_OK)
        status = tokenize(c, bv_session_model(session), tokens, slots, err);
    for (size_t i = 0; status == BV_OK && i < c->n_rows; i++)
        list[i] = &tokens[i];
    if (status == BV_OK)
        status = c->scoring.rule == BV_SCORE_GLOBAL_LOCAL
                     ? encode_words(c, session, tokens, slots, err)
                     : encode_or_take(c, session, tokens, list, err);
    for (size_t i = 0; tokens && i < c->n_rows; i++)
        bv_tokens_free(&tokens[i]);
    free(tokens);
    free(list);
    free(slots);
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
            if (c->scoring.rule == BV_SCORE_MUTUAL_INFORMATION) // of raw embeddings, one by one
                to[k]->n = n[k];
            else if (n[k] > 0)
                to[k]->n =
                    bv_combine_embeddings(c->scoring.combine, c->matrix + row * c->D, n[k], c->D);
            row += n[k];
        }
    }
}

// The head's labels that the caller asked for, by name.
static enum bv_status fill_head(struct bv_classifier *c, struct bv_session *session,
                                struct bv_error *err)
{
    const struct bv_model *model = bv_session_model(session);
    const json_t *spec = json_object_get(model->card, "scoring");
    const json_t *names = json_object_get(spec, "labels");
    const json_t *thresholds = json_object_get(spec, "thresholds");
    (void)snprintf(c->head_output, sizeof c->head_output, "%s",
                   bv_json_string(spec, "logits", "logits"));
    c->D = json_array_size(names); // as many as the head has (model/model.h)
    c->head_row = calloc(c->labels->n, sizeof *c->head_row);
    c->thresholds = calloc(c->labels->n, sizeof *c->thresholds);
    if (!c->head_row || !c->thresholds)
        return bv_fail_nomem(err, "labels");
    for (size_t i = 0; i < c->labels->n; i++) {
        size_t k = 0;
        BV_TRY(bv_find_head_label(names, c->labels->items[i].name, model->name, &k, err));
        const json_t *threshold = json_array_get(thresholds, k);
        c->head_row[i] = k;
        c->thresholds[i] = json_is_number(threshold) ? json_number_value(threshold) : NAN;
    }
    return BV_OK;
}

static enum bv_status count_rows(struct bv_classifier *c, struct bv_error *err)
{
    for (size_t i = 0; i < c->labels->n; i++) {
        const struct bv_label *l = &c->labels->items[i];
        c->n_rows += l->n_positive + l->n_negative;
        if (c->scoring.rule == BV_SCORE_PAIR_SOFTMAX && l->n_negative == 0)
            return bv_fail(err, BV_ERR_MODEL,
                           "label \"%.60s\" has no negative prompt, which %s needs", l->name,
                           bv_score_rule_name(c->scoring.rule));
    }
    return BV_OK;
}

// What the rule needs beside the text embeddings.
static enum bv_status fill_rule(struct bv_classifier *c, struct bv_session *session,
                                struct bv_error *err)
{
    const struct bv_model *model = bv_session_model(session);
    const json_t *local = json_object_get(json_object_get(model->card, "scoring"), "local");
    c->image_dim = c->D;
    bv_local_parse(&c->local, model->card);
    if (c->scoring.rule == BV_SCORE_GLOBAL_LOCAL)
        (void)snprintf(c->region_output, sizeof c->region_output, "%s",
                       bv_json_string(local, "regions", "local"));
    if (c->scoring.rule != BV_SCORE_MUTUAL_INFORMATION)
        return BV_OK;
    c->image_dim = (size_t)model->image_dim;
    return bv_critic_open(&c->critic, model, c->image_dim, c->D, err);
}

static enum bv_status fill_decoder(struct bv_classifier *c, struct bv_session *session,
                                   struct bv_error *err)
{
    const json_t *card = bv_model_decoder_card(bv_session_model(session));
    (void)snprintf(c->region_output, sizeof c->region_output, "%s",
                   bv_json_string(card, "image", "tokens"));
    c->image_dim = c->D;
    return bv_decoder_open(&c->decoder, session, c->labels, c->cached, &c->n_truncated, err);
}

static enum bv_status fill(struct bv_classifier *c, struct bv_session *session,
                           struct bv_error *err)
{
    const struct bv_model *model = bv_session_model(session);
    float scale = 1, bias = 0;
    BV_TRY(bv_model_logit_scale(model, &scale, err));
    BV_TRY(bv_model_logit_bias(model, &bias, err));
    BV_TRY(bv_scoring_parse(&c->scoring, model->card, scale, bias, err));
    if (c->scoring.rule == BV_SCORE_OPERATING_POINT || c->scoring.rule == BV_SCORE_HEAD_SIGMOID)
        return fill_head(c, session, err);
    c->D = (size_t)model->text_dim;
    if (c->scoring.rule == BV_SCORE_QUERY_DECODER)
        return fill_decoder(c, session, err);
    if (model->text_dim == 0 || model->image_dim == 0)
        return bv_fail(err, BV_ERR_MODEL, "model \"%s\" does not embed images and texts",
                       model->name);
    BV_TRY(count_rows(c, err));
    BV_TRY(fill_rule(c, session, err));
    c->matrix = malloc(c->n_rows * c->D * sizeof *c->matrix);
    c->positive = calloc(c->labels->n, sizeof *c->positive);
    c->negative = calloc(c->labels->n, sizeof *c->negative);
    if (!c->matrix || !c->positive || !c->negative)
        return bv_fail_nomem(err, "label embeddings");
    BV_TRY(embed(c, session, err));
    combine(c);
    return BV_OK;
}

static enum bv_status create(struct bv_classifier **out, struct bv_session *session,
                             const struct bv_labels *labels, bool cached, struct bv_error *err)
{
    struct bv_classifier *c = calloc(1, sizeof *c);
    if (!c)
        return bv_fail_nomem(err, "a classifier");
    c->labels = labels;
    c->session = session;
    c->cached = cached;
    c->members[0] = c;
    c->n_members = c->n_recipes = 1;
    enum bv_status status = fill(c, session, err);
    if (status != BV_OK)
        bv_classifier_destroy(&c);
    else
        *out = c;
    return status;
}

enum bv_status bv_classifier_create(struct bv_classifier **out, struct bv_session *session,
                                    const struct bv_labels *labels, struct bv_error *err)
{
    return create(out, session, labels, false, err);
}

enum bv_status bv_classifier_create_cached(struct bv_classifier **out, struct bv_session *session,
                                           const struct bv_labels *labels, struct bv_error *err)
{
    return create(out, session, labels, true, err);
}

static const json_t *recipe_of(const struct bv_classifier *c)
{
    return json_object_get(bv_session_model(c->session)->card, "preprocess");
}

// Members that preprocess alike share what comes of it.
static size_t find_recipe(const struct bv_classifier *c, const struct bv_classifier *member)
{
    for (size_t i = 0; i < c->n_members; i++)
        if (json_equal(recipe_of(c->members[i]), recipe_of(member)))
            return c->recipes[i];
    return c->n_recipes;
}

enum bv_status bv_classifier_join(struct bv_classifier *c, struct bv_classifier *member,
                                  struct bv_error *err)
{
    const char *name = bv_session_model(c->session)->name;
    const char *other = bv_session_model(member->session)->name;
    if (c->n_members == BV_MAX_MEMBERS)
        return bv_fail(err, BV_ERR_LIMIT, "an ensemble of more than %d models", BV_MAX_MEMBERS);
    if (strcmp(member->labels->digest, c->labels->digest) != 0 ||
        member->scoring.rule != c->scoring.rule)
        return bv_fail(err, BV_ERR_ARG,
                       "models \"%s\" and \"%s\" differ in prompts or scoring rule: no ensemble",
                       name, other);
    bool taken = member->n_members > 1;
    for (size_t i = 0; i < c->n_members; i++)
        taken = taken || c->members[i] == member;
    if (taken)
        return bv_fail(err, BV_ERR_ARG, "model \"%s\" is in an ensemble already", other);
    size_t recipe = find_recipe(c, member);
    c->n_recipes += recipe == c->n_recipes;
    c->recipes[c->n_members] = recipe;
    c->members[c->n_members++] = member;
    return BV_OK;
}

size_t bv_classifier_member_count(const struct bv_classifier *c)
{
    return c->n_members;
}

const struct bv_classifier *bv_classifier_member(const struct bv_classifier *c, size_t i)
{
    return c->members[i];
}

struct bv_session *bv_classifier_session(const struct bv_classifier *c, size_t i)
{
    return c->members[i]->session;
}

size_t bv_classifier_recipe_count(const struct bv_classifier *c)
{
    return c->n_recipes;
}

size_t bv_classifier_recipe(const struct bv_classifier *c, size_t i)
{
    return c->recipes[i];
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
    return c->head_row ? c->D : c->image_dim;
}

const float *bv_classifier_embedding(const struct bv_classifier *c, size_t label)
{
    if (!c->matrix || !c->positive || c->positive[label].n == 0)
        return NULL;
    return c->matrix + c->positive[label].first * c->D;
}

int64_t bv_classifier_head_row(const struct bv_classifier *c, size_t label)
{
    return c->head_row ? (int64_t)c->head_row[label] : -1;
}

size_t bv_classifier_truncated(const struct bv_classifier *c)
{
    return c->n_truncated;
}

const char *bv_classifier_output(const struct bv_classifier *c)
{
    return c->head_row ? c->head_output : "global";
}

const struct bv_decoder_labels *bv_classifier_decoder(const struct bv_classifier *c)
{
    return c->decoder.texts ? &c->decoder : NULL;
}

bool bv_classifier_asks_together(const struct bv_classifier *c)
{
    return c->decoder.together;
}

const char *bv_classifier_region_output(const struct bv_classifier *c)
{
    return c->region_output[0] ? c->region_output : NULL;
}

// One image at work: as it came, and of unit length.
struct image {
    const float *raw, *regions;
    float *unit;
    size_t R;
};

static double cosine(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

// The similarity of an image with one row of the matrix.
static enum bv_status row_similarity(const struct bv_classifier *c, const struct image *image,
                                     size_t row, double *similarity, struct bv_error *err)
{
    const float *text = c->matrix + row * c->D;
    double local = 0;
    if (c->scoring.rule == BV_SCORE_MUTUAL_INFORMATION)
        return bv_critic_score(&c->critic, image->raw, c->image_dim, text, c->D, similarity, err);
    *similarity = cosine(image->unit, text, c->D);
    if (c->scoring.rule == BV_SCORE_GLOBAL_LOCAL) {
        BV_TRY(
            bv_word_similarity(&c->words[row], image->regions, image->R, &c->local, &local, err));
        *similarity = (*similarity + local) / 2;
    }
    return BV_OK;
}

static enum bv_status label_similarity(const struct bv_classifier *c, const struct image *image,
                                       const struct rows *rows, double *similarity,
                                       struct bv_error *err)
{
    *similarity = 0;
    if (rows->n == 0)
        return BV_OK;
    double *each = malloc(rows->n * sizeof *each);
    if (!each)
        return bv_fail_nomem(err, "scores");
    enum bv_status status = BV_OK;
    for (size_t i = 0; status == BV_OK && i < rows->n; i++)
        status = row_similarity(c, image, rows->first + i, &each[i], err);
    if (status == BV_OK)
        *similarity = bv_combine_similarities(c->scoring.combine, each, rows->n);
    free(each);
    return status;
}

static void score_head(const struct bv_classifier *c, const float *logits, double *scores,
                       double *positive, double *negative)
{
    for (size_t l = 0; l < c->labels->n; l++) {
        double logit = logits[c->head_row[l]];
        scores[l] = c->scoring.rule == BV_SCORE_HEAD_SIGMOID
                        ? 1 / (1 + exp(-logit))
                        : bv_operating_point(logit, c->thresholds[l]);
        if (positive)
            positive[l] = logit;
        if (negative)
            negative[l] = 0;
    }
}

enum bv_status bv_classifier_score_image(const struct bv_classifier *c, const float *image,
                                         const float *regions, size_t R, double *scores,
                                         double *positive, double *negative, struct bv_error *err)
{
    size_t L = c->labels->n, D = c->image_dim;
    if (c->head_row) {
        score_head(c, image, scores, positive, negative);
        return BV_OK;
    }
    if (c->region_output[0] && !regions)
        return bv_fail(err, BV_ERR_ARG, "%s scores need the image's regions",
                       bv_score_rule_name(c->scoring.rule));
    if (c->decoder.texts) {
        if (negative)
            memset(negative, 0, L * sizeof *negative);
        return bv_decoder_score(&c->decoder, c->session, regions, R, L, scores, positive, err);
    }
    struct image at = {image, regions, malloc(D * sizeof *at.unit), R};
    double *pos = calloc(L, sizeof *pos), *neg = calloc(L, sizeof *neg);
    enum bv_status status = BV_OK;
    if (!at.unit || !pos || !neg) {
        status = bv_fail_nomem(err, "scores");
    } else {
        memcpy(at.unit, image, D * sizeof *at.unit);
        bv_normalize_rows(at.unit, 1, D);
    }
    for (size_t l = 0; status == BV_OK && l < L; l++) {
        status = label_similarity(c, &at, &c->positive[l], &pos[l], err);
        if (status == BV_OK)
            status = label_similarity(c, &at, &c->negative[l], &neg[l], err);
    }
    if (status == BV_OK) {
        bv_score_labels(&c->scoring, pos, neg, L, scores);
        if (positive)
            memcpy(positive, pos, L * sizeof *pos);
        if (negative)
            memcpy(negative, neg, L * sizeof *neg);
    }
    free(at.unit);
    free(pos);
    free(neg);
    return status;
}

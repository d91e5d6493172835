// What a model's thread computes of a batch: scores and embeddings.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "biovl/pacs.h"
#include "serve/server.h"

static void fail_all(struct bv_asked *const *items, size_t n, enum bv_status status,
                     const char *text)
{
    char copy[2048];
    (void)snprintf(copy, sizeof copy, "%s", text);
    for (size_t i = 0; i < n; i++)
        bv_item_fail(items[i], status, copy);
}

// The labels' classifier, kept among the last BV_CLASSIFIERS.
static enum bv_status prepare(struct bv_served *s, const struct bv_call *call,
                              struct bv_zero_shot **zero_shot)
{
    struct bv_prompted *oldest = &s->prepared[0];
    for (struct bv_prompted *p = s->prepared; p < s->prepared + BV_CLASSIFIERS; p++) {
        if (p->key && strcmp(p->key, call->key) == 0) {
            p->used = ++s->n_uses;
            *zero_shot = p->zero_shot;
            return BV_OK;
        }
        if (p->used < oldest->used)
            oldest = p;
    }
    const char *templates = json_string_value(json_object_get(call->document, "templates"));
    const struct bv_zero_shot_options options = {.size = sizeof options,
                                                 .labels = strchr(call->key, 1) + 1,
                                                 .name = "labels",
                                                 .templates = templates};
    bv_zero_shot_close(&oldest->zero_shot);
    free(oldest->key);
    oldest->used = 0;
    oldest->key = strdup(call->key);
    if (!oldest->key)
        return BV_ERR_NOMEM;
    enum bv_status status = bv_zero_shot_open(s->engine, &options, &oldest->zero_shot);
    if (status != BV_OK) {
        free(oldest->key);
        oldest->key = NULL;
        return status;
    }
    oldest->used = ++s->n_uses;
    *zero_shot = oldest->zero_shot;
    return BV_OK;
}

static json_t *prompts_json(const struct bv_zero_shot *z, size_t i, int negative)
{
    json_t *list = json_array();
    for (size_t k = 0; k < bv_zero_shot_prompt_count(z, i, negative); k++)
        (void)json_array_append_new(list, json_string(bv_zero_shot_prompt(z, i, negative, k)));
    return list;
}

// Where it is asked for, what was compared with the image stands beside each score.
static void add_prompts(const struct bv_zero_shot *z, json_t *value)
{
    const json_t *scores = json_object_get(value, "scores");
    for (size_t i = 0; i < json_array_size(scores); i++) {
        json_t *score = json_array_get(scores, i);
        (void)json_object_set_new(score, "positive_prompts", prompts_json(z, i, 0));
        (void)json_object_set_new(score, "negative_prompts", prompts_json(z, i, 1));
    }
}

// The result as an object of the study that the image is of.
static void give_object(struct bv_served *s, struct bv_asked *item, const struct bv_result *result)
{
    const struct bv_sent *source = &item->source;
    enum bv_status status = (item->call->object == BV_OBJECT_SR ? bv_result_sr : bv_result_sc)(
        s->context, result, source->bytes, source->size, "the image", &item->object,
        &item->n_object);
    bv_metrics_image(&s->server->metrics);
    if (status == BV_OK)
        bv_item_done(item);
    else
        bv_item_fail(item, status, bv_last_error(s->context));
}

static void give_result(struct bv_served *s, const struct bv_zero_shot *zero_shot,
                        struct bv_asked *item, const struct bv_result *result)
{
    char *text = NULL;
    if (item->call->object) {
        give_object(s, item, result);
        return;
    }
    enum bv_status status = bv_result_json(result, &text);
    if (status != BV_OK) {
        bv_item_fail(item, status, bv_last_error(s->context));
        return;
    }
    item->value = json_loads(text, 0, NULL);
    bv_free(text);
    bv_metrics_image(&s->server->metrics);
    if (json_is_true(json_object_get(item->call->document, "show_prompts")))
        add_prompts(zero_shot, item->value);
    if (item->value)
        bv_item_done(item);
    else
        bv_item_fail(item, BV_ERR_NOMEM, "no memory for a result");
}

// An item that failed in a batch, again by itself: its sentence is the context's last error.
static void classify_one(struct bv_served *s, struct bv_zero_shot *zero_shot, struct bv_asked *item)
{
    struct bv_result *result = NULL;
    enum bv_status status = bv_zero_shot_classify(zero_shot, item->image, &result);
    if (status == BV_OK)
        give_result(s, zero_shot, item, result);
    else
        bv_item_fail(item, status, bv_last_error(s->context));
    bv_result_free(&result);
}

void bv_work_classify(struct bv_served *s, struct bv_asked *const *items, size_t n)
{
    const struct bv_image *images[BV_MAX_IMAGES];
    struct bv_result *results[BV_MAX_IMAGES] = {NULL};
    enum bv_status statuses[BV_MAX_IMAGES];
    struct bv_zero_shot *zero_shot = NULL;
    enum bv_status status = prepare(s, items[0]->call, &zero_shot);
    for (size_t i = 0; i < n; i++)
        images[i] = items[i]->image;
    if (status == BV_OK)
        status = bv_zero_shot_classify_batch(zero_shot, images, n, results, statuses);
    if (status != BV_OK) {
        fail_all(items, n, status, bv_last_error(s->context));
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (results[i])
            give_result(s, zero_shot, items[i], results[i]);
        else
            classify_one(s, zero_shot, items[i]);
        bv_result_free(&results[i]);
    }
}

// Embeddings.

static bool give_vector(struct bv_asked *item, const float *row, size_t dim)
{
    item->vector = malloc(dim * sizeof *row);
    if (!item->vector)
        return false;
    memcpy(item->vector, row, dim * sizeof *row);
    item->n_vector = dim;
    return true;
}

static enum bv_status embed(struct bv_served *s, struct bv_asked *const *items, size_t n,
                            float *out, size_t capacity, enum bv_status *statuses)
{
    const struct bv_image *images[BV_MAX_IMAGES];
    const char *texts[BV_MAX_IMAGES];
    bool image = items[0]->image != NULL;
    for (size_t i = 0; i < n; i++) {
        images[i] = items[i]->image;
        texts[i] = items[i]->text;
    }
    return image ? bv_engine_embed_images(s->engine, images, n, BV_EMBED_NORMALIZED, out, capacity,
                                          statuses)
                 : bv_engine_embed_texts(s->engine, texts, n, BV_EMBED_NORMALIZED, out, capacity,
                                         NULL, statuses);
}

static void embed_items(struct bv_served *s, struct bv_asked *const *items, size_t n, size_t dim)
{
    enum bv_status statuses[BV_MAX_IMAGES];
    float *rows = calloc(n * (dim ? dim : 1), sizeof *rows);
    if (!rows) {
        fail_all(items, n, BV_ERR_NOMEM, "no memory for embeddings");
        return;
    }
    enum bv_status status = embed(s, items, n, rows, n * dim, statuses);
    if (status != BV_OK)
        fail_all(items, n, status, bv_last_error(s->context));
    for (size_t i = 0; i < n && status == BV_OK; i++) {
        enum bv_status own = statuses[i];
        if (own != BV_OK) // again by itself, for its sentence
            own = embed(s, &items[i], 1, rows + i * dim, dim, NULL);
        if (own != BV_OK)
            bv_item_fail(items[i], own, bv_last_error(s->context));
        else if (!give_vector(items[i], rows + i * dim, dim))
            bv_item_fail(items[i], BV_ERR_NOMEM, "no memory for an embedding");
        else
            bv_item_done(items[i]);
    }
    free(rows);
}

void bv_work_embed_images(struct bv_served *s, struct bv_asked *const *items, size_t n)
{
    for (size_t i = 0; i < n; i++)
        bv_metrics_image(&s->server->metrics);
    embed_items(s, items, n, bv_engine_image_dim(s->engine));
}

void bv_work_embed_texts(struct bv_served *s, struct bv_asked *const *items, size_t n)
{
    embed_items(s, items, n, bv_engine_text_dim(s->engine));
}

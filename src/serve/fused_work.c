// What a model's thread computes for /v1/match and /v1/ask.
#include "biovl/fusion.h"

#include <stdlib.h>

#include "base/json.h"
#include "serve/server.h"

// What the command prints about a fused image, with the results beside it.
static json_t *describe(const struct bv_fused_image *fused)
{
    char *text = NULL;
    if (bv_fused_image_describe(fused, &text) != BV_OK)
        return NULL;
    json_t *value = json_loads(text, 0, NULL);
    bv_free(text);
    return value;
}

static void give(struct bv_served *s, struct bv_asked *item, enum bv_status status, json_t *value)
{
    item->value = value;
    if (status == BV_OK && value) {
        bv_metrics_image(&s->server->metrics);
        bv_item_done(item);
    } else {
        bv_item_fail(item, status == BV_OK ? BV_ERR_NOMEM : status,
                     status == BV_OK ? "no memory for a result" : bv_last_error(s->context));
    }
}

static enum bv_status match(const json_t *texts, struct bv_fused_image *fused, json_t **value)
{
    const char *items[BV_MOST_MATCHED];
    double scores[BV_MOST_MATCHED];
    unsigned char truncated[BV_MOST_MATCHED];
    size_t n = json_array_size(texts);
    for (size_t i = 0; i < n; i++)
        items[i] = json_string_value(json_array_get(texts, i));
    enum bv_status status = bv_fused_image_match(fused, items, n, scores, n, truncated, NULL);
    if (status != BV_OK)
        return status;
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(
            list, json_pack("{s:s, s:f, s:s, s:b}", "text", items[i], "score", scores[i], "kind",
                            bv_fused_image_kind(fused, "match"), "truncated", truncated[i]));
    *value = describe(fused);
    if (!*value || json_object_set_new(*value, "scores", list) != 0)
        return BV_ERR_NOMEM;
    return BV_OK;
}

void bv_work_match(struct bv_served *s, struct bv_asked *item)
{
    struct bv_fused_image *fused = NULL;
    json_t *value = NULL;
    enum bv_status status = bv_fused_image_open(s->engine, item->image, &fused);
    if (status == BV_OK)
        status = match(json_object_get(item->call->document, "texts"), fused, &value);
    give(s, item, status, value);
    bv_fused_image_close(&fused);
}

// Answers.

struct ranked {
    double score;
    size_t index;
};

static int by_score(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    return x->score != y->score ? (x->score > y->score ? -1 : 1)
                                : (x->index > y->index) - (x->index < y->index);
}

static json_t *ranked_json(const struct bv_fused_image *fused, struct ranked *ranked, size_t n,
                           size_t top)
{
    json_t *list = json_array();
    qsort(ranked, n, sizeof *ranked, by_score);
    for (size_t i = 0; i < n && i < top; i++) {
        const char *name = bv_fused_image_name(fused, "answer", ranked[i].index);
        json_t *answer = json_pack("{s:I, s:f, s:s}", "index", (json_int_t)ranked[i].index, "score",
                                   ranked[i].score, "kind", bv_fused_image_kind(fused, "answer"));
        if (name)
            (void)json_object_set_new(answer, "answer", json_string(name));
        (void)json_array_append_new(list, answer);
    }
    return list;
}

static enum bv_status ask(const json_t *asked, struct bv_fused_image *fused, json_t **value)
{
    size_t n = bv_fused_image_count(fused, "answer");
    double *scores = calloc(n ? n : 1, sizeof *scores);
    struct ranked *ranked = calloc(n ? n : 1, sizeof *ranked);
    int truncated = 0;
    const char *question = bv_json_string(asked, "question", "");
    enum bv_status status = BV_ERR_NOMEM;
    if (scores && ranked)
        status = bv_fused_image_scores(fused, "answer", question, scores, n, &truncated);
    for (size_t i = 0; i < n && status == BV_OK; i++)
        ranked[i] = (struct ranked){scores[i], i};
    if (status == BV_OK) {
        *value = describe(fused);
        json_t *list = ranked_json(fused, ranked, n, (size_t)bv_json_integer(asked, "top", 10));
        if (!*value ||
            json_object_update_new(*value, json_pack("{s:s, s:b, s:o}", "question", question,
                                                     "truncated", truncated, "answers", list)) != 0)
            status = BV_ERR_NOMEM;
    }
    free(scores);
    free(ranked);
    return status;
}

void bv_work_ask(struct bv_served *s, struct bv_asked *item)
{
    struct bv_fused_image *fused = NULL;
    json_t *value = NULL;
    enum bv_status status = bv_fused_image_open(s->engine, item->image, &fused);
    if (status == BV_OK)
        status = ask(item->call->document, fused, &value);
    give(s, item, status, value);
    bv_fused_image_close(&fused);
}

// /v1/embeddings, in the form of OpenAI's: "input" is a text, a list of texts, or a list of
// {"text": …} and {"image": …}; file parts are images.
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/json.h"
#include "serve/answers.h"
#include "serve/request.h"
#include "serve/server.h"

static json_t *vector_json(const struct bv_asked *item, bool base64)
{
    size_t n_bytes = item->n_vector * sizeof *item->vector;
    if (!base64) {
        json_t *list = json_array();
        for (size_t i = 0; i < item->n_vector; i++)
            (void)json_array_append_new(list, json_real((double)item->vector[i]));
        return list;
    }
    char *text = malloc(BV_BASE64_SIZE(n_bytes) + 1);
    if (!text)
        return NULL;
    bv_base64_encode(item->vector, n_bytes, text);
    json_t *value = json_string(text);
    free(text);
    return value;
}

static void compose(struct bv_call *call)
{
    bool base64 = strcmp(bv_json_string(call->document, "encoding_format", ""), "base64") == 0;
    size_t n_tokens = 0;
    if (bv_call_failed(call))
        return;
    json_t *list = json_array();
    for (size_t i = 0; i < call->n_items; i++) {
        const struct bv_asked *item = &call->items[i];
        n_tokens += item->n_tokens;
        (void)json_array_append_new(list, json_pack("{s:s, s:I, s:o}", "object", "embedding",
                                                    "index", (json_int_t)i, "embedding",
                                                    vector_json(item, base64)));
    }
    bv_call_json(call, 200,
                 json_pack("{s:s, s:o, s:s, s:{s:s}, s:{s:I, s:I}}", "object", "list", "data", list,
                           "model", call->served->name, "biovl", "sha256",
                           call->served->facts.sha256, "usage", "prompt_tokens",
                           (json_int_t)n_tokens, "total_tokens", (json_int_t)n_tokens));
}

static void count_tokens(struct bv_asked *item)
{
    int32_t *ids = NULL;
    int truncated = 0;
    if (bv_tokenize(bv_reader_context(), item->call->served->model, item->text, strlen(item->text),
                    &ids, &item->n_tokens, &truncated) == BV_OK)
        bv_free(ids);
}

// One element of the input to an item: its text, or its image opened.
static enum bv_status take_input(struct bv_call *call, const struct bv_parts *parts, size_t i,
                                 struct bv_error *err)
{
    struct bv_asked *item = &call->items[i];
    const json_t *input = json_object_get(call->document, "input");
    const json_t *value = json_is_array(input) ? json_array_get(input, i) : input;
    const json_t *text = json_is_object(value) ? json_object_get(value, "text") : value;
    if (!input)
        return bv_request_image(call, parts, i, &item->image, err);
    if (bv_request_is_text(text)) {
        item->text = json_string_value(text);
        if (call->served->facts.has_text)
            count_tokens(item);
        return BV_OK;
    }
    if (!json_is_object(value) || !json_object_get(value, "image"))
        return bv_fail(err, BV_ERR_ARG,
                       "input %zu: a text of less than 64 kB, {\"text\": …} or {\"image\": …}", i);
    return bv_request_open(call, parts, json_object_get(value, "image"), &item->image, err);
}

static size_t count_inputs(const struct bv_call *call, const struct bv_parts *parts, size_t *images)
{
    const json_t *input = json_object_get(call->document, "input");
    *images = 0;
    if (!input) {
        *images = bv_request_image_count(call, parts);
        return *images;
    }
    if (!json_is_array(input))
        return 1;
    for (size_t i = 0; i < json_array_size(input); i++)
        *images += json_object_get(json_array_get(input, i), "image") != NULL;
    return json_array_size(input);
}

bool bv_answer_embeddings(struct bv_call *call)
{
    struct bv_parts parts;
    struct bv_error err = {0};
    size_t images = 0;
    if (bv_request_read(call, &parts, &err) != BV_OK)
        return bv_refuse_error(call, &err);
    call->served = bv_request_model(call);
    if (!call->served)
        return true;
    size_t n = count_inputs(call, &parts, &images);
    if (n < 1 || n > BV_MAX_TEXTS || images > BV_MAX_IMAGES) {
        bv_call_refuse(call, n ? 413 : 400, "argument",
                       "\"input\": 1 to %d texts, of them %d images", BV_MAX_TEXTS, BV_MAX_IMAGES);
        return true;
    }
    const char *format = bv_json_string(call->document, "encoding_format", "float");
    if (strcmp(format, "float") != 0 && strcmp(format, "base64") != 0) {
        bv_call_refuse(call, 400, "argument", "\"encoding_format\" is \"float\" or \"base64\"");
        return true;
    }
    if (json_object_get(call->document, "dimensions")) {
        bv_call_refuse(call, 400, "unsupported", "embeddings have the dimensions of their model");
        return true;
    }
    call->work = BV_WORK_EMBED;
    call->compose = compose;
    if (!bv_call_items(call, n))
        return bv_refuse_error(call, &(struct bv_error){BV_ERR_NOMEM, "no memory"});
    return bv_hand_items(call, &parts, take_input);
}

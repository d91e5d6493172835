// /v1/classify, and what the paths with images share.
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "serve/answers.h"
#include "serve/request.h"
#include "serve/server.h"

enum { LABELS_MOST = 1 << 16 };

bool bv_refuse_error(struct bv_call *call, const struct bv_error *err)
{
    bv_call_fail(call, err->status, err->text);
    return true;
}

bool bv_hand_items(struct bv_call *call, const struct bv_parts *parts, bv_take_item *take)
{
    size_t n = call->n_items;
    for (size_t i = 0; i < n; i++) {
        struct bv_asked *item = &call->items[i];
        struct bv_error err = {0};
        enum bv_status status = BV_ERR_CANCELLED;
        if (!atomic_load(&call->cancelled))
            status = take(call, parts, i, &err);
        // The last one may end the call: nothing of it is touched afterwards.
        if (status == BV_OK)
            bv_served_push(call->served, item);
        else
            bv_item_fail(item, status, err.text);
    }
    return false;
}

static enum bv_status take_image(struct bv_call *call, const struct bv_parts *parts, size_t i,
                                 struct bv_error *err)
{
    struct bv_asked *item = &call->items[i];
    return bv_request_source(call, parts, i, &item->image, call->object ? &item->source : NULL,
                             err);
}

bool bv_hand_images(struct bv_call *call, const struct bv_parts *parts)
{
    return bv_hand_items(call, parts, take_image);
}

bool bv_hand_one(struct bv_call *call, const struct bv_parts *parts, enum bv_work work)
{
    if (bv_request_image_count(call, parts) != 1) {
        bv_call_refuse(call, 400, "argument", "one image");
        return true;
    }
    call->work = work;
    call->compose = bv_compose_one;
    if (!bv_call_items(call, 1))
        return bv_refuse_error(call, &(struct bv_error){BV_ERR_NOMEM, "no memory"});
    return bv_hand_images(call, parts);
}

bool bv_take_object(struct bv_call *call, bool report)
{
    const char *as = bv_json_string(call->document, "as", "json");
    call->object = strcmp(as, "dicom-sc") == 0             ? BV_OBJECT_SC
                   : report && strcmp(as, "dicom-sr") == 0 ? BV_OBJECT_SR
                                                           : BV_OBJECT_NONE;
    if (call->object || strcmp(as, "json") == 0)
        return true;
    bv_call_refuse(call, 400, "argument", "\"as\" is \"json\"%s or \"dicom-sc\"",
                   report ? ", \"dicom-sr\"" : "");
    return false;
}

bool bv_take_texts(struct bv_call *call, struct bv_parts *parts, size_t most)
{
    struct bv_error err = {0};
    json_t *texts = NULL;
    if (bv_request_read(call, parts, &err) != BV_OK ||
        bv_request_texts(call, "texts", most, &texts, &err) != BV_OK)
        return !bv_refuse_error(call, &err);
    if (texts) // one text has become a list
        (void)json_object_set_new(call->document, "texts", texts);
    call->served = bv_request_model(call);
    if (call->served && !texts)
        bv_call_refuse(call, 400, "argument", "\"texts\"");
    return call->served && texts;
}

void bv_compose_one(struct bv_call *call)
{
    struct bv_asked *item = &call->items[0];
    if (item->object) {
        call->answer = (struct bv_reply){.status = 200,
                                         .type = "application/dicom",
                                         .bytes = (char *)item->object,
                                         .size = item->n_object};
        item->object = NULL;
    } else if (item->status == BV_OK)
        bv_call_json(call, 200, json_incref(item->value));
    else
        bv_call_fail(call, item->status, item->failure);
}

static void compose_list(struct bv_call *call)
{
    json_t *list = json_array();
    for (size_t i = 0; i < call->n_items; i++) {
        const struct bv_asked *item = &call->items[i];
        (void)json_array_append_new(list, item->status == BV_OK
                                              ? json_incref(item->value)
                                              : bv_failure_json(item->status, item->failure));
    }
    bv_call_json(call, 200, json_pack("{s:o}", "results", list));
}

// Labels.

static bool has_controls(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 32 && *text != '\n' && *text != '\t' && *text != '\r')
            return true;
    return false;
}

static char *join_labels(const char *templates, const json_t *list)
{
    size_t room = strlen(templates) + 2;
    for (size_t i = 0; i < json_array_size(list); i++)
        room += json_string_length(json_array_get(list, i)) + 1;
    char *key = malloc(room);
    if (!key)
        return NULL;
    char *at = stpcpy(key, templates);
    *at++ = 1;
    for (size_t i = 0; i < json_array_size(list); i++) {
        at = stpcpy(at, json_string_value(json_array_get(list, i)));
        *at++ = '\n';
    }
    *at = 0;
    return key;
}

bool bv_take_labels(struct bv_call *call, const char *key)
{
    struct bv_error err = {0};
    json_t *list = NULL;
    const char *templates = bv_json_string(call->document, "templates", "");
    if (bv_request_texts(call, key, BV_MAX_LABELS, &list, &err) != BV_OK)
        return !bv_refuse_error(call, &err);
    call->key = list ? join_labels(templates, list) : NULL;
    json_decref(list);
    if (!call->key || strlen(call->key) > LABELS_MOST || has_controls(templates) ||
        has_controls(strchr(call->key, 1) + 1)) {
        bv_call_refuse(call, 400, "argument", "\"%s\": a list of labels, at most %d bytes in all",
                       key, LABELS_MOST);
        return false;
    }
    return true;
}

bool bv_answer_classify(struct bv_call *call)
{
    struct bv_parts parts;
    struct bv_error err = {0};
    if (bv_request_read(call, &parts, &err) != BV_OK)
        return bv_refuse_error(call, &err);
    call->served = bv_request_model(call);
    if (!call->served || !bv_take_labels(call, "labels") || !bv_take_object(call, true))
        return true;
    size_t n = bv_request_image_count(call, &parts);
    bool one = json_object_get(call->document, "image") || (n == 1 && parts.n == 1);
    if (n < 1 || n > BV_MAX_IMAGES) {
        bv_call_refuse(call, n ? 413 : 400, "argument", "\"image\", or 1 to %d \"images\"",
                       BV_MAX_IMAGES);
        return true;
    }
    if (call->object && !one) {
        bv_call_refuse(call, 400, "argument", "a DICOM object is made of one \"image\"");
        return true;
    }
    call->work = BV_WORK_CLASSIFY;
    call->compose = one ? bv_compose_one : compose_list;
    if (!bv_call_items(call, n))
        return bv_refuse_error(call, &(struct bv_error){BV_ERR_NOMEM, "no memory"});
    if (call->stream && !call->object)
        bv_call_begin_stream(call);
    return bv_hand_images(call, &parts);
}

// /v1/match and /v1/ask: models with a fusion encoder.
#include "biovl/fusion.h"

#include "base/json.h"
#include "serve/answers.h"
#include "serve/request.h"
#include "serve/server.h"

static bool hand(struct bv_call *call, struct bv_parts *parts, enum bv_work work)
{
    call->work = work;
    call->compose = bv_compose_one;
    if (bv_request_image_count(call, parts) != 1) {
        bv_call_refuse(call, 400, "argument", "one image");
        return true;
    }
    if (!bv_call_items(call, 1))
        return bv_refuse_error(call, &(struct bv_error){BV_ERR_NOMEM, "no memory"});
    return bv_hand_images(call, parts);
}

bool bv_answer_match(struct bv_call *call)
{
    struct bv_parts parts;
    struct bv_error err = {0};
    json_t *texts = NULL;
    if (bv_request_read(call, &parts, &err) != BV_OK ||
        bv_request_texts(call, "texts", BV_MOST_MATCHED, &texts, &err) != BV_OK)
        return bv_refuse_error(call, &err);
    if (texts) // one text has become a list
        (void)json_object_set_new(call->document, "texts", texts);
    call->served = bv_request_model(call);
    if (!call->served)
        return true;
    if (!texts || !call->served->can_match) {
        bv_call_refuse(call, 400, texts ? "model" : "argument",
                       texts ? "this model does not match texts with images" : "\"texts\"");
        return true;
    }
    return hand(call, &parts, BV_WORK_MATCH);
}

bool bv_answer_ask(struct bv_call *call)
{
    struct bv_parts parts;
    struct bv_error err = {0};
    if (bv_request_read(call, &parts, &err) != BV_OK)
        return bv_refuse_error(call, &err);
    call->served = bv_request_model(call);
    if (!call->served)
        return true;
    int64_t top = bv_json_integer(call->document, "top", 10);
    if (!bv_json_string(call->document, "question", NULL) || top < 1 || !call->served->can_ask) {
        bv_call_refuse(call, 400, call->served->can_ask ? "argument" : "model",
                       call->served->can_ask ? "\"question\" is a text, \"top\" at least 1"
                                             : "this model does not answer questions");
        return true;
    }
    return hand(call, &parts, BV_WORK_ASK);
}

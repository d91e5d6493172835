// /v1/match and /v1/ask: models with a fusion encoder.
#include "biovl/fusion.h"

#include "base/json.h"
#include "serve/answers.h"
#include "serve/request.h"
#include "serve/server.h"

bool bv_answer_match(struct bv_call *call)
{
    struct bv_parts parts;
    if (!bv_take_texts(call, &parts, BV_MOST_MATCHED))
        return true;
    if (!call->served->can_match) {
        bv_call_refuse(call, 400, "model", "this model does not match texts with images");
        return true;
    }
    return bv_hand_one(call, &parts, BV_WORK_MATCH);
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
    return bv_hand_one(call, &parts, BV_WORK_ASK);
}

// /v1/explain: where in an image a model looks for texts.
#include "biovl/explain.h"

#include "base/json.h"
#include "serve/answers.h"
#include "serve/request.h"
#include "serve/server.h"

bool bv_answer_explain(struct bv_call *call)
{
    struct bv_parts parts;
    struct bv_error err = {0};
    json_t *texts = NULL;
    if (bv_request_read(call, &parts, &err) != BV_OK ||
        bv_request_texts(call, "texts", BV_MOST_EXPLAINED, &texts, &err) != BV_OK)
        return bv_refuse_error(call, &err);
    if (texts) // one text has become a list
        (void)json_object_set_new(call->document, "texts", texts);
    call->served = bv_request_model(call);
    if (!call->served)
        return true;
    if (!texts || bv_request_image_count(call, &parts) != 1) {
        bv_call_refuse(call, 400, "argument", "one image and \"texts\"");
        return true;
    }
    if (!bv_call_items(call, 1))
        return bv_refuse_error(call, &(struct bv_error){BV_ERR_NOMEM, "no memory"});
    call->work = BV_WORK_EXPLAIN;
    call->compose = bv_compose_one;
    return bv_hand_images(call, &parts);
}

// /v1/explain: where in an image a model looks for texts.
#include "serve/answers.h"
#include "serve/request.h"
#include "serve/server.h"

bool bv_answer_explain(struct bv_call *call)
{
    struct bv_parts parts;
    if (!bv_take_texts(call, &parts, BV_MOST_EXPLAINED) || !bv_take_object(call, false))
        return true;
    if (call->object && json_array_size(json_object_get(call->document, "texts")) != 1) {
        bv_call_refuse(call, 400, "argument", "a DICOM object is made of one text's map");
        return true;
    }
    return bv_hand_one(call, &parts, BV_WORK_EXPLAIN);
}

// /v1/explain: where in an image a model looks for texts.
#include "serve/answers.h"
#include "serve/request.h"
#include "serve/server.h"

bool bv_answer_explain(struct bv_call *call)
{
    struct bv_parts parts;
    return !bv_take_texts(call, &parts, BV_MOST_EXPLAINED) ||
           bv_hand_one(call, &parts, BV_WORK_EXPLAIN);
}

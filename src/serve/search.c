// /v1/search: what in the index is nearest to an image, a text or an item.
#include "base/json.h"
#include "serve/answers.h"
#include "serve/request.h"
#include "serve/server.h"

enum { MOST_HITS = 1000 };

static struct bv_served *with_index(struct bv_service *server)
{
    for (size_t i = 0; i < server->options.n_models; i++)
        if (server->models[i].index)
            return &server->models[i];
    return NULL;
}

bool bv_answer_search(struct bv_call *call)
{
    struct bv_parts parts;
    struct bv_error err = {0};
    if (bv_request_read(call, &parts, &err) != BV_OK)
        return bv_refuse_error(call, &err);
    int64_t k = bv_json_integer(call->document, "k", 10);
    size_t images = bv_request_image_count(call, &parts);
    size_t given = images + (bv_json_string(call->document, "text", NULL) != NULL) +
                   (bv_json_string(call->document, "id", NULL) != NULL);
    call->served = with_index(call->server);
    if (!call->served)
        bv_call_refuse(call, 404, "argument", "this service was started without --index");
    else if (given != 1 || k < 1 || k > MOST_HITS)
        bv_call_refuse(call, 400, "argument",
                       "one of \"image\", \"text\" and \"id\", and \"k\" from 1 to %d", MOST_HITS);
    else if (!bv_call_items(call, 1))
        bv_call_refuse(call, 503, "out_of_memory", "no memory");
    if (call->answer.status)
        return true;
    call->work = BV_WORK_SEARCH;
    call->compose = bv_compose_one;
    if (images)
        return bv_hand_images(call, &parts);
    bv_served_push(call->served, &call->items[0]);
    return false;
}

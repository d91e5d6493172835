// /v1/models, and the paths of KServe's protocol, version 2 (REST).
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "serve/answers.h"
#include "serve/request.h"
#include "serve/server.h"

static json_t *describe(const struct bv_served *s)
{
    json_t *can = json_array();
    const struct {
        bool can;
        const char *name;
    } abilities[] = {
        {s->can_embed && s->facts.has_text, "classify"},
        {s->can_embed, "embeddings"},
        {s->index != NULL, "search"},
        {s->can_embed && s->facts.has_text, "explain"},
        {s->can_match, "match"},
        {s->can_ask, "ask"},
    };
    for (size_t i = 0; i < sizeof abilities / sizeof *abilities; i++)
        if (abilities[i].can)
            (void)json_array_append_new(can, json_string(abilities[i].name));
    json_t *model =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:s, s:s, s:{s:i, s:i}}", "id", s->name,
                  "object", "model", "owned_by", "biovl", "system", s->facts.system, "sha256",
                  s->facts.sha256, "can", can, "device", bv_engine_device(s->engine), "precision",
                  bv_engine_precision(s->engine), "intended_use", "research", "input", "height",
                  s->facts.image_height, "width", s->facts.image_width);
    if (s->facts.notice)
        (void)json_object_set_new(model, "notice", json_string(s->facts.notice));
    if (s->facts.preset)
        (void)json_object_set_new(model, "preset", json_string(s->facts.preset));
    if (s->evaluation)
        (void)json_object_set_new(model, "evaluation", json_deep_copy(s->evaluation));
    return model;
}

bool bv_answer_models(struct bv_call *call)
{
    json_t *list = json_array();
    for (size_t i = 0; i < call->server->options.n_models; i++)
        (void)json_array_append_new(list, describe(&call->server->models[i]));
    bv_call_json(call, 200,
                 json_pack("{s:s, s:o, s:s, s:b}", "object", "list", "data", list, "version",
                           bv_version(), "files", call->server->root >= 0));
    return true;
}

bool bv_answer_live(struct bv_call *call)
{
    bv_call_json(call, 200, json_pack("{s:b}", "live", 1));
    return true;
}

bool bv_answer_ready(struct bv_call *call)
{
    bool ready = !atomic_load(&call->server->stopping);
    bv_call_json(call, ready ? 200 : 503, json_pack("{s:b}", "ready", ready));
    return true;
}

bool bv_answer_server(struct bv_call *call)
{
    bv_call_json(
        call, 200,
        json_pack("{s:s, s:s, s:[]}", "name", "biovl", "version", bv_version(), "extensions"));
    return true;
}

static struct bv_served *named(struct bv_call *call)
{
    struct bv_served *served = bv_server_model(call->server, call->name);
    if (!served)
        bv_call_refuse(call, 404, "argument", "there is no model \"%.100s\" here: see /v1/models",
                       call->name);
    return served;
}

bool bv_answer_model_ready(struct bv_call *call)
{
    if (named(call))
        bv_call_json(call, 200, json_pack("{s:s, s:b}", "name", call->name, "ready", 1));
    return true;
}

bool bv_answer_model(struct bv_call *call)
{
    struct bv_served *s = named(call);
    if (!s)
        return true;
    bv_call_json(
        call, 200,
        json_pack("{s:s, s:s, s:[{s:s, s:s, s:[i]}, {s:s, s:s, s:[i]}], s:[{s:s, s:s, s:[i, i]}, "
                  "{s:s, s:s, s:[i, I]}]}",
                  "name", s->name, "platform", "biovl", "inputs", "name", "image", "datatype",
                  "BYTES", "shape", -1, "name", "labels", "datatype", "BYTES", "shape", -1,
                  "outputs", "name", "scores", "datatype", "FP64", "shape", -1, -1, "name",
                  "embeddings", "datatype", "FP32", "shape", -1,
                  (json_int_t)bv_engine_image_dim(s->engine)));
    return true;
}

// Inference.

static json_t *output(const char *name, const char *type, size_t rows, size_t columns, json_t *data)
{
    return json_pack("{s:s, s:s, s:[I, I], s:o}", "name", name, "datatype", type, "shape",
                     (json_int_t)rows, (json_int_t)columns, "data", data);
}

// Appends what an item gives to the flat data of an output; returns how many numbers.
static size_t append_row(const struct bv_asked *item, json_t *data)
{
    const json_t *scores = json_object_get(item->value, "scores");
    for (size_t i = 0; i < json_array_size(scores); i++)
        (void)json_array_append(data, json_object_get(json_array_get(scores, i), "score"));
    for (size_t i = 0; i < item->n_vector; i++)
        (void)json_array_append_new(data, json_real((double)item->vector[i]));
    return scores ? json_array_size(scores) : item->n_vector;
}

static void compose_infer(struct bv_call *call)
{
    bool scores = call->work == BV_WORK_CLASSIFY;
    size_t columns = 0;
    if (bv_call_failed(call))
        return;
    json_t *data = json_array();
    for (size_t i = 0; i < call->n_items; i++)
        columns = append_row(&call->items[i], data);
    json_t *answer = json_pack("{s:s, s:s, s:[o]}", "model_name", call->served->name,
                               "model_version", call->served->facts.sha256, "outputs",
                               output(scores ? "scores" : "embeddings", scores ? "FP64" : "FP32",
                                      call->n_items, columns, data));
    json_t *id = json_object_get(call->document, "id");
    if (id)
        (void)json_object_set(answer, "id", id);
    bv_call_json(call, 200, answer);
}

// {"inputs": [{"name", "datatype", "shape", "data"}]} to "images" and "labels".
static bool take_inputs(struct bv_call *call)
{
    json_t *inputs = json_object_get(call->document, "inputs");
    bool good = json_is_array(inputs);
    for (size_t i = 0; good && i < json_array_size(inputs); i++) {
        const json_t *input = json_array_get(inputs, i);
        const char *name = bv_json_string(input, "name", "");
        json_t *data = json_object_get(input, "data");
        bool image = strcmp(name, "image") == 0;
        good = strcmp(bv_json_string(input, "datatype", ""), "BYTES") == 0 && json_is_array(data) &&
               (image || strcmp(name, "labels") == 0) &&
               json_object_set(call->document, image ? "images" : "labels", data) == 0;
    }
    json_t *images = json_object_get(call->document, "images");
    for (size_t i = 0; good && i < json_array_size(images); i++)
        good = json_is_string(json_array_get(images, i));
    size_t n = json_array_size(images);
    if (!good || n < 1 || n > BV_MAX_IMAGES)
        bv_call_refuse(call, 400, "argument",
                       "\"inputs\": \"image\" and perhaps \"labels\", of datatype BYTES; images "
                       "are base64, 1 to %d",
                       BV_MAX_IMAGES);
    return call->answer.status == 0;
}

bool bv_answer_infer(struct bv_call *call)
{
    struct bv_parts parts;
    struct bv_error err = {0};
    if (bv_request_read(call, &parts, &err) != BV_OK)
        return bv_refuse_error(call, &err);
    (void)json_object_del(call->document, "image");
    (void)json_object_del(call->document, "images");
    (void)json_object_del(call->document, "labels");
    call->served = named(call);
    if (!call->served || !take_inputs(call))
        return true;
    bool labels = json_object_get(call->document, "labels") != NULL;
    if (labels && !bv_take_labels(call, "labels"))
        return true;
    call->work = labels ? BV_WORK_CLASSIFY : BV_WORK_EMBED;
    call->compose = compose_infer;
    if (!bv_call_items(call, json_array_size(json_object_get(call->document, "images"))))
        return bv_refuse_error(call, &(struct bv_error){BV_ERR_NOMEM, "no memory"});
    return bv_hand_images(call, &parts);
}

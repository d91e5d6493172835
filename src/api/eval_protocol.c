// The public calls of named protocols.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "biovl/eval.h"
#include "eval/tasks/protocol.h"

struct bv_eval_protocol {
    struct bv_protocol protocol;
};

enum bv_status bv_eval_protocol_open(struct bv_context *context, const char *name, const char *data,
                                     struct bv_eval_protocol **protocol)
{
    assert(context && protocol && name);
    struct bv_error *err = bv_begin(context);
    *protocol = NULL;
    if (!name)
        return bv_fail(err, BV_ERR_ARG, "a protocol needs a name");
    struct bv_eval_protocol *made = calloc(1, sizeof *made);
    if (!made)
        return bv_fail_nomem(err, "a protocol");
    enum bv_status status = bv_protocol_open(&made->protocol, name, err);
    if (status == BV_OK && data)
        status = bv_protocol_match(&made->protocol, data, err);
    if (status == BV_OK)
        *protocol = made;
    else
        bv_eval_protocol_close(&made);
    return status;
}

void bv_eval_protocol_close(struct bv_eval_protocol **protocol)
{
    assert(protocol);
    if (*protocol)
        bv_protocol_free(&(*protocol)->protocol);
    free(*protocol);
    *protocol = NULL;
}

const char *bv_eval_protocol_labels(const struct bv_eval_protocol *protocol)
{
    assert(protocol);
    return protocol->protocol.labels;
}

const char *bv_eval_protocol_task(const struct bv_eval_protocol *protocol)
{
    assert(protocol);
    return bv_json_string(protocol->protocol.json, "task", "");
}

const char *bv_eval_protocol_column(const struct bv_eval_protocol *protocol, const char *role)
{
    assert(protocol && role);
    const struct bv_protocol *p = &protocol->protocol;
    const struct {
        const char *role, *name;
    } columns[] = {{"path", p->path},
                   {"text", p->text},
                   {"patient", p->patient},
                   {"study", p->study},
                   {"list", p->list}};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        if (strcmp(columns[i].role, role) == 0)
            return columns[i].name;
    return NULL;
}

void bv_eval_protocol_set(const struct bv_eval_protocol *protocol, struct bv_eval_options *options)
{
    assert(protocol && options);
    const struct bv_protocol *p = &protocol->protocol;
    const json_t *data = json_object_get(p->json, "data");
    if (!options->path_column)
        options->path_column = p->path;
    if (!options->patient_column)
        options->patient_column = p->patient;
    if (!options->study_column)
        options->study_column = p->study;
    if (!options->list_column)
        options->list_column = p->list;
    if (!options->uncertain)
        options->uncertain = bv_json_string(data, "uncertain", NULL);
    if (strcmp(bv_json_string(data, "blank", ""), "zero") == 0)
        options->blank_is_zero = 1;
}

enum bv_status bv_eval_protocol_report(struct bv_context *context,
                                       const struct bv_eval_protocol *protocol, const char *folder,
                                       const char *metrics, char **json)
{
    assert(context && protocol && json);
    struct bv_error *err = bv_begin(context);
    json_t *given = NULL, *result = NULL;
    if (!folder)
        return bv_fail(err, BV_ERR_ARG, "a protocol needs a folder");
    if (metrics)
        BV_TRY(bv_json_parse(&given, metrics, strlen(metrics), "the results", err));
    enum bv_status status = bv_protocol_report(&protocol->protocol, folder, given, &result, err);
    json_decref(given);
    return status == BV_OK ? bv_json_text(result, json, err) : status;
}

enum bv_status bv_eval_protocols(struct bv_context *context, char **json)
{
    assert(context && json);
    struct bv_error *err = bv_begin(context);
    json_t *list = NULL;
    BV_TRY(bv_protocol_list(&list, err));
    return bv_json_text(list, json, err);
}

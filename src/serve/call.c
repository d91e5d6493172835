#include "serve/call.h"

#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve/server.h"

struct bv_call *bv_call_make(struct bv_service *server)
{
    struct bv_call *call = calloc(1, sizeof *call);
    if (!call)
        return NULL;
    call->server = server;
    call->began = bv_now_us();
    (void)pthread_mutex_init(&call->lock, NULL);
    atomic_init(&call->references, 1);
    return call;
}

static void free_item(struct bv_asked *item)
{
    bv_image_close(&item->image);
    json_decref(item->value);
    free(item->failure);
    free(item->vector);
    free(item->source.owned);
    bv_free(item->object);
}

void bv_call_forget_body(struct bv_call *call)
{
    (void)atomic_fetch_sub(&call->server->body_bytes, (long long)call->room);
    free(call->body);
    call->body = NULL;
    call->size = call->room = 0;
}

void bv_call_drop(struct bv_call *call)
{
    if (atomic_fetch_sub(&call->references, 1) > 1)
        return;
    for (size_t i = 0; i < call->n_items; i++)
        free_item(&call->items[i]);
    free(call->items);
    free(call->key);
    json_decref(call->document);
    bv_call_forget_body(call);
    free(call->events);
    free(call->answer.bytes);
    (void)pthread_mutex_destroy(&call->lock);
    if (call->admitted)
        (void)atomic_fetch_sub(&call->server->n_waiting, 1);
    free(call);
}

// Answers.

void bv_call_json(struct bv_call *call, unsigned status, json_t *value)
{
    char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;
    json_decref(value);
    free(call->answer.bytes);
    call->answer.bytes = text;
    call->answer.size = text ? strlen(text) : 0;
    call->answer.status = text ? status : 503;
    call->answer.type = "application/json";
}

void bv_call_refuse(struct bv_call *call, unsigned status, const char *type, const char *format,
                    ...)
{
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    // A cut through a character, or a name that is not UTF-8, leaves no JSON text.
    json_t *message = json_string(text);
    if (!message)
        message = json_string("the request cannot be answered");
    bv_call_json(call, status,
                 json_pack("{s:{s:s, s:o}}", "error", "type", type, "message", message));
}

unsigned bv_failure_status(enum bv_status status)
{
    switch (status) {
    case BV_OK:
        return 200;
    case BV_ERR_ARG:
        return 400;
    case BV_ERR_LIMIT:
        return 413;
    case BV_ERR_NOMEM:
    case BV_ERR_DEVICE:
    case BV_ERR_DEVICE_LOST:
    case BV_ERR_OOM_DEVICE:
    case BV_ERR_CANCELLED:
        return 503;
    case BV_ERR_IO:
    case BV_ERR_INTERNAL:
        return 500;
    default:
        return 422;
    }
}

json_t *bv_failure_json(enum bv_status status, const char *text)
{
    json_t *message = json_string(text ? text : "");
    return json_pack("{s:{s:s, s:o}}", "error", "type", bv_status_name(status), "message",
                     message ? message : json_string("a name that is not UTF-8"));
}

void bv_call_fail(struct bv_call *call, enum bv_status status, const char *text)
{
    bv_call_json(call, bv_failure_status(status), bv_failure_json(status, text));
}

bool bv_call_failed(struct bv_call *call)
{
    for (size_t i = 0; i < call->n_items; i++) {
        const struct bv_asked *item = &call->items[i];
        if (item->status != BV_OK) {
            bv_call_fail(call, item->status, item->failure);
            return true;
        }
    }
    return false;
}

void bv_call_finish(struct bv_call *call)
{
    (void)pthread_mutex_lock(&call->lock);
    bool wake = !call->started || call->waiting;
    call->ended = true;
    call->waiting = false;
    // Under the lock: afterwards the HTTP thread may end the call at any time.
    if (wake)
        MHD_resume_connection(call->connection);
    (void)pthread_mutex_unlock(&call->lock);
    bv_call_drop(call);
}

// Items.

bool bv_call_items(struct bv_call *call, size_t n)
{
    call->items = calloc(n ? n : 1, sizeof *call->items);
    if (!call->items)
        return false;
    call->n_items = n;
    atomic_store(&call->n_left, n);
    for (size_t i = 0; i < n; i++) {
        call->items[i].call = call;
        call->items[i].index = i;
    }
    return true;
}

static void tell_item(struct bv_asked *item)
{
    struct bv_call *call = item->call;
    json_t *value = item->status == BV_OK ? json_incref(item->value)
                                          : bv_failure_json(item->status, item->failure);
    json_t *event = json_pack("{s:I, s:o}", "index", (json_int_t)item->index, "result", value);
    bv_call_event(call, "result", event);
    json_decref(event);
    (void)pthread_mutex_lock(&call->lock);
    size_t done = ++call->n_finished;
    (void)pthread_mutex_unlock(&call->lock);
    event = json_pack("{s:I, s:I}", "done", (json_int_t)done, "total", (json_int_t)call->n_items);
    bv_call_event(call, "progress", event);
    json_decref(event);
}

void bv_item_done(struct bv_asked *item)
{
    struct bv_call *call = item->call;
    bv_image_close(&item->image);
    if (call->started)
        tell_item(item);
    if (atomic_fetch_sub(&call->n_left, 1) > 1)
        return;
    if (call->started) {
        json_t *event = json_pack("{s:I}", "total", (json_int_t)call->n_items);
        bv_call_event(call, "done", event);
        json_decref(event);
    } else {
        call->compose(call);
    }
    bv_call_finish(call);
}

void bv_item_fail(struct bv_asked *item, enum bv_status status, const char *text)
{
    item->status = status;
    item->failure = strdup(text ? text : "");
    bv_item_done(item);
}

// Events.

void bv_call_begin_stream(struct bv_call *call)
{
    (void)pthread_mutex_lock(&call->lock);
    call->started = true;
    MHD_resume_connection(call->connection);
    (void)pthread_mutex_unlock(&call->lock);
}

static bool make_room(struct bv_call *call, size_t n)
{
    size_t wanted = call->n_events + n;
    if (wanted <= call->events_room)
        return true;
    size_t room = wanted * 2;
    char *grown = realloc(call->events, room);
    if (!grown)
        return false;
    call->events = grown;
    call->events_room = room;
    return true;
}

void bv_call_event(struct bv_call *call, const char *name, const json_t *value)
{
    char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;
    if (!text)
        return;
    size_t size = strlen(name) + strlen(text) + 24;
    (void)pthread_mutex_lock(&call->lock);
    if (make_room(call, size))
        call->n_events += (size_t)snprintf(call->events + call->n_events, size,
                                           "event: %s\ndata: %s\n\n", name, text);
    if (call->waiting) {
        call->waiting = false;
        MHD_resume_connection(call->connection);
    }
    (void)pthread_mutex_unlock(&call->lock);
    free(text);
}

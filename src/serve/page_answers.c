// The page and what belongs to the service itself.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve/answers.h"
#include "serve/root.h"
#include "serve/server.h"

static bool give_text(struct bv_call *call, const char *type, const char *text, size_t size)
{
    char *copy = text ? malloc(size + 1) : NULL;
    if (!copy) {
        bv_call_refuse(call, 503, "out_of_memory", "no memory");
        return true;
    }
    memcpy(copy, text, size);
    copy[size] = 0;
    call->answer = (struct bv_reply){.status = 200, .type = type, .bytes = copy, .size = size};
    return true;
}

// The page; without a cookie or with a used token, what to do. bv_server_begin() has turned a
// fresh token into a cookie already.
bool bv_answer_page(struct bv_call *call)
{
    const struct bv_page *page = &call->server->page;
    return give_text(call, "text/html; charset=utf-8", page->html, page->size);
}

static void set_cookie(struct bv_call *call)
{
    const struct bv_guard *guard = &call->server->guard;
    (void)snprintf(call->answer.cookie, sizeof call->answer.cookie,
                   "%s=%s; Path=/; HttpOnly; SameSite=Strict%s", guard->cookie, guard->session,
                   call->server->certificate ? "; Secure" : "");
}

// A cookie for whom has a token: a page that was opened without one asks for it.
bool bv_answer_session(struct bv_call *call)
{
    bv_call_json(call, 200, json_pack("{s:b}", "session", 1));
    set_cookie(call);
    return true;
}

void bv_answer_opening(struct bv_call *call, const char *token)
{
    if (!bv_guard_opens(&call->server->guard, token)) {
        bv_call_refuse(call, 401, "refused", "this address opened the page once already");
        return;
    }
    (void)give_text(call, "text/plain", "", 0);
    call->answer.status = 303;
    call->answer.location = "/";
    set_cookie(call);
}

bool bv_answer_description(struct bv_call *call)
{
    size_t size = 0;
    const char *text = bv_page_file("service.json", &size);
    return give_text(call, "application/json", text, size);
}

bool bv_answer_metrics(struct bv_call *call)
{
    size_t size = 0;
    char *text = bv_metrics_text(call->server, &size);
    bool answered = give_text(call, "text/plain; version=0.0.4; charset=utf-8", text, size);
    free(text);
    return answered;
}

bool bv_answer_files(struct bv_call *call)
{
    struct bv_error err = {0};
    json_t *list = NULL;
    if (bv_root_list(call->server->root, call->path, &list, &err) != BV_OK)
        return bv_refuse_error(call, &err);
    bv_call_json(call, 200, json_pack("{s:s, s:o}", "path", call->path, "files", list));
    return true;
}

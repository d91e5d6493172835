#include "serve/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "serve/answers.h"
#include "serve/call.h"
#include "serve/routes.h"
#include "serve/server.h"

// Headers of a request take at most this, the chunks in which bodies come too. A connection that
// is silent for STALL_S seconds is closed.
enum { CONNECTION_BYTES = 64 * 1024, STALL_S = 60 };

// Answers.

// What has been written and not sent; suspends the connection while there is nothing.
static ssize_t read_events(void *arg, uint64_t position, char *out, size_t most)
{
    struct bv_call *call = arg;
    ssize_t n = 0;
    (void)position;
    (void)pthread_mutex_lock(&call->lock);
    size_t left = call->n_events - call->n_sent;
    if (left > 0) {
        n = (ssize_t)(left < most ? left : most);
        memcpy(out, call->events + call->n_sent, (size_t)n);
        call->n_sent += (size_t)n;
    } else if (call->ended) {
        n = MHD_CONTENT_READER_END_OF_STREAM;
    } else if (atomic_load(&call->server->ending)) {
        n = MHD_CONTENT_READER_END_WITH_ERROR;
    } else {
        call->waiting = true;
        MHD_suspend_connection(call->connection);
    }
    (void)pthread_mutex_unlock(&call->lock);
    return n;
}

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
    (void)MHD_add_response_header(response, name, value);
}

static void add_headers(struct MHD_Response *response, const struct bv_call *call)
{
    const struct bv_reply *a = &call->answer;
    char seconds[16];
    add_header(response, "Content-Type", a->type);
    add_header(response, "Content-Security-Policy", call->server->page.policy);
    add_header(response, "X-Content-Type-Options", "nosniff");
    add_header(response, "X-Frame-Options", "DENY");
    add_header(response, "Referrer-Policy", "no-referrer");
    add_header(response, "Cross-Origin-Opener-Policy", "same-origin");
    add_header(response, "Cross-Origin-Resource-Policy", "same-origin");
    add_header(response, "Cache-Control", "no-store");
    if (a->location)
        add_header(response, "Location", a->location);
    if (a->facts[0])
        add_header(response, "Biovl-Facts", a->facts);
    if (a->cookie[0])
        add_header(response, "Set-Cookie", a->cookie);
    if (a->status == 401)
        add_header(response, "WWW-Authenticate", "Bearer");
    if (a->retry_after) {
        (void)snprintf(seconds, sizeof seconds, "%d", a->retry_after);
        add_header(response, "Retry-After", seconds);
    }
    if (atomic_load(&call->server->stopping) || call->refused)
        add_header(response, "Connection", "close");
}

static struct MHD_Response *make_response(struct bv_call *call)
{
    struct bv_reply *a = &call->answer;
    // The bytes live as long as the call, which ends after the response.
    if (!call->started)
        return MHD_create_response_from_buffer(a->bytes ? a->size : 0, a->bytes ? a->bytes : "",
                                               MHD_RESPMEM_PERSISTENT);
    a->status = 200;
    a->type = "text/event-stream";
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, read_events, call, NULL);
}

static enum MHD_Result send_answer(struct bv_call *call)
{
    struct MHD_Response *response = make_response(call);
    if (!response)
        return MHD_NO;
    add_headers(response, call);
    if (call->started)
        bv_peer_phase(&call->server->peers, call->peer, BV_PHASE_WORK, 0, call);
    else
        bv_peer_phase(&call->server->peers, call->peer, BV_PHASE_SEND, call->answer.size, NULL);
    enum MHD_Result result = MHD_queue_response(call->connection, call->answer.status, response);
    MHD_destroy_response(response);
    return result;
}

// Requests.

static const char *header(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

// Headers that are looked up, of which another reader might take another one.
static const char *const once[] = {"Host",           "Origin",           "Sec-Fetch-Site",
                                   "Cookie",         "Authorization",    "Content-Type",
                                   "Content-Length", "Content-Encoding", "Transfer-Encoding"};
enum { N_ONCE = sizeof once / sizeof *once };

static enum MHD_Result count_header(void *arg, enum MHD_ValueKind kind, const char *key,
                                    const char *value)
{
    int *counts = arg;
    (void)kind;
    (void)value;
    for (size_t i = 0; i < N_ONCE; i++)
        counts[i] += strcasecmp(key, once[i]) == 0;
    return MHD_YES;
}

static bool any_twice(struct MHD_Connection *c)
{
    int counts[N_ONCE] = {0};
    bool twice = false;
    (void)MHD_get_connection_values(c, MHD_HEADER_KIND, count_header, counts);
    for (size_t i = 0; i < N_ONCE; i++)
        twice = twice || counts[i] > 1;
    return twice;
}

static struct bv_asker read_asker(struct MHD_Connection *c, const struct bv_call *call)
{
    return (struct bv_asker){.changes = !call->route || strcmp(call->route->method, "GET") != 0,
                             .open = call->route && call->route->open,
                             .body = call->route && call->route->body,
                             .host = header(c, "Host"),
                             .origin = header(c, "Origin"),
                             .site = header(c, "Sec-Fetch-Site"),
                             .cookie = header(c, "Cookie"),
                             .authorization = header(c, "Authorization"),
                             .type = header(c, "Content-Type"),
                             .encoding = header(c, "Content-Encoding"),
                             .length = header(c, "Content-Length"),
                             .transfer = header(c, "Transfer-Encoding"),
                             .repeated = any_twice(c)};
}

static void copy_query(struct MHD_Connection *c, const char *key, char *out, size_t room)
{
    const char *value = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, key);
    (void)snprintf(out, room, "%s", value ? value : "");
}

// A whole number from 1 on; 0 where it is not there.
static int read_query(struct MHD_Connection *c, const char *key)
{
    char text[12], *end = text;
    copy_query(c, key, text, sizeof text);
    long value = strtol(text, &end, 10);
    if (!*text)
        return 0;
    return *end || value < 1 || value > INT_MAX ? -1 : (int)value;
}

// The page for whom has no cookie yet: a fresh token becomes one, and the page is shown without.
static bool open_page(struct bv_call *call)
{
    const char *token =
        MHD_lookup_connection_value(call->connection, MHD_GET_ARGUMENT_KIND, "token");
    if (call->route->answer != bv_answer_page || !token || call->head)
        return false;
    bv_answer_opening(call, token);
    return true;
}

// All bodies together, which is less than all who may wait could send.
static long long bodies_most(const struct bv_service *server)
{
    return (long long)server->options.body_mb << 22;
}

// A place among those that wait, and room for the body, whose size may be unknown (-1).
static unsigned admit(struct bv_call *call, const struct bv_asker *asker, const char **why)
{
    struct bv_service *server = call->server;
    size_t most = (size_t)server->options.body_mb << 20;
    *why = "the service is ending";
    if (atomic_load(&server->stopping) && !call->route->open)
        return 503;
    *why = "a body larger than this service takes";
    if (asker->length && strtoull(asker->length, NULL, 10) > most)
        return 413;
    if (!call->route->reads)
        return 0;
    *why = "too many requests are waiting";
    call->admitted = true;
    if (atomic_fetch_add(&server->n_waiting, 1) >= server->options.queue)
        return 429;
    return atomic_load(&server->body_bytes) >= bodies_most(server) ? 429 : 0;
}

// After the headers: who asks, for what, and whether there is a place.
static void begin(struct bv_call *call, const char *url, const char *method)
{
    struct MHD_Connection *c = call->connection;
    struct bv_service *server = call->server;
    const char *why = "", *accept = header(c, "Accept");
    bool known = false;
    call->route = bv_route_find(method, url, call->name, &known);
    call->head = strcmp(method, "HEAD") == 0;
    struct bv_asker asker = read_asker(c, call);
    unsigned status = bv_guard_check(&server->guard, &asker, &why);
    if (status == 0 && !call->route) {
        status = known ? 405 : 404;
        why = known ? "this path has another method" : "no such path: see /v1/openapi.json";
    }
    if (status == 0)
        status = admit(call, &asker, &why);
    if (status) {
        bv_call_refuse(call, status, status == 401 || status == 403 ? "refused" : "argument", "%s",
                       why);
        call->answer.retry_after = status == 429 ? bv_metrics_retry(&server->metrics) : 0;
        // Who has the body on its way already is heard out, if it is clear where that ends: else it
        // would see the connection break, and not the answer.
        call->refused = status == 413 || status == 400 || header(c, "Expect") ||
                        !(asker.length || asker.transfer);
        return;
    }
    atomic_store(&server->last_asked, bv_now_ms());
    (void)snprintf(call->type, sizeof call->type, "%s", asker.type ? asker.type : "");
    copy_query(c, "model", call->model, sizeof call->model);
    copy_query(c, "path", call->path, sizeof call->path);
    call->side = read_query(c, "side");
    call->stream = accept && strncasecmp(accept, "text/event-stream", 17) == 0;
    if (!open_page(call) && !call->route->body && !call->route->reads)
        (void)call->route->answer(call);
    bv_peer_phase(&server->peers, call->peer, BV_PHASE_BODY,
                  asker.length ? strtoull(asker.length, NULL, 10) : 0, NULL);
}

// Room for a body of size bytes or more, out of what all bodies may have together.
static bool make_room(struct bv_call *call, size_t size)
{
    struct bv_service *server = call->server;
    size_t most = (size_t)server->options.body_mb << 20;
    const char *length = header(call->connection, "Content-Length");
    size_t said = length ? strtoull(length, NULL, 10) : 0;
    // The said size at once, once a quarter of it is there: who only says it gets nothing.
    size_t room = size > said / 4 ? said : 0;
    if (room < size)
        room = size * 2;
    if (room > most)
        room = most;
    long long more = (long long)(room - call->room);
    bool fits = atomic_fetch_add(&server->body_bytes, more) + more <= bodies_most(server);
    char *grown = fits ? realloc(call->body, room) : NULL;
    if (!grown) {
        (void)atomic_fetch_sub(&server->body_bytes, more);
        return false;
    }
    call->body = grown;
    call->room = room;
    return true;
}

// Appends to the body, or refuses and forgets it.
static void take_body(struct bv_call *call, const char *bytes, size_t n)
{
    size_t most = (size_t)call->server->options.body_mb << 20;
    if (n > most - call->size) {
        bv_call_forget_body(call);
        bv_call_refuse(call, 413, "limit", "a body larger than this service takes");
    } else if (call->size + n > call->room && !make_room(call, call->size + n)) {
        bv_call_forget_body(call);
        bv_call_refuse(call, 429, "limit", "too many bodies are on their way");
        call->answer.retry_after = bv_metrics_retry(&call->server->metrics);
    } else {
        memcpy(call->body + call->size, bytes, n);
        call->size += n;
    }
}

// The request is complete: to the readers, while the connection sleeps.
static enum MHD_Result work_on(struct bv_call *call)
{
    struct bv_service *server = call->server;
    if (call->route->reads && call->answer.status == 0) {
        bv_peer_phase(&server->peers, call->peer, BV_PHASE_WORK, 0, call);
        (void)atomic_fetch_add(&call->references, 1);
        MHD_suspend_connection(call->connection);
        if (bv_intake_push(&server->intake, call))
            return MHD_YES;
        bv_call_refuse(call, 503, "limit", "the service is ending");
        bv_call_finish(call);
        return MHD_YES;
    }
    return send_answer(call);
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **state)
{
    struct bv_service *server = arg;
    struct bv_call *call = *state;
    (void)version;
    if (!call) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
        call = bv_call_make(server);
        if (!call)
            return MHD_NO;
        *state = call;
        call->connection = connection;
        call->peer = info ? info->socket_context : NULL;
        begin(call, url, method);
        return call->refused ? send_answer(call) : MHD_YES;
    }
    if (*upload_size > 0) {
        if (call->answer.status == 0 && call->route->body)
            take_body(call, upload, *upload_size);
        *upload_size = 0;
        return MHD_YES;
    }
    return call->answer.status || call->started ? send_answer(call) : work_on(call);
}

static void tell_request(const struct bv_call *call, double ms)
{
    char line[512];
    const struct bv_serve_options *o = &call->server->options;
    (void)snprintf(line, sizeof line,
                   "{\"event\":\"request\",\"method\":\"%s\",\"route\":\"%s\",\"status\":%u,"
                   "\"ms\":%.1f,\"received\":%zu,\"sent\":%zu}",
                   call->route ? call->route->method : "", call->route ? call->route->path : "",
                   call->answer.status, ms, call->size,
                   call->started ? call->n_sent : call->answer.size);
    o->tell(o->arg, line);
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    struct bv_service *server = arg;
    struct bv_call *call = *state;
    (void)connection;
    (void)code;
    if (!call)
        return;
    double ms = (double)(bv_now_us() - call->began) / 1000;
    (void)pthread_mutex_lock(&call->lock);
    call->waiting = false;
    (void)pthread_mutex_unlock(&call->lock);
    atomic_store(&call->cancelled, true);
    bv_peer_phase(&server->peers, call->peer, call->refused ? BV_PHASE_END : BV_PHASE_HEAD, 0,
                  NULL);
    bv_metrics_answer(&server->metrics, call->route, call->answer.status, ms);
    if (server->options.access_log)
        tell_request(call, ms);
    bv_call_drop(call);
}

static void on_connection(void *arg, struct MHD_Connection *connection, void **state,
                          enum MHD_ConnectionNotificationCode code)
{
    struct bv_service *server = arg;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (code == MHD_CONNECTION_NOTIFY_STARTED && info) {
        *state = bv_peer_add(&server->peers, info->connect_fd);
    } else if (code == MHD_CONNECTION_NOTIFY_CLOSED && *state) {
        bv_peer_remove(&server->peers, *state);
        *state = NULL;
    }
}

// libmicrohttpd's own messages name addresses and requests.
static void say_nothing(void *arg, const char *format, va_list arguments)
{
    (void)arg;
    (void)format;
    (void)arguments;
}

// Start and stop.

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static bool read_address(const char *text, int port, union address *address)
{
    memset(address, 0, sizeof *address);
    if (inet_pton(AF_INET, text, &address->v4.sin_addr) == 1) {
        address->v4.sin_family = AF_INET;
        address->v4.sin_port = htons((uint16_t)port);
        return true;
    }
    address->v6.sin6_family = AF_INET6;
    address->v6.sin6_port = htons((uint16_t)port);
    return inet_pton(AF_INET6, text, &address->v6.sin6_addr) == 1;
}

enum bv_status bv_http_listen(struct bv_service *server, struct bv_error *err)
{
    const struct bv_serve_options *o = &server->options;
    union address address;
    socklen_t size = sizeof address;
    const int on = 1;
    if (!read_address(o->address, o->port, &address))
        return bv_fail(err, BV_ERR_ARG, "%s: not an address", o->address);
    int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return bv_fail(err, BV_ERR_IO, "no socket: %s", strerror(errno));
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, &address.any, sizeof address) != 0 || listen(fd, 128) != 0 ||
        getsockname(fd, &address.any, &size) != 0) {
        enum bv_status status = bv_fail(err, BV_ERR_IO, "cannot listen on %s, port %d: %s",
                                        o->address, o->port, strerror(errno));
        (void)close(fd);
        return status;
    }
    server->listening = fd;
    server->port = ntohs(address.v4.sin_port); // at the same place in IPv6
    return BV_OK;
}

enum bv_status bv_http_start(struct bv_service *server, struct bv_error *err)
{
    const struct bv_serve_options *o = &server->options;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    const struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, server->certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, server->key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
        {MHD_OPTION_END, 0, NULL}};
    const struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    if (server->certificate)
        flags |= MHD_USE_TLS;
    server->daemon = MHD_start_daemon(
        flags, (uint16_t)server->port, NULL, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER,
        say_nothing, NULL, MHD_OPTION_LISTEN_SOCKET, server->listening, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)o->connections, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)STALL_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES, MHD_OPTION_STRICT_FOR_CLIENT,
        1, MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, server, MHD_OPTION_ARRAY, server->certificate ? tls : none, MHD_OPTION_END);
    if (!server->daemon)
        return bv_fail(err, BV_ERR_IO, "cannot serve: %s",
                       server->certificate ? "certificate or key cannot be used"
                                           : "no thread or memory");
    server->listening = -1; // the daemon's
    return BV_OK;
}

void bv_http_quiesce(struct bv_service *server)
{
    int fd = MHD_quiesce_daemon(server->daemon);
    if (fd >= 0)
        (void)close(fd);
}

void bv_http_stop(struct bv_service *server)
{
    if (server->daemon)
        MHD_stop_daemon(server->daemon);
    server->daemon = NULL;
    if (server->listening >= 0)
        (void)close(server->listening);
    server->listening = -1;
}

// One association of the receiver: who calls, what is agreed, and the services.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image/dicom_dataset.h"
#include "pacs/association.h"
#include "pacs/elements.h"
#include "pacs/pdu.h"
#include "pacs/server.h"

static const char verification[] = "1.2.840.10008.1.1";
static const char storage[] = "1.2.840.10008.5.1.4.1.1.";

// Statuses of PS3.4 annex B and PS3.7 annex C.
enum {
    SUCCESS = 0x0000,
    PROCESSING_FAILURE = 0x0110,
    DUPLICATE = 0x0111,
    NOT_AUTHORISED = 0x0124,
    UNRECOGNISED = 0x0211,
    OUT_OF_RESOURCES = 0xA700,
    OTHER_CLASS = 0xA900,
    NOT_KEPT = 0xB006, // a warning: elements were discarded, here all of them
    NOT_UNDERSTOOD = 0xC000,
};

enum { ANSWER_MS = 10000 };

struct session {
    struct bv_server *server;
    struct bv_association *association;
    struct bv_rights rights;
    char address[INET6_ADDRSTRLEN], title[80]; // the peer's; title as it may be printed
};

static bool is_local(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *a = (const struct sockaddr_in *)(const void *)address;
        return ntohl(a->sin_addr.s_addr) >> 24 == 127;
    }
    const struct sockaddr_in6 *a = (const struct sockaddr_in6 *)(const void *)address;
    static const uint8_t mapped[13] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127};
    return address->sa_family == AF_INET6 && (IN6_IS_ADDR_LOOPBACK(&a->sin6_addr) ||
                                              memcmp(&a->sin6_addr, mapped, sizeof mapped) == 0);
}

// Whether anybody at this address may call at all.
static bool may_connect(const struct bv_receiver_options *o, const struct sockaddr *address)
{
    if (o->peers)
        return bv_peers_know(o->peers, address);
    return o->any_host || is_local(address);
}

static struct bv_rights rights_of(const struct bv_receiver_options *o,
                                  const struct sockaddr *address, const char *title)
{
    if (o->peers)
        return bv_peers_rights(o->peers, address, title);
    bool known = !o->caller || strcmp(o->caller, title) == 0;
    return (struct bv_rights){known, known};
}

// Agreement.

static bool takes_syntax(const char *abstract, const char *uid)
{
    static const char *const plain[] = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1"};
    const struct bv_transfer_syntax *syntax = bv_transfer_syntax_find(uid);
    if (strncmp(abstract, storage, sizeof storage - 1) == 0)
        return syntax && syntax->codec != BV_CODEC_NONE;
    return strcmp(uid, plain[0]) == 0 || strcmp(uid, plain[1]) == 0;
}

static bool takes_class(const struct session *s, const char *uid)
{
    return strcmp(uid, verification) == 0 ||
           (s->rights.store && strncmp(uid, storage, sizeof storage - 1) == 0) ||
           (s->rights.commit && s->server->options->holds && strcmp(uid, BV_COMMITMENT_CLASS) == 0);
}

// Turns what is proposed into what is answered; the first transfer syntax that can be read.
static void agree(const struct session *s, struct bv_associate *a)
{
    static const char *nothing[] = {"1.2.840.10008.1.2"};
    for (size_t i = 0; i < a->n_contexts; i++) {
        struct bv_context_item *c = &a->contexts[i];
        bool role = c->asks_roles;
        c->asks_roles = role && takes_class(s, c->abstract);
        c->scp = false; // we serve only
        c->result = takes_class(s, c->abstract) ? 4 : 3;
        for (size_t t = 0; t < c->n_syntaxes && c->result == 4; t++) {
            if (!takes_syntax(c->abstract, c->syntaxes[t]))
                continue;
            c->syntaxes[0] = c->syntaxes[t];
            c->result = 0;
        }
        if (c->n_syntaxes == 0)
            c->syntaxes = nothing;
        c->n_syntaxes = 1;
    }
    a->max_pdu = BV_MAX_PDU;
}

static bool rejected(struct session *s, enum bv_rejection why, const char *text)
{
    bv_association_reject(s->association, why);
    atomic_fetch_add(&s->server->counts->rejected, 1);
    bv_server_event(s->server,
                    "\"event\":\"association\",\"outcome\":\"rejected\",\"why\":\"%s\","
                    "\"peer\":\"%s\",\"title\":\"%s\"",
                    text, s->address, s->title);
    return false;
}

static bool establish(struct session *s, const struct bv_server_worker *worker,
                      struct bv_associate *request, struct bv_arena *arena, struct bv_error *err)
{
    const struct bv_receiver_options *o = s->server->options;
    const struct sockaddr *address = (const struct sockaddr *)(const void *)&worker->address;
    int64_t deadline = bv_now_ms() + s->server->associate_ms;
    struct bv_wire *wire = NULL;
    enum bv_status status =
        bv_wire_accept(&wire, worker->socket, s->server->tls, s->server->wake, deadline, err);
    if (status == BV_OK)
        status = bv_association_await(&s->association, wire, arena, request, deadline, err);
    if (status != BV_OK) {
        bv_server_turn_away(s->server, address, bv_event_text(err->text, s->title));
        return false;
    }
    (void)bv_event_text(request->calling, s->title);
    if (worker->busy)
        return rejected(s, BV_REJECT_BUSY, "too many associations");
    if (strcmp(request->called, o->title) != 0)
        return rejected(s, BV_REJECT_TITLE, "another title was called");
    s->rights = rights_of(o, address, request->calling);
    if (!s->rights.store && !s->rights.commit)
        return rejected(s, BV_REJECT_CALLER, "an unknown caller");
    agree(s, request);
    if (bv_association_accept(s->association, request, deadline, err) != BV_OK) {
        bv_server_turn_away(s->server, address, "the peer did not wait for the answer");
        return false;
    }
    atomic_fetch_add(&s->server->counts->accepted, 1);
    bv_server_event(s->server,
                    "\"event\":\"association\",\"outcome\":\"accepted\",\"peer\":\"%s\","
                    "\"title\":\"%s\",\"tls\":%s",
                    s->address, s->title, s->server->tls ? "true" : "false");
    return true;
}

// Services.

static enum bv_status answer(struct session *s, const struct bv_message *m, uint16_t status,
                             const char *comment, struct bv_error *err)
{
    struct bv_command response = {.field = m->command.field | 0x8000,
                                  .message_id = m->command.message_id,
                                  .status = status,
                                  .type = m->command.type};
    memcpy(response.sop_class, m->command.sop_class, sizeof response.sop_class);
    memcpy(response.sop, m->command.sop, sizeof response.sop);
    (void)snprintf(response.comment, sizeof response.comment, "%s", comment ? comment : "");
    return bv_association_send(s->association, m->context, &response, NULL, 0,
                               bv_now_ms() + ANSWER_MS, err);
}

static uint16_t status_of(const struct bv_arrival *arrival)
{
    switch (arrival->status) {
    case BV_OK:
        return SUCCESS;
    case BV_ERR_UNSUPPORTED:
        return NOT_KEPT;
    case BV_ERR_REFUSED:
        return DUPLICATE;
    case BV_ERR_IO:
    case BV_ERR_NOMEM:
    case BV_ERR_CANCELLED:
        return OUT_OF_RESOURCES;
    default:
        return NOT_UNDERSTOOD;
    }
}

static void tell_object(struct session *s, const struct bv_message *m, uint16_t status,
                        const char *comment, int64_t began)
{
    char text[80];
    if (status == SUCCESS)
        atomic_fetch_add(&s->server->counts->stored, 1);
    else if (status == NOT_KEPT)
        atomic_fetch_add(&s->server->counts->not_kept, 1);
    else
        atomic_fetch_add(&s->server->counts->refused, 1);
    atomic_fetch_add(&s->server->counts->bytes, m->size);
    bv_server_event(s->server,
                    "\"event\":\"object\",\"outcome\":\"%s\",\"status\":\"%04x\",\"why\":\"%s\","
                    "\"class\":\"%s\",\"bytes\":%zu,\"ms\":%lld,\"peer\":\"%s\",\"title\":\"%s\"",
                    status == SUCCESS    ? "stored"
                    : status == NOT_KEPT ? "not kept"
                                         : "refused",
                    status, bv_event_text(comment, text),
                    bv_uid_valid(m->command.sop_class) ? m->command.sop_class : "", m->size,
                    (long long)(bv_now_ms() - began), s->address, s->title);
}

// Why a C-STORE is not even looked at; 0: no reason.
static uint16_t check_store(const struct session *s, const struct bv_message *m,
                            const char **comment)
{
    const char *abstract = bv_association_abstract(s->association, m->context);
    *comment = "";
    if (!bv_uid_valid(m->command.sop) || !bv_uid_valid(m->command.sop_class)) {
        *comment = "no valid identifier";
        return NOT_UNDERSTOOD;
    }
    if (strcmp(abstract, m->command.sop_class) != 0) {
        *comment = "the class is not the one of the context";
        return OTHER_CLASS;
    }
    if (m->size == 0) {
        *comment = "no data set";
        return NOT_UNDERSTOOD;
    }
    return 0;
}

static enum bv_status store(struct session *s, struct bv_message *m, struct bv_error *err)
{
    int64_t began = bv_now_ms();
    const char *comment = "";
    uint16_t status = check_store(s, m, &comment);
    struct bv_arrival arrival = {.sop_class = m->command.sop_class, .sop = m->command.sop};
    if (status == 0) {
        arrival.bytes = bv_part10_head(m->data, m->command.sop_class, m->command.sop,
                                       bv_association_syntax(s->association, m->context));
        arrival.size = m->size + (size_t)(m->data - arrival.bytes);
        struct bv_job job = {.arrival = &arrival};
        bv_server_ask(s->server, &job);
        status = status_of(&arrival);
        comment = arrival.comment;
    }
    tell_object(s, m, status, comment, began);
    return answer(s, m, status, comment, err);
}

static bool holds(void *arg, const char *sop)
{
    struct session *s = arg;
    struct bv_job job = {.sop = sop};
    bv_server_ask(s->server, &job);
    return job.held;
}

// Storage commitment: the answer comes at once, the report behind it on the same association.
static enum bv_status commit(struct session *s, const struct bv_message *m, struct bv_error *err)
{
    struct bv_commitment c = {0};
    struct bv_error why = {0};
    bool implicit =
        strcmp(bv_association_syntax(s->association, m->context), "1.2.840.10008.1.2") == 0;
    if (bv_commitment_make(&c, m->data, m->size, implicit, holds, s, &why) != BV_OK)
        return answer(s, m, PROCESSING_FAILURE, "no list of objects", err);
    enum bv_status status = answer(s, m, SUCCESS, NULL, err);
    struct bv_command report = {.field = BV_N_EVENT_REPORT_RQ,
                                .message_id = 1,
                                .has_data = true,
                                .type = c.n_failed > 0 ? 2 : 1,
                                .sop_class = BV_COMMITMENT_CLASS,
                                .sop = BV_COMMITMENT_INSTANCE};
    if (status == BV_OK)
        status = bv_association_send(s->association, m->context, &report, c.report, c.size,
                                     bv_now_ms() + ANSWER_MS, err);
    bv_server_event(s->server,
                    "\"event\":\"commitment\",\"held\":%zu,\"missing\":%zu,\"peer\":\"%s\","
                    "\"title\":\"%s\"",
                    c.n_held, c.n_failed, s->address, s->title);
    bv_commitment_free(&c);
    return status;
}

static enum bv_status handle(struct session *s, struct bv_message *m, struct bv_error *err)
{
    const char *abstract = bv_association_abstract(s->association, m->context);
    switch (m->command.field) {
    case BV_C_ECHO_RQ:
        return answer(s, m, SUCCESS, NULL, err);
    case BV_C_STORE_RQ:
        return s->rights.store ? store(s, m, err)
                               : answer(s, m, NOT_AUTHORISED, "storing is not allowed", err);
    case BV_N_ACTION_RQ:
        return strcmp(abstract, BV_COMMITMENT_CLASS) == 0 ? commit(s, m, err)
                                                          : answer(s, m, UNRECOGNISED, NULL, err);
    case BV_N_EVENT_REPORT_RSP:
    case BV_C_CANCEL_RQ:
        return BV_OK;
    default:
        return answer(s, m, UNRECOGNISED, NULL, err);
    }
}

static void run(struct session *s, struct bv_error *err)
{
    struct bv_server *server = s->server;
    const struct bv_receive_limits limits = {server->max_object, server->object_ms, bv_server_claim,
                                             server};
    enum bv_status status = BV_OK;
    while (status == BV_OK) {
        struct bv_message m;
        status =
            bv_association_receive(s->association, &limits, bv_now_ms() + server->idle_ms, &m, err);
        bool released = m.released;
        if (status == BV_OK && !released)
            status = handle(s, &m, err);
        else if (status == BV_ERR_NOMEM && m.command.field == BV_C_STORE_RQ)
            status = answer(s, &m, OUT_OF_RESOURCES, "too many objects at once", err);
        (void)bv_server_claim(server, -(int64_t)m.room);
        bv_message_free(&m);
        if (released) {
            bv_association_close(&s->association);
            return;
        }
    }
    char text[80];
    bv_server_event(server,
                    "\"event\":\"association\",\"outcome\":\"ended\",\"why\":\"%s\","
                    "\"peer\":\"%s\",\"title\":\"%s\"",
                    bv_event_text(err->text, text), s->address, s->title);
    bv_association_abort(&s->association);
}

static void write_address(const struct sockaddr *address, char out[INET6_ADDRSTRLEN])
{
    const void *bytes =
        address->sa_family == AF_INET
            ? (const void *)&((const struct sockaddr_in *)(const void *)address)->sin_addr
            : (const void *)&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    if (!inet_ntop(address->sa_family, bytes, out, INET6_ADDRSTRLEN))
        out[0] = 0;
}

void bv_server_turn_away(struct bv_server *s, const struct sockaddr *address, const char *why)
{
    char text[INET6_ADDRSTRLEN];
    write_address(address, text);
    atomic_fetch_add(&s->counts->no_association, 1);
    bv_server_event(s,
                    "\"event\":\"association\",\"outcome\":\"none\",\"why\":\"%s\",\"peer\":\"%s\"",
                    why, text);
}

void bv_server_serve(struct bv_server_worker *worker)
{
    const struct sockaddr *address = (const struct sockaddr *)(const void *)&worker->address;
    struct session s = {.server = worker->server};
    struct bv_arena arena = {0};
    struct bv_error err = {0};
    write_address(address, s.address);
    struct bv_associate *request = bv_arena_alloc(&arena, sizeof *request);
    if (!request || !may_connect(s.server->options, address)) {
        bv_server_turn_away(s.server, address, "an address that may not call");
        (void)close(worker->socket);
    } else if (establish(&s, worker, request, &arena, &err)) {
        atomic_fetch_add(&s.server->counts->open, 1);
        run(&s, &err);
        atomic_fetch_sub(&s.server->counts->open, 1);
    }
    bv_association_close(&s.association);
    bv_arena_free(&arena);
}

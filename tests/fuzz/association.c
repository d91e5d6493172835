// What a peer sends to the receiver, from its request for an association on: units, commands, data
// sets, and requests for storage commitment.
#include "target.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pacs/association.h"
#include "pacs/server.h"

enum { MOST = 100000, MAX_DATA = 65536, WAIT_MS = 1000 };

static bool holds(void *arg, const char *sop)
{
    (void)arg;
    return sop[strlen(sop) - 1] == '1';
}

// Every proposed context is accepted with its first transfer syntax.
static void agree(struct bv_associate *request)
{
    static const char *implicit[] = {"1.2.840.10008.1.2"};
    for (size_t i = 0; i < request->n_contexts; i++) {
        struct bv_context_item *c = &request->contexts[i];
        if (c->n_syntaxes == 0)
            c->syntaxes = implicit;
        c->n_syntaxes = 1;
        c->result = 0;
    }
    request->max_pdu = BV_MAX_PDU;
}

static void use(struct bv_association *a, const struct bv_message *m)
{
    struct bv_commitment c = {0};
    struct bv_error err = {0};
    const char *syntax = bv_association_syntax(a, m->context);
    if (!syntax || m->size > MAX_DATA || (m->size > 0 && m->data != m->block + BV_MESSAGE_ROOM))
        abort();
    if (m->command.field != BV_N_ACTION_RQ)
        return;
    bool is_implicit = strcmp(syntax, "1.2.840.10008.1.2") == 0;
    if (bv_commitment_make(&c, m->data, m->size, is_implicit, holds, NULL, &err) == BV_OK &&
        c.n_held + c.n_failed == 0)
        abort();
    bv_commitment_free(&c);
}

static void serve(struct bv_wire *wire, struct bv_arena *arena)
{
    static const struct bv_receive_limits limits = {.max_data = MAX_DATA, .message_ms = WAIT_MS};
    struct bv_associate *request = bv_arena_alloc(arena, sizeof *request);
    struct bv_association *a = NULL;
    struct bv_error err = {0};
    int64_t deadline = bv_now_ms() + WAIT_MS;
    if (!request)
        abort();
    if (bv_association_await(&a, wire, arena, request, deadline, &err) != BV_OK)
        return;
    agree(request);
    enum bv_status status = bv_association_accept(a, request, deadline, &err);
    while (status == BV_OK) {
        struct bv_message m;
        status = bv_association_receive(a, &limits, bv_now_ms() + WAIT_MS, &m, &err);
        bool released = m.released;
        if (status == BV_OK && !released)
            use(a, &m);
        bv_message_free(&m);
        if (released)
            break;
    }
    bv_association_close(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int ends[2];
    struct bv_wire *wire = NULL;
    struct bv_error err = {0};
    struct bv_arena arena = {0};
    if (size > MOST)
        return 0;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        abort();
    if (size > 0 && send(ends[1], data, size, MSG_NOSIGNAL) != (ssize_t)size)
        abort();
    (void)shutdown(ends[1], SHUT_WR);
    if (bv_wire_accept(&wire, ends[0], NULL, -1, bv_now_ms() + WAIT_MS, &err) != BV_OK)
        abort();
    serve(wire, &arena);
    bv_arena_free(&arena);
    (void)close(ends[1]);
    return 0;
}

#include "pacs/association.h"

#include <stdlib.h>
#include <string.h>

enum {
    PDV_HEADER = 6, // length, context, flags
    COMMAND = 1,    // flags of a PDV
    LAST = 2,
    MAX_COMMAND = 16384,
    SEND_BUFFER = BV_MAX_PDU + 1024,
    ABORT_MS = 200,
};

struct bv_association {
    struct bv_wire *wire;
    struct {
        uint8_t id;
        char abstract[BV_UID_SIZE], syntax[BV_UID_SIZE];
    } contexts[BV_MAX_CONTEXTS];
    size_t n_contexts;
    size_t max_pdu;  // that the peer takes
    size_t pdu_left; // bytes of the current data unit that are not yet read
    uint8_t *out;    // [SEND_BUFFER]
    size_t n_out;
};

static struct bv_association *new_association(struct bv_wire *wire)
{
    struct bv_association *a = calloc(1, sizeof *a);
    if (a)
        a->out = malloc(SEND_BUFFER);
    if (!a || !a->out) {
        free(a);
        bv_wire_close(&wire);
        return NULL;
    }
    a->wire = wire;
    return a;
}

void bv_association_close(struct bv_association **association)
{
    if (!association || !*association)
        return;
    bv_wire_close(&(*association)->wire);
    free((*association)->out);
    free(*association);
    *association = NULL;
}

struct bv_wire *bv_association_wire(struct bv_association *a)
{
    return a->wire;
}

static void keep_contexts(struct bv_association *a, const struct bv_associate *proposed,
                          const struct bv_associate *answered)
{
    for (size_t i = 0; i < answered->n_contexts; i++) {
        const struct bv_context_item *c = &answered->contexts[i];
        const char *abstract = NULL;
        for (size_t j = 0; j < proposed->n_contexts && !abstract; j++) {
            if (proposed->contexts[j].id == c->id)
                abstract = proposed->contexts[j].abstract;
        }
        if (c->result != 0 || c->n_syntaxes == 0 || !abstract || a->n_contexts == BV_MAX_CONTEXTS)
            continue;
        a->contexts[a->n_contexts].id = c->id;
        strcpy(a->contexts[a->n_contexts].abstract, abstract);
        strcpy(a->contexts[a->n_contexts++].syntax, c->syntaxes[0]);
    }
}

// What the peer takes in one unit; a peer that takes almost nothing gets a little more.
static void set_max_pdu(struct bv_association *a, uint32_t theirs)
{
    a->max_pdu = theirs == 0 || theirs > BV_MAX_PDU ? BV_MAX_PDU : theirs < 1024 ? 1024 : theirs;
}

// Reads a unit that is no data.
static enum bv_status read_pdu(struct bv_association *a, uint8_t *type, struct bv_arena *arena,
                               uint8_t **body, uint32_t *length, int64_t deadline,
                               struct bv_error *err)
{
    uint8_t header[BV_PDU_HEADER];
    BV_TRY(bv_wire_read(a->wire, header, sizeof header, deadline, err));
    bv_pdu_read_header(header, type, length);
    if (*type < BV_PDU_ASSOCIATE_RQ || *type > BV_PDU_ABORT || *length > BV_MAX_ASSOCIATE)
        return bv_fail(err, BV_ERR_FORMAT, "the peer does not speak DICOM");
    *body = bv_arena_alloc(arena, *length + 1);
    if (!*body)
        return bv_fail_nomem(err, "an association");
    return bv_wire_read(a->wire, *body, *length, deadline, err);
}

enum bv_status bv_association_await(struct bv_association **out, struct bv_wire *wire,
                                    struct bv_arena *arena, struct bv_associate *request,
                                    int64_t deadline, struct bv_error *err)
{
    struct bv_association *a = new_association(wire);
    uint8_t type = 0, *body = NULL;
    uint32_t length = 0;
    if (!a)
        return bv_fail_nomem(err, "an association");
    enum bv_status status = read_pdu(a, &type, arena, &body, &length, deadline, err);
    if (status == BV_OK && type != BV_PDU_ASSOCIATE_RQ)
        status = bv_fail(err, BV_ERR_FORMAT, "the peer does not ask for an association");
    if (status == BV_OK)
        status = bv_pdu_read_associate(body, length, arena, request, err);
    if (status == BV_OK) {
        set_max_pdu(a, request->max_pdu);
        *out = a;
    } else if (status == BV_ERR_FORMAT || status == BV_ERR_LIMIT) {
        bv_association_abort(&a);
    } else {
        bv_association_close(&a);
    }
    return status;
}

enum bv_status bv_association_accept(struct bv_association *a, const struct bv_associate *answer,
                                     int64_t deadline, struct bv_error *err)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    keep_contexts(a, answer, answer);
    BV_TRY(bv_pdu_write_associate(BV_PDU_ASSOCIATE_AC, answer, &bytes, &size, err));
    enum bv_status status = bv_wire_write(a->wire, bytes, size, deadline, err);
    free(bytes);
    return status;
}

void bv_association_reject(struct bv_association *a, enum bv_rejection why)
{
    uint8_t bytes[BV_PDU_HEADER + 4] = {0};
    struct bv_error ignored = {0};
    bv_pdu_write_header(bytes, BV_PDU_ASSOCIATE_RJ, 4);
    bytes[7] = (uint8_t)((unsigned)why >> 16);
    bytes[8] = (uint8_t)((unsigned)why >> 8);
    bytes[9] = (uint8_t)why;
    (void)bv_wire_write(a->wire, bytes, sizeof bytes, bv_now_ms() + ABORT_MS, &ignored);
}

enum bv_status bv_association_request(struct bv_association **out, struct bv_wire *wire,
                                      const struct bv_associate *request, int64_t deadline,
                                      unsigned *rejection, struct bv_error *err)
{
    struct bv_association *a = new_association(wire);
    struct bv_arena arena = {0};
    struct bv_associate *answer = bv_arena_alloc(&arena, sizeof *answer);
    uint8_t type = 0, *body = NULL;
    uint32_t length = 0;
    size_t size = 0;
    if (rejection)
        *rejection = 0;
    if (!a || !answer) {
        bv_association_close(&a);
        bv_arena_free(&arena);
        return bv_fail_nomem(err, "an association");
    }
    uint8_t *bytes = NULL;
    enum bv_status status =
        bv_pdu_write_associate(BV_PDU_ASSOCIATE_RQ, request, &bytes, &size, err);
    if (status == BV_OK)
        status = bv_wire_write(a->wire, bytes, size, deadline, err);
    free(bytes);
    if (status == BV_OK)
        status = read_pdu(a, &type, &arena, &body, &length, deadline, err);
    if (status == BV_OK && type == BV_PDU_ASSOCIATE_RJ) {
        unsigned why = length >= 4 ? (unsigned)body[1] << 16 | (unsigned)body[2] << 8 | body[3] : 0;
        if (rejection)
            *rejection = why;
        status = bv_fail(err, BV_ERR_REFUSED, "the association is rejected (%u, %u, %u)", why >> 16,
                         why >> 8 & 0xff, why & 0xff);
    } else if (status == BV_OK && type != BV_PDU_ASSOCIATE_AC) {
        status = bv_fail(err, BV_ERR_IO, "the peer broke off");
    }
    if (status == BV_OK)
        status = bv_pdu_read_associate(body, length, &arena, answer, err);
    if (status == BV_OK) {
        keep_contexts(a, request, answer);
        set_max_pdu(a, answer->max_pdu);
        *out = a;
    } else {
        bv_association_close(&a);
    }
    bv_arena_free(&arena);
    return status;
}

uint8_t bv_association_context(const struct bv_association *a, const char *abstract,
                               const char *syntax)
{
    for (size_t i = 0; i < a->n_contexts; i++) {
        if (strcmp(a->contexts[i].abstract, abstract) == 0 &&
            (!syntax || strcmp(a->contexts[i].syntax, syntax) == 0))
            return a->contexts[i].id;
    }
    return 0;
}

const char *bv_association_abstract(const struct bv_association *a, uint8_t context)
{
    for (size_t i = 0; i < a->n_contexts; i++) {
        if (a->contexts[i].id == context)
            return a->contexts[i].abstract;
    }
    return NULL;
}

const char *bv_association_syntax(const struct bv_association *a, uint8_t context)
{
    for (size_t i = 0; i < a->n_contexts; i++) {
        if (a->contexts[i].id == context)
            return a->contexts[i].syntax;
    }
    return NULL;
}

// Receiving.

void bv_message_free(struct bv_message *message)
{
    free(message->block);
    *message = (struct bv_message){0};
}

struct reading {
    struct bv_association *a;
    const struct bv_receive_limits *limits;
    struct bv_message *message;
    int64_t deadline;
    uint8_t command[MAX_COMMAND];
    size_t n_command, n_data; // n_data: of the data set, kept or not
    bool has_command, drops;  // drops: there is no memory for the data set
};

// Makes room for more bytes of the data set.
static void grow(struct reading *r, size_t more)
{
    struct bv_message *m = r->message;
    size_t wanted = BV_MESSAGE_ROOM + m->size + more;
    if (wanted <= m->room)
        return;
    size_t room = m->room ? m->room : 16384;
    while (room < wanted)
        room *= 2;
    bool claimed = !r->limits->claim || r->limits->claim(r->limits->arg, (int64_t)(room - m->room));
    uint8_t *larger = claimed ? realloc(m->block, room) : NULL;
    if (larger) {
        m->block = larger;
        m->data = larger + BV_MESSAGE_ROOM;
        m->room = room;
        return;
    }
    if (claimed && r->limits->claim)
        (void)r->limits->claim(r->limits->arg, -(int64_t)(room - m->room));
    if (r->limits->claim)
        (void)r->limits->claim(r->limits->arg, -(int64_t)m->room);
    free(m->block);
    m->block = m->data = NULL;
    m->size = m->room = 0;
    r->drops = true;
}

static enum bv_status read_data(struct reading *r, size_t n, struct bv_error *err)
{
    uint8_t ignored[4096];
    if (r->n_data + n > r->limits->max_data)
        return bv_fail(err, BV_ERR_LIMIT, "an object of more than %zu bytes", r->limits->max_data);
    r->n_data += n;
    if (!r->drops)
        grow(r, n);
    if (!r->drops) {
        BV_TRY(bv_wire_read(r->a->wire, r->message->data + r->message->size, n, r->deadline, err));
        r->message->size += n;
        return BV_OK;
    }
    for (size_t left = n; left > 0;) {
        size_t some = left < sizeof ignored ? left : sizeof ignored;
        BV_TRY(bv_wire_read(r->a->wire, ignored, some, r->deadline, err));
        left -= some;
    }
    return BV_OK;
}

static enum bv_status violated(struct bv_error *err)
{
    return bv_fail(err, BV_ERR_FORMAT, "the peer breaks the protocol");
}

// One presentation data value; *done when it completes the message.
static enum bv_status read_value(struct reading *r, bool *done, struct bv_error *err)
{
    uint8_t header[PDV_HEADER], unused;
    uint32_t length;
    struct bv_association *a = r->a;
    if (a->pdu_left < PDV_HEADER)
        return violated(err);
    BV_TRY(bv_wire_read(a->wire, header, sizeof header, r->deadline, err));
    bv_pdu_read_header((uint8_t[]){0, 0, header[0], header[1], header[2], header[3]}, &unused,
                       &length);
    if (length < 2 || length > a->pdu_left - 4 || !bv_association_syntax(a, header[4]))
        return violated(err);
    size_t n = length - 2;
    bool is_command = header[5] & COMMAND, is_last = header[5] & LAST;
    a->pdu_left -= 4 + (size_t)length;
    if (is_command == r->has_command || (is_command && n > sizeof r->command - r->n_command))
        return violated(err);
    if (!is_command) {
        if (header[4] != r->message->context)
            return violated(err);
        BV_TRY(read_data(r, n, err));
        *done = is_last;
        return BV_OK;
    }
    r->message->context = header[4];
    BV_TRY(bv_wire_read(a->wire, r->command + r->n_command, n, r->deadline, err));
    r->n_command += n;
    if (!is_last)
        return BV_OK;
    r->has_command = true;
    BV_TRY(bv_command_read(r->command, r->n_command, &r->message->command, err));
    *done = !r->message->command.has_data;
    return BV_OK;
}

// The header of the next unit; answers a release.
static enum bv_status next_pdu(struct reading *r, struct bv_error *err)
{
    struct bv_association *a = r->a;
    uint8_t header[BV_PDU_HEADER], type, body[4];
    uint32_t length;
    BV_TRY(bv_wire_read(a->wire, header, sizeof header, r->deadline, err));
    bv_pdu_read_header(header, &type, &length);
    if (type == BV_PDU_DATA && length >= PDV_HEADER && length <= BV_MAX_PDU) {
        a->pdu_left = length;
        return BV_OK;
    }
    if (type == BV_PDU_ABORT)
        return bv_fail(err, BV_ERR_IO, "the peer aborted the association");
    if (type != BV_PDU_RELEASE_RQ || length != 4 || r->n_command > 0)
        return violated(err);
    BV_TRY(bv_wire_read(a->wire, body, sizeof body, r->deadline, err));
    uint8_t answer[BV_PDU_HEADER + 4] = {0};
    bv_pdu_write_header(answer, BV_PDU_RELEASE_RP, 4);
    r->message->released = true;
    return bv_wire_write(a->wire, answer, sizeof answer, r->deadline, err);
}

enum bv_status bv_association_receive(struct bv_association *a,
                                      const struct bv_receive_limits *limits, int64_t deadline,
                                      struct bv_message *message, struct bv_error *err)
{
    bool readable = a->pdu_left > 0, done = false;
    *message = (struct bv_message){0};
    if (!readable)
        BV_TRY(bv_wire_wait(a->wire, deadline, &readable, err));
    if (!readable)
        return bv_fail(err, BV_ERR_IO, "the peer says nothing");
    struct reading *r = calloc(1, sizeof *r);
    if (!r)
        return bv_fail_nomem(err, "a message");
    r->a = a;
    r->limits = limits;
    r->message = message;
    r->deadline = bv_now_ms() + limits->message_ms;
    enum bv_status status = BV_OK;
    while (status == BV_OK && !done && !message->released)
        status = a->pdu_left == 0 ? next_pdu(r, err) : read_value(r, &done, err);
    bool dropped = r->drops;
    free(r);
    if (status == BV_OK && dropped)
        return bv_fail_nomem(err, "an object");
    return status;
}

// Sending.

static enum bv_status flush(struct bv_association *a, int64_t deadline, struct bv_error *err)
{
    size_t n = a->n_out;
    a->n_out = 0;
    return bv_wire_write(a->wire, a->out, n, deadline, err);
}

// Fragments of a command or a data set, each a unit of its own.
static enum bv_status put_values(struct bv_association *a, uint8_t context, uint8_t flags,
                                 const uint8_t *bytes, size_t size, int64_t deadline,
                                 struct bv_error *err)
{
    size_t most = a->max_pdu - PDV_HEADER;
    do {
        size_t n = size < most ? size : most;
        if (a->n_out + BV_PDU_HEADER + PDV_HEADER + n > SEND_BUFFER)
            BV_TRY(flush(a, deadline, err));
        uint8_t *to = a->out + a->n_out;
        uint32_t length = (uint32_t)n + 2;
        bv_pdu_write_header(to, BV_PDU_DATA, length + 4);
        to += BV_PDU_HEADER;
        for (int i = 0; i < 4; i++)
            to[i] = (uint8_t)(length >> (24 - 8 * i));
        to[4] = context;
        to[5] = (uint8_t)(flags | (n == size ? LAST : 0));
        if (n > 0)
            memcpy(to + PDV_HEADER, bytes, n);
        a->n_out += BV_PDU_HEADER + PDV_HEADER + n;
        bytes += n;
        size -= n;
    } while (size > 0);
    return BV_OK;
}

enum bv_status bv_association_send(struct bv_association *a, uint8_t context,
                                   const struct bv_command *command, const void *data, size_t size,
                                   int64_t deadline, struct bv_error *err)
{
    uint8_t bytes[BV_COMMAND_ROOM];
    size_t n = bv_command_write(command, bytes);
    a->n_out = 0;
    BV_TRY(put_values(a, context, COMMAND, bytes, n, deadline, err));
    if (command->has_data)
        BV_TRY(put_values(a, context, 0, data, size, deadline, err));
    return flush(a, deadline, err);
}

// Ending.

void bv_association_release(struct bv_association **association, int64_t deadline)
{
    struct bv_association *a = association ? *association : NULL;
    uint8_t bytes[BV_PDU_HEADER + 4] = {0};
    struct bv_error ignored = {0};
    if (!a)
        return;
    bv_pdu_write_header(bytes, BV_PDU_RELEASE_RQ, 4);
    if (bv_wire_write(a->wire, bytes, sizeof bytes, deadline, &ignored) == BV_OK)
        (void)bv_wire_read(a->wire, bytes, sizeof bytes, deadline, &ignored);
    bv_association_close(association);
}

void bv_association_abort(struct bv_association **association)
{
    struct bv_association *a = association ? *association : NULL;
    uint8_t bytes[BV_PDU_HEADER + 4] = {0};
    struct bv_error ignored = {0};
    if (!a)
        return;
    bv_pdu_write_header(bytes, BV_PDU_ABORT, 4);
    (void)bv_wire_write(a->wire, bytes, sizeof bytes, bv_now_ms() + ABORT_MS, &ignored);
    bv_association_close(association);
}

#include "pacs/dimse_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "pacs/pdu.h"

#define FIND_CLASS "1.2.840.10008.5.1.4.1.2.2.1"
#define MOVE_CLASS "1.2.840.10008.5.1.4.1.2.2.2"
#define GET_CLASS "1.2.840.10008.5.1.4.1.2.2.3"

enum {
    MAX_MATCH = 1 << 20,  // bytes of one match
    MAX_FOUND = 64 << 20, // bytes of all matches of a query,
    MATCH_COSTS = 128,    // each of them so many more
    PENDING = 0xFF00,     // and FF01: an optional key was not used
    NO_SUCH_CONTEXT = 0,
};

static const char implicit_syntax[] = "1.2.840.10008.1.2";
static const char *uncompressed[] = {"1.2.840.10008.1.2.1", "1.2.840.10008.1.2"};

// What may be fetched: radiographs, captures, reports and text.
static const char *const storage_classes[] = {
    "1.2.840.10008.5.1.4.1.1.1",     "1.2.840.10008.5.1.4.1.1.1.1", "1.2.840.10008.5.1.4.1.1.1.1.1",
    "1.2.840.10008.5.1.4.1.1.7",     "1.2.840.10008.5.1.4.1.1.7.2", // multi-frame: bytes,
    "1.2.840.10008.5.1.4.1.1.7.3",                                  // words,
    "1.2.840.10008.5.1.4.1.1.7.4",                                  // colour
    "1.2.840.10008.5.1.4.1.1.88.11",
    "1.2.840.10008.5.1.4.1.1.88.22", // Enhanced SR
    "1.2.840.10008.5.1.4.1.1.88.33", // Comprehensive SR
    "1.2.840.10008.5.1.4.1.1.88.34", // Comprehensive 3D SR
    "1.2.840.10008.5.1.4.1.1.104.2", // Encapsulated CDA
};

// Besides the uncompressed ones, each in a context of its own so that the archive need not choose.
static const char *compressed[] = {
    "1.2.840.10008.1.2.4.70", // JPEG lossless
    "1.2.840.10008.1.2.4.50", // JPEG baseline
    "1.2.840.10008.1.2.4.80", // JPEG-LS lossless
    "1.2.840.10008.1.2.4.90", // JPEG 2000 lossless
    "1.2.840.10008.1.2.4.91", // JPEG 2000
    "1.2.840.10008.1.2.5",    // RLE
};

// Associations.

static void propose(struct bv_associate *a, const char *sop_class, const char **syntaxes,
                    size_t n_syntaxes, bool as_provider)
{
    struct bv_context_item *c = &a->contexts[a->n_contexts];
    *c = (struct bv_context_item){.id = (uint8_t)(2 * a->n_contexts + 1),
                                  .syntaxes = syntaxes,
                                  .n_syntaxes = n_syntaxes,
                                  .asks_roles = as_provider,
                                  .scp = as_provider};
    (void)snprintf(c->abstract, sizeof c->abstract, "%s", sop_class);
    a->n_contexts++;
}

static enum bv_status request(struct bv_association **link, const struct bv_dimse_peer *peer,
                              struct bv_associate *request, struct bv_error *err)
{
    struct bv_wire *wire = NULL;
    unsigned rejection = 0;
    int64_t deadline = bv_now_ms() + peer->timeout_ms;
    (void)snprintf(request->called, sizeof request->called, "%s", peer->title);
    (void)snprintf(request->calling, sizeof request->calling, "%s", peer->own_title);
    request->max_pdu = BV_MAX_PDU;
    BV_TRY(bv_wire_connect(&wire, peer->host, peer->port, peer->tls, deadline, err));
    enum bv_status status = bv_association_request(link, wire, request, deadline, &rejection, err);
    if (rejection >> 16 == 2) // transient
        return bv_fail(err, BV_ERR_IO, "the archive is busy");
    if (rejection)
        return bv_fail(err, BV_ERR_REFUSED,
                       "the archive does not know us as %s, or its own title is not %s",
                       peer->own_title, peer->title);
    if (status == BV_ERR_FORMAT)
        return bv_fail(err, BV_ERR_IO, "what answers there does not speak DICOM");
    return status;
}

enum bv_status bv_dimse_connect(struct bv_association **link, const struct bv_dimse_peer *peer,
                                struct bv_error *err)
{
    struct bv_associate *a = calloc(1, sizeof *a);
    if (!a)
        return bv_fail_nomem(err, "an association");
    propose(a, FIND_CLASS, uncompressed, 2, false);
    propose(a, GET_CLASS, uncompressed, 2, false);
    propose(a, MOVE_CLASS, uncompressed, 2, false);
    for (size_t i = 0; i < sizeof storage_classes / sizeof *storage_classes; i++) {
        propose(a, storage_classes[i], uncompressed, 2, true);
        for (size_t s = 0; s < sizeof compressed / sizeof *compressed; s++)
            propose(a, storage_classes[i], &compressed[s], 1, true);
    }
    enum bv_status status = request(link, peer, a, err);
    free(a);
    return status;
}

enum bv_status bv_dimse_connect_to_store(struct bv_association **link,
                                         const struct bv_dimse_peer *peer, const char *sop_class,
                                         const char *syntax, struct bv_error *err)
{
    struct bv_associate *a = calloc(1, sizeof *a);
    if (!a)
        return bv_fail_nomem(err, "an association");
    propose(a, sop_class, &syntax, 1, false);
    enum bv_status status = request(link, peer, a, err);
    free(a);
    return status;
}

// Exchanges.

// One request under way.
struct exchange {
    struct bv_association *link;
    const struct bv_dimse_peer *peer;
    uint8_t context;
    int64_t last_ms; // all answers must be here by then
};

static enum bv_status violated(struct bv_error *err)
{
    return bv_fail(err, BV_ERR_FORMAT, "the archive breaks the protocol");
}

static int64_t next_deadline(const struct exchange *e)
{
    int64_t deadline = bv_now_ms() + e->peer->timeout_ms;
    return deadline < e->last_ms ? deadline : e->last_ms;
}

static enum bv_status begin(struct exchange *e, struct bv_association *link,
                            const struct bv_dimse_peer *peer, const struct bv_command *command,
                            const struct bv_dimse_query *query, struct bv_error *err)
{
    *e = (struct exchange){link, peer, bv_association_context(link, command->sop_class, NULL),
                           bv_now_ms() + peer->total_ms};
    if (e->context == NO_SUCH_CONTEXT)
        return bv_fail(err, BV_ERR_REFUSED, "the archive does not offer this service");
    struct bv_element_writer w = {
        .implicit = strcmp(bv_association_syntax(link, e->context), implicit_syntax) == 0};
    bool images = strcmp(query->level, "IMAGE") == 0, finds = command->field == BV_C_FIND_RQ;
    if (images && finds)
        bv_element_write(&w, 0x00080016, "UI", "");
    if (images)
        bv_element_write(&w, 0x00080018, "UI", query->sop);
    if (query->dates)
        bv_element_write(&w, 0x00080020, "DA", query->dates);
    if (query->accession)
        bv_element_write(&w, 0x00080050, "SH", query->accession);
    bv_element_write(&w, 0x00080052, "CS", query->level);
    if (query->modality)
        bv_element_write(&w, 0x00080061, "CS", query->modality);
    if (query->patient) {
        bv_element_write(&w, 0x00081030, "LO", "");
        bv_element_write(&w, 0x00100020, "LO", query->patient);
    }
    bv_element_write(&w, 0x0020000D, "UI", query->study);
    if (query->series)
        bv_element_write(&w, 0x0020000E, "UI", query->series);
    if (query->patient) {
        bv_element_write(&w, 0x00201206, "IS", "");
        bv_element_write(&w, 0x00201208, "IS", "");
    }
    enum bv_status status = w.failed ? bv_fail_nomem(err, "a query") : BV_OK;
    if (status == BV_OK)
        status =
            bv_association_send(link, e->context, command, w.bytes, w.n, next_deadline(e), err);
    free(w.bytes);
    return status;
}

static enum bv_status await(struct exchange *e, size_t max_data, struct bv_message *m,
                            struct bv_error *err)
{
    int64_t left = e->last_ms - bv_now_ms();
    const struct bv_receive_limits limits = {.max_data = max_data,
                                             .message_ms = left > 0 ? left : 0};
    enum bv_status status = bv_association_receive(e->link, &limits, next_deadline(e), m, err);
    if (status == BV_OK && m->released)
        status = bv_fail(err, BV_ERR_IO, "the archive released the association");
    if (status != BV_OK)
        bv_message_free(m);
    return status;
}

// Whether a message is the answer of this service to the one question that was asked.
static bool answers(const struct bv_message *m, const struct bv_command *question)
{
    return m->command.field == (question->field | 0x8000) && m->command.has_status &&
           m->command.message_id == question->message_id;
}

static bool is_pending(uint16_t code)
{
    return code == PENDING || code == PENDING + 1;
}

enum bv_status bv_dimse_find(struct bv_association *link, const struct bv_dimse_peer *peer,
                             const struct bv_dimse_query *query,
                             enum bv_status (*visit)(void *, struct bv_elements, struct bv_error *),
                             void *arg, struct bv_error *err)
{
    static const struct bv_command command = {
        .field = BV_C_FIND_RQ, .message_id = 1, .has_data = true, .sop_class = FIND_CLASS};
    struct exchange e;
    size_t total = 0;
    BV_TRY(begin(&e, link, peer, &command, query, err));
    for (bool pending = true; pending;) {
        struct bv_message m;
        BV_TRY(await(&e, MAX_MATCH, &m, err));
        enum bv_status status = BV_OK;
        uint16_t code = m.command.status;
        pending = is_pending(code);
        total += m.size + MATCH_COSTS;
        if (!answers(&m, &command) || m.context != e.context)
            status = violated(err);
        else if (total > MAX_FOUND)
            status = bv_fail(err, BV_ERR_LIMIT, "the archive's answer is longer than %d bytes",
                             MAX_FOUND);
        else if (pending)
            status = visit(arg,
                           bv_elements_of(m.data, m.size,
                                          strcmp(bv_association_syntax(link, m.context),
                                                 implicit_syntax) == 0),
                           err);
        else if (code != 0)
            status = bv_fail(err, code >> 8 == 0xA7 ? BV_ERR_IO : BV_ERR_REFUSED,
                             "the archive refused the query (status %04x)", code);
        bv_message_free(&m);
        BV_TRY(status);
    }
    return BV_OK;
}

// An object on its way to us (C-STORE within C-GET): the first one is kept, all are acknowledged.
static enum bv_status keep(struct exchange *e, struct bv_message *m, uint8_t **bytes, size_t *size,
                           struct bv_error *err)
{
    const struct bv_command response = {.field = BV_C_STORE_RSP,
                                        .message_id = m->command.message_id};
    struct bv_command answer = response;
    memcpy(answer.sop_class, m->command.sop_class, sizeof answer.sop_class);
    memcpy(answer.sop, m->command.sop, sizeof answer.sop);
    if (!bv_uid_valid(answer.sop) || !bv_uid_valid(answer.sop_class) || m->size == 0)
        return violated(err);
    if (!*bytes) {
        const uint8_t *head = bv_part10_head(m->data, answer.sop_class, answer.sop,
                                             bv_association_syntax(e->link, m->context));
        *size = m->size + (size_t)(m->data - head);
        memmove(m->block, head, *size);
        *bytes = m->block;
        m->block = NULL;
    }
    return bv_association_send(e->link, m->context, &answer, NULL, 0, next_deadline(e), err);
}

static struct bv_dimse_query query_of(const struct bv_archive_instance *one)
{
    return (struct bv_dimse_query){
        .level = "IMAGE", .study = one->study, .series = one->series, .sop = one->sop};
}

enum bv_status bv_dimse_get(struct bv_association *link, const struct bv_dimse_peer *peer,
                            const struct bv_archive_instance *one, uint8_t **bytes, size_t *size,
                            uint16_t *code, struct bv_error *err)
{
    static const struct bv_command command = {
        .field = BV_C_GET_RQ, .message_id = 1, .has_data = true, .sop_class = GET_CLASS};
    const struct bv_dimse_query query = query_of(one);
    struct exchange e;
    uint8_t *object = NULL;
    *code = PENDING;
    enum bv_status status = begin(&e, link, peer, &command, &query, err);
    while (status == BV_OK && is_pending(*code)) {
        struct bv_message m;
        status = await(&e, peer->max_object, &m, err);
        if (status != BV_OK)
            break;
        if (m.command.field == BV_C_STORE_RQ)
            status = keep(&e, &m, &object, size, err);
        else if (answers(&m, &command))
            *code = m.command.status;
        else
            status = violated(err);
        bv_message_free(&m);
    }
    if (status == BV_OK)
        *bytes = object;
    else
        free(object);
    return status;
}

enum bv_status bv_dimse_move(struct bv_association *link, const struct bv_dimse_peer *peer,
                             const struct bv_archive_instance *one, uint16_t *code,
                             struct bv_error *err)
{
    struct bv_command command = {
        .field = BV_C_MOVE_RQ, .message_id = 1, .has_data = true, .sop_class = MOVE_CLASS};
    const struct bv_dimse_query query = query_of(one);
    struct exchange e;
    (void)snprintf(command.destination, sizeof command.destination, "%s", peer->own_title);
    BV_TRY(begin(&e, link, peer, &command, &query, err));
    for (*code = PENDING; is_pending(*code);) {
        struct bv_message m;
        BV_TRY(await(&e, MAX_MATCH, &m, err));
        bool right = answers(&m, &command);
        *code = m.command.status;
        bv_message_free(&m);
        if (!right)
            return violated(err);
    }
    return BV_OK;
}

enum bv_status bv_dimse_store(struct bv_association *link, const struct bv_dimse_peer *peer,
                              const struct bv_part10 *file, uint16_t *code, struct bv_error *err)
{
    struct bv_command command = {.field = BV_C_STORE_RQ, .message_id = 1, .has_data = true};
    struct exchange e = {link, peer, bv_association_context(link, file->sop_class, file->syntax),
                         bv_now_ms() + peer->total_ms};
    struct bv_message m;
    if (e.context == NO_SUCH_CONTEXT)
        return bv_fail(err, BV_ERR_REFUSED,
                       "the archive does not take objects of this class or compression");
    memcpy(command.sop_class, file->sop_class, sizeof command.sop_class);
    memcpy(command.sop, file->sop, sizeof command.sop);
    BV_TRY(bv_association_send(link, e.context, &command, file->data, file->size, e.last_ms, err));
    BV_TRY(await(&e, MAX_MATCH, &m, err));
    // What it names, if anything, is the object that was sent.
    bool right =
        answers(&m, &command) && (!*m.command.sop || strcmp(m.command.sop, command.sop) == 0);
    *code = m.command.status;
    bv_message_free(&m);
    return right ? BV_OK : violated(err);
}

// pdu.h: the protocol data units of associations (PS3.8 9.3) as bytes. Used inside src/pacs only.
#ifndef BV_PACS_PDU_H
#define BV_PACS_PDU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "pacs/uid.h"

enum bv_pdu_type {
    BV_PDU_ASSOCIATE_RQ = 1,
    BV_PDU_ASSOCIATE_AC,
    BV_PDU_ASSOCIATE_RJ,
    BV_PDU_DATA,
    BV_PDU_RELEASE_RQ,
    BV_PDU_RELEASE_RP,
    BV_PDU_ABORT,
};

// Of this software, in associations and files.
#define BV_IMPLEMENTATION_UID "2.25.147695093480492288191388623583581994001"
#define BV_IMPLEMENTATION_NAME "BIOVL"

#define BV_PDU_HEADER 6
#define BV_MAX_CONTEXTS 128
#define BV_TITLE_ROOM 17
#define BV_MAX_ASSOCIATE (1 << 20) // bytes of an association's request or answer

// A presentation context: proposed, or as it was answered.
struct bv_context_item {
    uint8_t id;     // odd
    uint8_t result; // of an answer: 0 accepted, 3 no such class, 4 no such transfer syntax
    char abstract[BV_UID_SIZE];
    const char **syntaxes; // proposed ones; of an answer the one
    size_t n_syntaxes;
    bool asks_roles, scu, scp; // role selection
};

struct bv_associate {
    char called[BV_TITLE_ROOM], calling[BV_TITLE_ROOM];
    struct bv_context_item contexts[BV_MAX_CONTEXTS];
    size_t n_contexts;
    uint32_t max_pdu; // bytes of a data unit that the writer takes; 0: any
};

// Reads the body of a request or an answer; strings in the arena. BV_ERR_FORMAT when it is
// malformed, BV_ERR_LIMIT for more than 128 contexts.
enum bv_status bv_pdu_read_associate(const uint8_t *body, size_t size, struct bv_arena *arena,
                                     struct bv_associate *associate, struct bv_error *err);

// A whole unit, header included; the caller frees *bytes.
enum bv_status bv_pdu_write_associate(enum bv_pdu_type type, const struct bv_associate *associate,
                                      uint8_t **bytes, size_t *size, struct bv_error *err);

// Header of a unit.
void bv_pdu_write_header(uint8_t header[BV_PDU_HEADER], enum bv_pdu_type type, uint32_t length);
void bv_pdu_read_header(const uint8_t header[BV_PDU_HEADER], uint8_t *type, uint32_t *length);

#endif

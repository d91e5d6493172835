// pdu.h: the protocol of DICOM networking: protocol data units, commands, and objects as files.
#ifndef BV_PACS_PDU_H
#define BV_PACS_PDU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"
#include "base/status.h"
#include "pacs/elements.h"

// pdu.c: the protocol data units of associations (PS3.8 9.3) as bytes. Used inside src/pacs only.

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

// command.c: command sets of DIMSE messages (PS3.7 annex E) as bytes. Used inside src/pacs only.

enum bv_command_field {
    BV_C_STORE_RQ = 0x0001,
    BV_C_STORE_RSP = 0x8001,
    BV_C_GET_RQ = 0x0010,
    BV_C_GET_RSP = 0x8010,
    BV_C_FIND_RQ = 0x0020,
    BV_C_FIND_RSP = 0x8020,
    BV_C_MOVE_RQ = 0x0021,
    BV_C_MOVE_RSP = 0x8021,
    BV_C_ECHO_RQ = 0x0030,
    BV_C_ECHO_RSP = 0x8030,
    BV_N_EVENT_REPORT_RQ = 0x0100,
    BV_N_EVENT_REPORT_RSP = 0x8100,
    BV_N_ACTION_RQ = 0x0130,
    BV_N_ACTION_RSP = 0x8130,
    BV_C_CANCEL_RQ = 0x0FFF,
};

struct bv_command {
    uint16_t field;
    uint16_t message_id; // of a response: the one that is answered
    bool has_data;       // a data set follows
    uint16_t status;     // of responses
    bool has_status;
    char sop_class[BV_UID_SIZE], sop[BV_UID_SIZE]; // affected or requested
    char destination[BV_TITLE_ROOM];               // C-MOVE
    char comment[65];                              // error comment; "": none
    uint16_t type;                                 // action or event type id; 0: none
    uint16_t remaining, completed, failed, warned; // sub-operations of C-GET and C-MOVE
};

#define BV_COMMAND_ROOM 512

// Writes a command set; returns its bytes.
size_t bv_command_write(const struct bv_command *command, uint8_t out[BV_COMMAND_ROOM]);

// BV_ERR_FORMAT when it is malformed.
enum bv_status bv_command_read(const uint8_t *bytes, size_t size, struct bv_command *command,
                               struct bv_error *err);

// part10.c: data sets as they travel and as files hold them (PS3.10): the same bytes behind a head.

#define BV_PART10_ROOM 512 // bytes that a head takes at most

// Writes the head of a file so that it ends at data; returns where it begins, which is at most
// BV_PART10_ROOM bytes before.
uint8_t *bv_part10_head(uint8_t *data, const char *sop_class, const char *sop, const char *syntax);

struct bv_part10 {
    char sop_class[BV_UID_SIZE], sop[BV_UID_SIZE], syntax[BV_UID_SIZE];
    const uint8_t *data; // the data set, in the file's bytes
    size_t size;
};

// What the head of a file says. BV_ERR_FORMAT when it has none.
enum bv_status bv_part10_read(const uint8_t *bytes, size_t size, struct bv_part10 *file,
                              struct bv_error *err);

#endif

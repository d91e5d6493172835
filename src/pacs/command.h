// command.h: command sets of DIMSE messages (PS3.7 annex E) as bytes. Used inside src/pacs only.
#ifndef BV_PACS_COMMAND_H
#define BV_PACS_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "pacs/pdu.h"

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

#endif

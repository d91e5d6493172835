#include "pacs/pdu.h"

#include <string.h>

// Elements of group 0000.
enum {
    AFFECTED_CLASS = 0x0002,
    REQUESTED_CLASS = 0x0003,
    FIELD = 0x0100,
    MESSAGE_ID = 0x0110,
    RESPONDED_ID = 0x0120,
    DESTINATION = 0x0600,
    PRIORITY = 0x0700,
    DATA_SET_TYPE = 0x0800,
    STATUS = 0x0900,
    COMMENT = 0x0902,
    AFFECTED_SOP = 0x1000,
    REQUESTED_SOP = 0x1001,
    EVENT_TYPE = 0x1002,
    ACTION_TYPE = 0x1008,
    REMAINING = 0x1020,
    COMPLETED = 0x1021,
    FAILED = 0x1022,
    WARNED = 0x1023,
    NO_DATA = 0x0101,
};

struct out {
    uint8_t *bytes;
    size_t n;
};

static void put_header(struct out *out, uint16_t element, size_t size)
{
    const uint8_t header[8] = {
        0, 0, (uint8_t)element, (uint8_t)(element >> 8), (uint8_t)size, (uint8_t)(size >> 8), 0, 0};
    memcpy(out->bytes + out->n, header, sizeof header);
    out->n += sizeof header;
}

static void put_number(struct out *out, uint16_t element, uint16_t value)
{
    put_header(out, element, 2);
    out->bytes[out->n++] = (uint8_t)value;
    out->bytes[out->n++] = (uint8_t)(value >> 8);
}

static void put_text(struct out *out, uint16_t element, const char *text, char pad)
{
    size_t n = strlen(text);
    if (n == 0)
        return;
    put_header(out, element, n + n % 2);
    memcpy(out->bytes + out->n, text, n);
    out->n += n;
    if (n % 2)
        out->bytes[out->n++] = (uint8_t)pad;
}

size_t bv_command_write(const struct bv_command *c, uint8_t bytes[BV_COMMAND_ROOM])
{
    struct out out = {bytes, 12}; // the group's length comes first
    bool response = (c->field & 0x8000) != 0;
    bool requested = c->field == BV_N_ACTION_RQ;
    if (!requested)
        put_text(&out, AFFECTED_CLASS, c->sop_class, 0);
    else
        put_text(&out, REQUESTED_CLASS, c->sop_class, 0);
    put_number(&out, FIELD, c->field);
    put_number(&out, response ? RESPONDED_ID : MESSAGE_ID, c->message_id);
    put_text(&out, DESTINATION, c->destination, ' ');
    if (c->field == BV_C_STORE_RQ || c->field == BV_C_FIND_RQ || c->field == BV_C_GET_RQ ||
        c->field == BV_C_MOVE_RQ)
        put_number(&out, PRIORITY, 0);
    put_number(&out, DATA_SET_TYPE, c->has_data ? 1 : NO_DATA);
    if (response)
        put_number(&out, STATUS, c->status);
    put_text(&out, COMMENT, c->comment, ' ');
    put_text(&out, requested ? REQUESTED_SOP : AFFECTED_SOP, c->sop, 0);
    if (c->type && (c->field & 0xff00) == (BV_N_EVENT_REPORT_RQ & 0xff00) &&
        (c->field & 0xff) == (BV_N_EVENT_REPORT_RQ & 0xff))
        put_number(&out, EVENT_TYPE, c->type);
    else if (c->type)
        put_number(&out, ACTION_TYPE, c->type);
    const uint32_t length = (uint32_t)(out.n - 12);
    const uint8_t group[12] = {0, 0, 0, 0, 4, 0, 0, 0, (uint8_t)length, (uint8_t)(length >> 8)};
    memcpy(bytes, group, sizeof group);
    return out.n;
}

static uint16_t read_number(const uint8_t *value, size_t size)
{
    return size >= 2 ? (uint16_t)(value[0] | value[1] << 8) : 0;
}

// A text without padding, cut to its room; other characters than printable ASCII become '?'.
static void read_text(const uint8_t *value, size_t size, char *out, size_t room)
{
    while (size > 0 && (value[size - 1] == 0 || value[size - 1] == ' '))
        size--;
    size = size < room - 1 ? size : room - 1;
    for (size_t i = 0; i < size; i++)
        out[i] = value[i] >= 0x20 && value[i] < 0x7f ? (char)value[i] : '?';
    out[size] = 0;
}

static void read_element(struct bv_command *c, uint16_t element, const uint8_t *value, size_t size)
{
    switch (element) {
    case AFFECTED_CLASS:
    case REQUESTED_CLASS:
        read_text(value, size, c->sop_class, sizeof c->sop_class);
        break;
    case AFFECTED_SOP:
    case REQUESTED_SOP:
        read_text(value, size, c->sop, sizeof c->sop);
        break;
    case FIELD:
        c->field = read_number(value, size);
        break;
    case MESSAGE_ID:
    case RESPONDED_ID:
        c->message_id = read_number(value, size);
        break;
    case DESTINATION:
        read_text(value, size, c->destination, sizeof c->destination);
        break;
    case DATA_SET_TYPE:
        c->has_data = read_number(value, size) != NO_DATA;
        break;
    case STATUS:
        c->status = read_number(value, size);
        c->has_status = size >= 2;
        break;
    case COMMENT:
        read_text(value, size, c->comment, sizeof c->comment);
        break;
    case EVENT_TYPE:
    case ACTION_TYPE:
        c->type = read_number(value, size);
        break;
    case REMAINING:
        c->remaining = read_number(value, size);
        break;
    case COMPLETED:
        c->completed = read_number(value, size);
        break;
    case FAILED:
        c->failed = read_number(value, size);
        break;
    case WARNED:
        c->warned = read_number(value, size);
        break;
    default:
        break;
    }
}

enum bv_status bv_command_read(const uint8_t *bytes, size_t size, struct bv_command *command,
                               struct bv_error *err)
{
    *command = (struct bv_command){0};
    for (size_t at = 0; at < size;) {
        if (size - at < 8)
            return bv_fail(err, BV_ERR_FORMAT, "a malformed command");
        const uint8_t *p = bytes + at;
        uint32_t length =
            (uint32_t)p[4] | (uint32_t)p[5] << 8 | (uint32_t)p[6] << 16 | (uint32_t)p[7] << 24;
        if (p[0] != 0 || p[1] != 0 || length > size - at - 8)
            return bv_fail(err, BV_ERR_FORMAT, "a malformed command");
        read_element(command, (uint16_t)(p[2] | p[3] << 8), p + 8, length);
        at += 8 + length;
    }
    return command->field ? BV_OK : bv_fail(err, BV_ERR_FORMAT, "a malformed command");
}

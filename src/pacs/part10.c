#include "pacs/pdu.h"

#include <stdbool.h>
#include <string.h>

enum { PREAMBLE = 128, META = PREAMBLE + 4, GROUP_LENGTH = 12 };

struct out {
    uint8_t bytes[BV_PART10_ROOM];
    size_t n;
};

static void put(struct out *out, const void *bytes, size_t n)
{
    memcpy(out->bytes + out->n, bytes, n);
    out->n += n;
}

// A UID or short string of group 0002.
static void put_text(struct out *out, uint8_t element, const char *vr, const char *text, char pad)
{
    size_t n = strlen(text), even = n + n % 2;
    put(out, (uint8_t[]){2, 0, element, 0, (uint8_t)vr[0], (uint8_t)vr[1], (uint8_t)even, 0}, 8);
    put(out, text, n);
    if (n % 2)
        put(out, &pad, 1);
}

uint8_t *bv_part10_head(uint8_t *data, const char *sop_class, const char *sop, const char *syntax)
{
    struct out out = {.n = META + GROUP_LENGTH};
    memcpy(out.bytes + PREAMBLE, "DICM", 4);
    put(&out, (uint8_t[]){2, 0, 1, 0, 'O', 'B', 0, 0, 2, 0, 0, 0, 0, 1}, 14);
    put_text(&out, 0x02, "UI", sop_class, 0);
    put_text(&out, 0x03, "UI", sop, 0);
    put_text(&out, 0x10, "UI", syntax, 0);
    put_text(&out, 0x12, "UI", BV_IMPLEMENTATION_UID, 0);
    put_text(&out, 0x13, "SH", BV_IMPLEMENTATION_NAME, ' ');
    size_t length = out.n - META - GROUP_LENGTH;
    const uint8_t group[GROUP_LENGTH] = {
        2, 0, 0, 0, 'U', 'L', 4, 0, (uint8_t)length, (uint8_t)(length >> 8), 0, 0};
    memcpy(out.bytes + META, group, sizeof group);
    memcpy(data - out.n, out.bytes, out.n);
    return data - out.n;
}

// A value of group 0002 as text without padding, cut to its room.
static void read_text(const uint8_t *value, size_t n, char out[BV_UID_SIZE])
{
    while (n > 0 && (value[n - 1] == 0 || value[n - 1] == ' '))
        n--;
    n = n < BV_UID_SIZE - 1 ? n : BV_UID_SIZE - 1;
    memcpy(out, value, n);
    out[n] = 0;
}

enum bv_status bv_part10_read(const uint8_t *bytes, size_t size, struct bv_part10 *file,
                              struct bv_error *err)
{
    size_t at = META;
    *file = (struct bv_part10){.data = NULL};
    if (size < META || memcmp(bytes + PREAMBLE, "DICM", 4) != 0)
        return bv_fail(err, BV_ERR_FORMAT, "not a DICOM file with a preamble");
    while (size - at >= 8 && bytes[at] == 2 && bytes[at + 1] == 0) {
        const uint8_t *p = bytes + at;
        bool is_long = memcmp(p + 4, "OB", 2) == 0 || memcmp(p + 4, "UN", 2) == 0;
        size_t header = is_long ? 12 : 8;
        if (size - at < header)
            break;
        size_t n =
            is_long ? (size_t)p[8] | (size_t)p[9] << 8 | (size_t)p[10] << 16 | (size_t)p[11] << 24
                    : (size_t)p[6] | (size_t)p[7] << 8;
        if (n > size - at - header)
            break;
        if (p[2] == 0x02 && p[3] == 0)
            read_text(p + header, n, file->sop_class);
        else if (p[2] == 0x03 && p[3] == 0)
            read_text(p + header, n, file->sop);
        else if (p[2] == 0x10 && p[3] == 0)
            read_text(p + header, n, file->syntax);
        at += header + n;
    }
    file->data = bytes + at;
    file->size = size - at;
    if (!*file->sop_class || !*file->sop || !*file->syntax)
        return bv_fail(err, BV_ERR_FORMAT, "a DICOM file whose head is not complete");
    return BV_OK;
}

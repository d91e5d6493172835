#include "image/dicom_stream.h"

#include <stdlib.h>
#include <string.h>

#include <zlib.h>

static uint16_t le16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t le32(const uint8_t *p)
{
    return le16(p) | (uint32_t)le16(p + 2) << 16;
}

bool bv_dicom_meta(struct bv_bytes bytes, char transfer_syntax[65], size_t *data_set)
{
    size_t at = bytes.size >= 132 && memcmp(bytes.data + 128, "DICM", 4) == 0 ? 132 : 0;
    bool found = false;
    while (bytes.size - at >= 8 && le16(bytes.data + at) == 2) {
        const uint8_t *p = bytes.data + at;
        static const char long_forms[] = "OB OW OD OF OL SQ UN UT UC UR";
        char vr[3] = {(char)p[4], (char)p[5], 0};
        bool is_long = strstr(long_forms, vr) != NULL;
        if (is_long && bytes.size - at < 12)
            break;
        size_t head = is_long ? 12 : 8, length = is_long ? le32(p + 8) : le16(p + 6);
        if (length > bytes.size - at - head)
            break;
        if (le16(p + 2) == 0x0010 && length <= 64) {
            size_t n = length;
            while (n && (p[head + n - 1] == 0 || p[head + n - 1] == ' '))
                n--;
            memcpy(transfer_syntax, p + head, n);
            transfer_syntax[n] = 0;
            found = true;
        }
        at += head + length;
    }
    *data_set = at;
    return found;
}

enum bv_status bv_dicom_inflate(struct bv_bytes deflated, size_t max_bytes, uint8_t **inflated,
                                size_t *size, struct bv_error *err)
{
    z_stream stream = {0};
    if (deflated.size > UINT32_MAX || inflateInit2(&stream, -MAX_WBITS) != Z_OK)
        return bv_fail(err, BV_ERR_LIMIT, "the deflated data set is too large");
    uint8_t *out = NULL;
    size_t room = 0, used = 0;
    int result = Z_OK;
    stream.next_in = (Bytef *)(uintptr_t)deflated.data;
    stream.avail_in = (uInt)deflated.size;
    while (result == Z_OK && used <= max_bytes) {
        if (used == room) {
            room = room ? room * 2 : 1 << 18;
            uint8_t *larger = realloc(out, room);
            if (!larger)
                break;
            out = larger;
        }
        size_t step = room - used < 1U << 30 ? room - used : 1U << 30;
        stream.next_out = out + used;
        stream.avail_out = (uInt)step;
        result = inflate(&stream, Z_NO_FLUSH);
        used += step - stream.avail_out;
    }
    (void)inflateEnd(&stream);
    enum bv_status status = BV_OK;
    if (used > max_bytes)
        status =
            bv_fail(err, BV_ERR_LIMIT, "the data set inflates to more than %zu bytes", max_bytes);
    else if (result == Z_OK || result == Z_MEM_ERROR)
        status = bv_fail_nomem(err, "inflating");
    else if (result != Z_STREAM_END)
        status = bv_fail(err, BV_ERR_FORMAT, "the deflated data set is damaged or truncated");
    if (status != BV_OK) {
        free(out);
        return status;
    }
    *inflated = out;
    *size = used;
    return BV_OK;
}

static bool is_frame_header(uint8_t marker)
{
    if (marker == 0xf7) // JPEG-LS
        return true;
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

// Encoders pad a fragment to even length with one byte after the end marker.
static bool ends(struct bv_bytes bytes)
{
    size_t n = bytes.size;
    while (n > 2 && bytes.data[n - 1] == 0)
        n--;
    while (n > 2 && bytes.data[n - 1] == 0xff)
        n--;
    return n >= 2 && bytes.data[n - 2] == 0xff && bytes.data[n - 1] == 0xd9;
}

bool bv_jpeg_header(struct bv_bytes bytes, struct bv_jpeg_header *header)
{
    const uint8_t *p = bytes.data;
    if (bytes.size < 4 || p[0] != 0xff || p[1] != 0xd8)
        return false;
    for (size_t at = 2; bytes.size - at >= 4;) {
        if (p[at] != 0xff)
            return false;
        uint8_t marker = p[at + 1];
        if (marker == 0xff) { // fill byte
            at++;
            continue;
        }
        size_t length = (size_t)p[at + 2] << 8 | p[at + 3];
        if (length < 2 || length > bytes.size - at - 2)
            return false;
        if (is_frame_header(marker) && length >= 8) {
            header->precision = p[at + 4];
            header->height = (unsigned)p[at + 5] << 8 | p[at + 6];
            header->width = (unsigned)p[at + 7] << 8 | p[at + 8];
            header->components = p[at + 9];
            header->complete = ends(bytes);
            return true;
        }
        if (marker == 0xda)
            return false;
        at += 2 + length;
    }
    return false;
}

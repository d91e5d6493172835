#include "image/dicom_dataset.h"

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

// A stream cannot hold an end marker within its entropy-coded data, so that the last one is its
// end, whatever fills the rest of a fragment. Not before at.
static size_t find_end(struct bv_bytes bytes, size_t at)
{
    for (size_t n = bytes.size; n >= at + 2; n--)
        if (bytes.data[n - 2] == 0xff && bytes.data[n - 1] == 0xd9)
            return n;
    return 0;
}

static bool is_filling(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != 0 && p[i] != 0xff)
            return false;
    return true;
}

// p points to the components of a frame header: name, sampling factors, table.
static enum bv_jpeg_colour colour_of_components(const uint8_t *p, unsigned n)
{
    if (n != 3)
        return BV_JPEG_COLOUR_UNSAID;
    if (p[0] == 'R' && p[3] == 'G' && p[6] == 'B')
        return BV_JPEG_COLOUR_RGB;
    // Who samples two components more coarsely took them for chroma.
    return p[1] != p[4] && p[4] == p[7] ? BV_JPEG_COLOUR_YCC : BV_JPEG_COLOUR_UNSAID;
}

// Takes what a marker segment says; p points behind its length. Returns false for a bad one.
static bool take_segment(struct bv_jpeg_header *header, enum bv_jpeg_colour *said, uint8_t marker,
                         const uint8_t *p, size_t n)
{
    if (is_frame_header(marker) && n >= 6) {
        header->process = marker;
        header->precision = p[0];
        header->height = (unsigned)p[1] << 8 | p[2];
        header->width = (unsigned)p[3] << 8 | p[4];
        header->components = p[5];
        if (n < 6 + 3 * (size_t)p[5])
            return false;
        header->colour = colour_of_components(p + 6, p[5]);
    } else if (marker == 0xe0 && n >= 5 && memcmp(p, "JFIF", 5) == 0) {
        *said = *said ? *said : BV_JPEG_COLOUR_YCC;
    } else if (marker == 0xee && n >= 12 && memcmp(p, "Adobe", 5) == 0) {
        *said = p[11] == 0 ? BV_JPEG_COLOUR_RGB : BV_JPEG_COLOUR_YCC;
    }
    return true;
}

bool bv_jpeg_header_read(struct bv_bytes bytes, struct bv_jpeg_header *header)
{
    const uint8_t *p = bytes.data;
    enum bv_jpeg_colour said = BV_JPEG_COLOUR_UNSAID;
    struct bv_jpeg_header found = {0};
    size_t start = 0;
    while (start < 64 && start + 4 <= bytes.size && (p[start] != 0xff || p[start + 1] != 0xd8))
        start++;
    if (start >= 64 || start + 4 > bytes.size || !is_filling(p, start))
        return false;
    for (size_t at = start + 2; bytes.size - at >= 4;) {
        uint8_t marker = p[at + 1];
        if (p[at] != 0xff)
            return false;
        if (marker == 0xff) { // fill byte
            at++;
            continue;
        }
        size_t length = (size_t)p[at + 2] << 8 | p[at + 3];
        if (length < 2 || length > bytes.size - at - 2 ||
            !take_segment(&found, &said, marker, p + at + 4, length - 2))
            return false;
        at += 2 + length;
        if (marker != 0xda)
            continue;
        // Lossless coders write JFIF's marker before untransformed colours.
        if (found.process != 0xc3 && said)
            found.colour = said;
        size_t end = find_end(bytes, at);
        if (end)
            found.stream = (struct bv_bytes){p + start, end - start};
        *header = found;
        return found.process != 0;
    }
    return false;
}

bool bv_jpeg2000_transforms(struct bv_bytes bytes)
{
    const uint8_t *p = bytes.data;
    size_t at = 0;
    while (at + 4 <= bytes.size && memcmp(p + at, "\xff\x4f\xff\x51", 4) != 0)
        at++;
    // Marker segments of the main header up to the first tile; the transform is a byte of COD.
    for (at += 2; at + 9 <= bytes.size && p[at] == 0xff && p[at + 1] != 0x90;) {
        if (p[at + 1] == 0x52)
            return p[at + 8] == 1;
        at += 2 + ((size_t)p[at + 2] << 8 | p[at + 3]);
    }
    return false;
}

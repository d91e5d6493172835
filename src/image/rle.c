#include "image/decode.h"

#define HEADER_BYTES 64
#define MAX_SEGMENTS 15

static uint32_t le32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

// PackBits: one byte plane of n bytes to out, stride apart. Returns how many bytes there were.
static size_t unpack(struct bv_bytes in, size_t n, uint8_t *out, size_t stride)
{
    size_t at = 0, done = 0;
    while (at < in.size && done < n) {
        uint8_t control = in.data[at++];
        if (control == 128)
            continue;
        bool repeat = control > 128;
        size_t count = repeat ? 257U - control : control + 1U;
        if (at + (repeat ? 1 : count) > in.size)
            break;
        for (size_t i = 0; i < count && done < n; i++, done++)
            out[done * stride] = in.data[at + (repeat ? 0 : i)];
        at += repeat ? 1 : count;
    }
    return done;
}

enum bv_status bv_rle_decode(struct bv_bytes frame, size_t n_pixels, unsigned samples,
                             unsigned cell_bytes, uint8_t *out, struct bv_error *err)
{
    unsigned n_segments = samples * cell_bytes;
    if (frame.size < HEADER_BYTES || n_segments > MAX_SEGMENTS || le32(frame.data) != n_segments)
        return bv_fail(err, BV_ERR_FORMAT, "damaged RLE header");
    for (unsigned s = 0; s < n_segments; s++) {
        uint32_t start = le32(frame.data + 4 * (s + 1));
        uint32_t end = s + 1 < n_segments ? le32(frame.data + 4 * (s + 2)) : (uint32_t)frame.size;
        if (start < HEADER_BYTES || start > end || end > frame.size)
            return bv_fail(err, BV_ERR_FORMAT, "damaged RLE header");
        // Segments hold a sample's bytes from the most significant down.
        size_t cell = s / cell_bytes, byte = cell_bytes - 1 - s % cell_bytes;
        struct bv_bytes segment = {frame.data + start, end - start};
        if (unpack(segment, n_pixels, out + cell * cell_bytes + byte, n_segments) != n_pixels)
            return bv_fail(err, BV_ERR_FORMAT, "truncated: an RLE segment is too short");
    }
    return BV_OK;
}

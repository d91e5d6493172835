#include "image/decode.h"

#include <charls/charls.h>

static enum bv_status check(charls_jpegls_errc code, struct bv_error *err)
{
    if (code == CHARLS_JPEGLS_ERRC_SUCCESS)
        return BV_OK;
    if (code == CHARLS_JPEGLS_ERRC_NOT_ENOUGH_MEMORY)
        return bv_fail_nomem(err, "JPEG-LS decoder");
    return bv_fail(err, BV_ERR_FORMAT, "damaged JPEG-LS: %s", charls_get_error_message(code));
}

static enum bv_status decode(charls_jpegls_decoder *decoder, struct bv_bytes stream, uint8_t *out,
                             size_t size, bool *planar, struct bv_error *err)
{
    size_t needed = 0;
    charls_interleave_mode mode = CHARLS_INTERLEAVE_MODE_NONE;
    BV_TRY(check(charls_jpegls_decoder_set_source_buffer(decoder, stream.data, stream.size), err));
    BV_TRY(check(charls_jpegls_decoder_read_header(decoder), err));
    BV_TRY(check(charls_jpegls_decoder_get_destination_size(decoder, 0, &needed), err));
    if (needed != size)
        return bv_fail(err, BV_ERR_FORMAT, "damaged JPEG-LS: %zu bytes of pixels, not %zu", needed,
                       size);
    BV_TRY(check(charls_jpegls_decoder_get_interleave_mode(decoder, &mode), err));
    BV_TRY(check(charls_jpegls_decoder_decode_to_buffer(decoder, out, size, 0), err));
    *planar = mode == CHARLS_INTERLEAVE_MODE_NONE;
    return BV_OK;
}

enum bv_status bv_jpegls_decode(struct bv_bytes stream, uint8_t *out, size_t size, bool *planar,
                                struct bv_error *err)
{
    charls_jpegls_decoder *decoder = charls_jpegls_decoder_create();
    if (!decoder)
        return bv_fail_nomem(err, "JPEG-LS decoder");
    enum bv_status status = decode(decoder, stream, out, size, planar, err);
    charls_jpegls_decoder_destroy(decoder);
    return status;
}

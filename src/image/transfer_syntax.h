// transfer_syntax.h: the transfer syntaxes of DICOM, and which of them this library decodes.
//
// The one list: the decoder, what is asked of an archive and what the receiver accepts follow it.
#ifndef BV_IMAGE_TRANSFER_SYNTAX_H
#define BV_IMAGE_TRANSFER_SYNTAX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

enum bv_codec {
    BV_CODEC_NATIVE,
    BV_CODEC_RLE,
    BV_CODEC_JPEG,
    BV_CODEC_JPEG_LS,
    BV_CODEC_JPEG2000,
    BV_CODEC_NONE, // known by name, not decoded
};

#define BV_DEFLATED_LITTLE_ENDIAN "1.2.840.10008.1.2.1.99"

struct bv_transfer_syntax {
    const char *uid, *name;
    enum bv_codec codec;
    bool lossy;
};

// All that are known, in the order in which a receiver prefers them; they live as long as the
// program.
const struct bv_transfer_syntax *bv_transfer_syntaxes(size_t *n);

// NULL when the UID is not known.
const struct bv_transfer_syntax *bv_transfer_syntax_find(const char *uid);

// The one of a data set whose pixels are to be decoded; BV_ERR_UNSUPPORTED.
enum bv_status bv_transfer_syntax_check(const char *uid, const struct bv_transfer_syntax **syntax,
                                        struct bv_error *err);

#endif

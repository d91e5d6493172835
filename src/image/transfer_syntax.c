#include "image/dicom_dataset.h"

#include <string.h>

static const struct bv_transfer_syntax syntaxes[] = {
    {"1.2.840.10008.1.2.1", "Explicit VR Little Endian", BV_CODEC_NATIVE, false},
    {"1.2.840.10008.1.2", "Implicit VR Little Endian", BV_CODEC_NATIVE, false},
    {"1.2.840.10008.1.2.2", "Explicit VR Big Endian", BV_CODEC_NATIVE, false},
    {"1.2.840.10008.1.2.4.70", "JPEG Lossless, first-order prediction", BV_CODEC_JPEG, false},
    {"1.2.840.10008.1.2.4.57", "JPEG Lossless", BV_CODEC_JPEG, false},
    {"1.2.840.10008.1.2.4.50", "JPEG Baseline", BV_CODEC_JPEG, true},
    {"1.2.840.10008.1.2.4.51", "JPEG Extended", BV_CODEC_JPEG, true},
    {"1.2.840.10008.1.2.4.53", "JPEG Spectral Selection", BV_CODEC_JPEG, true},
    {"1.2.840.10008.1.2.4.55", "JPEG Full Progression", BV_CODEC_JPEG, true},
    {"1.2.840.10008.1.2.4.80", "JPEG-LS Lossless", BV_CODEC_JPEG_LS, false},
    {"1.2.840.10008.1.2.4.81", "JPEG-LS near-lossless", BV_CODEC_JPEG_LS, true},
    {"1.2.840.10008.1.2.4.90", "JPEG 2000 Lossless", BV_CODEC_JPEG2000, false},
    {"1.2.840.10008.1.2.4.91", "JPEG 2000", BV_CODEC_JPEG2000, true},
    {"1.2.840.10008.1.2.5", "RLE Lossless", BV_CODEC_RLE, false},
    {"1.2.840.10008.1.2.1.99", "Deflated Explicit VR Little Endian", BV_CODEC_NATIVE, false},
    {"1.2.840.10008.1.2.4.92", "JPEG 2000 Part 2 Lossless", BV_CODEC_NONE, false},
    {"1.2.840.10008.1.2.4.93", "JPEG 2000 Part 2", BV_CODEC_NONE, true},
    {"1.2.840.10008.1.2.4.94", "JPIP Referenced", BV_CODEC_NONE, false},
    {"1.2.840.10008.1.2.4.95", "JPIP Referenced Deflate", BV_CODEC_NONE, false},
    {"1.2.840.10008.1.2.4.100", "MPEG2", BV_CODEC_NONE, true},
    {"1.2.840.10008.1.2.4.101", "MPEG2", BV_CODEC_NONE, true},
    {"1.2.840.10008.1.2.4.102", "MPEG-4 AVC", BV_CODEC_NONE, true},
    {"1.2.840.10008.1.2.4.103", "MPEG-4 AVC", BV_CODEC_NONE, true},
    {"1.2.840.10008.1.2.4.110", "JPEG XL Lossless", BV_CODEC_NONE, false},
    {"1.2.840.10008.1.2.4.111", "JPEG XL JPEG Recompression", BV_CODEC_NONE, true},
    {"1.2.840.10008.1.2.4.112", "JPEG XL", BV_CODEC_NONE, true},
    {"1.2.840.10008.1.2.4.201", "High-Throughput JPEG 2000 Lossless", BV_CODEC_NONE, false},
    {"1.2.840.10008.1.2.4.202", "High-Throughput JPEG 2000 RPCL Lossless", BV_CODEC_NONE, false},
    {"1.2.840.10008.1.2.4.203", "High-Throughput JPEG 2000", BV_CODEC_NONE, true},
    {"1.2.840.10008.1.2.8.1", "Deflated Image Frame", BV_CODEC_NONE, false},
};

static const size_t n_syntaxes = sizeof syntaxes / sizeof *syntaxes;

const struct bv_transfer_syntax *bv_transfer_syntaxes(size_t *n)
{
    *n = n_syntaxes;
    return syntaxes;
}

const struct bv_transfer_syntax *bv_transfer_syntax_find(const char *uid)
{
    for (size_t i = 0; i < n_syntaxes; i++)
        if (strcmp(syntaxes[i].uid, uid) == 0)
            return &syntaxes[i];
    return NULL;
}

enum bv_status bv_transfer_syntax_check(const char *uid, const struct bv_transfer_syntax **syntax,
                                        struct bv_error *err)
{
    const struct bv_transfer_syntax *found = bv_transfer_syntax_find(uid);
    if (!found)
        return bv_fail(err, BV_ERR_UNSUPPORTED, "unknown transfer syntax %.64s", uid);
    if (found->codec == BV_CODEC_NONE)
        return bv_fail(err, BV_ERR_UNSUPPORTED, "transfer syntax %s (%s) cannot be decoded",
                       found->uid, found->name);
    *syntax = found;
    return BV_OK;
}

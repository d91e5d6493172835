#include "pacs/dataset_bytes.hh"

extern "C" {
#include "image/dicom_dataset.h"
}

#include <cstdlib>
#include <cstring>
#include <vector>

#include <dcmtk/dcmdata/dcistrmb.h>
#include <dcmtk/dcmdata/dcostrmb.h>

bv_status bv_dataset_to_bytes(DcmFileFormat *file, E_TransferSyntax syntax, uint8_t **bytes,
                              size_t *size, bv_error *err)
{
    std::vector<uint8_t> buffer(65536);
    std::vector<uint8_t> out;
    DcmOutputBufferStream stream(buffer.data(), static_cast<offile_off_t>(buffer.size()));
    OFCondition result = file->validateMetaInfo(syntax);
    if (result.good()) {
        file->transferInit();
        do {
            result = file->write(stream, syntax, EET_ExplicitLength, nullptr);
            void *full = nullptr;
            offile_off_t n = 0;
            stream.flushBuffer(full, n);
            out.insert(out.end(), static_cast<uint8_t *>(full), static_cast<uint8_t *>(full) + n);
        } while (result == EC_StreamNotifyClient);
        file->transferEnd();
    }
    if (result.bad())
        return bv_fail(err, BV_ERR_FORMAT, "a DICOM object that cannot be written (%s)",
                       result.text());
    auto *copy = static_cast<uint8_t *>(std::malloc(out.size() + 1));
    if (!copy)
        return bv_fail_nomem(err, "a DICOM object");
    std::memcpy(copy, out.data(), out.size());
    *bytes = copy;
    *size = out.size();
    return BV_OK;
}

OFCondition bv_dataset_from_bytes(const uint8_t *bytes, size_t size, DcmFileFormat *file)
{
    // DCMTK's own parser has no bounds: what goes too deep is found by ours.
    struct bv_dataset *checked = nullptr;
    struct bv_error why = {};
    enum bv_status status = bv_dataset_open({bytes, size}, false, &checked, &why);
    bv_dataset_close(&checked);
    if (status == BV_ERR_LIMIT)
        return EC_CorruptedData;
    DcmInputBufferStream stream;
    stream.setBuffer(bytes, static_cast<offile_off_t>(size));
    stream.setEos();
    file->transferInit();
    OFCondition result = file->read(stream);
    file->transferEnd();
    return result;
}

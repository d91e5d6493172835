// dicom_parse.hh: a DICOM object in memory as DCMTK's tree. C++, used inside src/retrieval only.
#ifndef BV_RETRIEVAL_DICOM_PARSE_HH
#define BV_RETRIEVAL_DICOM_PARSE_HH

#include <cstddef>
#include <cstdint>

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dcistrmb.h>
#include <dcmtk/dcmdata/dctk.h>

// bytes are what bv_dataset_open() accepted; bare: the elements of an explicit little-endian data
// set alone. Texts of other character sets become UTF-8; where that fails they stay as they are.
inline bool bv_dicom_parse(const uint8_t *bytes, size_t size, bool bare, DcmFileFormat *file)
{
    DcmInputBufferStream stream;
    stream.setBuffer(bytes, static_cast<offile_off_t>(size));
    stream.setEos();
    DcmObject *root = bare ? static_cast<DcmObject *>(file->getDataset()) : file;
    root->transferInit();
    OFCondition result = root->read(stream, bare ? EXS_LittleEndianExplicit : EXS_Unknown);
    root->transferEnd();
    if (result.bad() && result != EC_EndOfStream)
        return false;
    (void)file->getDataset()->convertToUTF8();
    return true;
}

#endif

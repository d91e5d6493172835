// dicom_parse.hh: a DICOM object in memory as DCMTK's tree. C++, used inside src/retrieval only.
#ifndef BV_RETRIEVAL_DICOM_PARSE_HH
#define BV_RETRIEVAL_DICOM_PARSE_HH

#include <cstddef>
#include <cstdint>
#include <string>

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dcistrmb.h>
#include <dcmtk/dcmdata/dctk.h>

#include "image/dicom_characters.hh"

// bytes are what bv_dataset_open() accepted; bare: the elements of an explicit little-endian data
// set alone. Texts of other character sets become UTF-8; those that cannot be read stay as they
// are. sets (may be NULL) receives the Specific Character Set that the object had.
inline bool bv_dicom_parse(const uint8_t *bytes, size_t size, bool bare, DcmFileFormat *file,
                           std::string *sets = nullptr)
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
    OFString value;
    (void)file->getDataset()->findAndGetOFStringArray(DCM_SpecificCharacterSet, value);
    if (sets)
        *sets = std::string(value.c_str(), value.length());
    (void)bv_dicom_to_utf8(file->getDataset(), "");
    return true;
}

#endif

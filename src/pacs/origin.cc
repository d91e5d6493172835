#include "pacs/origin.hh"

#include "image/dicom_characters.hh"
#include "pacs/dataset_bytes.hh"

#include <cstdlib>

namespace bv_derived
{

const char own_class[] = "biovl";

std::string text_of(DcmItem *dataset, const DcmTagKey &tag)
{
    OFString value;
    (void)dataset->findAndGetOFString(tag, value);
    return std::string(value.c_str());
}

static bool is_ascii(const std::string &text)
{
    for (char c : text) {
        if (static_cast<unsigned char>(c) >= 0x80)
            return false;
    }
    return true;
}

static const char utf8[] = "ISO_IR 192";

void open_origin(const uint8_t *bytes, size_t size, origin *from)
{
    check(bv_dataset_from_bytes(bytes, size, &from->file));
    from->readable = bv_dicom_to_utf8(from->dataset(), "") == 0;
    if (from->readable)
        return;
    from->file = DcmFileFormat();
    check(bv_dataset_from_bytes(bytes, size, &from->file));
}

bool choose_character_set(origin *from, const std::string &added, std::string *set)
{
    OFString own;
    (void)from->dataset()->findAndGetOFStringArray(DCM_SpecificCharacterSet, own);
    *set = is_ascii(added) ? own.c_str() : utf8;
    return from->readable || is_ascii(added);
}

bv_status fail_characters(const char *name, bv_error *err)
{
    return bv_fail(err, BV_ERR_FORMAT,
                   "%s: its texts cannot be read by its Specific Character Set, so that no text "
                   "beyond ASCII can be written beside them",
                   name);
}

bool names_itself(DcmDataset *dataset)
{
    return !text_of(dataset, DCM_StudyInstanceUID).empty() &&
           !text_of(dataset, DCM_SOPInstanceUID).empty() &&
           !text_of(dataset, DCM_SOPClassUID).empty();
}

bv_status check_frames(DcmDataset *dataset, const char *name, bv_error *err)
{
    const long n = std::strtol(text_of(dataset, DCM_NumberOfFrames).c_str(), nullptr, 10);
    if (n > 1)
        return bv_fail(err, BV_ERR_ARG,
                       "%s: has %ld frames; an object names its source as a whole, no frame of it",
                       name, n);
    return BV_OK;
}

bv_status fail_label(size_t i, bv_error *err)
{
    return bv_fail(err, BV_ERR_ARG, "label %zu has no character that a DICOM object can hold",
                   i + 1);
}

void copy_study(DcmDataset *from, DcmDataset *to)
{
    static const DcmTagKey type2[] = {
        DCM_PatientName,    DCM_PatientID, DCM_PatientBirthDate,       DCM_PatientSex,
        DCM_StudyDate,      DCM_StudyTime, DCM_ReferringPhysicianName, DCM_StudyID,
        DCM_AccessionNumber};
    static const DcmTagKey optional[] = {DCM_StudyDescription, DCM_PatientAge};
    // Values that break their rule would make the new object wrong: they are left out.
    check(
        to->putAndInsertString(DCM_StudyInstanceUID, text_of(from, DCM_StudyInstanceUID).c_str()));
    for (const DcmTagKey &tag : type2) {
        if (from->tagExists(tag))
            check(from->findAndInsertCopyOfElement(tag, to));
        else
            check(to->insertEmptyElement(tag));
    }
    for (const DcmTagKey &tag : optional) {
        DcmElement *element = nullptr;
        if (from->findAndGetElement(tag, element).good() && element->checkValue("1", OFTrue).good())
            check(from->findAndInsertCopyOfElement(tag, to));
    }
}

} // namespace bv_derived

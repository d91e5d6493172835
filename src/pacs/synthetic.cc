extern "C" {
#include "pacs/derived_object.h"

#include "base/sha256.h"
}

#include "pacs/dataset_bytes.hh"
#include "pacs/derived_object.hh"

using namespace bv_derived;

namespace
{

const size_t long_text = 10240; // characters of an LT; bytes of UTF-8 are at least as many

// The first bytes of a text, cut before a character and not within one.
std::string cut(const std::string &text, size_t most)
{
    if (text.size() <= most)
        return text;
    size_t n = most;
    while (n > 0 && (static_cast<unsigned char>(text[n]) & 0xc0) == 0x80)
        n--;
    return text.substr(0, n);
}

} // namespace

bv_status bv_synthetic_capture(const bv_derived_picture *picture, uint8_t **bytes, size_t *size,
                               bv_error *err)
{
    const unsigned width = picture->width, height = picture->height;
    const char *description = picture->description;
    if (width == 0 || height == 0 || width > 65535 || height > 65535)
        return bv_fail(err, BV_ERR_LIMIT, "a picture of %u × %u", width, height);
    return guarded("a synthetic picture", err, [&]() -> bv_status {
        DcmFileFormat out;
        DcmDataset *to = out.getDataset();
        char hex[65];
        bv_sha256_hex(picture->rgb, static_cast<size_t>(width) * height * 3, hex);
        put(to, DCM_SpecificCharacterSet, "ISO_IR 192");
        put(to, DCM_ImageType, "DERIVED\\SECONDARY");
        put(to, DCM_SOPClassUID, UID_SecondaryCaptureImageStorage);
        put(to, DCM_SOPInstanceUID, make_uid({"synthetic", hex, description}));
        put(to, DCM_StudyInstanceUID, make_uid({"synthetic study", hex, description}));
        put(to, DCM_SeriesInstanceUID, make_uid({"synthetic series", hex, description}));
        put(to, DCM_PatientName, "SYNTHETIC");
        put(to, DCM_PatientID, std::string("SYNTHETIC-") + std::string(hex, 12));
        put(to, DCM_Modality, "OT");
        put(to, DCM_ConversionType, "WSD");
        put(to, DCM_StudyDescription, "SYNTHETIC image, no patient");
        put(to, DCM_SeriesDescription, "SYNTHETIC (biovl generate)");
        put(to, DCM_DerivationDescription,
            "SYNTHETIC: made from text by a model, shows no patient");
        put(to, DCM_ImageComments, cut(description, long_text));
        put(to, DCM_Manufacturer, "biovl");
        put(to, DCM_ManufacturerModelName, "biovl");
        put(to, DCM_SoftwareVersions, picture->version);
        put(to, DCM_BurnedInAnnotation, "NO");
        put(to, DCM_SeriesNumber, "1");
        put(to, DCM_InstanceNumber, "1");
        put_now(to, DCM_ContentDate, DCM_ContentTime);
        const DcmTagKey empty[] = {DCM_PatientBirthDate,
                                   DCM_PatientSex,
                                   DCM_StudyDate,
                                   DCM_StudyTime,
                                   DCM_StudyID,
                                   DCM_AccessionNumber,
                                   DCM_ReferringPhysicianName,
                                   DCM_Laterality,
                                   DCM_PatientOrientation};
        for (const DcmTagKey &tag : empty)
            check(to->insertEmptyElement(tag));
        put_rgb(to, picture->rgb, width, height);
        return bv_dataset_to_bytes(&out, EXS_LittleEndianExplicit, bytes, size, err);
    });
}

extern "C" {
#include "pacs/derived_object.h"

#include "base/c_locale.h"
#include "base/sha256.h"
}

#include "image/dicom_characters.hh"
#include "pacs/dataset_bytes.hh"
#include "pacs/derived_object.hh"

#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <exception>
#include <new>
#include <string>
#include <vector>

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmsr/cmr/tid1500.h>
#include <dcmtk/dcmsr/dsrdoc.h>

using namespace bv_derived;

namespace
{

const char scheme[] = "99BIOVL";
const char own_class[] = "biovl";

// Codes of exactly the label's meaning. A label that is not here gets a private code: a near miss
// in a standard vocabulary would say something else.
const struct {
    const char *label, *code, *meaning;
} snomed[] = {
    {"atelectasis", "46621007", "Atelectasis"},
    {"cardiomegaly", "8186001", "Cardiomegaly"},
    {"pleural effusion", "60046008", "Pleural effusion"},
    {"pneumonia", "233604007", "Pneumonia"},
    {"pneumothorax", "36118008", "Pneumothorax"},
};

std::string text_of(DcmDataset *dataset, const DcmTagKey &tag)
{
    OFString value;
    (void)dataset->findAndGetOFString(tag, value);
    return std::string(value.c_str());
}

std::string format_score(double score)
{
    char text[32];
    bv_c_locale scope = bv_c_locale_enter();               // DS has a decimal point
    (void)std::snprintf(text, sizeof text, "%.6g", score); // at most 13 characters: fits DS
    bv_c_locale_leave(&scope);
    return text;
}

bool is_ascii(const std::string &text)
{
    for (char c : text) {
        if (static_cast<unsigned char>(c) >= 0x80)
            return false;
    }
    return true;
}

const char utf8[] = "ISO_IR 192";

// An object that another one is made from, with its texts as UTF-8.
struct origin {
    DcmFileFormat file;
    bool readable; // false: a text contradicts its character set, and all are as they were

    DcmDataset *dataset()
    {
        return file.getDataset();
    }
};

void open_origin(const uint8_t *bytes, size_t size, origin *from)
{
    check(bv_dataset_from_bytes(bytes, size, &from->file));
    from->readable = bv_dicom_to_utf8(from->dataset(), "") == 0;
    if (from->readable)
        return;
    from->file = DcmFileFormat();
    check(bv_dataset_from_bytes(bytes, size, &from->file));
}

// The character set of an object with the origin's texts and `added`: names and labels are then the
// same characters for every reader. False where there is none for both.
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

// A private code for a text: letters and digits of it, 16 at most, told apart by a hash.
DSRCodedEntryValue private_code(const std::string &text)
{
    char hex[65];
    bv_sha256_hex(text.data(), text.size(), hex);
    std::string code;
    for (char c : text) {
        if (std::isalnum(static_cast<unsigned char>(c)) && code.size() < 8)
            code += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
    code += "_" + std::string(hex, 6);
    size_t n = text.size() < 64 ? text.size() : 64;
    while (n < text.size() && (static_cast<unsigned char>(text[n]) & 0xc0) == 0x80)
        n--; // not within a character
    return DSRCodedEntryValue(code.c_str(), scheme, text.substr(0, n).c_str());
}

DSRCodedEntryValue finding_code(const char *label)
{
    std::string lower;
    for (const char *p = label; *p; p++)
        lower += static_cast<char>(std::tolower(static_cast<unsigned char>(*p)));
    for (const auto &known : snomed) {
        if (lower == known.label)
            return DSRCodedEntryValue(known.code, "SCT", known.meaning);
    }
    return private_code(label);
}

// The image with what its header says of it; where a value there breaks a rule, the image alone.
void add_source(TID1500_MeasurementReport *report, DcmDataset *dataset)
{
    TID1600_ImageLibrary &library = report->getImageLibrary();
    check(library.createNewImageLibrary());
    check(library.addImageGroup());
    if (library.addImageEntry(*dataset, TID1600_ImageLibrary::withAllDescriptors).good())
        return;
    library.clear();
    check(library.createNewImageLibrary());
    check(library.addImageGroup());
    check(library.addImageEntry(*dataset, TID1600_ImageLibrary::withoutDescriptors));
}

void add_finding(TID1500_MeasurementReport *report, const bv_finding &finding,
                 const bv_findings_source *from, const std::string &tracking)
{
    check(report->addIndividualMeasurements());
    auto &group = report->getIndividualMeasurements();
    check(group.setTrackingIdentifier(finding.label));
    check(group.setTrackingUniqueIdentifier(tracking.c_str()));
    check(group.setFinding(finding_code(finding.label)));
    const DSRCodedEntryValue quantity = private_code(std::string("Model score, ") + from->kind);
    check(group.addMeasurement(
        quantity,
        TID1500_MeasurementReport::TID1501_Measurements::MeasurementValue(
            format_score(finding.score).c_str(), DSRCodedEntryValue("1", "UCUM", "no units"))));
}

// Everything a reader needs to know of where the numbers come from, as texts of the whole report.
void add_provenance(TID1500_MeasurementReport *report, const bv_findings_source *from)
{
    const std::string texts[][2] = {
        {"Intended use",
         "Research only; not for diagnosis. Scores are no probabilities of disease."},
        {"Score kind", from->kind},
        {"Model name", from->model},
        {"Model SHA-256", from->digest},
        {"Prompt set", from->prompts},
    };
    for (const auto &text : texts)
        check(report->addQualitativeEvaluation(private_code(text[0]), text[1].c_str()));
}

bool names_itself(DcmDataset *dataset)
{
    return !text_of(dataset, DCM_StudyInstanceUID).empty() &&
           !text_of(dataset, DCM_SOPInstanceUID).empty() &&
           !text_of(dataset, DCM_SOPClassUID).empty();
}

// Patient and study, copied element by element; type 2 elements exist even when empty.
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

} // namespace

bv_status bv_findings_report(const bv_source_object *source, const bv_finding *findings, size_t n,
                             const bv_findings_source *from, uint8_t **bytes, size_t *size,
                             bv_error *err)
{
    return guarded(source->name, err, [&]() -> bv_status {
        origin origin = {};
        open_origin(source->bytes, source->size, &origin);
        DcmDataset *dataset = origin.dataset();
        if (!names_itself(dataset))
            return bv_fail(err, BV_ERR_ARG, "%s: names no study or instance to report on",
                           source->name);
        std::vector<std::string> identity = {"report",     text_of(dataset, DCM_SOPInstanceUID),
                                             from->kind,   from->model,
                                             from->digest, from->prompts};
        const std::string series =
            make_uid({"series", text_of(dataset, DCM_StudyInstanceUID), from->digest});
        TID1500_MeasurementReport report(CMR_CID7021::ImagingMeasurementReport);
        check(report.setLanguage(DSRCodedEntryValue("en", "RFC5646", "English")));
        check(report.getObservationContext().addDeviceObserver(
            make_uid({"device", from->version}).c_str(), own_class, own_class, own_class,
            from->version));
        check(report.addProcedureReported(
            DSRCodedEntryValue("399208008", "SCT", "Plain chest X-ray")));
        add_source(&report, dataset);
        for (size_t i = 0; i < n; i++) {
            identity.push_back(findings[i].label);
            identity.push_back(format_score(findings[i].score));
            add_finding(&report, findings[i], from,
                        make_uid({"tracking", text_of(dataset, DCM_SOPInstanceUID), from->digest,
                                  findings[i].label}));
        }
        add_provenance(&report, from);
        std::string texts = std::string(from->model) + from->prompts, character_set;
        for (size_t i = 0; i < n; i++)
            texts += findings[i].label;
        if (!choose_character_set(&origin, texts, &character_set))
            return fail_characters(source->name, err);
        DSRDocument document(DSRTypes::DT_Comprehensive3DSR);
        check(document.setTreeFromRootTemplate(report, OFTrue));
        check(document.changeDocumentType(DSRTypes::DT_Comprehensive3DSR));
        check(document.getCurrentRequestedProcedureEvidence().addItem(*dataset));
        check(document.getCodingSchemeIdentification().addItem(scheme));
        check(document.getCodingSchemeIdentification().setCodingSchemeName("biovl private codes"));
        if (!character_set.empty())
            check(document.setSpecificCharacterSet(character_set.c_str()));
        check(document.readPatientData(*dataset));
        check(document.readStudyData(*dataset));
        check(document.setManufacturer(own_class));
        check(document.setManufacturerModelName(own_class));
        check(document.setDeviceSerialNumber("1"));
        check(document.setSoftwareVersions(from->version));
        check(document.setSeriesNumber("9001"));
        check(document.setInstanceNumber("1"));
        check(document.setSeriesDescription("biovl scores (research)"));
        check(document.completeDocument("research software, unverified"));
        DcmFileFormat out;
        check(document.write(*out.getDataset()));
        put(out.getDataset(), DCM_SOPInstanceUID, make_uid(identity));
        put(out.getDataset(), DCM_SeriesInstanceUID, series);
        return bv_dataset_to_bytes(&out, EXS_LittleEndianExplicit, bytes, size, err);
    });
}

bv_status bv_findings_capture(const bv_source_object *source, const bv_derived_picture *picture,
                              uint8_t **bytes, size_t *size, bv_error *err)
{
    const unsigned width = picture->width, height = picture->height;
    if (width == 0 || height == 0 || width > 65535 || height > 65535)
        return bv_fail(err, BV_ERR_LIMIT, "a picture of %u × %u", width, height);
    return guarded(source->name, err, [&]() -> bv_status {
        DcmFileFormat out;
        origin origin = {};
        open_origin(source->bytes, source->size, &origin);
        DcmDataset *from = origin.dataset(), *to = out.getDataset();
        std::string character_set;
        if (!choose_character_set(&origin, picture->description, &character_set))
            return fail_characters(source->name, err);
        if (!names_itself(from))
            return bv_fail(err, BV_ERR_ARG, "%s: names no study or instance to add to",
                           source->name);
        const size_t n = static_cast<size_t>(width) * height * 3;
        char hex[65];
        bv_sha256_hex(picture->rgb, n, hex);
        const std::string instance = text_of(from, DCM_SOPInstanceUID);
        copy_study(from, to);
        if (!character_set.empty())
            put(to, DCM_SpecificCharacterSet, character_set);
        put(to, DCM_SOPClassUID, UID_SecondaryCaptureImageStorage);
        put(to, DCM_SOPInstanceUID, make_uid({"capture", instance, hex, picture->description}));
        put(to, DCM_SeriesInstanceUID,
            make_uid({"capture series", text_of(from, DCM_StudyInstanceUID)}));
        put(to, DCM_Modality, "OT");
        put(to, DCM_ConversionType, "WSD");
        put(to, DCM_SeriesNumber, "9002");
        put(to, DCM_InstanceNumber, "1");
        put(to, DCM_SeriesDescription, "biovl overlay (research)");
        put(to, DCM_Manufacturer, own_class);
        put(to, DCM_ManufacturerModelName, own_class);
        put(to, DCM_SoftwareVersions, picture->version);
        put(to, DCM_ImageType, "DERIVED\\SECONDARY");
        put(to, DCM_DerivationDescription, picture->description);
        put(to, DCM_BurnedInAnnotation, "YES");
        check(to->insertEmptyElement(DCM_PatientOrientation));
        check(to->insertEmptyElement(DCM_Laterality));
        put_now(to, DCM_ContentDate, DCM_ContentTime);
        DcmItem *reference = nullptr;
        check(to->findOrCreateSequenceItem(DCM_SourceImageSequence, reference));
        check(reference->putAndInsertString(DCM_ReferencedSOPClassUID,
                                            text_of(from, DCM_SOPClassUID).c_str()));
        check(reference->putAndInsertString(DCM_ReferencedSOPInstanceUID, instance.c_str()));
        put_rgb(to, picture->rgb, width, height);
        return bv_dataset_to_bytes(&out, EXS_LittleEndianExplicit, bytes, size, err);
    });
}

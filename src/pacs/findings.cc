extern "C" {
#include "pacs/derived_object.h"

#include "base/c_locale.h"
#include "base/sha256.h"
}

#include "pacs/dataset_bytes.hh"
#include "pacs/finding_codes.hh"
#include "pacs/origin.hh"

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

std::string format_score(double score)
{
    char text[32];
    bv_c_locale scope = bv_c_locale_enter();               // DS has a decimal point
    (void)std::snprintf(text, sizeof text, "%.6g", score); // at most 13 characters: fits DS
    bv_c_locale_leave(&scope);
    return text;
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

// As a number of a private concept that names the quantity.
void add_number(TID1500_MeasurementReport::TID1501_Measurements *group, const std::string &quantity,
                double value)
{
    check(group->addMeasurement(
        private_code(quantity),
        TID1500_MeasurementReport::TID1501_Measurements::MeasurementValue(
            format_score(value).c_str(), DSRCodedEntryValue("1", "UCUM", "no units"))));
}

bv_finding_region whole_image(DcmDataset *source)
{
    Uint16 rows = 0, columns = 0;
    if (source->findAndGetUint16(DCM_Rows, rows).bad() ||
        source->findAndGetUint16(DCM_Columns, columns).bad() || rows == 0 || columns == 0)
        throw EC_TagNotFound;
    return {0, 0, static_cast<double>(columns), static_cast<double>(rows)};
}

// A closed rectangle; the upper left corner of the image's first pixel is 0\\0.
DSRSpatialCoordinatesValue outline(const bv_finding_region &r)
{
    DSRSpatialCoordinatesValue value(DSRTypes::GT_Polyline);
    const double corners[5][2] = {{r.x, r.y},
                                  {r.x + r.width, r.y},
                                  {r.x + r.width, r.y + r.height},
                                  {r.x, r.y + r.height},
                                  {r.x, r.y}};
    for (const auto &corner : corners)
        value.getGraphicDataList().addItem(static_cast<Float32>(corner[0]),
                                           static_cast<Float32>(corner[1]));
    return value;
}

void add_finding(TID1500_MeasurementReport *report, const bv_finding &finding,
                 const bv_findings_source *from, const std::string &tracking)
{
    check(report->addIndividualMeasurements());
    auto &group = report->getIndividualMeasurements();
    check(group.setTrackingIdentifier(plain_text(finding.label).c_str()));
    check(group.setTrackingUniqueIdentifier(tracking.c_str()));
    check(group.setFinding(finding_code(finding.label)));
    add_number(&group, std::string("Model score, ") + from->kind, finding.score);
    if (!from->map)
        return;
    add_number(&group, std::string("Heat map peak, ") + from->map, finding.peak);
    if (finding.nothing)
        check(group.addQualitativeEvaluation(private_code("Heat map"),
                                             "no higher than maps of texts that name no finding"));
}

// What the report says of a finding, which is another report where this differs.
void add_identity(const bv_finding &finding, const bv_findings_source *from,
                  std::vector<std::string> *identity)
{
    identity->push_back(finding.label);
    identity->push_back(format_score(finding.score));
    if (!from->map)
        return;
    const bv_finding_region &r = finding.region;
    for (double number : {finding.peak, r.x, r.y, r.width, r.height})
        identity->push_back(format_score(number));
    identity->push_back(finding.nothing ? "nothing" : "");
}

// The region of each finding: without one the whole image. Viewers open a measurement group by its
// coordinates (TID 1410).
void add_regions(DSRDocument *document, const bv_finding *findings, size_t n, DcmDataset *source)
{
    const DSRCodedEntryValue group("125007", "DCM", "Measurement Group");
    const DSRCodedEntryValue region("111030", "DCM", "Image Region");
    const DSRImageReferenceValue image(text_of(source, DCM_SOPClassUID).c_str(),
                                       text_of(source, DCM_SOPInstanceUID).c_str());
    const bv_finding_region whole = whole_image(source);
    DSRDocumentTree &tree = document->getTree();
    size_t at = tree.gotoNamedNode(group);
    for (size_t i = 0; i < n; i++) {
        if (at == 0)
            throw SR_EC_InvalidDocumentTree;
        check(tree.getCurrentContentItem().setTemplateIdentification("1410", "DCMR"));
        check(tree.addChildContentItem(DSRTypes::RT_contains, DSRTypes::VT_SCoord, region));
        check(tree.getCurrentContentItem().setSpatialCoordinates(
            outline(findings[i].region.width > 0 ? findings[i].region : whole)));
        if (tree.addContentItem(DSRTypes::RT_selectedFrom, DSRTypes::VT_Image,
                                DSRTypes::AM_belowCurrent) == 0)
            throw SR_EC_CannotAddContentItem;
        check(tree.getCurrentContentItem().setImageReference(image));
        tree.gotoNode(at);
        at = tree.gotoNextNamedNode(group);
    }
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
        {"Heat map", from->map ? from->map : ""},
    };
    for (const auto &text : texts)
        if (!plain_text(text[1]).empty())
            check(report->addQualitativeEvaluation(private_code(text[0]),
                                                   plain_text(text[1]).c_str()));
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
        BV_TRY(check_frames(dataset, source->name, err));
        std::vector<std::string> identity = {"report",     text_of(dataset, DCM_SOPInstanceUID),
                                             from->kind,   from->model,
                                             from->digest, from->prompts};
        if (from->map)
            identity.push_back(from->map);
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
            if (plain_text(findings[i].label).empty())
                return fail_label(i, err);
            add_identity(findings[i], from, &identity);
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
        add_regions(&document, findings, n, dataset);
        check(document.getCurrentRequestedProcedureEvidence().addItem(*dataset));
        check(document.getCodingSchemeIdentification().addItem(code_scheme));
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
        check(document.setSeriesDescription(from->map ? "biovl heat maps (research)"
                                                      : "biovl scores (research)"));
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
        put(to, DCM_DerivationDescription, cut_text(plain_text(picture->description), 1024));
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

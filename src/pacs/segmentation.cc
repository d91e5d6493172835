extern "C" {
#include "pacs/derived_object.h"

#include "base/sha256.h"
}

#include "pacs/dataset_bytes.hh"
#include "pacs/finding_codes.hh"
#include "pacs/origin.hh"

#include <string>
#include <vector>

using namespace bv_derived;

namespace
{

DcmItem *append(DcmItem *to, const DcmTagKey &sequence)
{
    DcmItem *item = nullptr;
    check(to->findOrCreateSequenceItem(sequence, item, -2));
    return item;
}

void put_text(DcmItem *to, const DcmTagKey &tag, const std::string &value)
{
    check(to->putAndInsertString(tag, value.c_str()));
}

void put_code(DcmItem *to, const DcmTagKey &sequence, const DSRCodedEntryValue &code)
{
    DcmItem *item = append(to, sequence);
    put_text(item, DCM_CodeValue, code.getCodeValue().c_str());
    put_text(item, DCM_CodingSchemeDesignator, code.getCodingSchemeDesignator().c_str());
    put_text(item, DCM_CodeMeaning, code.getCodeMeaning().c_str());
}

void put_image(DcmItem *to, DcmDataset *source)
{
    put_text(to, DCM_ReferencedSOPClassUID, text_of(source, DCM_SOPClassUID));
    put_text(to, DCM_ReferencedSOPInstanceUID, text_of(source, DCM_SOPInstanceUID));
}

// ---- Pixels ----

// One bit each, frame after frame without a gap, the first in the lowest bit.
std::vector<Uint8> pack(const bv_segment *segments, size_t n, size_t pixels)
{
    std::vector<Uint8> bits((n * pixels + 7) / 8 + 1, 0);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < pixels; k++) {
            const size_t at = i * pixels + k;
            if (segments[i].mask[k])
                bits[at / 8] = static_cast<Uint8>(bits[at / 8] | 1u << at % 8);
        }
    if (bits.size() % 2)
        bits.push_back(0);
    return bits;
}

void put_pixels(DcmDataset *to, const std::vector<Uint8> &bits, size_t n, unsigned width,
                unsigned height)
{
    check(to->putAndInsertUint16(DCM_SamplesPerPixel, 1));
    put(to, DCM_PhotometricInterpretation, "MONOCHROME2");
    put(to, DCM_NumberOfFrames, std::to_string(n));
    check(to->putAndInsertUint16(DCM_Rows, static_cast<Uint16>(height)));
    check(to->putAndInsertUint16(DCM_Columns, static_cast<Uint16>(width)));
    check(to->putAndInsertUint16(DCM_BitsAllocated, 1));
    check(to->putAndInsertUint16(DCM_BitsStored, 1));
    check(to->putAndInsertUint16(DCM_HighBit, 0));
    check(to->putAndInsertUint16(DCM_PixelRepresentation, 0));
    const size_t whole = (n * width * height + 7) / 8; // then a byte that makes it even
    check(to->putAndInsertUint8Array(DCM_PixelData, bits.data(),
                                     static_cast<unsigned long>(whole + whole % 2)));
}

// ---- Segments and frames ----

void put_segment(DcmDataset *to, const bv_segment &segment, size_t number,
                 const std::string &tracking, const bv_findings_source *from)
{
    DcmItem *item = append(to, DCM_SegmentSequence);
    check(item->putAndInsertUint16(DCM_SegmentNumber, static_cast<Uint16>(number)));
    put_text(item, DCM_SegmentLabel, one_value(segment.label));
    put_text(item, DCM_SegmentDescription,
             "Where the score of a research model comes from; not where a finding is");
    put_text(item, DCM_SegmentAlgorithmType, "AUTOMATIC");
    put_text(item, DCM_SegmentAlgorithmName, one_value(from->map ? from->map : "heat map"));
    put_code(item, DCM_SegmentedPropertyCategoryCodeSequence, private_code("Heat map of a model"));
    put_code(item, DCM_SegmentedPropertyTypeCodeSequence,
             private_code("Heat map above its threshold"));
    put_text(item, DCM_TrackingID, plain_text(segment.label));
    put_text(item, DCM_TrackingUID, tracking);
}

void put_frame(DcmDataset *to, DcmDataset *source, size_t number)
{
    DcmItem *frame = append(to, DCM_PerFrameFunctionalGroupsSequence);
    DcmItem *content = append(frame, DCM_FrameContentSequence);
    check(content->putAndInsertUint32(DCM_DimensionIndexValues, static_cast<Uint32>(number)));
    DcmItem *segment = append(frame, DCM_SegmentIdentificationSequence);
    check(segment->putAndInsertUint16(DCM_ReferencedSegmentNumber, static_cast<Uint16>(number)));
    DcmItem *derivation = append(frame, DCM_DerivationImageSequence);
    DcmItem *image = append(derivation, DCM_SourceImageSequence);
    put_image(image, source);
    put_code(image, DCM_PurposeOfReferenceCodeSequence,
             DSRCodedEntryValue("121322", "DCM", "Source image for image processing operation"));
    put_text(image, DCM_SpatialLocationsPreserved, "YES");
    put_code(derivation, DCM_DerivationCodeSequence,
             DSRCodedEntryValue("113076", "DCM", "Segmentation"));
}

void put_dimension(DcmDataset *to, const std::string &uid)
{
    put_text(append(to, DCM_DimensionOrganizationSequence), DCM_DimensionOrganizationUID, uid);
    DcmItem *index = append(to, DCM_DimensionIndexSequence);
    put_text(index, DCM_DimensionOrganizationUID, uid);
    check(index->putAndInsertTagKey(DCM_DimensionIndexPointer, DCM_ReferencedSegmentNumber));
    check(index->putAndInsertTagKey(DCM_FunctionalGroupPointer, DCM_SegmentIdentificationSequence));
    put_text(index, DCM_DimensionDescriptionLabel, "Segment");
}

// ---- The rest ----

void put_series(DcmDataset *to, DcmDataset *source, const bv_findings_source *from)
{
    put(to, DCM_SOPClassUID, UID_SegmentationStorage);
    put(to, DCM_SeriesInstanceUID,
        make_uid({"segmentation series", text_of(source, DCM_StudyInstanceUID)}));
    put(to, DCM_Modality, "SEG");
    put(to, DCM_SeriesNumber, "9003");
    put(to, DCM_InstanceNumber, "1");
    put(to, DCM_SeriesDescription, "biovl heat maps (research)");
    put(to, DCM_Manufacturer, own_class);
    put(to, DCM_ManufacturerModelName, own_class);
    put(to, DCM_DeviceSerialNumber, "1");
    put(to, DCM_SoftwareVersions, from->version);
    put(to, DCM_ImageType, "DERIVED\\PRIMARY");
    if (source->tagExists(DCM_PatientOrientation))
        check(source->findAndInsertCopyOfElement(DCM_PatientOrientation, to));
    else
        check(to->insertEmptyElement(DCM_PatientOrientation));
    put(to, DCM_ContentLabel, "HEATMAP");
    put(to, DCM_ContentDescription, one_value(std::string("Heat maps of ") + from->model));
    check(to->insertEmptyElement(DCM_ContentCreatorName));
    put(to, DCM_SegmentationType, "BINARY");
    put(to, DCM_LossyImageCompression,
        text_of(source, DCM_LossyImageCompression) == "01" ? "01" : "00");
    put_now(to, DCM_ContentDate, DCM_ContentTime);
}

void put_reference(DcmDataset *to, DcmDataset *source)
{
    const std::string series = text_of(source, DCM_SeriesInstanceUID);
    if (series.empty())
        return;
    DcmItem *item = append(to, DCM_ReferencedSeriesSequence);
    put_text(item, DCM_SeriesInstanceUID, series);
    put_image(append(item, DCM_ReferencedInstanceSequence), source);
}

// Lossily compressed pixels stay so in what is made of them: the ratio and the method come along.
void copy_compression(DcmDataset *to, DcmDataset *source)
{
    if (text_of(source, DCM_LossyImageCompression) != "01")
        return;
    DcmElement *element = nullptr;
    for (const DcmTagKey &tag : {DCM_LossyImageCompressionRatio, DCM_LossyImageCompressionMethod})
        if (source->findAndGetElement(tag, element).good() && element->checkValue().good())
            check(source->findAndInsertCopyOfElement(tag, to));
}

bv_status check_size(DcmDataset *source, const char *name, size_t n, unsigned width,
                     unsigned height, bv_error *err)
{
    Uint16 rows = 0, columns = 0;
    (void)source->findAndGetUint16(DCM_Rows, rows);
    (void)source->findAndGetUint16(DCM_Columns, columns);
    if (rows != height || columns != width)
        return bv_fail(err, BV_ERR_ARG, "%s: an image of %u x %u pixels, masks of %u x %u", name,
                       static_cast<unsigned>(columns), static_cast<unsigned>(rows), width, height);
    if (n == 0 || n > 65535 || n * width * height > static_cast<size_t>(1) << 33)
        return bv_fail(err, BV_ERR_LIMIT, "%zu segments of %u x %u pixels", n, width, height);
    return BV_OK;
}

} // namespace

bv_status bv_findings_segmentation(const bv_source_object *source, const bv_segment *segments,
                                   size_t n, unsigned width, unsigned height,
                                   const bv_findings_source *from, uint8_t **bytes, size_t *size,
                                   bv_error *err)
{
    return guarded(source->name, err, [&]() -> bv_status {
        DcmFileFormat out;
        origin origin = {};
        open_origin(source->bytes, source->size, &origin);
        DcmDataset *image = origin.dataset(), *to = out.getDataset();
        std::string texts = from->model, character_set;
        std::vector<std::string> identity = {"segmentation", text_of(image, DCM_SOPInstanceUID),
                                             from->model, from->digest, from->map ? from->map : ""};
        for (size_t i = 0; i < n; i++) {
            if (plain_text(segments[i].label).empty())
                return fail_label(i, err);
            texts += segments[i].label;
            identity.push_back(segments[i].label);
        }
        if (!choose_character_set(&origin, texts, &character_set))
            return fail_characters(source->name, err);
        if (!names_itself(image))
            return bv_fail(err, BV_ERR_ARG, "%s: names no study or instance to add to",
                           source->name);
        BV_TRY(check_frames(image, source->name, err));
        BV_TRY(check_size(image, source->name, n, width, height, err));
        const std::string instance = text_of(image, DCM_SOPInstanceUID);
        const std::vector<Uint8> bits = pack(segments, n, static_cast<size_t>(width) * height);
        char hex[65];
        bv_sha256_hex(bits.data(), bits.size(), hex);
        identity.push_back(hex);
        copy_study(image, to);
        if (!character_set.empty())
            put(to, DCM_SpecificCharacterSet, character_set);
        put_series(to, image, from);
        copy_compression(to, image);
        put(to, DCM_SOPInstanceUID, make_uid(identity));
        put_dimension(to, make_uid({"dimension", instance, hex}));
        (void)append(to, DCM_SharedFunctionalGroupsSequence);
        for (size_t i = 0; i < n; i++) {
            put_segment(to, segments[i], i + 1,
                        make_uid({"segment", instance, from->digest, segments[i].label}), from);
            put_frame(to, image, i + 1);
        }
        put_reference(to, image);
        put_pixels(to, bits, n, width, height);
        return bv_dataset_to_bytes(&out, EXS_LittleEndianExplicit, bytes, size, err);
    });
}

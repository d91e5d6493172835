// Objects whose every text attribute holds a sentinel, in six character sets: of a structured
// report that repeats them nothing but its words is left, and of an image's header nothing at all.
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>
#include <vector>

extern "C" {
#include "retrieval/record.h"
#include "retrieval/scrub.h"
}

#include "retrieval/dicom_parse.hh"

#include <dcmtk/dcmdata/dcdict.h>
#include <dcmtk/dcmdata/dcostrmb.h>

namespace
{

int failures = 0;

void fail(const std::string &text)
{
    std::printf("FAILED: %s\n", text.c_str());
    failures++;
}

// A name in the script of a character set, as UTF-8.
struct script {
    const char *charset; // as the object has it
    const char *family, *given;
};
const script scripts[] = {
    {"ISO_IR 100", "M\u00fcllersent", "J\u00f6rgsent"},
    {"ISO_IR 144", "\u0418\u0432\u0430\u043d\u043e\u0432\u0441\u0435\u043d\u0442",
     "\u041f\u0451\u0442\u0440"},
    {"ISO_IR 126", "\u03a0\u03b1\u03c0\u03b1\u03b4\u03cc\u03c0\u03bf\u03c5\u03bb\u03bf\u03c2",
     "\u039d\u03af\u03ba\u03bf\u03c2"},
    {"ISO_IR 192", "\u5c71\u7530", "\u592a\u90ce"},
    {"GB18030", "\u738b\u5c0f", "\u5c0f\u4e1c"},
    {"ISO_IR 166", "\u0e2a\u0e21\u0e0a\u0e32\u0e22", "\u0e43\u0e08\u0e14\u0e35"},
};

// Whether a text attribute is filled: those that the reader takes the object's form from are not.
bool is_filled(const DcmDictEntry *entry)
{
    static const DcmTagKey spared[] = {
        DCM_SpecificCharacterSet,
        DCM_CompletionFlag,
        DCM_VerificationFlag,
        DCM_ValueType,
        DCM_ContinuityOfContent,
        DCM_TextValue,
        DCM_CodeValue,
        DCM_CodingSchemeDesignator,
        DCM_CodeMeaning,
        DCM_RelationshipType,
        DCM_PreliminaryFlag,
        DCM_Modality,
        DCM_ManufacturerModelName,
        DCM_NumericValue,
        DCM_MIMETypeOfEncapsulatedDocument,
        DCM_TimezoneOffsetFromUTC,
        DCM_TemplateIdentifier,
    };
    for (const DcmTagKey &key : spared) {
        if (entry->getKey() == key)
            return false;
    }
    // What DCMTK's reader of reports reads as structure, and pixel attributes.
    unsigned group = entry->getKey().getGroup();
    if (entry->isRepeating() || entry->getPrivateCreator() || group < 8 || group >= 0x4100 ||
        group == 0x28)
        return false;
    switch (entry->getEVR()) {
    case EVR_PN:
    case EVR_LO:
    case EVR_SH:
    case EVR_ST:
    case EVR_LT:
    case EVR_UT:
    case EVR_UC:
    case EVR_CS:
        return true;
    default:
        return false;
    }
}

std::string key_name(const DcmTagKey &key)
{
    char text[16];
    (void)std::snprintf(text, sizeof text, "%04X%04X", key.getGroup(), key.getElement());
    return text;
}

// Fills every text attribute; returns how many, and the values of persons, numbers and places.
size_t fill(DcmItem *dataset, const script &s, std::vector<std::string> *persons)
{
    size_t n = 0;
    DcmDataDictionary &dictionary = dcmDataDict.wrlock();
    for (DcmHashDictIterator i = dictionary.normalBegin(); i != dictionary.normalEnd(); ++i) {
        const DcmDictEntry *entry = *i;
        if (!is_filled(entry))
            continue;
        std::string value = "SENT" + key_name(entry->getKey());
        if (entry->getEVR() == EVR_PN) {
            value = std::string(s.family) + "^" + value + "^" + s.given;
            persons->push_back("SENT" + key_name(entry->getKey()));
        }
        if (dataset->putAndInsertString(DcmTag(entry->getKey(), entry->getEVR()), value.c_str())
                .good())
            n++;
    }
    dcmDataDict.wrunlock();
    return n;
}

void add_code(DcmItem *item, const DcmTagKey &sequence, const char *value, const char *scheme,
              const char *meaning)
{
    DcmItem *code = nullptr;
    (void)item->findOrCreateSequenceItem(sequence, code);
    (void)code->putAndInsertString(DCM_CodeValue, value);
    (void)code->putAndInsertString(DCM_CodingSchemeDesignator, scheme);
    (void)code->putAndInsertString(DCM_CodeMeaning, meaning);
}

void add_content(DcmItem *dataset, const std::string &text, const script &s)
{
    DcmItem *item = nullptr;
    (void)dataset->putAndInsertString(DCM_ValueType, "CONTAINER");
    (void)dataset->putAndInsertString(DCM_ContinuityOfContent, "SEPARATE");
    (void)dataset->putAndInsertString(DCM_CompletionFlag, "COMPLETE");
    (void)dataset->putAndInsertString(DCM_VerificationFlag, "UNVERIFIED");
    add_code(dataset, DCM_ConceptNameCodeSequence, "18748-4", "LN", "Diagnostic imaging report");
    (void)dataset->findOrCreateSequenceItem(DCM_ContentSequence, item, -2);
    (void)item->putAndInsertString(DCM_RelationshipType, "CONTAINS");
    (void)item->putAndInsertString(DCM_ValueType, "TEXT");
    (void)item->putAndInsertString(DCM_TextValue, text.c_str());
    add_code(item, DCM_ConceptNameCodeSequence, "121071", "DCM", "Finding");
    item = nullptr;
    (void)dataset->findOrCreateSequenceItem(DCM_ContentSequence, item, -2);
    (void)item->putAndInsertString(DCM_RelationshipType, "HAS OBS CONTEXT");
    (void)item->putAndInsertString(DCM_ValueType, "PNAME");
    (void)item->putAndInsertString(DCM_PersonName,
                                   (std::string(s.family) + "^SENTOBSERVER").c_str());
    add_code(item, DCM_ConceptNameCodeSequence, "121008", "DCM", "Person Observer Name");
}

void put_uids(DcmItem *dataset, const char *sop_class)
{
    (void)dataset->putAndInsertString(DCM_SOPClassUID, sop_class);
    (void)dataset->putAndInsertString(DCM_SOPInstanceUID, "1.2.276.0.9999.3");
    (void)dataset->putAndInsertString(DCM_StudyInstanceUID, "1.2.276.0.9999.1");
    (void)dataset->putAndInsertString(DCM_SeriesInstanceUID, "1.2.276.0.9999.2");
    (void)dataset->putAndInsertString(DCM_StudyDate, "20240102");
    (void)dataset->putAndInsertString(DCM_PatientBirthDate, "19610203");
    (void)dataset->putAndInsertString(DCM_SpecificCharacterSet, "ISO_IR 192");
}

std::vector<uint8_t> bytes_of(DcmFileFormat *file)
{
    std::vector<uint8_t> bytes(16 << 20);
    DcmOutputBufferStream stream(bytes.data(), static_cast<offile_off_t>(bytes.size()));
    file->transferInit();
    (void)file->write(stream, EXS_LittleEndianExplicit, EET_UndefinedLength, nullptr, EGL_recalcGL);
    file->transferEnd();
    void *data = nullptr;
    offile_off_t n = 0;
    stream.flushBuffer(data, n);
    bytes.resize(static_cast<size_t>(n));
    return bytes;
}

// What leaves of an object: its report, scrubbed, and its metadata.
std::string what_leaves(const std::vector<uint8_t> &bytes)
{
    bv_arena arena = {};
    bv_error err = {};
    bv_record record = {};
    std::string out;
    if (bv_record_from_dicom(&record, bytes.data(), bytes.size(), "test", true, &arena, &err) !=
        BV_OK) {
        fail(err.text);
        return out;
    }
    if (record.report)
        out += bv_scrub(&arena, record.report, &record.identifiers);
    for (json_t *json : {record.metadata, record.report_metadata}) {
        char *text = json ? json_dumps(json, JSON_COMPACT) : nullptr;
        out += text ? text : "";
        std::free(text);
    }
    bv_record_clear(&record);
    bv_arena_free(&arena);
    return out;
}

void check_script(const script &s)
{
    DcmFileFormat file;
    DcmDataset *dataset = file.getDataset();
    std::vector<std::string> persons;
    put_uids(dataset, UID_BasicTextSRStorage);
    size_t n = fill(dataset, s, &persons);
    put_uids(dataset, UID_BasicTextSRStorage);
    if (n < 1000)
        fail("only " + std::to_string(n) + " attributes are filled");
    std::string text = std::string(s.family) + s.given + " seen. " + s.given + " " + s.family +
                       ", SENTOBSERVER; sent00100020 SENT00080050 SENT00101040 SENT00080080\n";
    for (const std::string &person : persons)
        text += "Met " + person + ". ";
    text += "\nKeptword effusion.";
    (void)dataset->putAndInsertString(DCM_Modality, "SR");
    add_content(dataset, text, s);
    if (std::string(s.charset) != "ISO_IR 192" &&
        dataset->convertCharacterSet("ISO_IR 192", s.charset, 0, OFTrue).bad())
        fail(std::string("DCMTK cannot write ") + s.charset);
    const std::string left = what_leaves(bytes_of(&file));
    for (const char *gone : {"SENT", "sent", s.family, s.given, "1961", "2024"}) {
        if (left.find(gone) != std::string::npos)
            fail(std::string(s.charset) + ": \"" + gone + "\" is left in " + left.substr(0, 400));
    }
    if (left.find("Keptword effusion.") == std::string::npos)
        fail("the report's words are gone: " + left.substr(0, 400));
    std::printf("%s: %zu attributes, %zu of persons\n", s.charset, n, persons.size());
}

void check_image(const script &s)
{
    DcmFileFormat file;
    std::vector<std::string> persons;
    put_uids(file.getDataset(), UID_ComputedRadiographyImageStorage);
    (void)fill(file.getDataset(), s, &persons);
    put_uids(file.getDataset(), UID_ComputedRadiographyImageStorage);
    (void)file.getDataset()->putAndInsertUint16(DCM_Rows, 4);
    (void)file.getDataset()->putAndInsertUint16(DCM_Columns, 4);
    const std::string left = what_leaves(bytes_of(&file));
    if (left.find("SENT") != std::string::npos || left.find(s.family) != std::string::npos)
        fail("of an image's header is left: " + left);
}

} // namespace

int main()
{
    if (!dcmDataDict.isDictionaryLoaded()) {
        std::printf("skipped: DCMTK's dictionary is not installed\n");
        return 77;
    }
    for (const script &s : scripts) {
        check_script(s);
        check_image(s);
    }
    return failures == 0 ? 0 : 1;
}

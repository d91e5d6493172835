extern "C" {
#include "retrieval/record.h"

#include "base/encoding.h"
#include "image/dicom_dataset.h"
}

#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>

#include "retrieval/dicom_parse.hh"

#include <dcmtk/dcmsr/dsrcodtn.h>
#include <dcmtk/dcmsr/dsrdoc.h>
#include <dcmtk/dcmsr/dsrnumtn.h>
#include <dcmtk/dcmsr/dsrtextn.h>

namespace
{

const size_t max_text = 1 << 20;

void add_line(std::string *out, const std::string &head, const std::string &text)
{
    if (text.empty() || out->size() + text.size() > max_text)
        return;
    if (!head.empty() && head != text)
        *out += head + ": ";
    *out += text;
    *out += '\n';
}

std::string meaning(const DSRCodedEntryValue &code)
{
    return std::string(code.getCodeMeaning().c_str(), code.getCodeMeaning().length());
}

// Texts of the observation context (TID 1001) that tell who, where and under which number.
bool names_someone(const DSRCodedEntryValue &name)
{
    static const char *const codes[] = {
        "121009", // Person Observer's Organization Name
        "121017", // Device Observer Physical Location During Observation
        "121022", // Accession Number
        "121030", // Subject ID
    };
    for (const char *code : codes) {
        if (name.getCodingSchemeDesignator() == "DCM" && name.getCodeValue() == code)
            return true;
    }
    return false;
}

void add_node(std::string *out, const DSRDocumentTreeNode *node)
{
    std::string head = meaning(node->getConceptName());
    switch (node->getValueType()) {
    case DSRTypes::VT_Container:
        if (!head.empty())
            *out += head + ":\n";
        break;
    case DSRTypes::VT_Text: {
        if (names_someone(node->getConceptName()))
            break;
        const auto *text = static_cast<const DSRTextTreeNode *>(node);
        add_line(out, head, text->getValue().c_str());
        break;
    }
    case DSRTypes::VT_Code: {
        // A code node is its value as well as its concept.
        const auto *code = static_cast<const DSRCodeTreeNode *>(node);
        add_line(out, head, code->getValue().getCodeMeaning().c_str());
        break;
    }
    case DSRTypes::VT_Num: {
        const auto *num = static_cast<const DSRNumTreeNode *>(node);
        const DSRNumericMeasurementValue &value = num->getValue();
        add_line(out, head,
                 std::string(value.getNumericValue().c_str()) + " " +
                     value.getMeasurementUnit().getCodeMeaning().c_str());
        break;
    }
    default: // names, dates, times, references
        break;
    }
}

// Whether objects of this class hold a radiologist's words.
bool is_report_class(const OFString &uid)
{
    static const char *const classes[] = {
        UID_BasicTextSRStorage,       UID_EnhancedSRStorage,   UID_ComprehensiveSRStorage,
        UID_Comprehensive3DSRStorage, UID_ExtensibleSRStorage,
    };
    for (const char *known : classes) {
        if (uid == known)
            return true;
    }
    return false;
}

// Titles of documents that hold measurements only (CID 7021), and selections (CID 7010).
bool is_report_title(const std::string &scheme, const std::string &value)
{
    static const char *const others[] = {"126000", "126001", "126002", "126003", "113000"};
    for (const char *other : others) {
        if (scheme == "DCM" && value == other)
            return false;
    }
    return true;
}

bool calls_itself_addendum(const std::string &text)
{
    static const char word[] = "addendum";
    size_t at = text.find_first_not_of(" \t\r\n");
    for (size_t i = 0; at != std::string::npos && i < sizeof word - 1; i++) {
        if (at + i >= text.size() || (text[at + i] | 0x20) != word[i])
            return false;
    }
    return at != std::string::npos;
}

// The first text of the tree, where an addendum says that it is one.
const char *first_text(const DSRDocumentTreeNode *node)
{
    return node->getValueType() == DSRTypes::VT_Text
               ? static_cast<const DSRTextTreeNode *>(node)->getValue().c_str()
               : nullptr;
}

// The sequence of that name in an item, or null.
DcmSequenceOfItems *sequence_of(DcmObject *item, const DcmTagKey &tag)
{
    DcmSequenceOfItems *sequence = nullptr;
    (void)static_cast<DcmItem *>(item)->findAndGetSequence(tag, sequence);
    return sequence;
}

// The item after that one, or the first; null at the end. getItem(i) would begin at the first item
// each time.
DcmObject *next_item(DcmSequenceOfItems *sequence, DcmObject *item)
{
    return sequence ? sequence->nextInContainer(item) : nullptr;
}

bv_status read_predecessors(DcmDataset *dataset, bv_arena *arena, bv_report_facts *facts,
                            bv_error *err)
{
    DcmSequenceOfItems *studies = sequence_of(dataset, DCM_PredecessorDocumentsSequence);
    for (DcmObject *i = next_item(studies, nullptr); i; i = next_item(studies, i)) {
        DcmSequenceOfItems *series = sequence_of(i, DCM_ReferencedSeriesSequence);
        for (DcmObject *j = next_item(series, nullptr); j; j = next_item(series, j)) {
            DcmSequenceOfItems *objects = sequence_of(j, DCM_ReferencedSOPSequence);
            for (DcmObject *k = next_item(objects, nullptr); k; k = next_item(objects, k)) {
                OFString uid;
                (void)static_cast<DcmItem *>(k)->findAndGetOFString(DCM_ReferencedSOPInstanceUID,
                                                                    uid);
                if (uid.empty() || facts->n_predecessors == BV_RECORD_PREDECESSORS)
                    continue;
                const char *copy = bv_arena_strdup(arena, uid.c_str());
                if (!copy)
                    return bv_fail_nomem(err, "a report");
                facts->predecessors[facts->n_predecessors++] = copy;
            }
        }
    }
    return BV_OK;
}

bv_status report_text(DcmDataset *dataset, const char *name, std::string *out,
                      bv_report_facts *facts, bv_error *err)
{
    DSRDocument document;
    OFString sop_class;
    (void)dataset->findAndGetOFString(DCM_SOPClassUID, sop_class);
    if (!is_report_class(sop_class))
        return bv_fail(err, BV_ERR_UNSUPPORTED,
                       "%s: a structured document of a class that is no report", name);
    // Real archives hold reports that break a rule here and there; read what can be read.
    OFCondition result = document.read(
        *dataset, DSRTypes::RF_readDigitalSignatures | DSRTypes::RF_acceptUnknownRelationshipType |
                      DSRTypes::RF_acceptInvalidContentItemValue |
                      DSRTypes::RF_ignoreRelationshipConstraints |
                      DSRTypes::RF_ignoreContentItemErrors | DSRTypes::RF_skipInvalidContentItems);
    if (result.bad())
        return bv_fail(err, BV_ERR_FORMAT, "%s: a structured report that cannot be read", name);
    DSRDocumentTreeNodeCursor cursor;
    const char *first = nullptr;
    bool addendum = false;
    if (document.getTree().getCursorToRootNode(cursor) > 0) {
        const DSRCodedEntryValue &title = cursor.getNode()->getConceptName();
        if (!is_report_title(title.getCodingSchemeDesignator().c_str(),
                             title.getCodeValue().c_str()))
            return bv_fail(err, BV_ERR_UNSUPPORTED,
                           "%s: a structured document that is no report by its title", name);
        addendum = calls_itself_addendum(meaning(title));
        do {
            if (!first)
                first = first_text(cursor.getNode());
            add_node(out, cursor.getNode());
        } while (cursor.iterate() > 0);
    }
    addendum = addendum || (first && calls_itself_addendum(first));
    facts->kind = addendum ? "addendum" : facts->n_predecessors ? "correction" : "report";
    return BV_OK;
}

// Where a document's own words begin: CDA and HTML keep names, addresses and numbers in their head.
size_t find_body(const std::string &document)
{
    static const char *const starts[] = {"<structuredBody", "<nonXMLBody", "<body", "<BODY"};
    for (const char *start : starts) {
        size_t at = document.find(start);
        if (at != std::string::npos)
            return at;
    }
    // A clinical document without a body says nothing but whom it is about.
    return document.find("<ClinicalDocument") == std::string::npos ? 0 : document.size();
}

// The character that an entity at in[*i] stands for; *i moves to its last one.
char read_entity(const std::string &in, size_t *i)
{
    static const struct {
        const char *name;
        char value;
    } known[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};
    for (const auto &entity : known) {
        size_t n = std::strlen(entity.name);
        if (in.compare(*i, n, entity.name) == 0) {
            *i += n - 1;
            return entity.value;
        }
    }
    return in[*i];
}

// Tags become spaces.
void add_markup(std::string *out, const std::string &document)
{
    bool inside = false;
    for (size_t i = find_body(document); i < document.size(); i++) {
        if (document[i] == '<')
            inside = true;
        if (!inside)
            *out += document[i] == '&' ? read_entity(document, &i) : document[i];
        if (document[i] == '>' && inside) {
            inside = false;
            *out += ' ';
        }
    }
}

// The character set of an XML document by its first line, "" where that says nothing.
std::string xml_encoding(const std::string &document)
{
    static const char key[] = "encoding=";
    const std::string line = document.substr(0, document.find("?>"));
    const size_t at = line.find(key);
    if (line.compare(0, 5, "<?xml") != 0 || at == std::string::npos || at + 10 > line.size())
        return "";
    const size_t start = at + sizeof key; // after the quote
    return line.substr(start, line.find(line[start - 1], start) - start);
}

// A document's own words about its character set, as DICOM's term.
std::string document_sets(const std::string &document, const std::string &sets)
{
    static const char *const latin[] = {"ISO-8859-1", "iso-8859-1", "windows-1252", "WINDOWS-1252"};
    const std::string encoding = xml_encoding(document);
    for (const char *name : latin) {
        if (encoding == name)
            return "ISO_IR 100";
    }
    return sets;
}

bv_status to_utf8(const std::string &sets, const char *name, std::string *text, bv_error *err)
{
    bv_arena arena = {};
    const char *read = nullptr;
    if (bv_utf8_valid(text->data(), text->size(), nullptr))
        return BV_OK;
    bv_status status = bv_characters_read(document_sets(*text, sets).c_str(), BV_TEXT_LONG,
                                          text->data(), text->size(), &arena, &read, err);
    if (status == BV_OK)
        *text = read;
    else
        (void)bv_fail_prefix(err, "%s", name);
    bv_arena_free(&arena);
    return status;
}

// What could not be read by the object's character sets has stayed as it was.
bv_status check_characters(const std::string &text, const std::string &sets, const char *name,
                           bv_error *err)
{
    if (bv_utf8_valid(text.data(), text.size(), nullptr) && text.find('\x1b') == std::string::npos)
        return BV_OK;
    return bv_fail(err, BV_ERR_FORMAT,
                   "%s: a report whose characters are not those of its Specific Character Set "
                   "(%.64s)",
                   name, sets.empty() ? "none" : sets.c_str());
}

bv_status encapsulated_text(DcmDataset *dataset, const std::string &sets, const char *name,
                            std::string *out, bv_error *err)
{
    OFString mime;
    const Uint8 *bytes = nullptr;
    unsigned long n = 0;
    (void)dataset->findAndGetOFString(DCM_MIMETypeOfEncapsulatedDocument, mime);
    if (mime == "application/pdf")
        return bv_fail(err, BV_ERR_UNSUPPORTED,
                       "%s: an encapsulated PDF document, of which no text is read", name);
    if (mime.substr(0, 5) != "text/")
        return bv_fail(err, BV_ERR_UNSUPPORTED, "%s: an encapsulated document that is not text",
                       name);
    if (dataset->findAndGetUint8Array(DCM_EncapsulatedDocument, bytes, &n).bad() || !bytes)
        return bv_fail(err, BV_ERR_FORMAT, "%s: an encapsulated document without content", name);
    std::string document(reinterpret_cast<const char *>(bytes), n < max_text ? n : max_text);
    document.resize(std::strlen(document.c_str())); // padding
    BV_TRY(to_utf8(sets, name, &document, err));
    if (mime == "text/plain")
        *out += document;
    else
        add_markup(out, document);
    return BV_OK;
}

bv_status object_text(DcmFileFormat *file, const std::string &sets, const char *name,
                      bv_arena *arena, std::string *out, bv_report_facts *facts, bv_error *err)
{
    DcmDataset *dataset = file->getDataset();
    if (dataset->tagExists(DCM_EncapsulatedDocument))
        return encapsulated_text(dataset, sets, name, out, err);
    if (dataset->tagExists(DCM_ContentSequence) || dataset->tagExists(DCM_ValueType)) {
        BV_TRY(read_predecessors(dataset, arena, facts, err));
        return report_text(dataset, name, out, facts, err);
    }
    return bv_fail(err, BV_ERR_UNSUPPORTED, "%s: neither an image nor a report", name);
}

} // namespace

bv_status bv_dicom_text(const uint8_t *bytes, size_t size, bool bare, const char *name,
                        bv_arena *arena, const char **text, bv_report_facts *facts, bv_error *err)
{
    try {
        DcmFileFormat file;
        std::string out, sets;
        if (!bv_dicom_parse(bytes, size, bare, &file, &sets))
            return bv_fail(err, BV_ERR_FORMAT, "%s: not a readable DICOM object", name);
        BV_TRY(object_text(&file, sets, name, arena, &out, facts, err));
        BV_TRY(check_characters(out, sets, name, err));
        const char *copy = bv_arena_strndup(arena, out.data(), out.size());
        if (!copy)
            return bv_fail_nomem(err, "a report");
        *text = copy;
        return BV_OK;
    } catch (const std::bad_alloc &) {
        return bv_fail_nomem(err, "a report");
    } catch (const std::exception &) {
        return bv_fail(err, BV_ERR_FORMAT, "%s: a DICOM object that cannot be read", name);
    } catch (...) {
        return bv_fail(err, BV_ERR_INTERNAL, "%s: DCMTK failed for an unknown reason", name);
    }
}

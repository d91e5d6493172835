extern "C" {
#include "retrieval/dicom_text.h"
}

#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dcistrmb.h>
#include <dcmtk/dcmdata/dctk.h>
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

void add_node(std::string *out, const DSRDocumentTreeNode *node)
{
    std::string head = meaning(node->getConceptName());
    switch (node->getValueType()) {
    case DSRTypes::VT_Container:
        if (!head.empty())
            *out += head + ":\n";
        break;
    case DSRTypes::VT_Text: {
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

bv_status report_text(DcmDataset *dataset, const char *name, std::string *out, bv_error *err)
{
    DSRDocument document;
    // Real archives hold reports that break a rule here and there; read what can be read.
    OFCondition result = document.read(
        *dataset, DSRTypes::RF_readDigitalSignatures | DSRTypes::RF_acceptUnknownRelationshipType |
                      DSRTypes::RF_acceptInvalidContentItemValue |
                      DSRTypes::RF_ignoreRelationshipConstraints |
                      DSRTypes::RF_ignoreContentItemErrors | DSRTypes::RF_skipInvalidContentItems);
    if (result.bad())
        return bv_fail(err, BV_ERR_FORMAT, "%s: a structured report that cannot be read", name);
    DSRDocumentTreeNodeCursor cursor;
    if (document.getTree().getCursorToRootNode(cursor) > 0) {
        do {
            add_node(out, cursor.getNode());
        } while (cursor.iterate() > 0);
    }
    return BV_OK;
}

// Encapsulated text, with the tags of CDA and HTML documents replaced by spaces.
bv_status encapsulated_text(DcmDataset *dataset, const char *name, std::string *out, bv_error *err)
{
    OFString mime;
    const Uint8 *bytes = nullptr;
    unsigned long n = 0;
    if (dataset->findAndGetOFString(DCM_MIMETypeOfEncapsulatedDocument, mime).bad() ||
        mime.substr(0, 5) != "text/")
        return bv_fail(err, BV_ERR_UNSUPPORTED, "%s: an encapsulated document that is not text",
                       name);
    if (dataset->findAndGetUint8Array(DCM_EncapsulatedDocument, bytes, &n).bad() || !bytes)
        return bv_fail(err, BV_ERR_FORMAT, "%s: an encapsulated document without content", name);
    bool markup = mime != "text/plain", inside = false;
    for (unsigned long i = 0; i < n && bytes[i] && out->size() < max_text; i++) {
        char c = static_cast<char>(bytes[i]);
        if (markup && c == '<')
            inside = true;
        if (!inside)
            *out += c;
        if (markup && c == '>') {
            inside = false;
            *out += ' ';
        }
    }
    return BV_OK;
}

bv_status object_text(DcmFileFormat *file, const char *name, std::string *out, bv_error *err)
{
    DcmDataset *dataset = file->getDataset();
    if (dataset->tagExists(DCM_EncapsulatedDocument))
        return encapsulated_text(dataset, name, out, err);
    // Texts of other character sets become UTF-8; where that fails they stay as they are.
    (void)dataset->convertToUTF8();
    if (dataset->tagExists(DCM_ContentSequence) || dataset->tagExists(DCM_ValueType))
        return report_text(dataset, name, out, err);
    return bv_fail(err, BV_ERR_UNSUPPORTED, "%s: neither an image nor a report", name);
}

} // namespace

bv_status bv_dicom_text(const uint8_t *bytes, size_t size, bool bare, const char *name,
                        bv_arena *arena, const char **text, bv_error *err)
{
    try {
        DcmInputBufferStream stream;
        stream.setBuffer(bytes, static_cast<offile_off_t>(size));
        stream.setEos();
        DcmFileFormat file;
        DcmObject *root = bare ? static_cast<DcmObject *>(file.getDataset()) : &file;
        root->transferInit();
        OFCondition result = root->read(stream, bare ? EXS_LittleEndianExplicit : EXS_Unknown);
        root->transferEnd();
        if (result.bad() && result != EC_EndOfStream)
            return bv_fail(err, BV_ERR_FORMAT, "%s: not a readable DICOM object", name);
        std::string out;
        bv_status status = object_text(&file, name, &out, err);
        if (status != BV_OK)
            return status;
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

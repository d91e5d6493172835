#include "image/dicom_characters.hh"

#include <cstring>
#include <new>

extern "C" {
#include "image/dicom_dataset.h"
}

namespace
{

struct conversion {
    bv_arena arena;
    std::size_t changed, unread;
};

bool text_kind(DcmEVR vr, bv_text_kind *kind)
{
    switch (vr) {
    case EVR_LT:
    case EVR_ST:
    case EVR_UT:
        *kind = BV_TEXT_LONG;
        return true;
    case EVR_LO:
    case EVR_SH:
    case EVR_UC:
        *kind = BV_TEXT_SHORT;
        return true;
    case EVR_PN:
        *kind = BV_TEXT_NAME;
        return true;
    default:
        return false;
    }
}

void convert_element(conversion *c, DcmElement *element, const std::string &sets)
{
    bv_text_kind kind = BV_TEXT_LONG;
    char *text = nullptr;
    Uint32 n = 0;
    const char *out = nullptr;
    bv_error err = {};
    if (!text_kind(element->ident(), &kind) || element->getString(text, n).bad() || !text)
        return;
    switch (bv_characters_read(sets.c_str(), kind, text, n, &c->arena, &out, &err)) {
    case BV_OK:
        break;
    case BV_ERR_NOMEM:
        throw std::bad_alloc();
    default:
        c->unread++;
        return;
    }
    const std::size_t n_out = std::strlen(out);
    if (n_out == n && std::memcmp(out, text, n) == 0)
        return;
    if (element->putString(out, static_cast<Uint32>(n_out)).good())
        c->changed++;
    else
        c->unread++;
}

void convert_item(conversion *c, DcmItem *item, std::string sets)
{
    const bool own = item->tagExists(DCM_SpecificCharacterSet);
    const std::size_t before = c->changed;
    if (own) {
        OFString value;
        (void)item->findAndGetOFStringArray(DCM_SpecificCharacterSet, value);
        sets = std::string(value.c_str(), value.length());
    }
    for (DcmObject *object = item->nextInContainer(nullptr); object;
         object = item->nextInContainer(object)) {
        if (object->ident() == EVR_SQ) {
            auto *sequence = static_cast<DcmSequenceOfItems *>(object);
            // getItem(i) would begin at the first item each time.
            for (DcmObject *inner = sequence->nextInContainer(nullptr); inner;
                 inner = sequence->nextInContainer(inner))
                convert_item(c, static_cast<DcmItem *>(inner), sets);
        } else if (object->isLeaf()) {
            convert_element(c, static_cast<DcmElement *>(object), sets);
        }
    }
    if (own && c->changed > before)
        (void)item->putAndInsertString(DCM_SpecificCharacterSet, "ISO_IR 192");
}

} // namespace

std::size_t bv_dicom_to_utf8(DcmItem *item, const std::string &sets)
{
    conversion c = {};
    try {
        convert_item(&c, item, sets);
    } catch (...) {
        bv_arena_free(&c.arena);
        throw;
    }
    bv_arena_free(&c.arena);
    return c.unread;
}

#include "image/dicom_dataset.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 64 };

static const uint32_t undefined = UINT32_MAX;

struct walker {
    struct bv_bytes bytes;
    size_t at;
    bool implicit, big;
    int depth;
    struct bv_dicom_outline *outline; // of the data set itself; NULL within sequences
    bool no_memory;
};

// The header of an element or item.
struct header {
    uint16_t group, element;
    char vr[3]; // "" where it is not written
    size_t bytes;
    uint32_t length;
};

static uint16_t get16(const struct walker *w, size_t at)
{
    const uint8_t *p = w->bytes.data + at;
    return w->big ? (uint16_t)(p[0] << 8 | p[1]) : (uint16_t)(p[1] << 8 | p[0]);
}

static uint32_t get32(const struct walker *w, size_t at)
{
    uint32_t a = get16(w, at), b = get16(w, at + 2);
    return w->big ? a << 16 | b : b << 16 | a;
}

// Whether these two letters are a value representation; long: its length has 32 bits.
static bool is_vr(const uint8_t *p, bool *is_long)
{
    static const char short_forms[] =
        "AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US";
    static const char long_forms[] = "OB OD OF OL OV OW SQ SV UC UN UR UT UV";
    const char vr[3] = {(char)p[0], (char)p[1], 0};
    if (p[0] < 'A' || p[0] > 'Z' || p[1] < 'A' || p[1] > 'Z')
        return false;
    *is_long = strstr(long_forms, vr) != NULL;
    return *is_long || strstr(short_forms, vr) != NULL;
}

static bool read_header(const struct walker *w, struct header *h)
{
    size_t left = w->bytes.size - w->at;
    if (left < 8)
        return false;
    *h = (struct header){get16(w, w->at), get16(w, w->at + 2), "", 8, get32(w, w->at + 4)};
    bool is_long = false;
    // Items have no VR. Some writers mix elements without one into a data set with them.
    if (w->implicit || h->group == 0xfffe || !is_vr(w->bytes.data + w->at + 4, &is_long))
        return true;
    memcpy(h->vr, w->bytes.data + w->at + 4, 2);
    if (!is_long) {
        h->length = get16(w, w->at + 6);
        return true;
    }
    if (left < 12)
        return false;
    h->bytes = 12;
    h->length = get32(w, w->at + 8);
    return true;
}

static bool skip_elements(struct walker *w);

// The items of a sequence of undefined length, up to and with its end.
static bool skip_sequence(struct walker *w, const struct header *sequence)
{
    struct walker inner = *w;
    struct header h;
    inner.outline = NULL;
    inner.depth++;
    if (strcmp(sequence->vr, "UN") == 0) { // PS3.5 6.2.2: its content is Implicit VR Little Endian
        inner.implicit = true;
        inner.big = false;
    }
    while (inner.depth < MAX_DEPTH && read_header(&inner, &h) && h.group == 0xfffe) {
        inner.at += 8;
        if (h.element == 0xe0dd) {
            w->at = inner.at;
            return true;
        }
        if (h.element != 0xe000)
            return false;
        if (h.length == undefined ? !skip_elements(&inner) : h.length > inner.bytes.size - inner.at)
            return false;
        inner.at += h.length == undefined ? 0 : h.length;
    }
    return false;
}

static bool add_fragment(struct walker *w, struct bv_bytes fragment, size_t *room)
{
    struct bv_dicom_outline *o = w->outline;
    if (o->n_fragments == *room) {
        *room = *room ? *room * 2 : 16;
        struct bv_bytes *larger = realloc(o->fragments, *room * sizeof *larger);
        w->no_memory = !larger;
        if (!larger)
            return false;
        o->fragments = larger;
    }
    o->fragments[o->n_fragments++] = fragment;
    return true;
}

// Items of encapsulated pixel data: the offset table, then the fragments.
static bool take_fragments(struct walker *w)
{
    size_t room = 0;
    struct header h;
    for (bool first = true; read_header(w, &h) && h.group == 0xfffe; first = false) {
        w->at += 8;
        if (h.element == 0xe0dd) {
            w->outline->has_pixels = w->outline->encapsulated = true;
            return true;
        }
        if (h.element != 0xe000 || h.length > w->bytes.size - w->at)
            return false;
        struct bv_bytes item = {w->bytes.data + w->at, h.length};
        if (first)
            w->outline->offsets = item;
        else if (!add_fragment(w, item, &room))
            return false;
        w->at += h.length;
    }
    return false;
}

// Moves past one element. False, without moving, where there is no whole one.
static bool skip_element(struct walker *w)
{
    size_t begin = w->at;
    struct header h;
    if (!read_header(w, &h))
        return false;
    w->at += h.bytes;
    bool pixels = w->outline && h.group == 0x7fe0 && h.element == 0x0010, whole;
    if (h.length == undefined) {
        whole = pixels ? take_fragments(w) : skip_sequence(w, &h);
    } else {
        struct bv_bytes value = {w->bytes.data + w->at, h.length};
        whole = h.length <= w->bytes.size - w->at;
        if (whole && pixels) {
            w->outline->has_pixels = true;
            w->outline->pixels = value;
        }
        if (whole && w->outline && h.group == 0x7fe0 && h.element == 0x0001)
            w->outline->long_offsets = value;
        w->at += whole ? h.length : 0;
    }
    if (!whole)
        w->at = begin;
    return whole;
}

// The elements of an item of undefined length, up to and with its end.
static bool skip_elements(struct walker *w)
{
    struct header h;
    while (read_header(w, &h)) {
        if (h.group == 0xfffe && h.element == 0xe00d) {
            w->at += 8;
            return true;
        }
        if (h.group == 0xfffe || !skip_element(w))
            return false;
    }
    return false;
}

// How the elements are written, by the first of them: its group says the order of bytes, and where
// it has a VR there are two letters.
static void find_order(struct walker *w, struct bv_dicom_outline *o)
{
    const uint8_t *p = w->bytes.data + w->at;
    bool is_long, labelled = o->syntax[0] != 0;
    bool implicit = strcmp(o->syntax, "1.2.840.10008.1.2") == 0;
    bool big = strcmp(o->syntax, "1.2.840.10008.1.2.2") == 0;
    w->implicit = implicit;
    w->big = big;
    if (w->bytes.size - w->at < 8)
        return;
    w->implicit = !is_vr(p + 4, &is_long);
    w->big = p[0] == 0 && p[1] != 0;
    o->relabelled = labelled && (w->implicit != implicit || w->big != big);
}

// What is behind the last whole element: padding, rubbish, or the begin of an element that is cut
// off, which the parser will complain of.
static void judge_rest(struct walker *w, struct bv_dicom_outline *o)
{
    struct header h = {0};
    size_t i = w->at;
    while (i < w->bytes.size && w->bytes.data[i] == 0)
        i++;
    bool zeros = i == w->bytes.size;
    // The groups that may follow the pixel data.
    bool header =
        read_header(w, &h) && (h.group == 0x7fe0 || h.group == 0xfffa || h.group == 0xfffc);
    if (zeros || (o->has_pixels && !header)) {
        o->end = w->at;
        o->rubbish = !zeros;
    }
}

enum bv_status bv_dicom_outline_find(struct bv_bytes bytes, bool bare,
                                     struct bv_dicom_outline *outline, struct bv_error *err)
{
    struct bv_dicom_outline o = {.end = bytes.size};
    struct walker w = {.bytes = bytes, .outline = &o};
    if (!bare) {
        (void)bv_dicom_meta(bytes, o.syntax, &o.begin);
        w.at = o.begin;
        find_order(&w, &o);
    }
    struct header h;
    // No group is 0: zeros are padding.
    while (w.at < bytes.size && read_header(&w, &h) && h.group && skip_element(&w))
        ;
    judge_rest(&w, &o);
    o.implicit = w.implicit;
    o.big = w.big;
    if (w.no_memory) {
        bv_dicom_outline_free(&o);
        return bv_fail_nomem(err, "the fragments of the pixel data");
    }
    *outline = o;
    return BV_OK;
}

void bv_dicom_outline_free(struct bv_dicom_outline *outline)
{
    free(outline->fragments);
    *outline = (struct bv_dicom_outline){0};
}

#include "pacs/elements.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 16 };

static const uint32_t undefined = UINT32_MAX;
static const uint32_t item_tag = 0xFFFEE000, item_end = 0xFFFEE00D, sequence_end = 0xFFFEE0DD;

struct bv_elements bv_elements_of(const uint8_t *bytes, size_t size, bool implicit)
{
    return (struct bv_elements){bytes, bytes ? bytes + size : bytes, implicit};
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static bool read_header(struct bv_elements *e, uint32_t *tag, uint32_t *length)
{
    static const char longer[] = "OB OD OF OL OV OW SQ SV UC UN UR UT UV";
    if (e->end - e->at < 8)
        return false;
    const uint8_t *p = e->at;
    *tag = (uint32_t)(p[1] << 8 | p[0]) << 16 | (uint32_t)(p[3] << 8 | p[2]);
    const char vr[3] = {(char)p[4], (char)p[5], 0};
    if (e->implicit || *tag >> 16 == 0xFFFE) {
        *length = get32(p + 4);
        e->at += 8;
    } else if (vr[0] >= 'A' && vr[1] >= 'A' && strstr(longer, vr)) {
        if (e->end - e->at < 12)
            return false;
        *length = get32(p + 8);
        e->at += 12;
    } else {
        *length = (uint32_t)(p[7] << 8 | p[6]);
        e->at += 8;
    }
    return *length == undefined || *length <= (size_t)(e->end - e->at);
}

// Passes what has no length of its own, up to and with the tag that ends it; *size is without it.
static bool pass_undefined(struct bv_elements *e, uint32_t ending, size_t *size)
{
    uint32_t endings[MAX_DEPTH] = {ending};
    const uint8_t *begin = e->at;
    for (int depth = 1; depth > 0;) {
        uint32_t tag, length;
        const uint8_t *before = e->at;
        if (!read_header(e, &tag, &length))
            return false;
        if (tag == endings[depth - 1]) {
            depth--;
            *size = (size_t)(before - begin);
        } else if (length == undefined) {
            if (depth == MAX_DEPTH)
                return false;
            endings[depth++] = tag == item_tag ? item_end : sequence_end;
        } else {
            e->at += length;
        }
    }
    return true;
}

bool bv_elements_next(struct bv_elements *e, struct bv_element *element)
{
    uint32_t tag, length;
    if (!read_header(e, &tag, &length))
        return false;
    *element = (struct bv_element){tag, e->at, length};
    if (length == undefined)
        return pass_undefined(e, tag == item_tag ? item_end : sequence_end, &element->size);
    e->at += length;
    return true;
}

bool bv_elements_find(struct bv_elements elements, uint32_t tag, struct bv_element *element)
{
    while (bv_elements_next(&elements, element)) {
        if (element->tag == tag)
            return true;
    }
    return false;
}

void bv_elements_text(struct bv_elements elements, uint32_t tag, bool raw, char *out, size_t room)
{
    struct bv_element e;
    size_t n = 0;
    if (bv_elements_find(elements, tag, &e)) {
        n = e.size < room - 1 ? e.size : room - 1;
        while (n > 0 && (e.value[n - 1] == 0 || e.value[n - 1] == ' '))
            n--;
        for (size_t i = 0; i < n; i++)
            out[i] = raw || (e.value[i] >= 0x20 && e.value[i] < 0x7f) ? (char)e.value[i] : '?';
    }
    out[n] = 0;
}

// Writing.

static uint8_t *extend(struct bv_element_writer *w, size_t n)
{
    if (w->failed)
        return NULL;
    if (w->n + n > w->room) {
        size_t room = w->room ? w->room : 256;
        while (room < w->n + n)
            room *= 2;
        uint8_t *larger = realloc(w->bytes, room);
        if (!larger) {
            free(w->bytes);
            *w = (struct bv_element_writer){.failed = true};
            return NULL;
        }
        w->bytes = larger;
        w->room = room;
    }
    w->n += n;
    return w->bytes + w->n - n;
}

static void write_tag(uint8_t *to, uint32_t tag)
{
    to[0] = (uint8_t)(tag >> 16);
    to[1] = (uint8_t)(tag >> 24);
    to[2] = (uint8_t)tag;
    to[3] = (uint8_t)(tag >> 8);
}

static void write32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

// A tag and its length, for values of at most 65535 bytes.
static void write_header(struct bv_element_writer *w, uint32_t tag, const char *vr, uint32_t size)
{
    uint8_t *to = extend(w, 8);
    if (!to)
        return;
    write_tag(to, tag);
    write32(to + 4, size);
    if (w->implicit || !vr)
        return;
    to[4] = (uint8_t)vr[0];
    to[5] = (uint8_t)vr[1];
    to[6] = (uint8_t)size;
    to[7] = (uint8_t)(size >> 8);
}

void bv_element_write(struct bv_element_writer *w, uint32_t tag, const char *vr, const char *text)
{
    size_t n = strlen(text), even = n + n % 2;
    write_header(w, tag, vr, (uint32_t)even);
    uint8_t *to = extend(w, even);
    if (!to)
        return;
    memcpy(to, text, n);
    if (n % 2)
        to[n] = strcmp(vr, "UI") == 0 ? 0 : ' ';
}

void bv_element_write_number(struct bv_element_writer *w, uint32_t tag, uint16_t value)
{
    write_header(w, tag, "US", 2);
    uint8_t *to = extend(w, 2);
    if (to) {
        to[0] = (uint8_t)value;
        to[1] = (uint8_t)(value >> 8);
    }
}

void bv_element_begin(struct bv_element_writer *w, uint32_t tag)
{
    uint8_t *to = extend(w, w->implicit ? 8 : 12);
    if (!to)
        return;
    write_tag(to, tag);
    if (!w->implicit) {
        memcpy(to + 4, "SQ\0\0", 4);
        to += 4;
    }
    write32(to + 4, undefined);
}

void bv_element_begin_item(struct bv_element_writer *w)
{
    write_header(w, item_tag, NULL, undefined);
}

void bv_element_end_item(struct bv_element_writer *w)
{
    write_header(w, item_end, NULL, 0);
}

void bv_element_end(struct bv_element_writer *w)
{
    write_header(w, sequence_end, NULL, 0);
}

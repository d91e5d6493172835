// elements.h: the few data sets of messages that are not objects: queries, answers, commitments.
// Little endian, with or without value representations; bounded, nothing is copied.
#ifndef BV_PACS_ELEMENTS_H
#define BV_PACS_ELEMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct bv_elements {
    const uint8_t *at, *end;
    bool implicit;
};

struct bv_element {
    uint32_t tag;
    const uint8_t *value;
    size_t size; // of a sequence: of its items
};

struct bv_elements bv_elements_of(const uint8_t *bytes, size_t size, bool implicit);

// The next element, or item of a sequence (tag FFFEE000). False at the end, and where the bytes are
// no elements any more.
bool bv_elements_next(struct bv_elements *elements, struct bv_element *element);

// The first element of a tag; false when there is none.
bool bv_elements_find(struct bv_elements elements, uint32_t tag, struct bv_element *element);

// The text of a tag without padding, "" when absent, cut to its room; what is no printable ASCII
// becomes '?' unless raw.
void bv_elements_text(struct bv_elements elements, uint32_t tag, bool raw, char *out, size_t room);

// Writing. Tags come in ascending order. A writer that is out of memory keeps bytes NULL.
struct bv_element_writer {
    uint8_t *bytes; // malloc'd
    size_t n, room;
    bool implicit, failed;
};

// A text of a representation ("UI" is padded with a zero, others with a blank).
void bv_element_write(struct bv_element_writer *writer, uint32_t tag, const char *vr,
                      const char *text);
void bv_element_write_number(struct bv_element_writer *writer, uint32_t tag, uint16_t value);
// A sequence and its items, of undefined length.
void bv_element_begin(struct bv_element_writer *writer, uint32_t tag);
void bv_element_begin_item(struct bv_element_writer *writer);
void bv_element_end_item(struct bv_element_writer *writer);
void bv_element_end(struct bv_element_writer *writer);

// uid.c: unique identifiers of DICOM as text.

#define BV_UID_SIZE 65

// Whether a text is a UID: digits and dots, 1 to 64 of them.
bool bv_uid_valid(const char *text);

#endif

// part10.h: data sets as they travel and as files hold them (PS3.10): the same bytes behind a head.
#ifndef BV_PACS_PART10_H
#define BV_PACS_PART10_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "pacs/pdu.h"

#define BV_PART10_ROOM 512 // bytes that a head takes at most

// Writes the head of a file so that it ends at data; returns where it begins, which is at most
// BV_PART10_ROOM bytes before.
uint8_t *bv_part10_head(uint8_t *data, const char *sop_class, const char *sop, const char *syntax);

struct bv_part10 {
    char sop_class[BV_UID_SIZE], sop[BV_UID_SIZE], syntax[BV_UID_SIZE];
    const uint8_t *data; // the data set, in the file's bytes
    size_t size;
};

// What the head of a file says. BV_ERR_FORMAT when it has none.
enum bv_status bv_part10_read(const uint8_t *bytes, size_t size, struct bv_part10 *file,
                              struct bv_error *err);

#endif

// landing.h: a receiver of our own on a thread of its own, where objects land that an archive was
// asked to move (C-MOVE). Used inside src/pacs only.
#ifndef BV_PACS_LANDING_H
#define BV_PACS_LANDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct bv_landing;

struct bv_landing_options {
    const char *title, *caller; // our own, the archive's; borrowed until it is closed
    int port;
    bool any_host;     // other hosts than this one are answered
    size_t max_object; // bytes
};

// Returns when the port is open.
enum bv_status bv_landing_open(struct bv_landing **landing,
                               const struct bv_landing_options *options, struct bv_error *err);
// Returns when the current associations have ended, within seconds; accepts NULL.
void bv_landing_close(struct bv_landing **landing);

// Forgets what landed before.
void bv_landing_clear(struct bv_landing *landing);

// The last object that landed since then, as a DICOM file that the caller frees; NULL when none
// did.
void bv_landing_take(struct bv_landing *landing, uint8_t **bytes, size_t *size);

#endif

// dimse_link.h: exchanges of a DIMSE client with an archive: one request and its answers over an
// association. Used inside src/pacs only.
#ifndef BV_PACS_DIMSE_LINK_H
#define BV_PACS_DIMSE_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "pacs/archive.h"
#include "pacs/association.h"
#include "pacs/elements.h"
#include "pacs/wire.h"

struct bv_dimse_peer {
    const char *title, *own_title, *host;
    int port;
    struct bv_tls *tls; // NULL: none
    int timeout_ms;     // for a connection, an association, and between messages
    int64_t total_ms;   // for all answers of a request together
    size_t max_object;  // bytes
};

// An association for finding and fetching, or for storing objects of a class in a transfer syntax.
// BV_ERR_IO may pass; BV_ERR_REFUSED will not.
enum bv_status bv_dimse_connect(struct bv_association **link, const struct bv_dimse_peer *peer,
                                struct bv_error *err);
enum bv_status bv_dimse_connect_to_store(struct bv_association **link,
                                         const struct bv_dimse_peer *peer, const char *sop_class,
                                         const char *syntax, struct bv_error *err);

// What is asked for, on a level of the study root. "" matches all.
struct bv_dimse_query {
    const char *level; // STUDY, SERIES, IMAGE
    const char *dates; // YYYYMMDD-YYYYMMDD, open at either end; STUDY only
    const char *modality;
    const char *study, *series, *sop;
    // Of a study that is looked for, "" matching all; with a patient its description and counts are
    // asked for, too. NULL: not asked.
    const char *accession, *patient;
};

// C-FIND: calls visit with the elements of each match.
enum bv_status bv_dimse_find(struct bv_association *link, const struct bv_dimse_peer *peer,
                             const struct bv_dimse_query *query,
                             enum bv_status (*visit)(void *arg, struct bv_elements match,
                                                     struct bv_error *err),
                             void *arg, struct bv_error *err);

// C-GET of one object: a DICOM file that the caller frees, *bytes NULL when the archive handed out
// none. *code is the archive's last status.
enum bv_status bv_dimse_get(struct bv_association *link, const struct bv_dimse_peer *peer,
                            const struct bv_archive_instance *one, uint8_t **bytes, size_t *size,
                            uint16_t *code, struct bv_error *err);

// C-MOVE of one object to our own title.
enum bv_status bv_dimse_move(struct bv_association *link, const struct bv_dimse_peer *peer,
                             const struct bv_archive_instance *one, uint16_t *code,
                             struct bv_error *err);

struct bv_part10; // pdu.h

// C-STORE over an association for storing.
enum bv_status bv_dimse_store(struct bv_association *link, const struct bv_dimse_peer *peer,
                              const struct bv_part10 *file, uint16_t *code, struct bv_error *err);

// landing.c: a receiver of our own on a thread of its own, where objects land that an archive was
// asked to move (C-MOVE). Used inside src/pacs only.

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

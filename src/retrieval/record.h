// record.h: one thing that an index may take in, with what its source says of it, before anything
// is hashed, scrubbed or embedded. Lives in memory only.
#ifndef BV_RETRIEVAL_RECORD_H
#define BV_RETRIEVAL_RECORD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

#define BV_RECORD_IDENTIFIERS 12

struct bv_record {
    const char *name;     // for messages: what the user gave, never a patient's identifier
    const char *path;     // image or object file; NULL when there is none
    const uint8_t *bytes; // the file in memory, then path is not read; NULL otherwise
    size_t size;
    const char *id;        // identifier of the image or report; NULL: taken from the object
    const char *study;     // of the study; NULL when unknown
    const char *accession; // its accession number; NULL when unknown
    const char *report;    // report text; NULL when there is none
    json_t *metadata;      // what may be stored and filtered on; a reference of the record's owner
    // Texts that must not survive in the report: names, numbers, dates of this patient.
    const char *identifiers[BV_RECORD_IDENTIFIERS];
    size_t n_identifiers;
    bool has_image; // path or bytes hold pixels
    bool ours;      // biovl made the object out of another: no index takes it
};

// Fills id, study, accession, report, metadata and identifiers from a DICOM object's header;
// strings in the arena, metadata a new reference. Images: has_image. Structured reports (Basic
// Text, Enhanced, Comprehensive and those built like them) and encapsulated text: report. Objects
// that hold neither are BV_ERR_UNSUPPORTED. name stands for the object in messages.
enum bv_status bv_record_from_dicom(struct bv_record *record, const uint8_t *bytes, size_t size,
                                    const char *name, struct bv_arena *arena, struct bv_error *err);

#endif

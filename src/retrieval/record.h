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
#include "retrieval/identifiers.h"

#define BV_RECORD_PREDECESSORS 16

// What a report says of itself.
struct bv_report_facts {
    const char *kind; // "report", "addendum", "correction"; NULL: "report"
    bool dated;       // after is known:
    int64_t after;    // seconds from the study to the report
    // Identifiers of the reports that it continues or corrects.
    const char *predecessors[BV_RECORD_PREDECESSORS];
    size_t n_predecessors;
};

struct bv_record {
    const char *name;     // for messages: what the user gave, never a patient's identifier
    const char *path;     // image or object file; NULL when there is none
    const uint8_t *bytes; // the file in memory, then path is not read; NULL otherwise
    size_t size;
    const char *id;               // identifier of the image or report; NULL: taken from the object
    const char *study;            // of the study; NULL when unknown
    const char *accession;        // its accession number; NULL when unknown
    const char *patient;          // the patient's number; NULL when unknown
    const char *report;           // report text; NULL when there is none
    struct bv_report_facts facts; // of the report
    json_t *report_metadata;      // of the report, likewise; NULL: none
    json_t *metadata; // what may be stored and filtered on; a reference of the record's owner
    // Texts that must not survive in the report: names, numbers, dates of this patient.
    struct bv_identifiers identifiers;
    // Set when it fails, at the latest by bv_ingest_finish(); borrowed till then. NULL: nobody
    // asks.
    enum bv_status *outcome;
    bool has_image; // path or bytes hold pixels
    bool fixed;     // a DICOM object: its identifier never names other content
    bool ours;      // biovl made the object out of another: no index takes it
};

// Fills id, study, accession, patient, report and metadata from a DICOM object's header, and the
// identifiers where it has a report or with_report says that one comes from elsewhere;
// strings in the arena, metadata new references, which bv_record_clear() drops. Images: has_image.
// Structured reports (Basic Text, Enhanced, Comprehensive and those built like them) and
// encapsulated text: report. Objects that hold neither are BV_ERR_UNSUPPORTED. name stands for the
// object in messages.
enum bv_status bv_record_from_dicom(struct bv_record *record, const uint8_t *bytes, size_t size,
                                    const char *name, bool with_report, struct bv_arena *arena,
                                    struct bv_error *err);

void bv_record_clear(struct bv_record *record);

#endif

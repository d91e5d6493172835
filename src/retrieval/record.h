// record.h: one thing that an index may take in, with what its source says of it, before anything
// is hashed, scrubbed or embedded. Lives in memory only.
#ifndef BV_RETRIEVAL_RECORD_H
#define BV_RETRIEVAL_RECORD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"
#include "base/status.h"
#include "retrieval/scrub.h"

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
    bool borrowed;         // bytes stay until the ingest is done with it: they are not copied
    const char *id;        // identifier of the image or report; NULL: taken from the object
    const char *object;    // of the object whose frame it is; NULL: it is no frame
    const char *study;     // of the study; NULL when unknown
    const char *accession; // its accession number; NULL when unknown
    const char *patient;   // the patient's number; NULL when unknown
    const char *report;    // report text; NULL when there is none
    struct bv_report_facts facts; // of the report
    json_t *report_metadata;      // of the report, likewise; NULL: none
    json_t *metadata; // what may be stored and filtered on; a reference of the record's owner
    // Texts that must not survive in the report: names, numbers, dates of this patient.
    struct bv_identifiers identifiers;
    // Set when it fails, at the latest by bv_ingest_finish(); borrowed till then. NULL: nobody
    // asks.
    enum bv_status *outcome;
    int n_frames;   // of the image where the header says so; 0: one
    int frame;      // the one that is meant, from 1; 0: the only one
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

// dicom_text.cc: the words of DICOM structured reports and encapsulated documents, through DCMTK.

// The text of a structured report as headed paragraphs, in the order of its tree: container and
// concept names, text, codes' meanings, numbers with units. Person names, dates and times of the
// tree are left out. Or the text of an encapsulated document of MIME type text/…, markup removed.
// Reports are Basic Text, Enhanced, Comprehensive, Comprehensive 3D and Extensible SR; Key Object
// Selections, dose reports, results of CAD and measurement reports are none. facts->kind is
// "addendum" for a document that calls itself so, "correction" for another one that names
// predecessors, which are filled in.
//
// bytes are what bv_dataset_open() accepted: DCMTK alone would believe the lengths that they
// declare. bare: the elements of an explicit little-endian data set alone. *text and the facts'
// strings are in the arena. BV_ERR_UNSUPPORTED for other objects, BV_ERR_FORMAT for damaged ones.
enum bv_status bv_dicom_text(const uint8_t *bytes, size_t size, bool bare, const char *name,
                             struct bv_arena *arena, const char **text,
                             struct bv_report_facts *facts, struct bv_error *err);

// dicom_identifiers.cc: everything in a DICOM object that says whose it is.

// Adds the names of all persons (every value of every Person Name attribute, at any depth), the
// patient's, visit's, request's and study's numbers, addresses, telephone numbers, institutions
// and dates, as UTF-8. bytes are what bv_dataset_open() accepted; bare: the elements of an explicit
// little-endian data set alone. BV_ERR_FORMAT when it cannot be parsed; name stands for it.
enum bv_status bv_dicom_identifiers(const uint8_t *bytes, size_t size, bool bare, const char *name,
                                    struct bv_arena *arena, struct bv_identifiers *identifiers,
                                    struct bv_error *err);

// vocabulary.c: the words that may be kept of a header: defined terms of the standard, nothing
// else.

enum bv_vocabulary {
    BV_WORDS_MODALITY,
    BV_WORDS_VIEW,
    BV_WORDS_BODY_PART,
    BV_WORDS_SEX,
};

// The term that a value is, without regard to case and blanks around it; NULL when it is none.
const char *bv_vocabulary_term(enum bv_vocabulary vocabulary, const char *value);

// identity.c: what an identifier may be used for.

// Whether an accession number says that there is none: empty, blanks or marks only, zeros, or a
// word that sites write where a number is missing (NONE, UNKNOWN, N/A …). Such a number is borne by
// many studies and names no one of them.
bool bv_accession_is_placeholder(const char *accession);

#endif

// ingest.h: records into an index: where they come from, the key of the site, how they are stored.
#ifndef BV_RETRIEVAL_INGEST_H
#define BV_RETRIEVAL_INGEST_H

#include <stdbool.h>

#include "base/memory.h"
#include "base/observer.h"
#include "base/status.h"
#include "model/session.h"
#include "retrieval/record.h"
#include "retrieval/store.h"

// sitekey.c: names that say nothing: HMAC-SHA256 of identifiers under a site's own key.
//
// The same identifier gets the same name wherever the key is used, so that indexes of one site can
// be merged and joined; without the key a name cannot be traced or tested against a list of
// patients.

struct bv_sitekey {
    unsigned char bytes[32];
    bool keep_identifiers; // names are the identifiers themselves
};

#define BV_SITEKEY_NAME 33 // the first 128 bits of the HMAC in hexadecimal, and a terminator

// A key of this process alone, for names that nothing else has to know.
enum bv_status bv_sitekey_random(struct bv_sitekey *key, struct bv_error *err);

// Reads a key file (64 hexadecimal digits). With create a missing file is made, readable by its
// owner only, from the system's random source.
enum bv_status bv_sitekey_load(struct bv_sitekey *key, const char *path, bool create,
                               struct bv_error *err);

// The keyed hash of an identifier; 32 hexadecimal digits, whatever keep_identifiers says.
void bv_sitekey_hash(const struct bv_sitekey *key, const char *identifier,
                     char name[BV_SITEKEY_NAME]);

// A value that tells two keys apart and reveals neither.
void bv_sitekey_check(const struct bv_sitekey *key, char check[BV_SITEKEY_NAME]);

// ingest.c: records into an index: named, scrubbed, embedded, committed.

struct bv_ingest;

struct bv_ingest_counts {
    size_t images, reports; // added
    size_t updated;         // reports whose text was replaced
    size_t skipped;         // there already
    size_t apart;           // taken in, but not joined with the study that their names lead to
    size_t failed;          // refused ones included
};

enum { BV_INGEST_FRAMES = 65536 };

struct bv_ingest_options {
    struct bv_pool *pool; // borrowed; NULL: one thread
    bool keep_paths;      // images keep the absolute path of their file as metadata "path"
    // Of multi-frame objects: this frame, from 1, or -1: each; they are items of their own, with
    // the object's identifier and "#N". 0: such objects are refused. None beyond BV_INGEST_FRAMES.
    int frame;
    // May be NULL. Its progress counts every input that was taken, skipped or failed; what
    // is kept apart from the study that its names lead to is logged as a warning.
    const struct bv_observer *observer;
};

// What identifies the vectors of a model: 64 hexadecimal digits over its tensors and its card.
enum bv_status bv_model_fingerprint(const struct bv_model *model, char fingerprint[65],
                                    struct bv_error *err);

// Dimension of the joint space; BV_ERR_ARG when the model's towers end in different spaces.
enum bv_status bv_session_joint_dimension(const struct bv_session *session, size_t *dimension,
                                          struct bv_error *err);

// L2-normalised embeddings of texts, [n,D].
enum bv_status bv_embed_texts(struct bv_session *session, const char *const *texts, size_t n,
                              size_t dimension, float *out, struct bv_error *err);

// L2-normalised embedding of a decoded image, [D].
enum bv_status bv_embed_image(struct bv_session *session, const struct bv_image *image,
                              size_t dimension, float *out, struct bv_error *err);

// The name that a patient's number has in an index.
void bv_ingest_patient_name(const struct bv_sitekey *key, const char *patient,
                            char name[BV_SITEKEY_NAME]);

// A checksum over an image's pixels as they are stored, never 0.
uint32_t bv_ingest_content(const struct bv_image *image);

// Everything is borrowed. Refuses a store of another model (BV_ERR_REFUSED) or site key.
enum bv_status bv_ingest_open(struct bv_ingest **ingest, struct bv_store *store,
                              struct bv_session *session, const struct bv_sitekey *key,
                              const struct bv_ingest_options *options, struct bv_error *err);

// Takes one record; what it points to may go after the call, its metadata stays the caller's.
// Inputs that fail are counted and reported, not returned: a failure here is one of the index
// itself. Then everything since the last commit is gone, and the ingest may be used on. What an
// index holds already is skipped; a report's other text under a known identifier replaces the old
// one, unless the identifier is that of a DICOM object: that, like other pixels, is refused.
enum bv_status bv_ingest_put(struct bv_ingest *ingest, const struct bv_record *record,
                             struct bv_error *err);

// Whether the index holds the item of an identifier, or has seen it removed, counted as skipped
// when it does: what need not be fetched.
enum bv_status bv_ingest_has(struct bv_ingest *ingest, const char *identifier, bool *has,
                             struct bv_error *err);

// Whether the index holds it: the item of an identifier, or the frames of an object.
enum bv_status bv_ingest_holds(const struct bv_ingest *ingest, const char *identifier, bool *holds,
                               struct bv_error *err);

// Notes an input that could not even become a record.
void bv_ingest_fail(struct bv_ingest *ingest, const char *name, enum bv_status status,
                    const char *text);

// Embeds what waits and commits. *counts (may be NULL) is the total so far.
enum bv_status bv_ingest_finish(struct bv_ingest *ingest, struct bv_ingest_counts *counts,
                                struct bv_error *err);

void bv_ingest_close(struct bv_ingest **ingest); // without finish: since the last commit is lost

// source.c: records out of files, folders and tables.

// Columns of a table; NULL takes the first of the usual names that the table has.
struct bv_source_columns {
    const char *path, *id, *study, *accession, *report;
    const char *const *metadata; // kept as metadata; n_metadata 0: view, sex, age, modality, split
    size_t n_metadata;
    // Columns whose values must not survive in the report (names, numbers), beside those called
    // name, patient_name, patient_id, mrn, birth_date, date, study_date.
    const char *const *identifiers;
    size_t n_identifiers;
};

// Hands every record of an input to the ingest, in a fixed order:
//   a DICOM file    image, structured report or encapsulated text
//   an image file   its name, relative to the folder or table that led to it, is its id
//   NAME.txt        a report; NAME is its accession number
//   TABLE.csv       one record a row: image path (relative to the table), report, …
//   a folder        everything below it, sorted by name; links are not followed
// Inputs that fail are the ingest's to count. shard i of n takes every n-th record (n 0: all).
enum bv_status bv_source_put(struct bv_ingest *ingest, const char *input,
                             const struct bv_source_columns *columns, size_t shard, size_t n_shards,
                             struct bv_error *err);

// report.c: the part of a radiology report that says what was found.

// The impression (or conclusion) followed by the findings, without their headings; the whole text
// when it has neither section. What comes first survives a tokenizer's maximum. In the arena; NULL
// when memory is out.
char *bv_report_essence(struct bv_arena *arena, const char *text);

#endif

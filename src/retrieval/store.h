// store.h: an index as one SQLite file: items, studies with their reports, vectors. The truth;
// everything else about an index can be made again from it.
//
// A rollback journal with full synchronisation is used, not a write-ahead log: new pages are
// written once, the file is one file between transactions, and it works on the network file
// systems of clusters. After a kill the next open rolls back what was not committed.
//
// A store belongs to one thread. Several processes may read; one may write at a time.
// docs/retrieval.md describes the tables.
#ifndef BV_RETRIEVAL_STORE_H
#define BV_RETRIEVAL_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"
#include "base/status.h"
#include "retrieval/vectors.h"

// crc32c.c: the Castagnoli checksum (RFC 3720, appendix B.4) that guards stored vectors.

// Continues a checksum over size more bytes; crc is 0 for the first. Uses the processor's
// instruction where there is one.
uint32_t bv_crc32c(uint32_t crc, const void *data, size_t size);

// The same from a table.
uint32_t bv_crc32c_portable(uint32_t crc, const void *data, size_t size);

struct bv_store;

enum bv_kind {
    BV_KIND_IMAGE,
    BV_KIND_REPORT,
};
#define BV_KINDS 2

const char *bv_kind_name(enum bv_kind kind); // "image", "report"

// What is fixed when an index is created. Strings that bv_store_info() hands out belong to the
// store.
struct bv_store_info {
    size_t dimension;
    const char *fingerprint; // of the model, see bv_store_check_model()
    const char *model;       // its name, for messages
    const char *key_check;   // see ingest.h
    bool keep_identifiers;   // ids are as given, not keyed hashes
    const char *accelerator; // "exact", "ivf" or "hnsw"
    int thumbnail;           // longest side of stored thumbnails; 0: none
};

// Creates a file that must not exist, complete or not at all.
enum bv_status bv_store_create(const char *path, const struct bv_store_info *info,
                               struct bv_error *err);

enum bv_status bv_store_open(struct bv_store **store, const char *path, bool writable,
                             struct bv_error *err);
void bv_store_close(struct bv_store **store); // rolls back an open transaction; accepts NULL

const struct bv_store_info *bv_store_info(const struct bv_store *store);
const char *bv_store_path(const struct bv_store *store);

// BV_ERR_REFUSED, naming both models, when the index was made with another one.
enum bv_status bv_store_check_model(const struct bv_store *store, const char *model,
                                    const char *fingerprint, struct bv_error *err);

// One vector with what is known of it. Everything is copied.
struct bv_item {
    const char *id;    // unique in the index
    const char *study; // items of one study share it
    enum bv_kind kind;
    const float *vector;   // [dimension], as it should be compared (L2-normalised for cosines)
    const char *metadata;  // a JSON object; NULL: none
    uint32_t content;      // checksum of the pixels; 0: unknown
    const void *thumbnail; // a PNG or JPEG file; NULL: none
    size_t thumbnail_bytes;
};

// Work between begin and commit is durable when commit returns, or did not happen.
enum bv_status bv_store_begin(struct bv_store *store, struct bv_error *err);
enum bv_status bv_store_commit(struct bv_store *store, struct bv_error *err);
void bv_store_rollback(struct bv_store *store); // accepts a store without a transaction

// What is read between begin and end is one state of the index, whatever other processes write.
// Neither does anything within a transaction.
enum bv_status bv_store_view_begin(struct bv_store *store, struct bv_error *err);
void bv_store_view_end(struct bv_store *store);

// An id that is there already is BV_ERR_ARG.
enum bv_status bv_store_add(struct bv_store *store, const struct bv_item *item,
                            struct bv_error *err);

// Gives an item that is there another vector and other metadata; BV_ERR_ARG when it is not there.
enum bv_status bv_store_replace(struct bv_store *store, const struct bv_item *item,
                                struct bv_error *err);

// What is known of a study when something of it arrives. Names are those of the index.
struct bv_study {
    const char *id;
    const char *accession; // NULL: none that names a study
    const char *patient;   // NULL: unknown
    bool named;            // by its own identifier; false: by its accession number alone
};

enum bv_apart {
    BV_APART_NOT,
    BV_APART_PATIENT,   // the study is known as another patient's
    BV_APART_ACCESSION, // the accession number leads to several studies, or to another patient's
};

// Where something of a study belongs: *id (in the arena) is what items and reports give as theirs.
// It is the study's own id, which is made if need be, unless that study is known as another
// patient's: then it is one of its own. What has no name but its accession number is shown with
// the one study that has an identifier and bears that number, as long as there is one, and no
// patient contradicts; the order of arrival does not matter. *apart says what was kept apart.
enum bv_status bv_store_place(struct bv_store *store, const struct bv_study *study,
                              struct bv_arena *arena, const char **id, enum bv_apart *apart,
                              struct bv_error *err);

// Joins again what bears an accession number; bv_store_place() has done so.
enum bv_status bv_store_join(struct bv_store *store, const char *accession, struct bv_error *err);

// A report of a study; a study has any number of them. Everything is copied.
struct bv_report {
    const char *id, *study, *text;
    const char *kind;                // "report", "addendum" or "correction"; NULL: "report"
    bool dated;                      // after is known:
    int64_t after;                   // seconds from the study to the report
    const char *const *predecessors; // ids of the reports that it corrects or continues
    size_t n_predecessors;
};

enum bv_change {
    BV_ADDED,
    BV_REPLACED, // the id had another text
    BV_UNCHANGED,
};

enum bv_status bv_store_put_report(struct bv_store *store, const struct bv_report *report,
                                   enum bv_change *change, struct bv_error *err);

struct bv_report_found {
    int64_t number; // 0: there is none
    const char *study, *text, *kind;
};
// Strings are in the arena.
enum bv_status bv_store_find_report(struct bv_store *store, const char *id, struct bv_arena *arena,
                                    struct bv_report_found *found, struct bv_error *err);

// What tells one image from another under the same id; *study in the arena, NULL when there is no
// such item.
enum bv_status bv_store_find_item(struct bv_store *store, const char *id, struct bv_arena *arena,
                                  const char **study, uint32_t *content, struct bv_error *err);

// Whether there is an item or a report of an id.
enum bv_status bv_store_has(struct bv_store *store, const char *id, bool *has,
                            struct bv_error *err);

// Whether any item's metadata have a field. One that none has is looked for in all of them.
enum bv_status bv_store_has_field(struct bv_store *store, const char *field, bool *has,
                                  struct bv_error *err);

// Settings of other parts ("faiss.image", "pull.cursor …"); *value in the arena, NULL when unset.
enum bv_status bv_store_set(struct bv_store *store, const char *key, const char *value,
                            struct bv_error *err);
enum bv_status bv_store_get(struct bv_store *store, const char *key, struct bv_arena *arena,
                            const char **value, struct bv_error *err);

struct bv_store_counts {
    size_t items[BV_KINDS], studies, reports, thumbnails;
};
enum bv_status bv_store_count(struct bv_store *store, struct bv_store_counts *counts,
                              struct bv_error *err);

// What a name of the index names.
enum bv_named {
    BV_NAMED_PATIENT,
    BV_NAMED_STUDY, // with what is shown as it
    BV_NAMED_ITEM,  // an item or a report
};

// Takes out what a name names, within a transaction; counts go up by what went. The name is
// remembered, known or not: what bears it is not to come again, by merging neither. Then comes
// bv_store_sweep() before the commit and bv_store_shrink() after it, once for all names.
enum bv_status bv_store_remove(struct bv_store *store, enum bv_named what, const char *name,
                               struct bv_store_counts *counts, struct bv_error *err);
// Takes out a study that nothing was added to, within a transaction; one that holds something, or
// that another is shown as, stays.
enum bv_status bv_store_drop_empty(struct bv_store *store, const char *study, struct bv_error *err);
// The same for every study.
enum bv_status bv_store_drop_every_empty(struct bv_store *store, struct bv_error *err);
// The greatest number of a frame that any image's metadata tell; 0: none does.
enum bv_status bv_store_last_frame(struct bv_store *store, int *last, struct bv_error *err);
// Forgets that a name was removed.
enum bv_status bv_store_readmit(struct bv_store *store, enum bv_named what, const char *name,
                                struct bv_error *err);
enum bv_status bv_store_is_removed(struct bv_store *store, enum bv_named what, const char *name,
                                   bool *removed, struct bv_error *err);
// Takes the removed words out of the full-text index and voids copies of the vectors.
enum bv_status bv_store_sweep(struct bv_store *store, struct bv_error *err);
// Gives free pages back and deletes the copies beside the index, which are made again when wanted.
enum bv_status bv_store_shrink(struct bv_store *store, struct bv_error *err);

// A row as it is stored; strings in the arena.
struct bv_entry {
    const char *id, *study, *metadata;
    // A report's own text; of an image the standing reports of its study, earliest first, a blank
    // line between them; "" when there is none.
    const char *report;
    enum bv_kind kind;
    uint32_t row;
};
enum bv_status bv_store_entry(struct bv_store *store, enum bv_kind kind, uint32_t row,
                              struct bv_arena *arena, struct bv_entry *entry, struct bv_error *err);
// *found is false when there is no such id.
enum bv_status bv_store_find(struct bv_store *store, const char *id, struct bv_arena *arena,
                             struct bv_entry *entry, bool *found, struct bv_error *err);
// *bytes is NULL when there is none; else in the arena.
enum bv_status bv_store_thumbnail(struct bv_store *store, enum bv_kind kind, uint32_t row,
                                  struct bv_arena *arena, const void **bytes, size_t *size,
                                  struct bv_error *err);

// Calls visit for every item in the order of adding, until it fails.
enum bv_status bv_store_each(struct bv_store *store,
                             enum bv_status (*visit)(void *arg, const struct bv_entry *entry,
                                                     struct bv_error *err),
                             void *arg, struct bv_error *err);

// One stored vector as f16 [dimension].
enum bv_status bv_store_vector(struct bv_store *store, enum bv_kind kind, uint32_t row,
                               uint16_t *out, struct bv_error *err);

// The checksum of a row's item, as bv_store_verify() computes it again.
enum bv_status bv_store_checksum(struct bv_store *store, enum bv_kind kind, uint32_t row,
                                 uint32_t *checksum, struct bv_error *err);

// Changes whenever rows that were there change or go: copies of them are void.
uint64_t bv_store_generation(const struct bv_store *store);

// The number of rows of a kind, those of an open transaction included.
size_t bv_store_rows(const struct bv_store *store, enum bv_kind kind);

// Rows [first, first + n) of a kind as the first n rows of vectors, which has room for them, by as
// many connections as the pool has threads.
enum bv_status bv_store_read(struct bv_store *store, enum bv_kind kind, size_t first, size_t n,
                             struct bv_pool *pool, struct bv_vectors *vectors,
                             struct bv_error *err);

// All vectors of a kind into memory, likewise. The caller frees *vectors.
enum bv_status bv_store_load(struct bv_store *store, enum bv_kind kind, struct bv_pool *pool,
                             struct bv_vectors *vectors, struct bv_error *err);

// Conditions that all hold at once (filter.c makes them).
struct bv_filter {
    const char *sql;     // over item i and study s; NULL: everything passes
    const char **values; // [n_values] of its parameters
    size_t n_values;
};

// A bitmap of the rows of a kind that pass; the filter has conditions. *bits is malloc'd,
// (n + 63) / 64 words.
enum bv_status bv_store_select(struct bv_store *store, enum bv_kind kind,
                               const struct bv_filter *filter, size_t n_rows, uint64_t **bits,
                               size_t *n_set, struct bv_error *err);

// Reads everything: SQLite's structure, the full-text index, the numbering, each item's
// checksum, which covers its vector. The first defect is BV_ERR_FORMAT and named.
enum bv_status bv_store_verify(struct bv_store *store, struct bv_error *err);

// Appends every item of from that to lacks, in from's order, with studies, reports, aliases and
// thumbnails. The indexes must agree in model, dimension and key. *n_added counts.
enum bv_status bv_store_merge(struct bv_store *to, struct bv_store *from, size_t *n_added,
                              struct bv_error *err);

// vector_file.c: a copy of an index's vectors beside it, which is mapped instead of read through
// SQLite: INDEX.image.vectors, INDEX.report.vectors.
//
// The copy follows the index: rows are only ever appended, so what is missing is written behind
// what is there. Every block of rows has a checksum, which is compared when the file is mapped. A
// copy that is damaged, or of another index, is recreated; deleting it costs only time. Layout,
// little-endian:
//
//   0       struct head (vector_file.c), with a checksum of its own
//   4096    CRC-32C of each block of 65536 rows, room for 65536 blocks
//   2 MiB   rows, f16 [n][stride], strides as in vectors.h

// Fewer bytes of vectors than this are read from the index faster than a file is looked for.
#define BV_VECTOR_FILE_LEAST ((size_t)16 << 20)

// All vectors of a kind, as bv_store_load(): from the file, which is made or completed first where
// the folder can be written, else from the index. No file for less than least bytes. *state (may be
// NULL): "mapped", "completed", why the file was recreated ("missing", "damaged", "of another
// index"), "none" for little data, or "unwritable". With vectors NULL the file is only brought up
// to date, which costs what was added since and no more.
enum bv_status bv_vector_file_load(struct bv_store *store, enum bv_kind kind, size_t least,
                                   struct bv_pool *pool, struct bv_vectors *vectors,
                                   const char **state, struct bv_error *err);

#endif

// score_table.h: scores and truths of all images, and the memory that holds them.
#ifndef BV_EVAL_METRICS_SCORE_TABLE_H
#define BV_EVAL_METRICS_SCORE_TABLE_H

#include <stddef.h>

#include "base/status.h"
#include "eval/data/journal.h"
#include "eval/data/labelled.h"
#include "eval/metrics/ranked.h"

// scratch.c: memory for per-image values, backed by a nameless file, so that it does not count
// against the machine's memory: the kernel writes it out when it needs the room.

struct bv_scratch {
    void *data;
    size_t bytes;
};

// Zeroed memory backed by disk space in folder, reserved at once: a full disk is BV_ERR_IO here and
// not a signal later. Zero-initialise *scratch. bytes may be 0.
enum bv_status bv_scratch_create(struct bv_scratch *scratch, const char *folder, size_t bytes,
                                 struct bv_error *err);
void bv_scratch_free(struct bv_scratch *scratch); // accepts a zeroed value

// score_table.c: the scores and truths of all evaluated images, joined from the journals of a run
// and its CSV file, and grouped to studies or patients.

enum { BV_MAX_STRATA = 64, BV_NO_STRATUM = 255 };

struct bv_score_table {
    struct bv_scratch scratch; // owns the arrays
    size_t n_rows, n_labels;
    double *scores;     // [n_labels][room], the first n_rows used
    uint8_t *truth;     // [n_labels][room]
    uint32_t *patients; // [room] numbers; rows without a patient are one of their own
    uint32_t *studies;  // [room] likewise
    uint8_t *strata;    // [room] numbers; BV_NO_STRATUM without a value
    char *stratum_names[BV_MAX_STRATA];  // owned
    size_t stratum_sizes[BV_MAX_STRATA]; // images
    size_t n_strata;
    size_t room, n_patients, n_studies;
    bool has_patients, has_studies;
    uint64_t n_failed; // rows left out
};

// Receives every row of the CSV with its record; record->reason says whether it failed.
typedef enum bv_status (*bv_joined_row)(void *arg, const struct bv_labelled_row *row,
                                        const struct bv_journal_record *record,
                                        struct bv_error *err);

// The journal of a shard, counted from 0, in a folder.
enum bv_status bv_journal_path(const char *folder, uint64_t shard, uint64_t n_shards, char **path,
                               struct bv_error *err);

// The setup of the run in a folder, from the first journal that is there, without its shard; the
// caller owns *setup. BV_ERR_IO when there is none.
enum bv_status bv_folder_setup(const char *folder, json_t **setup, struct bv_error *err);

// Reads all journals of the folder beside the CSV file. data_path (may be NULL) says where the CSV
// is now. A changed CSV, a missing shard or row is BV_ERR_ARG and named. joined may be NULL.
// Zero-initialise *table; the caller frees.
enum bv_status bv_score_table_join(struct bv_score_table *table, const char *folder,
                                   const json_t *setup, const char *data_path, bv_joined_row joined,
                                   void *arg, struct bv_error *err);
void bv_score_table_free(struct bv_score_table *table);

// What the metrics are about.
enum bv_unit { BV_UNIT_IMAGE, BV_UNIT_STUDY, BV_UNIT_PATIENT };
const char *bv_unit_name(enum bv_unit unit); // "image", …
size_t bv_score_table_units(const struct bv_score_table *table, enum bv_unit unit);

// The patient of every unit (of one stratum, for images), as numbers below *n_clusters: units are
// images or studies. *clusters is NULL where the table has no patients, or the units are patients;
// the caller frees.
enum bv_status bv_score_table_clusters(const struct bv_score_table *table, enum bv_unit unit,
                                       uint8_t stratum, uint32_t **clusters, size_t *n_clusters,
                                       struct bv_error *err);

// The ranked items of every label for a unit; for images, of one stratum or of all (BV_NO_STRATUM).
// Units are numbered within the stratum. A study's or patient's score is the largest of its
// images (or their mean), its truth positive if that of any image is, negative if otherwise that of
// any image is. lists [n_labels]; the items live in scratch, which the caller frees.
enum bv_status bv_score_table_rank(const struct bv_score_table *table, enum bv_unit unit,
                                   uint8_t stratum, bool mean, const char *folder,
                                   struct bv_scratch *scratch, struct bv_ranked *lists,
                                   struct bv_error *err);

#endif

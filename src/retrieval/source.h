// source.h: records out of files, folders and tables.
#ifndef BV_RETRIEVAL_SOURCE_H
#define BV_RETRIEVAL_SOURCE_H

#include "retrieval/ingest.h"

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

#endif

// labelled.h: the rows of a labelled CSV file: image paths, the truth of each label, and groups.
#ifndef BV_EVAL_DATA_LABELLED_H
#define BV_EVAL_DATA_LABELLED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

// What becomes of labels that are -1.
enum bv_uncertain {
    BV_UNCERTAIN_IGNORE, // no truth: left out of this label's metrics
    BV_UNCERTAIN_ZERO,
    BV_UNCERTAIN_ONE,
    BV_UNCERTAIN_POLICY, // GLoRIA's: Atelectasis, Edema, Pleural Effusion 1; Cardiomegaly,
                         // Consolidation 0; other labels as IGNORE
};
enum bv_status bv_uncertain_parse(const char *name, enum bv_uncertain *uncertain,
                                  struct bv_error *err);

enum { BV_TRUTH_NEGATIVE, BV_TRUTH_POSITIVE, BV_TRUTH_NONE };

struct bv_labelled_options {
    const char *path; // CSV, or TSV by its name
    const char *root; // folder of relative image paths; NULL: that of the CSV, then the current one
    // Column names. NULL: the first that is there of path, image_path, image, file, filename;
    // patient_id, patient, subject_id; study_id, study (case ignored).
    const char *path_column, *patient_column, *study_column;
    const char *stratum_column; // metrics are also given for each of its values; NULL: none
    // A column that lists a row's findings, "edema|effusion" or any form of finding_list.c, instead
    // of one column per label.
    const char *list_column;
    const char *const *where; // n_where conditions "column=value": other rows are left out
    size_t n_where;
    enum bv_uncertain uncertain;
    bool blank_is_zero; // an empty label is a 0; otherwise it has no truth
    bool repeats;       // a path may come again
    int frame;          // of every file: N from 1; 0: the only one; -1: each is a row, FILE#N
    const char *const *labels;
    size_t n_labels;
};

// One row. Everything belongs to the dataset, until its next call.
struct bv_labelled_row {
    uint64_t index; // among the rows that fulfil the conditions
    uint64_t line;  // of the file
    const char *path;
    const char *patient, *study, *stratum; // NULL where there is no such column or value
    const uint8_t *truth;                  // [n_labels]
    char *const *fields; // of all columns; NULL where their number is not that of the header
    // Why this row cannot be evaluated: a stable name and a sentence; NULL when it can.
    const char *reason; // "missing_fields", "no_path", "bad_label", "duplicate_row"
    const char *message;
};

struct bv_labelled;

// options and what they point to are borrowed until the dataset is closed. Missing columns are
// BV_ERR_ARG with the names that are there.
enum bv_status bv_labelled_open(struct bv_labelled **dataset,
                                const struct bv_labelled_options *options, struct bv_error *err);
void bv_labelled_close(struct bv_labelled **dataset); // accepts NULL

// *row is NULL after the last one. A path seen before makes a row a duplicate.
enum bv_status bv_labelled_next(struct bv_labelled *dataset, const struct bv_labelled_row **row,
                                struct bv_error *err);

// What a whole data set holds. Reading it also finds damage before hours of work.
struct bv_labelled_survey {
    uint64_t n_rows; // that fulfil the conditions
    struct {
        bool has_column; // always with a list column
        uint64_t positives, negatives;
    } * labels;            // [n_labels], owned
    const char *list_form; // how the list column lists findings; NULL without one
};
enum bv_status bv_labelled_survey(const struct bv_labelled_options *options,
                                  struct bv_labelled_survey *survey, struct bv_error *err);
void bv_labelled_survey_free(struct bv_labelled_survey *survey);

// How many rows fulfil the conditions.
enum bv_status bv_labelled_count(const struct bv_labelled_options *options, uint64_t *n,
                                 struct bv_error *err);

// The column of this name. needed: BV_ERR_ARG where there is none, else *column is -1.
enum bv_status bv_labelled_column(const struct bv_labelled *dataset, const char *name, bool needed,
                                  int *column, struct bv_error *err);

// The first column that is there of a NULL-ended list of names (case ignored). needed: BV_ERR_ARG
// that names the first where there is none, else *column is -1.
enum bv_status bv_labelled_usual(const struct bv_labelled *dataset, const char *const *names,
                                 bool needed, int *column, struct bv_error *err);

bool bv_labelled_has_patients(const struct bv_labelled *dataset);
bool bv_labelled_has_studies(const struct bv_labelled *dataset);

// Where the image of a row is: malloc'd, the caller frees.
enum bv_status bv_labelled_resolve(const struct bv_labelled *dataset, const char *path, char **out,
                                   struct bv_error *err);

// finding_list.c: a cell of a table that lists a row's findings, in the forms that data sets use:
// a|b, a;b, a, b, and lists as Python, NumPy and JSON print them: ['a', 'b'], ['a' 'b'], ["a",
// "b"].

// What separates the findings of a column, by all of its cells. Zero-initialise.
struct bv_finding_form {
    bool bars, semicolons, commas, brackets; // seen in cells; brackets: cells that are lists
};

void bv_finding_form_see(struct bv_finding_form *form, const char *cell);

// The form in words: "a|b", "a;b", "a, b", "['a', 'b']".
const char *bv_finding_form_name(const struct bv_finding_form *form);

// Whether a cell lists a finding that fits, which same() says of each; *bad: the cell begins as a
// list in brackets and does not end as one.
bool bv_finding_listed(const struct bv_finding_form *form, const char *cell,
                       bool (*same)(const char *finding, size_t n, const char *label),
                       const char *label, bool *bad);

// path_list.c: which images a number is of, so that lists that cannot be published can be compared.

// Zero-initialise.
struct bv_path_list {
    char **items; // n, owned
    size_t n, room;
};
enum bv_status bv_path_list_add(struct bv_path_list *list, const char *path, struct bv_error *err);
// SHA-256 of the sorted paths, a line each, in hexadecimal. Sorts the list.
void bv_path_list_digest(struct bv_path_list *list, char hex[65]);
void bv_path_list_free(struct bv_path_list *list);

// group_ids.c: numbers for identifiers (patients, studies, paths) that are not kept: only 64 bits
// of their SHA-256 are, 24 bytes per distinct identifier.

struct bv_group_id {
    uint64_t hash;
    uint32_t number;
    bool used;
};

// Zero-initialise.
struct bv_group_ids {
    struct bv_group_id *slots; // open addressing, n_slots a power of two
    size_t n_slots;
    uint32_t n; // numbers given so far
};

// The number of an identifier: 0, 1, … in the order of first appearance. *is_new may be NULL. Two
// different identifiers share a number with a probability of n²/2^65.
enum bv_status bv_group_ids_number(struct bv_group_ids *ids, const char *id, uint32_t *number,
                                   bool *is_new, struct bv_error *err);

void bv_group_ids_free(struct bv_group_ids *ids);

#endif

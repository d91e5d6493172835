// subgroups.h: finished evaluations by group: the groups, their results, and the files of them.
#ifndef BV_EVAL_TASKS_SUBGROUPS_H
#define BV_EVAL_TASKS_SUBGROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/status.h"
#include "base/thread.h"
#include "eval/metrics/bootstrap.h"
#include "eval/metrics/metric.h"
#include "eval/tasks/finished_run.h"
#include "stats/comparison.h"

// group_column.c: a column of the data whose values are groups, or numbers put into bands.

enum {
    BV_GROUP_MAX_COLUMNS = 8,
    BV_GROUP_MAX_VALUES = 64,
    BV_GROUP_MAX_EDGES = 16,
    BV_GROUP_NAME = 80,
    BV_GROUP_NONE = 255,
};

// Zero-initialise; nothing to free.
struct bv_group_column {
    char name[BV_GROUP_NAME];
    double edges[BV_GROUP_MAX_EDGES]; // ascending; bands are below, from … to below, from … on
    size_t n_edges;                   // 0: the texts themselves
    char values[BV_GROUP_MAX_VALUES][BV_GROUP_NAME];
    size_t n_values;
};

// "sex", or "age:40/60/80" with the lower edges of bands. A column called age (or patient_age, age
// in years) without edges has 18, 40, 60 and 80. BV_ERR_ARG otherwise.
enum bv_status bv_group_column_parse(struct bv_group_column *column, const char *text,
                                     struct bv_error *err);

// The group of a value, BV_GROUP_NONE where it is empty or, with bands, no number ("063Y" as in
// DICOM is 63). BV_ERR_ARG for the 65th value.
enum bv_status bv_group_column_of(struct bv_group_column *column, const char *value, uint8_t *group,
                                  struct bv_error *err);

// subgroups.c: a finished evaluation looked at group by group: whom does the model miss?
//
// A factor is a column of the data, whose values are the groups, or a pair of columns, whose groups
// are the pairs of values. Rates are at the thresholds that the run's results used, the same for
// all groups.

enum { BV_SUBGROUP_FEW = 10 }; // groups with fewer positives or negatives are marked

struct bv_subgroups_options {
    const char *run;       // folder of a finished evaluation
    const char *folder;    // receives subgroups.json, subgroups.csv, subgroups.html
    const char *data_path; // where the CSV is now; NULL: where it was
    const char *const *by; // n_by columns, as bv_group_column_parse() reads them
    size_t n_by;           // 1 … BV_GROUP_MAX_COLUMNS
    size_t n_bootstrap;    // replicates; 0: no intervals of gaps
    struct bv_pool *pool;  // may be NULL
};

// One group under one label.
struct bv_subgroup {
    uint64_t n, positives, negatives;
    double auroc, ece, brier;        // NaN where they are not defined
    struct bv_bounds auroc_interval; // Obuchowski's where patients are known, else DeLong's
    struct bv_confusion confusion;   // zero without a threshold
};

enum bv_gap_kind { BV_GAP_AUROC, BV_GAP_TPR, BV_GAP_FPR, BV_GAP_ECE, BV_GAP_KINDS };
extern const char *const bv_gap_names[BV_GAP_KINDS]; // "auroc", "tpr", …

// The largest less the smallest value among the groups that have it.
struct bv_gap {
    double value;                      // NaN with fewer than two of them
    size_t lowest, highest, n_without; // groups; n_without: are not empty and lack it
    struct bv_interval interval;       // of resampled patients; NaN where one of them lacks a class
};

// One label under one factor.
struct bv_subgroup_label {
    double threshold; // NaN: no decisions
    bool is_probability;
    struct bv_subgroup *groups; // [n_groups] of the factor
    struct bv_gap gaps[BV_GAP_KINDS];
    double equalized_odds; // the larger of the gaps of TPR and FPR; NaN without one of them
};

struct bv_subgroup_factor {
    char name[2 * BV_GROUP_NAME + 8];
    size_t n_groups;
    char (*names)[2 * BV_GROUP_NAME + 8]; // [n_groups]
    uint8_t *of_row;                      // [n rows] the group; BV_GROUP_NONE: a value is missing
    uint64_t n_missing;
    struct bv_subgroup_label *labels; // [n_labels]
};

struct bv_subgroups {
    size_t n_labels, n_rows, n_patients; // 0 patients: not known
    const char **labels;
    struct bv_subgroup_factor *factors;
    size_t n_factors;
};

// Writes the files; the caller owns *result, which subgroups.json holds too. BV_ERR_ARG for columns
// that are not there, or with too many values.
enum bv_status bv_subgroups(const struct bv_subgroups_options *options, json_t **result,
                            struct bv_error *err);

// subgroups_write.c: the files of a look at groups.

// Writes subgroups.json, subgroups.csv and subgroups.html; the caller owns *result.
enum bv_status bv_subgroups_write(const struct bv_subgroups *subgroups,
                                  const struct bv_subgroups_options *options,
                                  const struct bv_finished_run *run, json_t **result,
                                  struct bv_error *err);

#endif

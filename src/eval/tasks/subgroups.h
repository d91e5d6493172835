// subgroups.h: a finished evaluation looked at group by group: whom does the model miss?
//
// A factor is a column of the data, whose values are the groups, or a pair of columns, whose groups
// are the pairs of values. Rates are at the thresholds that the run's results used, the same for
// all groups.
#ifndef BV_EVAL_TASKS_SUBGROUPS_H
#define BV_EVAL_TASKS_SUBGROUPS_H

#include "base/json.h"
#include "base/thread.h"
#include "eval/metrics/bootstrap.h"
#include "eval/metrics/confusion.h"
#include "eval/tasks/group_column.h"
#include "stats/proportion.h"

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

#endif

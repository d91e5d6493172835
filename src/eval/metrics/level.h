// level.h: all classification metrics of one unit (images, studies or patients).
#ifndef BV_EVAL_METRICS_LEVEL_H
#define BV_EVAL_METRICS_LEVEL_H

#include "eval/metrics/bootstrap.h"
#include "eval/metrics/calibration.h"
#include "eval/metrics/metric.h"
#include "eval/metrics/score_table.h"

// Rules whose points are described for the current data.
#define BV_POINT_COUNT 7
enum { BV_POINT_SENSITIVITY_95 = 3, BV_POINT_SPECIFICITY_90 = 5 };
extern const char *const bv_point_rules[BV_POINT_COUNT]; // "youden", "sensitivity=0.9", …
struct bv_point {
    struct bv_threshold threshold; // value NaN: there is none
    struct bv_confusion confusion;
};

struct bv_class_result {
    const char *label; // borrowed
    bool has_truth;    // the data has a column for it
    uint64_t n, positives, negatives;
    struct bv_metrics metrics;
    double threshold; // of the decision metrics; NaN without one
    struct bv_confusion confusion;
    struct bv_interval delong, chexzero, percentile, average_precision;
    struct bv_bounds average_precision_logit;
    double clustered_se; // Obuchowski's, of the AUROC; NaN without patients
    struct bv_bounds clustered;
    // Percentile intervals of all metrics: of resampled patients where they are known, else units.
    struct bv_interval resampled[BV_METRIC_COUNT];
    struct bv_reliability reliability, calibrated; // zero n unless is_probability, calibrated
    bool is_probability, is_calibrated;
    struct bv_calibration_detail *detail, *detail_calibrated; // owned; NULL as above
    struct bv_point points[BV_POINT_COUNT];                   // fitted to this data: descriptive
};

struct bv_level_result {
    enum bv_unit unit;
    const char *stratum; // only the images of this stratum (borrowed from the table); NULL: all
    uint64_t n_units;
    size_t n_labels, n_available; // classes with both labels
    struct bv_class_result *classes;
    struct bv_metrics macro, micro; // macro: means over the classes that have the number
    size_t n_averaged[BV_METRIC_COUNT];
    bool by_patient;                // what resampled is about
    bool patients_repeat;           // some patient has several units: DeLong's takes them as apart
    size_t n_clusters;              // patients, where they are known
    struct bv_interval macro_auroc; // percentile bootstrap of the mean over available classes
    struct bv_interval macro_resampled[BV_METRIC_COUNT], micro_resampled[BV_METRIC_COUNT];
    double five_tasks; // mean AUROC of CheXpert's five competition tasks; NaN
    // Where every unit is positive for exactly one label: argmax of the scores, and of the scores
    // standardised per class (GLoRIA). n is 0 otherwise.
    struct bv_multiclass multiclass, standardized;
    struct bv_ranked *ranked; // [n_labels], for curves
    struct bv_scratch scratch;
};

struct bv_level_options {
    const char *const *labels; // of the table
    const bool *has_truth;
    const char *folder;       // for scratch files
    bool mean;                // groups by the mean of their images' scores, not the largest
    uint8_t stratum;          // of images, or BV_NO_STRATUM: all
    size_t n_bootstrap;       // replicates; 0: no bootstrap
    const double *thresholds; // [n_labels], NaN where none; NULL: 0.5 for probabilities
    const struct bv_calibration *calibrations; // [n_labels] or NULL
    struct bv_pool *pool;
};

// Zero-initialise *result; the caller frees.
enum bv_status bv_level_evaluate(const struct bv_score_table *table, enum bv_unit unit,
                                 const struct bv_level_options *options,
                                 struct bv_level_result *result, struct bv_error *err);
void bv_level_free(struct bv_level_result *result);

// Whether a class that has both labels has fewer than BV_FEW_POSITIVES positives.
enum { BV_FEW_POSITIVES = 30 };
bool bv_is_few(const struct bv_class_result *c);

// Half the width of the 95 % interval that an AUROC has to be expected to have with so many
// positives and negatives (Hanley and McNeil 1982). NaN where one is 0.
double bv_expected_half_width(double auroc, uint64_t positives, uint64_t negatives);

// The interval of the AUROC that tables show: of resampled patients where patients repeat and a
// bootstrap was made, else DeLong's, which takes images as independent.
const struct bv_interval *bv_auroc_of_record(const struct bv_level_result *level,
                                             const struct bv_class_result *c);

// level_intervals.c: the intervals of a level that are resampled or know patients.

// result has its classes and ranked lists; those of its intervals that were NaN are filled.
enum bv_status bv_level_intervals(const struct bv_score_table *table,
                                  const struct bv_level_options *options,
                                  struct bv_level_result *result, struct bv_error *err);

#endif

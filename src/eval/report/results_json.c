#include <math.h>

#include "eval/data/out_folder.h"
#include "eval/report/results.h"

static json_t *integer(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static void set(json_t *object, const char *key, json_t *value)
{
    (void)json_object_set_new(object, key, value); // a value that could not be made is left out
}

static json_t *interval(const struct bv_interval *i)
{
    json_t *object = json_object();
    set(object, "low", bv_result_number(i->low));
    set(object, "high", bv_result_number(i->high));
    return object;
}

// An interval that was made from replicates.
static json_t *resampled(const struct bv_interval *i)
{
    json_t *object = interval(i);
    set(object, "mean", bv_result_number(i->mean));
    set(object, "undefined_replicates", integer(i->n_undefined));
    return object;
}

static void set_metrics(json_t *object, const struct bv_metrics *metrics)
{
    for (size_t i = 0; i < BV_METRIC_COUNT; i++)
        set(object, bv_metric_table[i].name, bv_result_number(bv_metric_value(metrics, i)));
}

static void set_confusion(json_t *object, const struct bv_confusion *c)
{
    set(object, "tp", integer(c->tp));
    set(object, "fp", integer(c->fp));
    set(object, "tn", integer(c->tn));
    set(object, "fn", integer(c->fn));
}

static json_t *reliability_bins(const struct bv_reliability *r)
{
    json_t *bins = json_array();
    for (size_t i = 0; i < BV_RELIABILITY_BINS; i++) {
        const struct bv_reliability_bin *bin = &r->bins[i];
        json_t *one = json_object();
        set(one, "n", integer(bin->n));
        set(one, "mean_score", bv_result_number(bin->mean));
        set(one, "fraction_positive",
            bv_result_number(bin->n ? (double)bin->positives / (double)bin->n : NAN));
        (void)json_array_append_new(bins, one);
    }
    return bins;
}

static json_t *points(const struct bv_class_result *c)
{
    json_t *object = json_object();
    for (size_t i = 0; i < BV_POINT_COUNT; i++) {
        const struct bv_point *p = &c->points[i];
        json_t *one = json_object();
        bool is_there = !isnan(p->threshold.value);
        set(one, "threshold", bv_result_number(p->threshold.value));
        set(one, "sensitivity", bv_result_number(is_there ? bv_sensitivity(&p->confusion) : NAN));
        set(one, "specificity", bv_result_number(is_there ? bv_specificity(&p->confusion) : NAN));
        set(one, "f1", bv_result_number(is_there ? bv_f1(&p->confusion) : NAN));
        set(one, "mcc", bv_result_number(is_there ? bv_mcc(&p->confusion) : NAN));
        set(object, bv_point_rules[i], one);
    }
    return object;
}

static json_t *bounds(const struct bv_bounds *b)
{
    json_t *object = json_object();
    set(object, "low", bv_result_number(b->low));
    set(object, "high", bv_result_number(b->high));
    return object;
}

// Of all metrics; those that are not resampled are left out.
static json_t *all_intervals(const struct bv_interval intervals[BV_METRIC_COUNT])
{
    json_t *object = json_object();
    for (size_t i = 0; i < BV_METRIC_COUNT; i++)
        if (!isnan(intervals[i].mean))
            set(object, bv_metric_table[i].name, resampled(&intervals[i]));
    return object;
}

static void set_proportion(json_t *object, const char *name, uint64_t part, uint64_t whole)
{
    struct bv_bounds wilson = bv_wilson(part, whole, 0.95);
    struct bv_bounds exact = bv_clopper_pearson(part, whole, 0.95);
    json_t *one = json_object();
    set(one, "of", integer(whole));
    set(one, "count", integer(part));
    set(one, "wilson", bounds(&wilson));
    set(one, "clopper_pearson", bounds(&exact));
    set(object, name, one);
}

static json_t *proportions(const struct bv_confusion *c)
{
    json_t *object = json_object();
    set_proportion(object, "sensitivity", c->tp, c->tp + c->fn);
    set_proportion(object, "specificity", c->tn, c->tn + c->fp);
    set_proportion(object, "precision", c->tp, c->tp + c->fp);
    set_proportion(object, "npv", c->tn, c->tn + c->fn);
    set_proportion(object, "accuracy", c->tp + c->tn, c->tp + c->tn + c->fp + c->fn);
    return object;
}

// At other prevalences than that of the data; figures/predictive_values.csv has the curve.
// The stated one comes first.
static json_t *predictive_values(const struct bv_confusion *c, double stated)
{
    const double prevalences[] = {stated, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5};
    double se = bv_sensitivity(c), sp = bv_specificity(c);
    json_t *list = json_array();
    for (size_t i = stated > 0 ? 0 : 1; i < sizeof prevalences / sizeof *prevalences; i++)
        (void)json_array_append_new(
            list, json_pack("{s:f, s:o, s:o}", "prevalence", prevalences[i], "ppv",
                            bv_result_number(bv_ppv_at(se, sp, prevalences[i])), "npv",
                            bv_result_number(bv_npv_at(se, sp, prevalences[i]))));
    return list;
}

static json_t *estimate(const struct bv_estimate *e)
{
    struct bv_bounds interval = bv_estimate_interval(e, 0.95);
    json_t *object = bounds(&interval);
    set(object, "value", bv_result_number(e->value));
    set(object, "se", bv_result_number(e->se));
    return object;
}

static json_t *calibration_detail(const struct bv_calibration_detail *d)
{
    const struct bv_recalibration *r = &d->recalibration;
    json_t *object = json_object(), *ratio = bounds(&r->observed_expected_interval);
    set(object, "intercept", estimate(&r->intercept));
    set(object, "slope", estimate(&r->slope));
    set(object, "in_the_large", estimate(&r->in_the_large));
    set(ratio, "value", bv_result_number(r->observed_expected));
    set(object, "observed_expected", ratio);
    set(object, "ici", bv_result_number(d->errors.ici));
    set(object, "e50", bv_result_number(d->errors.e50));
    set(object, "e90", bv_result_number(d->errors.e90));
    set(object, "emax", bv_result_number(d->errors.emax));
    set(object, "spiegelhalter_z", bv_result_number(r->spiegelhalter_z));
    set(object, "spiegelhalter_p", bv_result_number(r->spiegelhalter_p));
    set(object, "scores_of_0_or_1", integer(r->n_extreme));
    return object;
}

static json_t *class_object(const struct bv_results *r, const struct bv_level_result *l,
                            const struct bv_class_result *c)
{
    json_t *object = json_object(), *intervals = json_object();
    set(object, "n", integer(c->n));
    set(object, "positives", integer(c->positives));
    set(object, "negatives", integer(c->negatives));
    set(object, "prevalence", bv_result_number(c->n ? (double)c->positives / (double)c->n : NAN));
    set_metrics(object, &c->metrics);
    set(object, "threshold", bv_result_number(c->threshold));
    if (!isnan(c->threshold)) {
        set_confusion(object, &c->confusion);
        set(object, "proportions_ci95", proportions(&c->confusion));
    }
    set(intervals, "delong", interval(&c->delong));
    if (r->n_bootstrap) {
        set(intervals, "bootstrap_chexzero", resampled(&c->chexzero));
        set(intervals, "bootstrap_percentile", resampled(&c->percentile));
        const struct bv_interval none = {NAN, NAN, NAN, 0};
        set(intervals, "bootstrap_patient", resampled(l->by_patient ? &c->resampled[0] : &none));
        set(object, "average_precision_ci95", resampled(&c->average_precision));
        set(object, "ci95", all_intervals(c->resampled));
    }
    if (l->by_patient) {
        json_t *clustered = bounds(&c->clustered);
        set(clustered, "se", bv_result_number(c->clustered_se));
        set(intervals, "obuchowski", clustered);
    }
    set(object, "auroc_expected_half_width",
        bv_result_number(bv_expected_half_width(c->metrics.auroc, c->positives, c->negatives)));
    set(object, "few_positives", json_boolean(bv_is_few(c)));
    set(object, "average_precision_ci95_logit", bounds(&c->average_precision_logit));
    set(object, "auroc_ci95", intervals);
    if (c->is_probability)
        set(object, "reliability", reliability_bins(&c->reliability));
    if (!isnan(c->threshold))
        set(object, "predictive_values", predictive_values(&c->confusion, r->prevalence));
    if (c->is_calibrated)
        set(object, "reliability_calibrated", reliability_bins(&c->calibrated));
    if (c->detail)
        set(object, "calibration", calibration_detail(c->detail));
    if (c->detail_calibrated)
        set(object, "calibration_after", calibration_detail(c->detail_calibrated));
    set(object, "points_fitted_to_this_data", points(c));
    return object;
}

static json_t *multiclass(const struct bv_multiclass *m)
{
    return json_pack("{s:f, s:f, s:f, s:f}", "accuracy", m->accuracy, "macro_precision",
                     m->precision, "macro_recall", m->recall, "macro_f1", m->f1);
}

static json_t *few(const struct bv_level_result *l)
{
    json_t *list = json_array();
    for (size_t i = 0; i < l->n_labels; i++)
        if (bv_is_few(&l->classes[i]))
            (void)json_array_append_new(list, json_string(l->classes[i].label));
    return list;
}

static void set_level(json_t *object, const struct bv_results *r, const struct bv_level_result *l)
{
    json_t *classes = json_object(), *macro = json_object(), *micro = json_object();
    for (size_t i = 0; i < l->n_labels; i++)
        set(classes, l->classes[i].label, class_object(r, l, &l->classes[i]));
    set(object, "n", integer(l->n_units));
    set(object, "classes", classes);
    set_metrics(macro, &l->macro);
    set(macro, "n_classes", integer(l->n_available));
    set(macro, "n_not_available", integer(l->n_labels - l->n_available));
    set(macro, "classes_under_30_positives", few(l));
    set_metrics(micro, &l->micro);
    if (r->n_bootstrap) {
        set(macro, "auroc_ci95_bootstrap_percentile", resampled(&l->macro_auroc));
        set(macro, "ci95", all_intervals(l->macro_resampled));
        set(micro, "ci95", all_intervals(l->micro_resampled));
        set(object, "ci95_resamples",
            json_string(l->by_patient ? "patient" : bv_unit_name(l->unit)));
    }
    if (l->by_patient)
        set(object, "patients", integer(l->n_clusters));
    set(object, "macro", macro);
    set(object, "micro", micro);
    if (!isnan(l->five_tasks))
        set(object, "chexpert_five_tasks_auroc", bv_result_number(l->five_tasks));
    if (l->multiclass.n) {
        set(object, "multiclass", multiclass(&l->multiclass));
        set(object, "multiclass_standardized", multiclass(&l->standardized));
    }
}

static json_t *fitted(const json_t *file)
{
    json_t *object = json_object();
    (void)json_object_set(object, "fitted_on", json_object_get(file, "fitted_on"));
    if (json_object_get(file, "rule"))
        (void)json_object_set(object, "rule", json_object_get(file, "rule"));
    if (json_object_get(file, "method"))
        (void)json_object_set(object, "method", json_object_get(file, "method"));
    return object;
}

static json_t *failures(const struct bv_failures *f)
{
    json_t *object = json_object();
    for (size_t i = 0; i < f->n; i++)
        set(object, f->each[i].reason, integer(f->each[i].n));
    return object;
}

static json_t *labels_without_column(const struct bv_level_result *l)
{
    json_t *list = json_array();
    for (size_t i = 0; i < l->n_labels; i++)
        if (!l->classes[i].has_truth)
            (void)json_array_append_new(list, json_string(l->classes[i].label));
    return list;
}

enum bv_status bv_results_json(const struct bv_results *r, json_t **metrics, struct bv_error *err)
{
    json_t *object = json_pack(
        "{s:s, s:O, s:O, s:O, s:O}", "intended_use", "research", "data",
        json_object_get(r->setup, "data"), "model", json_object_get(r->setup, "model"), "uncertain",
        json_object_get(r->setup, "uncertain"), "blank", json_object_get(r->setup, "blank"));
    if (!object)
        return bv_fail_nomem(err, "the results");
    set(object, "rows", integer(r->n_rows));
    set(object, "evaluated", integer(r->n_evaluated));
    set(object, "failed", integer(r->n_failed));
    set(object, "duplicates", integer(r->n_duplicates));
    set(object, "failures", failures(r->failures));
    set(object, "devices", json_incref((json_t *)(uintptr_t)r->devices));
    set(object, "warnings", bv_warning_counts_json(r->warnings));
    set(object, "bootstrap_replicates", integer(r->n_bootstrap));
    set(object, "aggregate", json_string(r->mean ? "mean" : "max"));
    set(object, "thresholds", r->thresholds ? fitted(r->thresholds) : json_null());
    set(object, "calibration", r->calibration ? fitted(r->calibration) : json_null());
    set(object, "labels_without_column", labels_without_column(&r->levels[0]));
    set_level(object, r, &r->levels[0]);
    json_t *strata = json_object();
    for (size_t i = 1; i < r->n_levels; i++) {
        const struct bv_level_result *l = &r->levels[i];
        json_t *level = json_object();
        set_level(level, r, l);
        if (l->stratum)
            set(strata, l->stratum, level);
        else
            set(object, bv_unit_name(l->unit), level);
    }
    if (json_object_size(strata))
        (void)json_object_set(object, "strata", strata);
    json_decref(strata);
    *metrics = object;
    return BV_OK;
}

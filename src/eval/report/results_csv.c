#include <math.h>

#include "eval/report/results.h"
#include "table/csv.h"

static void put_interval(struct bv_csv_writer *w, const struct bv_interval *i)
{
    bv_csv_put_number(w, i->low);
    bv_csv_put_number(w, i->high);
}

static void put_header(struct bv_csv_writer *w)
{
    static const char *const first[] = {"unit", "stratum", "class", "n", "positives", "negatives"};
    static const char *const last[] = {
        "threshold",           "auroc_delong_low",    "auroc_delong_high",    "auroc_chexzero_low",
        "auroc_chexzero_high", "auroc_bootstrap_low", "auroc_bootstrap_high", "auroc_patient_low",
        "auroc_patient_high"};
    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        bv_csv_put(w, first[i]);
    for (size_t i = 0; i < BV_METRIC_COUNT; i++)
        bv_csv_put(w, bv_metric_table[i].name);
    for (size_t i = 0; i < sizeof last / sizeof *last; i++)
        bv_csv_put(w, last[i]);
    bv_csv_end(w);
}

static void put_class(struct bv_csv_writer *w, const struct bv_level_result *l,
                      const struct bv_class_result *c)
{
    const struct bv_interval none = {NAN, NAN, NAN, 0};
    bv_csv_put(w, bv_unit_name(l->unit));
    bv_csv_put(w, l->stratum);
    bv_csv_put(w, c->label);
    bv_csv_put_integer(w, (int64_t)c->n);
    bv_csv_put_integer(w, (int64_t)c->positives);
    bv_csv_put_integer(w, (int64_t)c->negatives);
    for (size_t i = 0; i < BV_METRIC_COUNT; i++)
        bv_csv_put_number(w, bv_metric_value(&c->metrics, i));
    bv_csv_put_number(w, c->threshold);
    put_interval(w, &c->delong);
    put_interval(w, &c->chexzero);
    put_interval(w, &c->percentile);
    put_interval(w, l->by_patient ? &c->resampled[0] : &none);
    bv_csv_end(w);
}

// An average as a class without counts.
static void put_average(struct bv_csv_writer *w, const struct bv_level_result *l, const char *name,
                        const struct bv_metrics *metrics, const struct bv_interval *auroc)
{
    const struct bv_interval none = {NAN, NAN, NAN, 0};
    bv_csv_put(w, bv_unit_name(l->unit));
    bv_csv_put(w, l->stratum);
    bv_csv_put(w, name);
    bv_csv_put_integer(w, (int64_t)l->n_units);
    bv_csv_put(w, NULL);
    bv_csv_put(w, NULL);
    for (size_t i = 0; i < BV_METRIC_COUNT; i++)
        bv_csv_put_number(w, bv_metric_value(metrics, i));
    bv_csv_put_number(w, NAN);
    put_interval(w, &none);
    put_interval(w, &none);
    put_interval(w, auroc ? auroc : &none);
    put_interval(w, &none);
    bv_csv_end(w);
}

void bv_results_csv(const struct bv_results *r, FILE *stream)
{
    struct bv_csv_writer writer = {.stream = stream, .separator = ','};
    put_header(&writer);
    for (size_t i = 0; i < r->n_levels; i++) {
        const struct bv_level_result *l = &r->levels[i];
        for (size_t c = 0; c < l->n_labels; c++)
            put_class(&writer, l, &l->classes[c]);
        put_average(&writer, l, "(macro)", &l->macro, &l->macro_auroc);
        put_average(&writer, l, "(micro)", &l->micro, NULL);
    }
}

#include "eval/report/results.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>

#include "base/c_locale.h"
#include "eval/data/out_folder.h"
#include "eval/metrics/calibration.h"
#include "eval/report/page.h"

enum { PREVALENCES = 99, MAX_ROWS = 400 };

static bool has_both(const struct bv_class_result *c)
{
    return c->positives && c->negatives;
}

static void put_numbers(struct bv_csv_writer *w, const char *label, const double *values, size_t n)
{
    bv_csv_put(w, label);
    for (size_t i = 0; i < n; i++)
        bv_csv_put_number(w, values[i]);
    bv_csv_end(w);
}

// ---- The numbers ----

typedef enum bv_status (*put_rows)(struct bv_csv_writer *w, const struct bv_class_result *c,
                                   const struct bv_ranked *ranked, struct bv_error *err);

// Both curves as they are drawn, with Wilson's intervals at every point.
static enum bv_status put_curve(struct bv_csv_writer *w, const struct bv_class_result *c,
                                const struct bv_ranked *ranked, bool roc, struct bv_error *err)
{
    struct bv_curve_point *points = NULL;
    size_t n = 0;
    BV_TRY(bv_curve_points(ranked->items, ranked->n, roc, &points, &n, err));
    size_t stride = n > MAX_ROWS ? (n + MAX_ROWS - 1) / MAX_ROWS : 1;
    for (size_t i = 0; i < n; i += i + stride < n || i + 1 == n ? stride : n - 1 - i) {
        const struct bv_curve_point *p = &points[i];
        uint64_t called = p->tp + p->fp;
        double recall = (double)p->tp / (double)c->positives;
        struct bv_bounds b =
            roc ? bv_wilson(p->tp, c->positives, 0.95) : bv_wilson(p->tp, called, 0.95);
        const double values[] = {p->threshold, roc ? (double)p->fp / (double)c->negatives : recall,
                                 roc ? recall : (double)p->tp / (double)called, b.low, b.high};
        put_numbers(w, c->label, values, sizeof values / sizeof *values);
    }
    free(points);
    return BV_OK;
}

static enum bv_status put_roc(struct bv_csv_writer *w, const struct bv_class_result *c,
                              const struct bv_ranked *ranked, struct bv_error *err)
{
    return put_curve(w, c, ranked, true, err);
}

static enum bv_status put_pr(struct bv_csv_writer *w, const struct bv_class_result *c,
                             const struct bv_ranked *ranked, struct bv_error *err)
{
    return put_curve(w, c, ranked, false, err);
}

static enum bv_status put_reliability(struct bv_csv_writer *w, const struct bv_class_result *c,
                                      const struct bv_ranked *ranked, struct bv_error *err)
{
    (void)ranked;
    (void)err;
    for (size_t i = 0; c->is_probability && i < BV_RELIABILITY_BINS; i++) {
        const struct bv_reliability_bin *bin = &c->reliability.bins[i];
        struct bv_bounds b = bv_wilson(bin->positives, bin->n, 0.95);
        const double values[] = {(double)bin->n, bin->mean,
                                 bin->n ? (double)bin->positives / (double)bin->n : NAN, b.low,
                                 b.high};
        put_numbers(w, c->label, values, sizeof values / sizeof *values);
    }
    return BV_OK;
}

static enum bv_status put_calibration(struct bv_csv_writer *w, const struct bv_class_result *c,
                                      const struct bv_ranked *ranked, struct bv_error *err)
{
    (void)ranked;
    (void)err;
    for (size_t i = 0; c->detail && i < BV_CALIBRATION_POINTS; i++) {
        const struct bv_calibration_detail *d = c->detail;
        const double values[] = {d->at[i], d->value[i], d->low[i], d->high[i]};
        put_numbers(w, c->label, values, sizeof values / sizeof *values);
    }
    return BV_OK;
}

static enum bv_status put_decisions(struct bv_csv_writer *w, const struct bv_class_result *c,
                                    const struct bv_ranked *ranked, struct bv_error *err)
{
    struct bv_decision_point points[BV_DECISION_POINTS];
    (void)err;
    if (!c->is_probability)
        return BV_OK;
    bv_decision_curve(ranked->items, ranked->n, points);
    for (size_t i = 0; i < BV_DECISION_POINTS; i++) {
        const double values[] = {points[i].threshold, points[i].model, points[i].all, 0,
                                 points[i].avoided};
        put_numbers(w, c->label, values, sizeof values / sizeof *values);
    }
    return BV_OK;
}

static enum bv_status put_predictive(struct bv_csv_writer *w, const struct bv_class_result *c,
                                     const struct bv_ranked *ranked, struct bv_error *err)
{
    (void)ranked;
    (void)err;
    for (int i = 1; !isnan(c->threshold) && i <= PREVALENCES; i++) {
        double se = bv_sensitivity(&c->confusion), sp = bv_specificity(&c->confusion);
        double prevalence = i / 100.0;
        const double values[] = {prevalence, bv_ppv_at(se, sp, prevalence),
                                 bv_npv_at(se, sp, prevalence)};
        put_numbers(w, c->label, values, sizeof values / sizeof *values);
    }
    return BV_OK;
}

static const struct {
    const char *name;
    const char *columns[7];
    size_t n_columns;
    put_rows put;
} tables[] = {
    {"roc.csv",
     {"class", "threshold", "false_positive_rate", "sensitivity", "low", "high"},
     6,
     put_roc},
    {"precision_recall.csv",
     {"class", "threshold", "recall", "precision", "low", "high"},
     6,
     put_pr},
    {"reliability.csv",
     {"class", "n", "mean_score", "fraction_positive", "low", "high"},
     6,
     put_reliability},
    {"calibration_curve.csv", {"class", "score", "curve", "low", "high"}, 5, put_calibration},
    {"decision_curve.csv",
     {"class", "threshold", "net_benefit", "treat_all", "treat_none", "interventions_avoided"},
     6,
     put_decisions},
    {"predictive_values.csv", {"class", "prevalence", "ppv", "npv"}, 4, put_predictive},
};

static enum bv_status write_table(const struct bv_level_result *l, const char *folder, size_t t,
                                  struct bv_error *err)
{
    struct bv_row_file file = {0};
    BV_TRY(bv_row_file_create(&file, folder, tables[t].name, tables[t].columns, tables[t].n_columns,
                              err));
    enum bv_status status = BV_OK;
    for (size_t i = 0; status == BV_OK && i < l->n_labels; i++)
        if (has_both(&l->classes[i]))
            status = tables[t].put(&file.csv, &l->classes[i], &l->ranked[i], err);
    if (status == BV_OK)
        status = bv_row_file_commit(&file, err);
    bv_row_file_discard(&file);
    return status;
}

// ---- The diagrams ----

// "roc_03_pleural_effusion.svg": of a name only what is safe in any file system.
static void name_file(char name[96], const char *kind, size_t number, const char *label)
{
    char safe[41];
    size_t n = 0;
    for (; *label && n + 1 < sizeof safe; label++) {
        unsigned char c = (unsigned char)*label;
        safe[n++] = c < 128 && isalnum(c) ? (char)tolower(c) : '_';
    }
    safe[n] = 0;
    (void)snprintf(name, 96, "%s_%02zu_%s.svg", kind, number, safe);
}

static enum bv_status write_diagram(const struct bv_class_result *c, const struct bv_ranked *ranked,
                                    enum bv_diagram diagram, size_t number, const char *folder,
                                    struct bv_error *err)
{
    char name[96];
    struct bv_new_file file = {0};
    name_file(name, bv_diagram_names[diagram], number, c->label);
    BV_TRY(bv_folder_create(&file, folder, name, err));
    bv_plot_file_begin(file.stream);
    enum bv_status status = bv_plot_diagram(file.stream, diagram, c, ranked, err);
    bv_plot_file_end(file.stream);
    if (status == BV_OK)
        status = bv_new_file_commit(&file, err);
    bv_new_file_discard(&file);
    return status;
}

static enum bv_status write_diagrams(const struct bv_level_result *l, const char *folder,
                                     struct bv_error *err)
{
    for (size_t i = 0; i < l->n_labels; i++)
        for (int d = 0; d < BV_DIAGRAMS; d++)
            if (bv_diagram_is_there(&l->classes[i], (enum bv_diagram)d))
                BV_TRY(write_diagram(&l->classes[i], &l->ranked[i], (enum bv_diagram)d, i + 1,
                                     folder, err));
    return BV_OK;
}

enum bv_status bv_figures_write(const struct bv_results *r, const char *folder,
                                struct bv_error *err)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/figures", folder);
    if (n < 0 || (size_t)n >= sizeof path)
        return bv_fail(err, BV_ERR_ARG, "%s: the path is too long", folder);
    BV_TRY(bv_folder_make(path, err));
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        BV_TRY(write_table(&r->levels[0], path, t, err));
    struct bv_c_locale scope = bv_c_locale_enter();
    enum bv_status status = write_diagrams(&r->levels[0], path, err);
    bv_c_locale_leave(&scope);
    return status;
}

#include "eval/tasks/compare.h"

#include <math.h>
#include <string.h>

#include "base/c_locale.h"
#include "eval/data/out_folder.h"
#include "eval/report/page.h"

static const char *const decided[BV_DECIDED_KINDS] = {"accuracy", "sensitivity", "specificity"};

static void set(json_t *object, const char *key, json_t *value)
{
    (void)json_object_set_new(object, key, value); // a value that could not be made is left out
}

static void set_number(json_t *object, const char *key, double value)
{
    set(object, key, bv_result_number(value));
}

// ---- JSON ----

static json_t *difference(const struct bv_difference *d)
{
    json_t *object = json_object();
    set_number(object, "difference", d->value);
    set_number(object, "se", d->se);
    set_number(object, "low", d->interval.low);
    set_number(object, "high", d->interval.high);
    set_number(object, "z", d->z);
    set_number(object, "p", d->p);
    return object;
}

static json_t *metrics(const struct bv_compared_metric all[BV_METRIC_COUNT])
{
    json_t *object = json_object();
    for (size_t i = 0; i < BV_METRIC_COUNT; i++) {
        const struct bv_compared_metric *m = &all[i];
        if (isnan(m->first) || isnan(m->other))
            continue;
        json_t *one = json_object();
        set_number(one, "first", m->first);
        set_number(one, "other", m->other);
        set_number(one, "difference", m->first - m->other);
        set_number(one, "low", m->difference.low);
        set_number(one, "high", m->difference.high);
        set_number(one, "p", m->p);
        set(one, "undefined_replicates", json_integer((json_int_t)m->difference.n_undefined));
        set(object, bv_metric_table[i].name, one);
    }
    return object;
}

static json_t *decisions(const struct bv_compared_label *c)
{
    json_t *object = json_object();
    for (int k = 0; k < BV_DECIDED_KINDS; k++) {
        const struct bv_compared_decisions *d = &c->decisions[k];
        json_t *one = json_object();
        set(one, "first_right_only", json_integer((json_int_t)d->first_only));
        set(one, "other_right_only", json_integer((json_int_t)d->other_only));
        set_number(one, "chi2_corrected", d->test.chi2_corrected);
        set_number(one, "p_corrected", d->test.p_corrected);
        set_number(one, "chi2", d->test.chi2);
        set_number(one, "p", d->test.p);
        set_number(one, "p_exact", d->test.p_exact);
        set_number(one, "p_mid", d->test.p_mid);
        set(object, decided[k], one);
    }
    set_number(object, "threshold_first", c->thresholds[0]);
    set_number(object, "threshold_other", c->thresholds[1]);
    return object;
}

static bool has_decisions(const struct bv_compared_label *c)
{
    return !isnan(c->thresholds[0]) && !isnan(c->thresholds[1]);
}

static json_t *label_object(const struct bv_comparison *c, const struct bv_compare_options *o,
                            const struct bv_compared_label *l)
{
    json_t *object = json_object(), *auroc = json_object();
    set(object, "n", json_integer((json_int_t)l->n));
    set(object, "positives", json_integer((json_int_t)l->positives));
    set(auroc, "delong", difference(&l->delong));
    if (c->n_patients)
        set(auroc, "obuchowski", difference(&l->clustered));
    set_number(auroc, "p_holm", l->p_holm);
    set_number(auroc, "p_benjamini_hochberg", l->p_benjamini);
    set(auroc, "adjusted", json_string(c->patients_repeat ? "obuchowski" : "delong"));
    if (!isnan(o->margin)) {
        json_t *one = json_object();
        set_number(one, "margin", o->margin);
        set_number(one, "z", l->noninferiority_z);
        set_number(one, "p", l->noninferiority_p);
        set(auroc, "noninferiority", one);
    }
    set(object, "auroc", auroc);
    set(object, "metrics", metrics(l->metrics));
    if (has_decisions(l))
        set(object, "mcnemar", decisions(l));
    return object;
}

static json_t *run_object(const struct bv_finished_run *run, size_t n_common)
{
    json_t *object = json_object();
    set(object, "folder", bv_json_path(run->folder));
    (void)json_object_set(object, "model", json_object_get(run->setup, "model"));
    (void)json_object_set(object, "thresholds", json_object_get(run->metrics, "thresholds"));
    set(object, "evaluated", json_integer((json_int_t)run->table.n_rows));
    set(object, "left_out", json_integer((json_int_t)(run->table.n_rows - n_common)));
    return object;
}

static json_t *whole_object(const struct bv_comparison *c, const struct bv_compare_options *o,
                            const struct bv_compare_rows *rows)
{
    json_t *object = json_object(), *runs = json_array(), *pairs = json_array();
    set(object, "kind", json_string("biovl.comparison"));
    set(object, "intended_use", json_string("research"));
    (void)json_object_set(object, "data", json_object_get(rows->runs[0].setup, "data"));
    set(object, "rows", json_integer((json_int_t)c->n_rows));
    set(object, "evaluated_by_all", json_integer((json_int_t)c->n_common));
    set(object, "patients", c->n_patients ? json_integer((json_int_t)c->n_patients) : json_null());
    set(object, "bootstrap_replicates", json_integer((json_int_t)o->n_bootstrap));
    set(object, "resamples", json_string(c->n_patients ? "patient" : "image"));
    for (size_t r = 0; r < c->n_runs; r++)
        (void)json_array_append_new(runs, run_object(&rows->runs[r], c->n_common));
    set(object, "runs", runs);
    for (size_t p = 0; p < c->n_pairs; p++) {
        json_t *pair = json_object(), *labels = json_object();
        set(pair, "first", bv_json_path(rows->runs[0].folder));
        set(pair, "other", bv_json_path(rows->runs[p + 1].folder));
        for (size_t l = 0; l < c->n_labels; l++)
            set(labels, rows->labels[l], label_object(c, o, &c->labels[p * c->n_labels + l]));
        set(pair, "classes", labels);
        set(pair, "macro", metrics(c->macro[p]));
        set(pair, "micro", metrics(c->micro[p]));
        (void)json_array_append_new(pairs, pair);
    }
    set(object, "pairs", pairs);
    return object;
}

// ---- CSV: one line per pair, label and quantity ----

static void put_line(struct bv_csv_writer *w, const char *const names[4], double first,
                     double other, double d, double low, double high, double p)
{
    const double values[] = {first, other, d, low, high, p};
    for (int i = 0; i < 4; i++)
        bv_csv_put(w, names[i]);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        bv_csv_put_number(w, values[i]);
    bv_csv_end(w);
}

static void put_metrics(struct bv_csv_writer *w, const char *other, const char *label,
                        const struct bv_compared_metric all[BV_METRIC_COUNT])
{
    for (size_t i = 0; i < BV_METRIC_COUNT; i++) {
        const struct bv_compared_metric *m = &all[i];
        const char *const names[] = {other, label, bv_metric_table[i].name, "bootstrap"};
        if (!isnan(m->first) && !isnan(m->other))
            put_line(w, names, m->first, m->other, m->first - m->other, m->difference.low,
                     m->difference.high, m->p);
    }
}

static void put_test(struct bv_csv_writer *w, const char *other, const struct bv_compared_label *l,
                     const char *method, const struct bv_difference *d, double p)
{
    const char *const names[] = {other, l->label, "auroc", method};
    put_line(w, names, l->metrics[0].first, l->metrics[0].other, d->value, d->interval.low,
             d->interval.high, p);
}

static void put_label(struct bv_csv_writer *w, const struct bv_comparison *c, const char *other,
                      const struct bv_compared_label *l)
{
    const struct bv_difference *record = c->patients_repeat ? &l->clustered : &l->delong;
    put_test(w, other, l, "delong", &l->delong, l->delong.p);
    if (c->n_patients)
        put_test(w, other, l, "obuchowski", &l->clustered, l->clustered.p);
    put_test(w, other, l, "holm", record, l->p_holm);
    put_test(w, other, l, "benjamini_hochberg", record, l->p_benjamini);
    if (!isnan(l->noninferiority_z))
        put_test(w, other, l, "noninferiority", record, l->noninferiority_p);
    put_metrics(w, other, l->label, l->metrics);
    for (int k = 0; k < BV_DECIDED_KINDS && has_decisions(l); k++) {
        const char *const names[] = {other, l->label, decided[k], "mcnemar_exact"};
        double a = (double)l->decisions[k].first_only, b = (double)l->decisions[k].other_only;
        put_line(w, names, a, b, a - b, NAN, NAN, l->decisions[k].test.p_exact);
    }
}

static enum bv_status write_csv(const struct bv_comparison *c, const struct bv_compare_options *o,
                                const struct bv_compare_rows *rows, struct bv_error *err)
{
    static const char *const columns[] = {"other",     "class",     "quantity",   "method",
                                          "first_run", "other_run", "difference", "low",
                                          "high",      "p"};
    struct bv_row_file file = {0};
    BV_TRY(bv_row_file_create(&file, o->folder, "compare.csv", columns,
                              sizeof columns / sizeof *columns, err));
    for (size_t p = 0; p < c->n_pairs; p++) {
        const char *other = rows->runs[p + 1].folder;
        for (size_t l = 0; l < c->n_labels; l++)
            put_label(&file.csv, c, other, &c->labels[p * c->n_labels + l]);
        put_metrics(&file.csv, other, "(macro)", c->macro[p]);
        put_metrics(&file.csv, other, "(micro)", c->micro[p]);
    }
    return bv_row_file_commit(&file, err);
}

// ---- The page ----

static void put_signed(FILE *f, double value)
{
    if (isnan(value))
        (void)fputs("<td>NA</td>", f);
    else
        (void)fprintf(f, "<td>%+.3f</td>", value);
}

static void put_auroc_row(FILE *f, const struct bv_comparison *c, const struct bv_compared_label *l)
{
    const struct bv_difference *record = c->patients_repeat ? &l->clustered : &l->delong;
    bv_page_row(f, l->label);
    (void)fprintf(f, "<td>%llu</td><td>%llu</td>", (unsigned long long)l->n,
                  (unsigned long long)l->positives);
    bv_page_number(f, l->metrics[0].first);
    bv_page_number(f, l->metrics[0].other);
    put_signed(f, record->value);
    bv_page_interval(f, record->interval.low, record->interval.high);
    bv_page_p(f, record->p);
    bv_page_p(f, l->p_holm);
    bv_page_p(f, l->p_benjamini);
    if (c->patients_repeat)
        bv_page_p(f, l->delong.p);
    if (!isnan(l->noninferiority_z))
        bv_page_p(f, l->noninferiority_p);
    (void)fputs("</tr>", f);
}

static void put_auroc_table(FILE *f, const struct bv_comparison *c,
                            const struct bv_compare_options *o, size_t pair)
{
    const char *columns[16] = {"Class",      "n",    "positive", "first", "other",
                               "difference", "95 %", "p",        "Holm",  "Benjamini-Hochberg"};
    size_t n = 10;
    if (c->patients_repeat)
        columns[n++] = "p (DeLong)";
    if (!isnan(o->margin))
        columns[n++] = "p (non-inferior)";
    (void)fprintf(f, "<h3>AUROC</h3><p class=\"soft\">%s",
                  c->patients_repeat
                      ? "Patients have several images: intervals and p are Obuchowski's, with "
                        "patients as clusters; DeLong's p takes images as independent."
                      : "DeLong's paired test.");
    (void)fprintf(f, " Adjusted for %zu tests.", c->n_pairs * c->n_labels);
    if (!isnan(o->margin))
        (void)fprintf(f, " Non-inferiority: one-sided, with a margin of %.3g.", o->margin);
    (void)fputs("</p>", f);
    bv_page_table(f, "AUROC of both runs and tests of their difference, by class.", columns);
    for (size_t l = 0; l < c->n_labels; l++)
        put_auroc_row(f, c, &c->labels[pair * c->n_labels + l]);
    (void)fputs("</table></div>", f);
}

static void put_metric_rows(FILE *f, const char *label,
                            const struct bv_compared_metric all[BV_METRIC_COUNT])
{
    for (size_t i = 0; i < BV_METRIC_COUNT; i++) {
        const struct bv_compared_metric *m = &all[i];
        char name[64];
        if (isnan(m->first) || isnan(m->other))
            continue;
        (void)snprintf(name, sizeof name, "%s", bv_metric_table[i].name);
        for (char *at = name; (at = strchr(at, '_')) != NULL;)
            *at = ' ';
        bv_page_row(f, label);
        (void)fprintf(f, "<td>%s</td>", name);
        bv_page_number(f, m->first);
        bv_page_number(f, m->other);
        put_signed(f, m->first - m->other);
        bv_page_interval(f, m->difference.low, m->difference.high);
        bv_page_p(f, m->p);
        (void)fputs("</tr>", f);
    }
}

static void put_metric_table(FILE *f, const struct bv_comparison *c,
                             const struct bv_compare_options *o, size_t pair)
{
    static const char *const columns[] = {"Class",      "metric", "first", "other",
                                          "difference", "95 %",   "p",     NULL};
    (void)fprintf(f,
                  "<h3>All metrics</h3><p class=\"soft\">%zu paired bootstrap replicates, whole "
                  "%s resampled; percentile intervals.</p>",
                  o->n_bootstrap, c->n_patients ? "patients" : "images");
    bv_page_table(f,
                  "Differences of all metrics, first less other, with paired bootstrap intervals.",
                  columns);
    put_metric_rows(f, "Macro", c->macro[pair]);
    put_metric_rows(f, "Micro", c->micro[pair]);
    for (size_t l = 0; l < c->n_labels; l++)
        put_metric_rows(f, c->labels[pair * c->n_labels + l].label,
                        c->labels[pair * c->n_labels + l].metrics);
    (void)fputs("</table></div>", f);
}

static void put_decision_table(FILE *f, const struct bv_comparison *c, size_t pair)
{
    static const char *const columns[] = {
        "Class", "rows", "only first right", "only other right", "p (exact)", "p (corrected χ²)",
        NULL};
    static const char *const rows[BV_DECIDED_KINDS] = {"all", "positive", "negative"};
    (void)fputs("<h3>Decisions (McNemar)</h3><p class=\"soft\">At the thresholds that each run's "
                "own results used.</p>",
                f);
    bv_page_table(f, "Images on which one run alone decides rightly, and McNemar's tests.",
                  columns);
    for (size_t l = 0; l < c->n_labels; l++) {
        const struct bv_compared_label *label = &c->labels[pair * c->n_labels + l];
        for (int k = 0; k < BV_DECIDED_KINDS && has_decisions(label); k++) {
            const struct bv_compared_decisions *d = &label->decisions[k];
            bv_page_row(f, label->label);
            (void)fprintf(f, "<td>%s</td><td>%llu</td><td>%llu</td>", rows[k],
                          (unsigned long long)d->first_only, (unsigned long long)d->other_only);
            bv_page_p(f, d->test.p_exact);
            bv_page_p(f, d->test.p_corrected);
            (void)fputs("</tr>", f);
        }
    }
    (void)fputs("</table></div>", f);
}

static void put_runs(FILE *f, const struct bv_comparison *c, const struct bv_compare_rows *rows)
{
    char text[1200];
    const json_t *data = json_object_get(rows->runs[0].setup, "data");
    (void)fputs("<dl>", f);
    bv_page_fact(f, "Data", bv_json_string(data, "path", ""));
    bv_page_fact(f, "Data SHA-256", bv_json_string(data, "sha256", ""));
    for (size_t r = 0; r < c->n_runs; r++) {
        const json_t *model = json_object_get(rows->runs[r].setup, "model");
        (void)snprintf(text, sizeof text, "%.500s: %.200s (%.64s)", rows->runs[r].folder,
                       bv_json_string(model, "name", ""), bv_json_string(model, "sha256", ""));
        bv_page_fact(f, r ? "Other run" : "First run", text);
    }
    (void)fprintf(f, "</dl><p>%zu of %zu rows were evaluated by all runs; the others are left out.",
                  c->n_common, c->n_rows);
    if (c->n_patients)
        (void)fprintf(f, " They are of %zu patients.", c->n_patients);
    (void)fputs(" A difference is that of the first run less the other.</p>", f);
}

static void put_page(FILE *f, const struct bv_comparison *c, const struct bv_compare_options *o,
                     const struct bv_compare_rows *rows)
{
    bv_page_begin(f, "biovl comparison", "Comparison of evaluations");
    put_runs(f, c, rows);
    for (size_t p = 0; p < c->n_pairs; p++) {
        (void)fputs("<h2>", f);
        bv_page_text(f, rows->runs[0].folder);
        (void)fputs(" against ", f);
        bv_page_text(f, rows->runs[p + 1].folder);
        (void)fputs("</h2>", f);
        put_auroc_table(f, c, o, p);
        put_metric_table(f, c, o, p);
        put_decision_table(f, c, p);
    }
    bv_page_end(f);
}

enum bv_status bv_compare_write(const struct bv_comparison *c, const struct bv_compare_options *o,
                                const struct bv_compare_rows *rows, json_t **result,
                                struct bv_error *err)
{
    struct bv_new_file html = {0};
    json_t *whole = whole_object(c, o, rows);
    if (!whole)
        return bv_fail_nomem(err, "a comparison");
    enum bv_status status = bv_folder_write_json(o->folder, "compare.json", whole, err);
    if (status == BV_OK)
        status = write_csv(c, o, rows, err);
    if (status == BV_OK)
        status = bv_folder_create(&html, o->folder, "compare.html", err);
    if (status == BV_OK) {
        struct bv_c_locale scope = bv_c_locale_enter();
        put_page(html.stream, c, o, rows);
        bv_c_locale_leave(&scope);
        status = bv_new_file_commit(&html, err);
    }
    if (status == BV_OK)
        *result = json_incref(whole);
    json_decref(whole);
    return status;
}

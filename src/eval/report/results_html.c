#include <math.h>
#include <string.h>

#include "base/c_locale.h"
#include "eval/report/page.h"
#include "eval/report/results.h"

static void put_interval(FILE *f, const struct bv_interval *i)
{
    bv_page_interval(f, i->low, i->high);
}

// One line where one device did all, else each with its share.
static void put_devices(FILE *f, const struct bv_results *r)
{
    char text[1200];
    size_t n = json_array_size(r->devices);
    for (size_t i = 0; i < n; i++) {
        const json_t *device = json_array_get(r->devices, i);
        const char *why = bv_json_string(device, "fallback", NULL);
        int used =
            snprintf(text, sizeof text, "%.100s (%.20s)", bv_json_string(device, "device", ""),
                     bv_json_string(device, "precision", ""));
        if (n > 1 || why)
            (void)snprintf(text + used, sizeof text - (size_t)used, ": %lld images%s%.800s",
                           (long long)bv_json_integer(device, "images", 0),
                           why ? ", because: " : "", why ? why : "");
        bv_page_fact(f, "Device", text);
    }
}

static void put_facts(FILE *f, const struct bv_results *r)
{
    const json_t *data = json_object_get(r->setup, "data");
    const json_t *model = json_object_get(r->setup, "model");
    const json_t *prompts = json_object_get(model, "prompts");
    (void)fputs("<dl>", f);
    bv_page_fact(f, "Data", bv_json_string(data, "path", ""));
    bv_page_fact(f, "Data SHA-256", bv_json_string(data, "sha256", ""));
    const json_t *where = json_object_get(data, "where");
    for (size_t i = 0; i < json_array_size(where); i++)
        bv_page_fact(f, "Condition", json_string_value(json_array_get(where, i)));
    bv_page_fact(f, "Model", bv_json_string(model, "name", ""));
    bv_page_fact(f, "Model SHA-256", bv_json_string(model, "sha256", ""));
    bv_page_fact(f, "Intensity preset", bv_json_string(model, "preset", ""));
    bv_page_fact(f, "Prompt set", bv_json_string(prompts, "set", ""));
    bv_page_fact(f, "Score", bv_json_string(model, "score_kind", ""));
    put_devices(f, r);
    bv_page_fact(f, "Uncertain labels", bv_json_string(r->setup, "uncertain", ""));
    bv_page_fact(f, "Blank labels", bv_json_string(r->setup, "blank", ""));
    bv_page_fact(f, "biovl", bv_json_string(model, "version", ""));
    (void)fputs("</dl>", f);
}

static void put_warnings(FILE *f, const struct bv_results *r)
{
    const struct bv_warning_counts *w = r->warnings;
    if (!w->images)
        return;
    (void)fprintf(f,
                  "<div class=\"notice\"><p>%llu of the images evaluated have warnings "
                  "(warnings.csv):</p><table>",
                  (unsigned long long)w->images);
    for (unsigned i = 0; i < BV_REASON_COUNT; i++)
        if (w->by_reason[i])
            (void)fprintf(f, "<tr><th scope=\"row\">%s</th><td>%llu</td></tr>",
                          bv_reason_name((enum bv_reason)i), (unsigned long long)w->by_reason[i]);
    (void)fputs("</table></div>", f);
}

static void put_summary(FILE *f, const struct bv_results *r)
{
    const struct bv_level_result *l = &r->levels[0];
    (void)fprintf(f, "<p>%llu images evaluated, %llu rows failed",
                  (unsigned long long)r->n_evaluated, (unsigned long long)r->n_failed);
    if (r->n_duplicates)
        (void)fprintf(f, " (%llu of them repeat a path)", (unsigned long long)r->n_duplicates);
    if (l->n_available < l->n_labels)
        (void)fprintf(f,
                      ". %zu of %zu classes lack one of the two labels: they are NA and left out "
                      "of the means",
                      l->n_labels - l->n_available, l->n_labels);
    (void)fputs(".</p>", f);
    if (r->n_failed)
        (void)fputs("<p class=\"notice\">Failed rows are in errors.csv and in no metric.</p>", f);
    put_warnings(f, r);
    if (json_array_size(r->devices) > 1)
        (void)fputs("<p class=\"notice\">The device changed during the run; see Device below.</p>",
                    f);
    const char *notice = bv_json_string(json_object_get(r->setup, "model"), "notice", NULL);
    if (notice) {
        (void)fputs("<p class=\"notice\">", f);
        bv_page_text(f, notice);
        (void)fputs("</p>", f);
    }
}

static void put_class_row(FILE *f, const char *name, const struct bv_class_result *c,
                          const struct bv_metrics *m, const struct bv_interval *auroc)
{
    bv_page_row(f, name);
    if (c)
        (void)fprintf(f, "<td>%llu</td><td>%llu</td>", (unsigned long long)c->n,
                      (unsigned long long)c->positives);
    else
        (void)fputs("<td></td><td></td>", f);
    bv_page_number(f, m->auroc);
    if (auroc)
        put_interval(f, auroc);
    else
        (void)fputs("<td></td>", f);
    bv_page_number(f, m->average_precision);
    bv_page_number(f, m->pr_auc_trapezoid);
    bv_page_number(f, m->brier);
    bv_page_number(f, m->ece);
    (void)fputs("</tr>", f);
}

// Classes whose number rests on few positives, and a mean that rests on them.
static void put_few(FILE *f, const struct bv_level_result *l)
{
    size_t few = 0;
    for (size_t i = 0; i < l->n_labels; i++)
        few += bv_is_few(&l->classes[i]);
    if (few)
        (void)fprintf(f,
                      "<p class=\"notice\">%zu of the %zu classes in the macro average have fewer "
                      "than %d positives: it rests on them as on the others.</p>",
                      few, l->n_available, BV_FEW_POSITIVES);
}

static void put_class_table(FILE *f, const struct bv_level_result *l)
{
    bool by_patient = l->patients_repeat && !isnan(l->macro_resampled[0].low);
    const char *const columns[] = {"Class",
                                   "n",
                                   "positive",
                                   "AUROC",
                                   by_patient ? "95 % (patients)" : "95 % (DeLong)",
                                   "AP",
                                   "PR trapezoid",
                                   "Brier",
                                   "ECE",
                                   NULL};
    if (l->patients_repeat && !by_patient)
        (void)fputs("<p class=\"notice\">Patients have several images: DeLong's intervals take "
                    "them as independent and are too narrow.</p>",
                    f);
    bv_page_table(f,
                  "Discrimination and calibration of each class and on average, with 95 % "
                  "intervals of the AUROC.",
                  columns);
    for (size_t i = 0; i < l->n_labels; i++)
        put_class_row(f, l->classes[i].label, &l->classes[i], &l->classes[i].metrics,
                      bv_auroc_of_record(l, &l->classes[i]));
    put_class_row(f, "Macro", NULL, &l->macro, &l->macro_resampled[0]);
    put_class_row(f, "Micro", NULL, &l->micro, &l->micro_resampled[0]);
    (void)fputs("</table></div>", f);
    put_few(f, l);
    if (!isnan(l->five_tasks))
        (void)fprintf(f, "<p>CheXpert's five tasks: mean AUROC %.3f.</p>", l->five_tasks);
    if (l->multiclass.n)
        (void)fprintf(f,
                      "<p>One label per %s: accuracy %.3f, macro F1 %.3f (scores standardised per "
                      "class: %.3f, %.3f).</p>",
                      bv_unit_name(l->unit), l->multiclass.accuracy, l->multiclass.f1,
                      l->standardized.accuracy, l->standardized.f1);
}

static void put_intervals(FILE *f, const struct bv_results *r, const struct bv_level_result *l)
{
    bool by_patient = l->by_patient;
    const char *const columns[] = {"Class",
                                   l->patients_repeat ? "DeLong †" : "DeLong",
                                   "CheXzero",
                                   "percentile",
                                   by_patient ? "patients" : NULL,
                                   NULL};
    (void)fprintf(f,
                  "<h3>95 %% intervals of the AUROC</h3><p class=\"soft\">%zu bootstrap "
                  "replicates; CheXzero: elements at 2.5 %% and 97.5 %% of the sorted replicates; "
                  "percentile: the same replicates, interpolated%s%s.</p>",
                  r->n_bootstrap, by_patient ? "; patients: whole patients resampled" : "",
                  l->patients_repeat ? ". † takes images of one patient as independent" : "");
    bv_page_table(f, "95 % intervals of the AUROC of each class, by method.", columns);
    for (size_t i = 0; i < l->n_labels; i++) {
        const struct bv_class_result *c = &l->classes[i];
        bv_page_row(f, c->label);
        put_interval(f, &c->delong);
        put_interval(f, &c->chexzero);
        put_interval(f, &c->percentile);
        if (by_patient)
            put_interval(f, &c->resampled[0]);
        (void)fputs("</tr>", f);
    }
    (void)fputs("</table></div>", f);
}

static void put_decisions(FILE *f, const struct bv_results *r, const struct bv_level_result *l)
{
    static const char *const columns[] = {"Class",     "threshold", "sensitivity", "specificity",
                                          "precision", "NPV",       "accuracy",    "balanced",
                                          "F1",        "MCC",       "TP",          "FP",
                                          "TN",        "FN",        NULL};
    const json_t *fitted = json_object_get(r->thresholds, "fitted_on");
    (void)fputs("<h3>Decisions</h3><p class=\"soft\">", f);
    if (r->thresholds) {
        (void)fputs("Thresholds fitted (", f);
        bv_page_text(f, bv_json_string(r->thresholds, "rule", ""));
        (void)fputs(") on ", f);
        bv_page_text(f, bv_json_string(fitted, "path", "another file"));
        (void)fputs(".</p>", f);
    } else
        (void)fputs("No fitted thresholds were applied: probabilities are cut at 0.5, other scores "
                    "are not cut.</p>",
                    f);
    bv_page_table(
        f,
        "Decisions at the threshold: rates, and counts of right and wrong ones (TP, FP, TN, FN).",
        columns);
    for (size_t i = 0; i < l->n_labels; i++) {
        const struct bv_class_result *c = &l->classes[i];
        const double values[] = {c->threshold,
                                 c->metrics.sensitivity,
                                 c->metrics.specificity,
                                 c->metrics.precision,
                                 c->metrics.npv,
                                 c->metrics.accuracy,
                                 c->metrics.balanced_accuracy,
                                 c->metrics.f1,
                                 c->metrics.mcc};
        bv_page_row(f, c->label);
        for (size_t v = 0; v < sizeof values / sizeof *values; v++)
            bv_page_number(f, values[v]);
        if (!isnan(c->threshold))
            (void)fprintf(f, "<td>%llu</td><td>%llu</td><td>%llu</td><td>%llu</td>",
                          (unsigned long long)c->confusion.tp, (unsigned long long)c->confusion.fp,
                          (unsigned long long)c->confusion.tn, (unsigned long long)c->confusion.fn);
        (void)fputs("</tr>", f);
    }
    (void)fputs("</table></div>", f);
}

static void put_points(FILE *f, const struct bv_class_result *c)
{
    static const char *const columns[] = {"Point", "threshold", "sensitivity", "specificity",
                                          "F1",    "MCC",       NULL};
    bv_page_table(f, "Operating points by rule.", columns);
    for (size_t i = 0; i < BV_POINT_COUNT; i++) {
        const struct bv_point *p = &c->points[i];
        bool is_there = !isnan(p->threshold.value);
        bv_page_row(f, bv_point_rules[i]);
        bv_page_number(f, p->threshold.value);
        bv_page_number(f, is_there ? bv_sensitivity(&p->confusion) : NAN);
        bv_page_number(f, is_there ? bv_specificity(&p->confusion) : NAN);
        bv_page_number(f, is_there ? bv_f1(&p->confusion) : NAN);
        bv_page_number(f, is_there ? bv_mcc(&p->confusion) : NAN);
        (void)fputs("</tr>", f);
    }
    (void)fputs("</table></div>", f);
}

static enum bv_status put_class(FILE *f, const struct bv_class_result *c,
                                const struct bv_ranked *ranked, struct bv_error *err)
{
    (void)fputs("<h3>", f);
    bv_page_text(f, c->label);
    (void)fprintf(f, "</h3><p class=\"soft\">%llu positive, %llu negative</p>",
                  (unsigned long long)c->positives, (unsigned long long)c->negatives);
    if (!c->positives || !c->negatives) {
        (void)fputs("<p>NA: one of the two labels is absent.</p>", f);
        return BV_OK;
    }
    (void)fputs("<figure><div class=\"plots\">", f);
    for (int d = 0; d < BV_DIAGRAMS; d++)
        if (bv_diagram_is_there(c, (enum bv_diagram)d))
            BV_TRY(bv_plot_diagram(f, (enum bv_diagram)d, c, ranked, err));
    (void)fputs("</div><figcaption>Bands: 95 % at each point (Wilson; local regression in the "
                "reliability diagram), images taken as independent.</figcaption></figure>",
                f);
    put_points(f, c);
    return BV_OK;
}

static enum bv_status put_page(const struct bv_results *r, FILE *f, struct bv_error *err)
{
    const struct bv_level_result *images = &r->levels[0];
    bv_page_begin(f, "biovl evaluation", "Zero-shot evaluation");
    put_summary(f, r);
    (void)fputs("<figure>", f);
    bv_plot_forest(f, images);
    (void)fputs("<figcaption>AUROC of each class with its 95 % interval; dashed: chance."
                "</figcaption></figure>",
                f);
    put_facts(f, r);
    bv_checklist_flow(f, r);
    bv_checklist_methods(f, r);
    for (size_t i = 0; i < r->n_levels; i++) {
        const struct bv_level_result *l = &r->levels[i];
        (void)fprintf(f, "<h2>By %s", bv_unit_name(l->unit));
        if (l->stratum) {
            (void)fputs(": ", f);
            bv_page_text(f,
                         bv_json_string(json_object_get(r->setup, "data"), "stratum_column", ""));
            (void)fputs(" ", f);
            bv_page_text(f, l->stratum);
        }
        (void)fprintf(f, "</h2><p class=\"soft\">%llu %s</p>", (unsigned long long)l->n_units,
                      l->unit == BV_UNIT_STUDY     ? "studies"
                      : l->unit == BV_UNIT_PATIENT ? "patients"
                                                   : "images");
        put_class_table(f, l);
        put_decisions(f, r, l);
        if (r->n_bootstrap && !l->stratum)
            put_intervals(f, r, l);
    }
    (void)fputs("<h2>Classes</h2><p class=\"soft\">The points in these tables are chosen on this "
                "very data, so they flatter; thresholds for use come from other data.</p>",
                f);
    for (size_t c = 0; c < images->n_labels; c++)
        BV_TRY(put_class(f, &images->classes[c], &images->ranked[c], err));
    bv_checklist_items(f, r);
    bv_page_end(f);
    return BV_OK;
}

enum bv_status bv_results_html(const struct bv_results *r, FILE *f, struct bv_error *err)
{
    struct bv_c_locale scope = bv_c_locale_enter();
    enum bv_status status = put_page(r, f, err);
    bv_c_locale_leave(&scope);
    return status;
}

#include "eval/tasks/subgroups.h"

#include <math.h>

#include "base/c_locale.h"
#include "eval/data/out_folder.h"
#include "eval/report/page.h"

// A rate of a group with Wilson's interval.
struct rate {
    double value;
    struct bv_bounds bounds;
};
enum { TPR, FPR, FNR, RATES };
static const char *const rate_names[RATES] = {"tpr", "fpr", "fnr"};

static void take_rates(const struct bv_subgroup_label *l, const struct bv_subgroup *g,
                       struct rate rates[RATES])
{
    const struct bv_confusion *c = &g->confusion;
    const uint64_t parts[RATES] = {c->tp, c->fp, c->fn};
    const uint64_t wholes[RATES] = {c->tp + c->fn, c->fp + c->tn, c->tp + c->fn};
    for (int i = 0; i < RATES; i++) {
        bool there = !isnan(l->threshold) && wholes[i];
        rates[i].value = there ? (double)parts[i] / (double)wholes[i] : NAN;
        rates[i].bounds =
            there ? bv_wilson(parts[i], wholes[i], 0.95) : (struct bv_bounds){NAN, NAN};
    }
}

static bool is_few(const struct bv_subgroup *g)
{
    return g->positives < BV_SUBGROUP_FEW || g->negatives < BV_SUBGROUP_FEW;
}

// ---- JSON ----

static void set(json_t *object, const char *key, json_t *value)
{
    (void)json_object_set_new(object, key, value); // a value that could not be made is left out
}

static json_t *bounded(double value, double low, double high)
{
    json_t *object = json_object();
    set(object, "value", bv_result_number(value));
    set(object, "low", bv_result_number(low));
    set(object, "high", bv_result_number(high));
    return object;
}

static json_t *group_object(const struct bv_subgroup_label *l, const struct bv_subgroup *g)
{
    json_t *object = json_object();
    struct rate rates[RATES];
    take_rates(l, g, rates);
    set(object, "n", json_integer((json_int_t)g->n));
    set(object, "positives", json_integer((json_int_t)g->positives));
    set(object, "negatives", json_integer((json_int_t)g->negatives));
    set(object, "few", json_boolean(is_few(g)));
    set(object, "auroc", bounded(g->auroc, g->auroc_interval.low, g->auroc_interval.high));
    for (int i = 0; i < RATES; i++)
        set(object, rate_names[i],
            bounded(rates[i].value, rates[i].bounds.low, rates[i].bounds.high));
    set(object, "ppv", bv_result_number(isnan(l->threshold) ? NAN : bv_precision(&g->confusion)));
    set(object, "ece", bv_result_number(g->ece));
    set(object, "brier", bv_result_number(g->brier));
    return object;
}

static json_t *gap_object(const struct bv_subgroup_factor *f, const struct bv_gap *gap)
{
    json_t *object = bounded(gap->value, gap->interval.low, gap->interval.high);
    if (!isnan(gap->value)) {
        set(object, "lowest", json_string(f->names[gap->lowest]));
        set(object, "highest", json_string(f->names[gap->highest]));
    }
    set(object, "groups_without", json_integer((json_int_t)gap->n_without));
    set(object, "undefined_replicates", json_integer((json_int_t)gap->interval.n_undefined));
    return object;
}

static json_t *label_object(const struct bv_subgroup_factor *f, const struct bv_subgroup_label *l)
{
    json_t *object = json_object(), *groups = json_object(), *gaps = json_object();
    set(object, "threshold", bv_result_number(l->threshold));
    for (size_t g = 0; g < f->n_groups; g++)
        set(groups, f->names[g], group_object(l, &l->groups[g]));
    for (int kind = 0; kind < BV_GAP_KINDS; kind++)
        set(gaps, bv_gap_names[kind], gap_object(f, &l->gaps[kind]));
    set(gaps, "equalized_odds_difference", bv_result_number(l->equalized_odds));
    set(object, "groups", groups);
    set(object, "gaps", gaps);
    return object;
}

static json_t *whole_object(const struct bv_subgroups *s, const struct bv_subgroups_options *o,
                            const struct bv_finished_run *run)
{
    json_t *object = json_object(), *factors = json_object();
    set(object, "kind", json_string("biovl.subgroups"));
    set(object, "intended_use", json_string("research"));
    (void)json_object_set(object, "data", json_object_get(run->setup, "data"));
    (void)json_object_set(object, "model", json_object_get(run->setup, "model"));
    (void)json_object_set(object, "thresholds", json_object_get(run->metrics, "thresholds"));
    set(object, "rows", json_integer((json_int_t)s->n_rows));
    set(object, "patients", s->n_patients ? json_integer((json_int_t)s->n_patients) : json_null());
    set(object, "bootstrap_replicates", json_integer((json_int_t)o->n_bootstrap));
    set(object, "resamples", json_string(s->n_patients ? "patient" : "image"));
    set(object, "auroc_interval", json_string(s->n_patients ? "obuchowski" : "delong"));
    set(object, "few_below", json_integer(BV_SUBGROUP_FEW));
    for (size_t f = 0; f < s->n_factors; f++) {
        const struct bv_subgroup_factor *factor = &s->factors[f];
        json_t *one = json_object(), *labels = json_object();
        set(one, "missing", json_integer((json_int_t)factor->n_missing));
        for (size_t l = 0; l < s->n_labels; l++)
            set(labels, s->labels[l], label_object(factor, &factor->labels[l]));
        set(one, "classes", labels);
        set(factors, factor->name, one);
    }
    set(object, "factors", factors);
    return object;
}

// ---- CSV: a line per factor, class and group, and one per gap ----

static void put_numbers(struct bv_csv_writer *w, double value, double low, double high)
{
    bv_csv_put_number(w, value);
    bv_csv_put_number(w, low);
    bv_csv_put_number(w, high);
}

static void put_gap(struct bv_csv_writer *w, const struct bv_gap *gap)
{
    put_numbers(w, gap->value, gap->interval.low, gap->interval.high);
}

static void put_label_lines(struct bv_csv_writer *w, const struct bv_subgroup_factor *f,
                            const char *label, const struct bv_subgroup_label *l)
{
    for (size_t g = 0; g < f->n_groups; g++) {
        const struct bv_subgroup *group = &l->groups[g];
        struct rate rates[RATES];
        take_rates(l, group, rates);
        bv_csv_put(w, f->name);
        bv_csv_put(w, label);
        bv_csv_put(w, f->names[g]);
        bv_csv_put_integer(w, (int64_t)group->n);
        bv_csv_put_integer(w, (int64_t)group->positives);
        bv_csv_put_integer(w, (int64_t)group->negatives);
        bv_csv_put_integer(w, is_few(group));
        put_numbers(w, group->auroc, group->auroc_interval.low, group->auroc_interval.high);
        for (int i = 0; i < RATES; i++)
            put_numbers(w, rates[i].value, rates[i].bounds.low, rates[i].bounds.high);
        put_numbers(w, group->ece, NAN, NAN);
        bv_csv_end(w);
    }
    bv_csv_put(w, f->name);
    bv_csv_put(w, label);
    bv_csv_put(w, "(gap)");
    for (int i = 0; i < 4; i++)
        bv_csv_put(w, NULL);
    put_gap(w, &l->gaps[BV_GAP_AUROC]);
    put_gap(w, &l->gaps[BV_GAP_TPR]);
    put_gap(w, &l->gaps[BV_GAP_FPR]);
    put_gap(w, &l->gaps[BV_GAP_TPR]); // FNR is 1 - TPR
    put_gap(w, &l->gaps[BV_GAP_ECE]);
    bv_csv_end(w);
}

static enum bv_status write_csv(const struct bv_subgroups *s, const char *folder,
                                struct bv_error *err)
{
    static const char *const columns[] = {
        "factor",   "class", "group",     "n",          "positives", "negatives",
        "few",      "auroc", "auroc_low", "auroc_high", "tpr",       "tpr_low",
        "tpr_high", "fpr",   "fpr_low",   "fpr_high",   "fnr",       "fnr_low",
        "fnr_high", "ece",   "ece_low",   "ece_high"};
    struct bv_row_file file = {0};
    BV_TRY(bv_row_file_create(&file, folder, "subgroups.csv", columns,
                              sizeof columns / sizeof *columns, err));
    for (size_t f = 0; f < s->n_factors; f++)
        for (size_t l = 0; l < s->n_labels; l++)
            put_label_lines(&file.csv, &s->factors[f], s->labels[l], &s->factors[f].labels[l]);
    return bv_row_file_commit(&file, err);
}

// ---- The page ----

static void put_rate(FILE *f, const struct rate *rate)
{
    bv_page_number(f, rate->value);
    bv_page_interval(f, rate->bounds.low, rate->bounds.high);
}

static void put_group_row(FILE *f, const char *name, const struct bv_subgroup_label *l,
                          const struct bv_subgroup *g)
{
    struct rate rates[RATES];
    take_rates(l, g, rates);
    bv_page_row(f, name);
    (void)fprintf(f, "<td>%llu</td><td>%llu%s</td>", (unsigned long long)g->n,
                  (unsigned long long)g->positives, is_few(g) ? " †" : "");
    bv_page_number(f, g->auroc);
    bv_page_interval(f, g->auroc_interval.low, g->auroc_interval.high);
    put_rate(f, &rates[FNR]);
    put_rate(f, &rates[FPR]);
    bv_page_number(f, g->ece);
    (void)fputs("</tr>", f);
}

static void put_gap_row(FILE *f, const struct bv_subgroup_label *l)
{
    static const enum bv_gap_kind kinds[] = {BV_GAP_AUROC, BV_GAP_TPR, BV_GAP_FPR};
    bv_page_row(f, "largest less smallest");
    (void)fputs("<td></td><td></td>", f);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const struct bv_gap *gap = &l->gaps[kinds[i]];
        bv_page_number(f, gap->value);
        bv_page_interval(f, gap->interval.low, gap->interval.high);
    }
    bv_page_number(f, l->gaps[BV_GAP_ECE].value);
    (void)fputs("</tr>", f);
}

static void put_factor(FILE *f, const struct bv_subgroups *s, const struct bv_subgroup_factor *a)
{
    static const char *const columns[] = {"Group", "n",   "positive", "AUROC", "95 %", "FNR",
                                          "95 %",  "FPR", "95 %",     "ECE",   NULL};
    (void)fputs("<h2>", f);
    bv_page_text(f, a->name);
    (void)fprintf(f, "</h2><p class=\"soft\">%llu images without a value are in no group.</p>",
                  (unsigned long long)a->n_missing);
    for (size_t l = 0; l < s->n_labels; l++) {
        (void)fputs("<h3>", f);
        bv_page_text(f, s->labels[l]);
        (void)fputs("</h3>", f);
        bv_page_table(
            f, "Images, AUROC, error rates and calibration of each group, with 95 % intervals.",
            columns);
        for (size_t g = 0; g < a->n_groups; g++)
            put_group_row(f, a->names[g], &a->labels[l], &a->labels[l].groups[g]);
        put_gap_row(f, &a->labels[l]);
        (void)fputs("</table></div>", f);
    }
}

static void put_page(FILE *f, const struct bv_subgroups *s, const struct bv_subgroups_options *o,
                     const struct bv_finished_run *run)
{
    const json_t *data = json_object_get(run->setup, "data");
    const json_t *model = json_object_get(run->setup, "model");
    bv_page_begin(f, "biovl subgroups", "Subgroups of an evaluation");
    (void)fputs("<dl>", f);
    bv_page_fact(f, "Data", bv_json_string(data, "path", ""));
    bv_page_fact(f, "Data SHA-256", bv_json_string(data, "sha256", ""));
    bv_page_fact(f, "Model", bv_json_string(model, "name", ""));
    (void)fprintf(f,
                  "</dl><p class=\"soft\">Rates are at the thresholds of the run's results, the "
                  "same for all groups; FNR is the share of positives that are missed. Intervals: "
                  "%s for the AUROC, Wilson's for rates (images taken as independent), percentiles "
                  "of %zu resamples of %s for the last line; a gap is never below 0, so its "
                  "interval leans upwards. † fewer than %d positives or negatives.</p>",
                  s->n_patients ? "Obuchowski's (patients as clusters)" : "DeLong's",
                  o->n_bootstrap, s->n_patients ? "patients" : "images", BV_SUBGROUP_FEW);
    for (size_t i = 0; i < s->n_factors; i++)
        put_factor(f, s, &s->factors[i]);
    bv_page_end(f);
}

static enum bv_status write_page(const struct bv_subgroups *s, const struct bv_subgroups_options *o,
                                 const struct bv_finished_run *run, struct bv_error *err)
{
    struct bv_new_file html = {0};
    BV_TRY(bv_folder_create(&html, o->folder, "subgroups.html", err));
    struct bv_c_locale scope = bv_c_locale_enter();
    put_page(html.stream, s, o, run);
    bv_c_locale_leave(&scope);
    return bv_new_file_commit(&html, err);
}

enum bv_status bv_subgroups_write(const struct bv_subgroups *subgroups,
                                  const struct bv_subgroups_options *options,
                                  const struct bv_finished_run *run, json_t **result,
                                  struct bv_error *err)
{
    json_t *whole = whole_object(subgroups, options, run);
    if (!whole)
        return bv_fail_nomem(err, "the groups");
    enum bv_status status = bv_folder_write_json(options->folder, "subgroups.json", whole, err);
    if (status == BV_OK)
        status = write_csv(subgroups, options->folder, err);
    if (status == BV_OK)
        status = write_page(subgroups, options, run, err);
    if (status == BV_OK)
        *result = json_incref(whole);
    json_decref(whole);
    return status;
}

#include "eval/tasks/conformal_run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/c_locale.h"
#include "eval/data/out_folder.h"
#include "eval/report/page.h"
#include "eval/report/results.h"
#include "eval/tasks/finished_run.h"

// ---- Fit and judgement ----

static enum bv_status check_runs(const struct bv_finished_run *calibration,
                                 const struct bv_finished_run *test, struct bv_error *err)
{
    const json_t *a = json_object_get(calibration->setup, "data");
    const json_t *b = json_object_get(test->setup, "data");
    // Other conditions on one file may select the same patients: the file must be another.
    if (json_equal(json_object_get(a, "sha256"), json_object_get(b, "sha256")))
        return bv_fail(err, BV_ERR_ARG,
                       "%s and %s are of the same data: the bound holds for other data only",
                       calibration->folder, test->folder);
    if (!json_equal(json_object_get(calibration->setup, "labels"),
                    json_object_get(test->setup, "labels")))
        return bv_fail(err, BV_ERR_ARG, "%s and %s have other labels", calibration->folder,
                       test->folder);
    return bv_fitted_check_model(calibration->setup, test->setup, calibration->folder, err);
}

static void fit_label(const struct bv_score_table *t, size_t label, uint32_t millionths,
                      double *room, struct bv_conformal_label *to)
{
    size_t m = 0;
    for (size_t i = 0; i < t->n_rows; i++)
        if (t->truth[label * t->room + i] == BV_TRUTH_POSITIVE)
            room[m++] = t->scores[label * t->room + i];
    to->fit = bv_conformal_fit(room, m, millionths);
}

static void judge_label(const struct bv_score_table *t, size_t label, struct bv_conformal_label *to)
{
    for (size_t i = 0; i < t->n_rows; i++) {
        uint8_t truth = t->truth[label * t->room + i];
        bool called = t->scores[label * t->room + i] >= to->fit.threshold;
        if (truth == BV_TRUTH_POSITIVE)
            (*(called ? &to->test.tp : &to->test.fn))++;
        else if (truth == BV_TRUTH_NEGATIVE)
            (*(called ? &to->test.fp : &to->test.tn))++;
    }
}

static void judge_sets(const struct bv_score_table *t, struct bv_conformal_result *r)
{
    uint64_t called = 0;
    r->images = t->n_rows;
    for (size_t i = 0; i < t->n_rows; i++) {
        bool has_positive = false, all = true;
        for (size_t l = 0; l < r->n_labels; l++) {
            bool in_set = t->scores[l * t->room + i] >= r->each[l].fit.threshold;
            bool positive = t->truth[l * t->room + i] == BV_TRUTH_POSITIVE;
            called += in_set;
            has_positive = has_positive || positive;
            all = all && (in_set || !positive);
        }
        r->with_positives += has_positive;
        r->covered += has_positive && all;
    }
    r->mean_size = t->n_rows ? (double)called / (double)t->n_rows : NAN;
}

static enum bv_status measure(const struct bv_finished_run *calibration,
                              const struct bv_finished_run *test, struct bv_conformal_result *r,
                              struct bv_error *err)
{
    double *room = malloc(calibration->table.n_rows * sizeof *room + 1);
    r->n_labels = test->n_labels;
    r->labels = test->labels;
    r->each = calloc(r->n_labels + 1, sizeof *r->each);
    enum bv_status status = room && r->each ? BV_OK : bv_fail_nomem(err, "conformal thresholds");
    for (size_t l = 0; status == BV_OK && l < r->n_labels; l++) {
        fit_label(&calibration->table, l, r->millionths, room, &r->each[l]);
        judge_label(&test->table, l, &r->each[l]);
    }
    if (status == BV_OK)
        judge_sets(&test->table, r);
    free(room);
    return status;
}

// ---- The files ----

static const char note[] =
    "The bound is on the expected share of positives missed, over calibration and test data drawn "
    "alike (exchangeable): another site or another mix of patients breaks it.";

static void set(json_t *object, const char *key, json_t *value)
{
    (void)json_object_set_new(object, key, value); // a value that could not be made is left out
}

static json_t *proportion(uint64_t k, uint64_t n)
{
    json_t *object = json_object();
    struct bv_bounds wilson = bv_wilson(k, n, 0.95), exact = bv_clopper_pearson(k, n, 0.95);
    set(object, "value", bv_result_number(n ? (double)k / (double)n : NAN));
    set(object, "wilson",
        json_pack("[o, o]", bv_result_number(wilson.low), bv_result_number(wilson.high)));
    set(object, "clopper_pearson",
        json_pack("[o, o]", bv_result_number(exact.low), bv_result_number(exact.high)));
    return object;
}

static json_t *label_object(const struct bv_conformal_label *l)
{
    json_t *object = json_object();
    const struct bv_confusion *c = &l->test;
    set(object, "calibration_positives", json_integer((json_int_t)l->fit.m));
    set(object, "rank", json_integer((json_int_t)l->fit.k));
    set(object, "threshold",
        l->fit.k ? json_real(l->fit.threshold) : json_string("-Inf")); // everything is positive
    set(object, "expected_fnr", bv_result_number(l->fit.expected));
    set(object, "sensitivity_q05", bv_result_number(l->fit.coverage_low));
    set(object, "test_positives", json_integer((json_int_t)(c->tp + c->fn)));
    set(object, "test_negatives", json_integer((json_int_t)(c->fp + c->tn)));
    set(object, "fnr", proportion(c->fn, c->tp + c->fn));
    set(object, "coverage", proportion(c->tp, c->tp + c->fn));
    set(object, "fpr", proportion(c->fp, c->fp + c->tn));
    return object;
}

static json_t *whole_object(const struct bv_conformal_result *r,
                            const struct bv_finished_run *calibration,
                            const struct bv_finished_run *test)
{
    json_t *object = json_object(), *labels = json_object();
    set(object, "kind", json_string("biovl.conformal"));
    set(object, "intended_use", json_string("research"));
    set(object, "alpha", json_real((double)r->millionths / BV_CONFORMAL_SCALE));
    set(object, "least_positives", json_integer((json_int_t)bv_conformal_least(r->millionths)));
    set(object, "note", json_string(note));
    (void)json_object_set(object, "fitted_on", json_object_get(calibration->setup, "data"));
    (void)json_object_set(object, "data", json_object_get(test->setup, "data"));
    (void)json_object_set(object, "model", json_object_get(test->setup, "model"));
    for (size_t l = 0; l < r->n_labels; l++)
        set(labels, r->labels[l], label_object(&r->each[l]));
    set(object, "classes", labels);
    set(object, "images", json_integer((json_int_t)r->images));
    set(object, "mean_set_size", bv_result_number(r->mean_size));
    set(object, "images_with_all_positives_called", proportion(r->covered, r->with_positives));
    return object;
}

static enum bv_status write_csv(const struct bv_conformal_result *r, const char *folder,
                                struct bv_error *err)
{
    static const char *const columns[] = {"class",
                                          "calibration_positives",
                                          "threshold",
                                          "expected_fnr",
                                          "test_positives",
                                          "fnr",
                                          "fnr_low",
                                          "fnr_high",
                                          "fpr"};
    struct bv_row_file file = {0};
    BV_TRY(bv_row_file_create(&file, folder, "conformal.csv", columns,
                              sizeof columns / sizeof *columns, err));
    for (size_t l = 0; l < r->n_labels; l++) {
        const struct bv_conformal_label *e = &r->each[l];
        uint64_t positives = e->test.tp + e->test.fn;
        struct bv_bounds fnr = bv_clopper_pearson(e->test.fn, positives, 0.95);
        bv_csv_put(&file.csv, r->labels[l]);
        bv_csv_put_integer(&file.csv, (int64_t)e->fit.m);
        if (e->fit.k)
            bv_csv_put_number(&file.csv, e->fit.threshold);
        else
            bv_csv_put(&file.csv, "-Inf");
        bv_csv_put_number(&file.csv, e->fit.expected);
        bv_csv_put_integer(&file.csv, (int64_t)positives);
        bv_csv_put_number(&file.csv, 1 - bv_sensitivity(&e->test));
        bv_csv_put_number(&file.csv, fnr.low);
        bv_csv_put_number(&file.csv, fnr.high);
        bv_csv_put_number(&file.csv, 1 - bv_specificity(&e->test));
        bv_csv_end(&file.csv);
    }
    return bv_row_file_commit(&file, err);
}

static void put_label(FILE *f, const char *label, const struct bv_conformal_label *l)
{
    struct bv_bounds fnr = bv_clopper_pearson(l->test.fn, l->test.tp + l->test.fn, 0.95);
    bv_page_row(f, label);
    (void)fprintf(f, "<td>%zu</td>", l->fit.m);
    if (l->fit.k)
        bv_page_number(f, l->fit.threshold);
    else
        (void)fputs("<td>none: all are called</td>", f);
    bv_page_number(f, l->fit.expected);
    (void)fprintf(f, "<td>%llu</td>", (unsigned long long)(l->test.tp + l->test.fn));
    bv_page_number(f, 1 - bv_sensitivity(&l->test));
    bv_page_interval(f, fnr.low, fnr.high);
    bv_page_number(f, 1 - bv_specificity(&l->test));
    (void)fputs("</tr>", f);
}

static void put_page(FILE *f, const struct bv_conformal_result *r,
                     const struct bv_finished_run *calibration, const struct bv_finished_run *test)
{
    static const char *const columns[] = {"Class",
                                          "calibration positives",
                                          "threshold",
                                          "expected FNR at most",
                                          "test positives",
                                          "FNR",
                                          "95 %",
                                          "FPR",
                                          NULL};
    bv_page_begin(f, "biovl conformal thresholds", "Conformal thresholds");
    (void)fputs("<dl>", f);
    bv_page_fact(f, "Fitted on",
                 bv_json_string(json_object_get(calibration->setup, "data"), "sha256", ""));
    bv_page_fact(f, "Judged on",
                 bv_json_string(json_object_get(test->setup, "data"), "sha256", ""));
    bv_page_fact(f, "Model", bv_json_string(json_object_get(test->setup, "model"), "name", ""));
    (void)fprintf(f,
                  "</dl><p>For each class the threshold that misses an expected share of at most "
                  "%g of the positives. %s With fewer than %zu positives there is no threshold. "
                  "%.2f classes are called per image. Intervals are Clopper and Pearson's and take "
                  "images as independent.</p>",
                  (double)r->millionths / BV_CONFORMAL_SCALE, note,
                  bv_conformal_least(r->millionths), r->mean_size);
    bv_page_table(f, "Thresholds and what they miss and call on the test data, by class.", columns);
    for (size_t l = 0; l < r->n_labels; l++)
        put_label(f, r->labels[l], &r->each[l]);
    (void)fputs("</table></div>", f);
    bv_page_end(f);
}

static enum bv_status write_files(const struct bv_conformal_result *r, const char *folder,
                                  const struct bv_finished_run *calibration,
                                  const struct bv_finished_run *test, json_t **result,
                                  struct bv_error *err)
{
    struct bv_new_file html = {0};
    json_t *whole = whole_object(r, calibration, test);
    if (!whole)
        return bv_fail_nomem(err, "conformal thresholds");
    enum bv_status status = bv_folder_write_json(folder, "conformal.json", whole, err);
    if (status == BV_OK)
        status = write_csv(r, folder, err);
    if (status == BV_OK)
        status = bv_folder_create(&html, folder, "conformal.html", err);
    if (status == BV_OK) {
        struct bv_c_locale scope = bv_c_locale_enter();
        put_page(html.stream, r, calibration, test);
        bv_c_locale_leave(&scope);
        status = bv_new_file_commit(&html, err);
    }
    if (status == BV_OK)
        *result = json_incref(whole);
    json_decref(whole);
    return status;
}

enum bv_status bv_conformal_run(const struct bv_conformal_options *o, json_t **result,
                                struct bv_error *err)
{
    struct bv_finished_run calibration = {0}, test = {0};
    struct bv_conformal_result r = {.n_labels = 0};
    enum bv_status status = bv_conformal_alpha(o->alpha, &r.millionths, err);
    if (status == BV_OK)
        status = bv_finished_run_open(&calibration, o->calibration, err);
    if (status == BV_OK)
        status = bv_finished_run_open(&test, o->test, err);
    if (status == BV_OK)
        status = check_runs(&calibration, &test, err);
    if (status == BV_OK)
        status = bv_finished_run_join(&calibration, o->calibration_data, NULL, NULL, err);
    if (status == BV_OK)
        status = bv_finished_run_join(&test, o->test_data, NULL, NULL, err);
    if (status == BV_OK)
        status = measure(&calibration, &test, &r, err);
    if (status == BV_OK)
        status = bv_folder_make(o->folder, err);
    if (status == BV_OK)
        status = write_files(&r, o->folder, &calibration, &test, result, err);
    free(r.each);
    bv_finished_run_free(&calibration);
    bv_finished_run_free(&test);
    return status;
}

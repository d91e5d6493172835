// Every number of two scores on one table against R and a second implementation
// (conformance/stats/n*.json): a key of the fixture is taken apart and computed.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/metrics/metric.h"
#include "golden.h"
#include "stats/calibration.h"
#include "stats/comparison.h"
#include "support/check.h"
#include "support/reference.h"
#include "table/csv.h"

static const double limit = 1e-9; // largest measured: 1.1e-13

enum { MAX_PARTS = 6 };

struct key {
    char text[128], *parts[MAX_PARTS];
    size_t n;
};

struct data {
    struct table table;
    uint8_t *y;
    uint32_t *patients;
    size_t n, n_patients;
    double *scores[2];
    struct bv_placements placements[2];
    struct bv_ranked_item *items[2];
    struct bv_recalibration recalibration[2];
    struct bv_loess loess[2];
    struct bv_loess_errors errors[2];
};

static const double unknown = -12345.678;

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static bool ends(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && is(text + n - m, end);
}

static double number(const char *text)
{
    double value = 0;
    assert_true(bv_number_parse(text, &value));
    return value;
}

static double bound(struct bv_bounds bounds, const char *name)
{
    return ends(name, "_lo") ? bounds.low : ends(name, "_hi") ? bounds.high : unknown;
}

// ---- The table ----

static struct bv_ranked_item *rank(const double *scores, const uint8_t *y, size_t n)
{
    struct bv_ranked_item *items = calloc(n + 1, sizeof *items);
    assert_non_null(items);
    for (size_t i = 0; i < n; i++)
        items[i] = (struct bv_ranked_item){scores[i], (uint32_t)i, y[i]};
    bv_ranked_sort(items, n);
    return items;
}

static void load(struct data *d, const char *name)
{
    struct bv_error err = {0};
    *d = (struct data){.table = golden_table(name)};
    d->n = d->table.n;
    d->y = table_bits(&d->table, "label");
    d->patients = table_groups(&d->table, "patient_id", &d->n_patients);
    for (int s = 0; s < 2; s++) {
        d->scores[s] = table_numbers(&d->table, s ? "score_b" : "score_a");
        d->items[s] = rank(d->scores[s], d->y, d->n);
        assert_ok(bv_placements_make(&d->placements[s], d->scores[s], d->y, d->n, &err), err);
        d->recalibration[s] = bv_recalibrate(d->scores[s], d->y, d->n, 0.95);
        assert_ok(bv_loess_create(&d->loess[s], d->scores[s], d->y, d->n, &err), err);
        assert_ok(bv_loess_measure(&d->loess[s], &d->errors[s], &err), err);
    }
}

static void unload(struct data *d)
{
    for (int s = 0; s < 2; s++) {
        free(d->scores[s]);
        free(d->items[s]);
        bv_placements_free(&d->placements[s]);
        bv_loess_free(&d->loess[s]);
    }
    free(d->y);
    free(d->patients);
    free_table(&d->table);
}

// ---- Areas ----

static double clustered(const struct data *d, const struct bv_placements *a,
                        const struct bv_placements *b)
{
    double covariance = 0;
    struct bv_error err = {0};
    assert_ok(bv_clustered_covariance(a, b, d->patients, d->n_patients, &covariance, &err), err);
    return covariance;
}

static double auroc(const struct data *d, const struct key *k)
{
    const struct bv_placements *p = &d->placements[is(k->parts[1], "b")];
    double variance = bv_delong_covariance(p, p);
    if (k->n == 2)
        return p->auroc;
    if (is(k->parts[2], "delong_var"))
        return variance;
    if (is(k->parts[2], "clustered_se"))
        return sqrt(clustered(d, p, p));
    double level = strncmp(k->parts[2], "ci90", 4) == 0 ? 0.9 : 0.95;
    return bound(bv_auroc_interval(p->auroc, variance, level), k->parts[2]);
}

static double of_difference(const struct bv_difference *t, const char *name)
{
    return is(name, "z")           ? t->z
           : is(name, "p")         ? t->p
           : is(name, "diff")      ? t->value
           : is(name, "se")        ? t->se
           : is(name, "p_less")    ? t->p_less
           : is(name, "p_greater") ? t->p_greater
                                   : bound(t->interval, name);
}

static double paired(const struct data *d, const struct key *k)
{
    const struct bv_placements *a = &d->placements[0], *b = &d->placements[1];
    bool by_patient = is(k->parts[0], "clustered_paired");
    double covariance = by_patient ? clustered(d, a, b) : bv_delong_covariance(a, b);
    double variances = by_patient ? clustered(d, a, a) + clustered(d, b, b)
                                  : bv_delong_covariance(a, a) + bv_delong_covariance(b, b);
    if (is(k->parts[k->n - 1], "cov"))
        return covariance;
    struct bv_difference t =
        bv_difference_test(a->auroc - b->auroc, variances - 2 * covariance, 0.95);
    if (!is(k->parts[0], "noninferiority"))
        return of_difference(&t, k->parts[1]);
    double z = 0, p = bv_noninferiority_p(&t, number(k->parts[1]), &z);
    return is(k->parts[2], "z") ? z : is(k->parts[2], "p") ? p : unknown;
}

static double of_unpaired(const struct bv_placements *a, const struct bv_placements *b,
                          const char *name)
{
    struct bv_unpaired u = bv_delong_unpaired(a, b);
    return is(name, "D")          ? u.statistic
           : is(name, "df")       ? u.df
           : is(name, "p")        ? u.p
           : is(name, "p_normal") ? u.p_normal
                                  : unknown;
}

// The rows of a column's value: truths in y and scores in s.
static size_t select(const struct data *d, const char *column, const char *value, uint8_t *y,
                     double *s)
{
    char **texts = table_column(&d->table, column);
    size_t n = 0;
    for (size_t i = 0; i < d->n; i++) {
        if (!is(texts[i], value))
            continue;
        y[n] = d->y[i];
        s[n++] = d->scores[0][i];
    }
    return n;
}

static double by_sex(const struct data *d, const struct key *k)
{
    static const char *const values[] = {"F", "M"};
    struct bv_placements p[2] = {{0}};
    struct bv_error err = {0};
    uint8_t *y = calloc(d->n + 1, 1);
    double *s = calloc(d->n + 1, sizeof *s);
    assert_true(y && s);
    for (int i = 0; i < 2; i++)
        assert_ok(bv_placements_make(&p[i], s, y, select(d, "sex", values[i], y, s), &err), err);
    // make() reads y and s before the next selection overwrites them
    double value = is(k->parts[1], "auc_F")   ? p[0].auroc
                   : is(k->parts[1], "auc_M") ? p[1].auroc
                                              : of_unpaired(&p[0], &p[1], k->parts[1]);
    for (int i = 0; i < 2; i++)
        bv_placements_free(&p[i]);
    free(y);
    free(s);
    return value;
}

static double precision(const struct data *d, const struct key *k)
{
    struct bv_areas areas = bv_areas_ranked(d->items[is(k->parts[1], "b")], d->n, NULL);
    double ap = bv_areas_average_precision(&areas);
    if (k->n == 2)
        return ap;
    if (is(k->parts[2], "trapezoid"))
        return bv_areas_pr_trapezoid(&areas);
    return bound(bv_logit_interval(ap, (double)areas.tp, 0.95), k->parts[2]);
}

// ---- Calibration ----

static double of_estimate(const struct bv_estimate *e, const char *name)
{
    if (ends(name, "_se"))
        return e->se;
    return strstr(name, "_ci95") ? bound(bv_estimate_interval(e, 0.95), name) : e->value;
}

static double calibration(struct data *d, const struct key *k)
{
    int s = is(k->parts[1], "b");
    const struct bv_recalibration *r = &d->recalibration[s];
    const struct bv_loess_errors *e = &d->errors[s];
    const char *name = k->parts[2], *last = k->parts[k->n - 1];
    if (is(name, "loess_direct"))
        return is(last, "ici")   ? e->ici
               : is(last, "e50") ? e->e50
               : is(last, "e90") ? e->e90
               : is(last, "emax")
                   ? e->emax
                   : bv_loess_at(&d->loess[s], number(last + strlen("curve_at_")), NULL);
    if (is(last, "Brier") || is(last, "brier"))
        return r->brier;
    if (is(last, "S:z") || is(last, "spiegelhalter_z"))
        return r->spiegelhalter_z;
    if (is(last, "S:p") || is(last, "spiegelhalter_p"))
        return r->spiegelhalter_p;
    if (strncmp(name, "logit_intercept", 15) == 0)
        return of_estimate(&r->intercept, name);
    if (strncmp(name, "slope", 5) == 0)
        return of_estimate(&r->slope, name);
    if (strncmp(name, "in_the_large", 12) == 0)
        return of_estimate(&r->in_the_large, name);
    return is(name, "oe")              ? r->observed_expected
           : is(name, "logistic_ici")  ? r->logistic_ici
           : is(name, "logistic_emax") ? r->logistic_emax
                                       : bound(r->observed_expected_interval, name);
}

// ---- Decisions ----

struct proportion {
    const char *name;
    uint64_t part, whole;
};

static double of_proportion(const struct proportion *p, const struct key *k)
{
    if (k->n == 4)
        return p->whole ? (double)p->part / (double)p->whole : NAN;
    return bound(strncmp(k->parts[4], "wilson", 6) == 0
                     ? bv_wilson(p->part, p->whole, 0.95)
                     : bv_clopper_pearson(p->part, p->whole, 0.95),
                 k->parts[4]);
}

static double at_threshold(const struct data *d, const struct key *k)
{
    struct bv_confusion c =
        bv_confusion_at(d->items[is(k->parts[2], "b")], d->n, number(k->parts[1]));
    const struct proportion proportions[] = {
        {"sensitivity", c.tp, c.tp + c.fn},
        {"specificity", c.tn, c.tn + c.fp},
        {"ppv", c.tp, c.tp + c.fp},
        {"npv", c.tn, c.tn + c.fn},
        {"accuracy", c.tp + c.tn, (uint64_t)d->n},
    };
    const char *name = k->parts[3];
    for (size_t i = 0; i < sizeof proportions / sizeof *proportions; i++)
        if (is(name, proportions[i].name))
            return of_proportion(&proportions[i], k);
    double se = bv_sensitivity(&c), sp = bv_specificity(&c);
    if (is(name, "ppv_at_prevalence"))
        return bv_ppv_at(se, sp, number(k->parts[4]));
    if (is(name, "npv_at_prevalence"))
        return bv_npv_at(se, sp, number(k->parts[4]));
    return is(name, "tp")                  ? (double)c.tp
           : is(name, "fp")                ? (double)c.fp
           : is(name, "tn")                ? (double)c.tn
           : is(name, "fn")                ? (double)c.fn
           : is(name, "mcc")               ? bv_mcc(&c)
           : is(name, "f1")                ? bv_f1(&c)
           : is(name, "balanced_accuracy") ? bv_balanced_accuracy(&c)
           : is(name, "youden")            ? se + sp - 1
           : is(name, "lr_positive")       ? bv_likelihood_ratio_positive(&c)
           : is(name, "lr_negative")       ? bv_likelihood_ratio_negative(&c)
           : is(name, "kappa")             ? bv_kappa(&c)
                                           : unknown;
}

static double mcnemar(const struct data *d, const struct key *k)
{
    double t = number(k->parts[1]);
    uint64_t b = 0, c = 0;
    for (size_t i = 0; i < d->n; i++) {
        if ((is(k->parts[2], "sensitivity") && !d->y[i]) ||
            (is(k->parts[2], "specificity") && d->y[i]))
            continue;
        bool first = (d->scores[0][i] >= t) == d->y[i], second = (d->scores[1][i] >= t) == d->y[i];
        b += first && !second;
        c += !first && second;
    }
    struct bv_mcnemar m = bv_mcnemar(b, c);
    const char *name = k->parts[3];
    return is(name, "a_right_b_wrong")   ? (double)b
           : is(name, "a_wrong_b_right") ? (double)c
           : is(name, "chi2")            ? m.chi2
           : is(name, "p")               ? m.p
           : is(name, "chi2_corrected")  ? m.chi2_corrected
           : is(name, "p_corrected")     ? m.p_corrected
           : is(name, "p_exact")         ? m.p_exact
           : is(name, "p_mid")           ? m.p_mid
                                         : unknown;
}

static double net_benefit(const struct data *d, const struct key *k)
{
    double t = number(k->parts[1]), n = (double)d->n, P = (double)d->placements[0].n_positive;
    double all = bv_net_benefit((uint64_t)P, (uint64_t)(n - P), d->n, t);
    if (is(k->parts[2], "all"))
        return all;
    if (is(k->parts[2], "none"))
        return bv_net_benefit(0, 0, d->n, t);
    struct bv_confusion c = bv_confusion_at(d->items[is(k->parts[2], "b")], d->n, t);
    double value = bv_net_benefit(c.tp, c.fp, d->n, t);
    if (k->n == 3)
        return value;
    return is(k->parts[3], "standardized")            ? value / (P / n)
           : is(k->parts[3], "interventions_avoided") ? bv_interventions_avoided(value, all, t)
                                                      : unknown;
}

static double operating_point(const struct data *d, const struct key *k)
{
    int s = is(k->parts[1], "b");
    const char *name = k->parts[2];
    const char *target = strrchr(name, '_');
    bool at_sensitivity = strstr(name, "at_sens_") != NULL;
    struct bv_threshold t = {0};
    struct bv_error err = {0};
    assert_ok(bv_threshold_fit(d->items[s], d->n,
                               at_sensitivity ? BV_THRESHOLD_SENSITIVITY : BV_THRESHOLD_SPECIFICITY,
                               number(target + 1), &t, &err),
              err);
    if (strncmp(name, "threshold", 9) == 0 || isnan(t.value))
        return t.value;
    struct bv_confusion c = bv_confusion_at(d->items[s], d->n, t.value);
    if (k->n == 3)
        return at_sensitivity ? bv_specificity(&c) : bv_sensitivity(&c);
    return bound(at_sensitivity ? bv_wilson(c.tn, c.tn + c.fp, 0.95)
                                : bv_wilson(c.tp, c.tp + c.fn, 0.95),
                 k->parts[3]);
}

// ---- Groups ----

static double of_group(const struct data *d, const char *column, const char *value,
                       const char *threshold, const char *name)
{
    uint8_t *y = calloc(d->n + 1, 1);
    double *s = calloc(d->n + 1, sizeof *s), result = unknown;
    assert_true(y && s);
    size_t n = select(d, column, value, y, s);
    struct bv_ranked_item *items = rank(s, y, n);
    struct bv_areas areas = bv_areas_ranked(items, n, NULL);
    if (is(name, "auc"))
        result = bv_areas_auroc(&areas);
    else {
        struct bv_confusion c = bv_confusion_at(items, n, number(threshold));
        result = is(name, "n")       ? (double)n
                 : is(name, "n_pos") ? (double)(c.tp + c.fn)
                 : is(name, "tpr")   ? bv_sensitivity(&c)
                 : is(name, "fpr")   ? 1 - bv_specificity(&c)
                 : is(name, "fnr")   ? 1 - bv_sensitivity(&c)
                 : is(name, "ppv")   ? bv_precision(&c)
                                     : unknown;
    }
    free(items);
    free(y);
    free(s);
    return result;
}

// The largest less the smallest of a rate over the groups of a column.
static double gap(const struct data *d, const char *column, const char *threshold, const char *rate,
                  bool defined_only)
{
    double low = INFINITY, high = -INFINITY;
    char **texts = table_column(&d->table, column);
    for (size_t i = 0; i < d->n; i++) {
        size_t before = 0;
        while (before < i && !is(texts[before], texts[i]))
            before++;
        if (!*texts[i] || before < i)
            continue;
        double value = of_group(d, column, texts[i], threshold, rate);
        if (isnan(value) && !defined_only)
            return NAN;
        low = fmin(low, value);
        high = fmax(high, value);
    }
    return high - low;
}

static double group(const struct data *d, const struct key *k)
{
    const char *column = k->parts[1], *last = k->parts[k->n - 1];
    if (is(last, "auc"))
        return of_group(d, column, k->parts[2], NULL, last);
    if (k->n == 5)
        return of_group(d, column, k->parts[3], k->parts[2], last);
    if (is(last, "equalized_odds_difference")) {
        double tpr = gap(d, column, k->parts[2], "tpr", false);
        double fpr = gap(d, column, k->parts[2], "fpr", false);
        return isnan(tpr) || isnan(fpr) ? NAN : fmax(tpr, fpr);
    }
    return gap(d, column, k->parts[2], strncmp(last, "tpr", 3) == 0 ? "tpr" : "fpr",
               ends(last, "_defined"));
}

// ---- The fixture ----

static double compute(struct data *d, const struct key *k)
{
    const char *first = k->parts[0];
    if (is(first, "sum")) {
        double sum = 0;
        for (size_t i = 0; i < d->n; i++)
            sum += d->scores[is(k->parts[1], "b")][i];
        return sum;
    }
    return is(first, "auc")                ? auroc(d, k)
           : is(first, "delong_paired")    ? paired(d, k)
           : is(first, "clustered_paired") ? paired(d, k)
           : is(first, "noninferiority")   ? paired(d, k)
           : is(first, "delong_unpaired")
               ? of_unpaired(&d->placements[0], &d->placements[1], k->parts[1])
           : is(first, "sex_F_vs_M_auc_a") ? by_sex(d, k)
           : is(first, "ap")               ? precision(d, k)
           : is(first, "cal")              ? calibration(d, k)
           : is(first, "at")               ? at_threshold(d, k)
           : is(first, "mcnemar")          ? mcnemar(d, k)
           : is(first, "nb")               ? net_benefit(d, k)
           : is(first, "op")               ? operating_point(d, k)
           : is(first, "group")            ? group(d, k)
                                           : unknown;
}

// What we do not compute: R's interpolated loess surface (the direct one is computed), what
// val.prob derives from lowess, from likelihoods and from grouped probabilities, and the decision
// rule ">" instead of "≥".
static bool is_left_out(const char *key)
{
    static const char *const parts[] = {"/loess_interpolate/", "/if_strictly_greater"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strstr(key, parts[i]))
            return true;
    return strstr(key, "/val.prob/") && !ends(key, "/Brier") && !ends(key, "/S:z") &&
           !ends(key, "/S:p");
}

static void split(struct key *k, const char *text)
{
    *k = (struct key){.n = 0};
    (void)snprintf(k->text, sizeof k->text, "%s", text);
    for (char *at = k->text; at && k->n < MAX_PARTS; k->n++) {
        k->parts[k->n] = at;
        at = strchr(at, '/');
        if (at)
            *at++ = 0;
    }
}

static void check_file(const char *stem)
{
    char name[64];
    struct data d;
    bool all = true;
    size_t n = 0;
    const char *text = NULL;
    const json_t *one = NULL;
    (void)snprintf(name, sizeof name, "%s.csv", stem);
    load(&d, name);
    (void)snprintf(name, sizeof name, "%s.json", stem);
    json_t *golden = golden_json(name);
    json_object_foreach(json_object_get(golden, "results"), text, one)
    {
        struct key key;
        if (is_left_out(text))
            continue;
        split(&key, text);
        double theirs = golden_number(json_object_get(one, "value")), ours = compute(&d, &key);
        // R has no MCC of a constant decision; scikit-learn, as we do, says 0.
        if (ends(text, "/mcc") && isnan(theirs))
            theirs = 0;
        all &= golden_equal(text, ours, theirs, limit);
        n++;
    }
    assert_true(n > 0 && all);
    (void)printf("%s: %zu numbers\n", stem, n);
    json_decref(golden);
    unload(&d);
}

static void test_n60(void **state)
{
    (void)state;
    check_file("n60");
}

static void test_n300(void **state)
{
    (void)state;
    check_file("n300");
}

static void test_n2000(void **state)
{
    (void)state;
    check_file("n2000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_n60), cmocka_unit_test(test_n300),
                                       cmocka_unit_test(test_n2000)};
    if (!golden_folder())
        return TEST_SKIPPED;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    golden_report("scores");
    return failed;
}

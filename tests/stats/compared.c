// Two finished evaluations whose scores are those of a fixture, compared, and one of them looked at
// by groups: the numbers of the files are pROC's, statsmodels' and fairlearn's.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/temporary.h"
#include "eval/made_run.h"
#include "eval/tasks/compare.h"
#include "eval/tasks/subgroups.h"
#include "golden.h"
#include "support/check.h"
#include "support/reference.h"

// R's and statsmodels' numbers against ours.
static const double limit = 1e-9;
static const char *const labels[] = {"label"};

struct column {
    char **images;
    double *scores;
    size_t n;
};

static double look_up(void *arg, const char *image, size_t label)
{
    const struct column *c = arg;
    (void)label;
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->images[i], image) == 0)
            return c->scores[i];
    return NAN;
}

static const char *make(void **state, const struct table *t, const char *csv, const char *name)
{
    struct column c = {table_column(t, "image"), table_numbers(t, name), t->n};
    const struct made_run made = {
        .data = {.path = csv, .path_column = "image", .labels = labels, .n_labels = 1},
        .folder = temporary_path(state, name),
        .score = look_up,
        .arg = &c};
    make_run(&made);
    free(c.scores);
    return made.folder;
}

static bool same(const json_t *golden, const char *key, const json_t *ours, const char *name)
{
    const json_t *one = json_object_get(golden, key);
    assert_non_null(one);
    return golden_equal(key, bv_json_number(ours, name, NAN),
                        golden_number(json_object_get(one, "value")), limit);
}

static bool same_decisions(const json_t *golden, const json_t *ours, const char *kind)
{
    static const char *const names[][2] = {{"a_right_b_wrong", "first_right_only"},
                                           {"a_wrong_b_right", "other_right_only"},
                                           {"chi2_corrected", "chi2_corrected"},
                                           {"p_corrected", "p_corrected"},
                                           {"chi2", "chi2"},
                                           {"p", "p"},
                                           {"p_exact", "p_exact"},
                                           {"p_mid", "p_mid"}};
    bool all = true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char key[64];
        (void)snprintf(key, sizeof key, "mcnemar/0.5/%s/%s", kind, names[i][0]);
        all &= same(golden, key, json_object_get(ours, kind), names[i][1]);
    }
    return all;
}

static bool check_label(const json_t *golden, const json_t *one)
{
    const json_t *auroc = json_object_get(one, "auroc");
    const json_t *delong = json_object_get(auroc, "delong");
    const json_t *clustered = json_object_get(auroc, "obuchowski");
    bool all = same(golden, "delong_paired/diff", delong, "difference");
    all &= same(golden, "delong_paired/diff_ci95_lo", delong, "low");
    all &= same(golden, "delong_paired/diff_ci95_hi", delong, "high");
    all &= same(golden, "delong_paired/z", delong, "z");
    all &= same(golden, "delong_paired/p", delong, "p");
    all &= same(golden, "clustered_paired/se", clustered, "se");
    all &= same(golden, "clustered_paired/z", clustered, "z");
    all &= same(golden, "clustered_paired/p", clustered, "p");
    static const char *const kinds[] = {"accuracy", "sensitivity", "specificity"};
    for (size_t k = 0; k < 3; k++)
        all &= same_decisions(golden, json_object_get(one, "mcnemar"), kinds[k]);
    return all;
}

// A number of a group: an object with a value, or the number itself.
static double group_number(const json_t *group, const char *name)
{
    const json_t *value = json_object_get(group, name);
    return json_is_object(value)   ? bv_json_number(value, "value", NAN)
           : json_is_number(value) ? json_number_value(value)
                                   : NAN;
}

static bool same_groups(const json_t *golden, const char *column, const json_t *label)
{
    static const char *const names[][2] = {{"n", "n"},     {"n_pos", "positives"}, {"tpr", "tpr"},
                                           {"fpr", "fpr"}, {"fnr", "fnr"},         {"ppv", "ppv"}};
    const json_t *gaps = json_object_get(label, "gaps"), *group = NULL, *one = NULL;
    const char *value = NULL;
    char key[128];
    bool all = true;
    json_object_foreach(json_object_get(label, "groups"), value, group)
    {
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            (void)snprintf(key, sizeof key, "group/%s/0.5/%s/%s", column, value, names[i][0]);
            one = json_object_get(golden, key);
            assert_non_null(one);
            all &= golden_equal(key, group_number(group, names[i][1]),
                                golden_number(json_object_get(one, "value")), limit);
        }
        (void)snprintf(key, sizeof key, "group/%s/%s/auc", column, value);
        all &= golden_equal(key, group_number(group, "auroc"),
                            golden_number(json_object_get(json_object_get(golden, key), "value")),
                            limit);
    }
    (void)snprintf(key, sizeof key, "group/%s/0.5/tpr_gap_defined", column);
    all &= same(golden, key, json_object_get(gaps, "tpr"), "value");
    (void)snprintf(key, sizeof key, "group/%s/0.5/fpr_gap_defined", column);
    return all && same(golden, key, json_object_get(gaps, "fpr"), "value");
}

static bool check_groups(const char *run, const json_t *golden)
{
    static const char *const by[] = {"sex", "age_band", "view"};
    const struct bv_subgroups_options options = {.run = run, .folder = run, .by = by, .n_by = 3};
    struct bv_error err = {0};
    json_t *result = NULL;
    bool all = true;
    assert_ok(bv_subgroups(&options, &result, &err), err);
    for (size_t i = 0; i < 3; i++) {
        const json_t *factor = json_object_get(json_object_get(result, "factors"), by[i]);
        all &= same_groups(golden, by[i],
                           json_object_get(json_object_get(factor, "classes"), "label"));
    }
    json_decref(result);
    return all;
}

static void check(void **state, const char *stem)
{
    char name[64], csv[600];
    (void)snprintf(name, sizeof name, "%s.csv", stem);
    (void)snprintf(csv, sizeof csv, "%s/%s", golden_folder(), name);
    struct table t = golden_table(name);
    const char *const runs[] = {make(state, &t, csv, "score_a"), make(state, &t, csv, "score_b")};
    const struct bv_compare_options options = {.runs = runs,
                                               .n_runs = 2,
                                               .folder = temporary_path(state, "compared"),
                                               .margin = NAN,
                                               .n_bootstrap = 40};
    struct bv_error err = {0};
    json_t *result = NULL;
    assert_ok(bv_compare(&options, &result, &err), err);
    const json_t *pair = json_array_get(json_object_get(result, "pairs"), 0);
    (void)snprintf(name, sizeof name, "%s.json", stem);
    json_t *golden = golden_json(name);
    assert_true(check_label(json_object_get(golden, "results"),
                            json_object_get(json_object_get(pair, "classes"), "label")));
    assert_true(check_groups(runs[0], json_object_get(golden, "results")));
    json_decref(golden);
    json_decref(result);
    free_table(&t);
}

static void test_n60(void **state)
{
    check(state, "n60");
}

static void test_n300(void **state)
{
    check(state, "n300");
}

static void test_n2000(void **state)
{
    check(state, "n2000");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, temporary_folder, temporary_folder_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_n60), TEST(test_n300), TEST(test_n2000)};
    if (!golden_folder())
        return TEST_SKIPPED;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    golden_report("compare");
    return failed;
}

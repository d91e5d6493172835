// Two finished evaluations whose scores are those of a fixture, compared: the numbers of the files
// are pROC's and statsmodels'.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/temporary.h"
#include "eval/made_run.h"
#include "eval/tasks/compare.h"
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

// Groups of a finished evaluation: bands, pairs of columns, missing values, small and one-class
// groups, and refusals; thresholds with a bound on what they miss.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/temporary.h"
#include "eval/tasks/conformal_run.h"
#include "eval/tasks/subgroups.h"
#include "made_run.h"
#include "support/check.h"

enum { ROWS = 240 };
static const char *const labels[] = {"Edema"};

static int truth_of(int i)
{
    return i % 3 == 0;
}

// Women of 60 and more are missed: their positives score as negatives do.
static double biased(void *arg, const char *image, size_t label)
{
    int i = atoi(image + 1);
    bool missed = i % 2 == 0 && i % 80 >= 60;
    (void)arg;
    (void)label;
    return (truth_of(i) && !missed ? 0.55 : 0.05) + 0.4 * made_number(image, 1);
}

static const char *write_data(void **state, const char *name, int first)
{
    const char *path = temporary_path(state, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    (void)fprintf(f, "path,patient_id,sex,age,site,Edema\n");
    for (int i = first; i < first + ROWS; i++)
        (void)fprintf(f, "x%d.png,p%d,%s,%d,%s,%d\n", i, i / 2,
                      i % 60 == 59 ? ""
                      : i % 2      ? "M"
                                   : "F",
                      i % 80, i % 1000 < 230 ? "A" : "B", i % 1000 < 230 && truth_of(i));
    assert_int_equal(fclose(f), 0);
    return path;
}

static const char *make(void **state, const char *data, const char *name)
{
    const struct made_run made = {.data = {.path = data, .labels = labels, .n_labels = 1},
                                  .folder = temporary_path(state, name),
                                  .score = biased};
    make_run(&made);
    return made.folder;
}

static enum bv_status look(const char *run, const char *const *by, size_t n, json_t **result,
                           struct bv_error *err)
{
    const struct bv_subgroups_options options = {
        .run = run, .folder = run, .by = by, .n_by = n, .n_bootstrap = 100};
    *result = NULL;
    return bv_subgroups(&options, result, err);
}

static const json_t *edema_by(const json_t *result, const char *factor)
{
    const json_t *one = json_object_get(json_object_get(result, "factors"), factor);
    return json_object_get(json_object_get(one, "classes"), "Edema");
}

static double of_group(const json_t *label, const char *group, const char *what)
{
    const json_t *one = json_object_get(json_object_get(label, "groups"), group);
    const json_t *value = json_object_get(one, what);
    assert_non_null(value);
    return json_is_object(value) ? bv_json_number(value, "value", NAN) : json_number_value(value);
}

// The missed group is found where the two columns meet, and named.
static void test_gaps(void **state)
{
    static const char *const by[] = {"sex", "age:40/60"};
    const char *run = make(state, write_data(state, "data.csv", 0), "run");
    struct bv_error err = {0};
    json_t *result = NULL;
    assert_ok(look(run, by, 2, &result, &err), err);
    assert_int_equal(json_object_size(json_object_get(result, "factors")), 3);
    const json_t *sex = json_object_get(json_object_get(result, "factors"), "sex");
    assert_int_equal(bv_json_integer(sex, "missing", 0), 4);
    const json_t *both = edema_by(result, "sex × age");
    assert_true(of_group(both, "F × 60 and above", "tpr") == 0);
    assert_true(of_group(both, "M × 60 and above", "tpr") == 1);
    assert_true(of_group(both, "F × below 40", "fnr") == 0);
    const json_t *gaps = json_object_get(both, "gaps"), *tpr = json_object_get(gaps, "tpr");
    assert_true(bv_json_number(tpr, "value", 0) == 1);
    assert_string_equal(bv_json_string(tpr, "lowest", ""), "F × 60 and above");
    assert_true(bv_json_number(tpr, "low", 0) == 1 && bv_json_number(tpr, "high", 0) == 1);
    assert_true(bv_json_number(gaps, "equalized_odds_difference", 0) == 1);
    // By sex alone the same fault is a smaller gap, with an interval around it.
    tpr = json_object_get(json_object_get(edema_by(result, "sex"), "gaps"), "tpr");
    double gap = bv_json_number(tpr, "value", 0);
    assert_true(gap > 0.1 && gap < 0.5);
    assert_true(bv_json_number(tpr, "low", 1) < gap && bv_json_number(tpr, "high", 0) > gap);
    json_decref(result);
}

// A group without positives has no rate and no AUROC; it is there, marked, and left out of gaps.
static void test_one_class(void **state)
{
    static const char *const by[] = {"site"};
    const char *run = make(state, write_data(state, "data.csv", 0), "run");
    struct bv_error err = {0};
    json_t *result = NULL;
    assert_ok(look(run, by, 1, &result, &err), err);
    const json_t *site = edema_by(result, "site");
    const json_t *b = json_object_get(json_object_get(site, "groups"), "B");
    assert_int_equal(bv_json_integer(b, "n", 0), 10);
    assert_int_equal(bv_json_integer(b, "positives", 1), 0);
    assert_true(json_is_true(json_object_get(b, "few")));
    assert_string_equal(bv_json_string(json_object_get(b, "tpr"), "value", ""), "NA");
    assert_string_equal(bv_json_string(json_object_get(b, "auroc"), "value", ""), "NA");
    const json_t *tpr = json_object_get(json_object_get(site, "gaps"), "tpr");
    assert_string_equal(bv_json_string(tpr, "value", ""), "NA");
    assert_int_equal(bv_json_integer(tpr, "groups_without", 0), 1);
    // Its FPR is in the gap, which cannot be resampled: no interval of the other groups' gap.
    static const char *const kept[] = {"fpr", "ece"};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        const json_t *gap = json_object_get(json_object_get(site, "gaps"), kept[i]);
        assert_true(bv_json_number(gap, "value", -1) > 0);
        assert_string_equal(bv_json_string(gap, "low", ""), "NA");
        assert_string_equal(bv_json_string(gap, "high", ""), "NA");
    }
    assert_string_equal(
        bv_json_string(json_object_get(site, "gaps"), "equalized_odds_difference", ""), "NA");
    json_decref(result);
}

static void refuse(const char *run, const char *by, const char *why)
{
    struct bv_error err = {0};
    json_t *result = NULL;
    assert_int_equal(look(run, &by, 1, &result, &err), BV_ERR_ARG);
    if (!strstr(err.text, why))
        fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

static void test_refusals(void **state)
{
    const char *run = make(state, write_data(state, "data.csv", 0), "run");
    refuse(run, "weight", "no column \"weight\"");
    refuse(run, "patient_id", "more than 64 values");
    refuse(run, "age:60/40", "ascending");
    refuse(run, "age:", "ascending");
    refuse(run, "age:40/", "ascending");
    refuse(run, "age:x", "ascending");
    refuse(run, ":40", "not the name");
}

static void test_columns(void **state)
{
    static const struct {
        const char *column, *value, *group; // NULL: none
    } cases[] = {{"age", "17", "below 18"},
                 {"age", "063Y", "60 to below 80"},
                 {"age", "018M", "below 18"},
                 {"age", "80", "80 and above"},
                 {"age", " 40 ", "40 to below 60"},
                 {"age", "old", NULL},
                 {"age", "", NULL},
                 {"x:-1/0.5", "0.25", "-1 to below 0.5"},
                 {"sex", "F", "F"},
                 {"sex", "  ", NULL}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bv_group_column *column = calloc(1, sizeof *column);
        struct bv_error err = {0};
        uint8_t group = 0;
        assert_non_null(column);
        assert_ok(bv_group_column_parse(column, cases[i].column, &err), err);
        assert_ok(bv_group_column_of(column, cases[i].value, &group, &err), err);
        if (cases[i].group)
            assert_string_equal(column->values[group], cases[i].group);
        else
            assert_int_equal(group, BV_GROUP_NONE);
        free(column);
    }
}

// Thresholds of one file keep their bound on another that is alike; one file cannot judge itself.
static void test_conformal(void **state)
{
    const char *fit = make(state, write_data(state, "fit.csv", 0), "fit");
    const char *test = make(state, write_data(state, "test.csv", 1000), "test");
    struct bv_conformal_options o = {.calibration = fit,
                                     .test = test,
                                     .alpha = "0.2",
                                     .folder = temporary_path(state, "conformal")};
    struct bv_error err = {0};
    json_t *result = NULL;
    assert_ok(bv_conformal_run(&o, &result, &err), err);
    const json_t *edema = json_object_get(json_object_get(result, "classes"), "Edema");
    assert_int_equal(bv_json_integer(edema, "calibration_positives", 0), 77);
    assert_int_equal(bv_json_integer(edema, "rank", 0), 15); // ⌊0.2 · 78⌋
    assert_true(bv_json_number(edema, "expected_fnr", 1) <= 0.2);
    json_decref(result);
    result = NULL;
    o.alpha = "0.001"; // 77 positives are too few
    assert_ok(bv_conformal_run(&o, &result, &err), err);
    edema = json_object_get(json_object_get(result, "classes"), "Edema");
    assert_string_equal(bv_json_string(edema, "threshold", ""), "-Inf");
    json_decref(result);
    o.test = fit;
    assert_int_equal(bv_conformal_run(&o, &result, &err), BV_ERR_ARG);
    assert_non_null(strstr(err.text, "the same data"));
    o.test = test;
    o.alpha = "1.5";
    assert_int_equal(bv_conformal_run(&o, &result, &err), BV_ERR_ARG);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, temporary_folder, temporary_folder_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_gaps), TEST(test_one_class), TEST(test_refusals),
                                       TEST(test_columns), TEST(test_conformal)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

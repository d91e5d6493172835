// Comparisons of finished evaluations: rows that one run lost, thresholds, and refusals.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/temporary.h"
#include "eval/tasks/compare.h"
#include "made_run.h"
#include "support/check.h"

enum { ROWS = 160 };
static const char *const labels[] = {"Edema", "Mass"};

static double informed(void *arg, const char *image, size_t label)
{
    const double *share = arg; // of the truth
    double truth = made_number(image, 50 + (unsigned)label) < 0.4;
    return *share * truth + (1 - *share) * made_number(image, (unsigned)label);
}

static double informed_with_gap(void *arg, const char *image, size_t label)
{
    return strcmp(image, "x007.png") == 0 ? NAN : informed(arg, image, label);
}

static const char *write_data(void **state, const char *name, int rows, const char *const names[2])
{
    const char *path = temporary_path(state, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    (void)fprintf(f, "path,patient_id,%s,%s\n", names[0], names[1]);
    for (int i = 0; i < rows; i++) {
        char image[32];
        (void)snprintf(image, sizeof image, "x%03d.png", i);
        (void)fprintf(f, "%s,p%d,%d,%d\n", image, i / 2, made_number(image, 50) < 0.4,
                      made_number(image, 51) < 0.4);
    }
    assert_int_equal(fclose(f), 0);
    return path;
}

static const char *make(void **state, const char *data, const char *name, double share, bool gap,
                        const char *const *names)
{
    const char *folder = temporary_path(state, name);
    const struct made_run made = {.data = {.path = data, .labels = names, .n_labels = 2},
                                  .folder = folder,
                                  .score = gap ? informed_with_gap : informed,
                                  .arg = &share};
    make_run(&made);
    return folder;
}

static enum bv_status compare(void **state, const char *a, const char *b, double margin,
                              json_t **result, struct bv_error *err)
{
    const char *const runs[] = {a, b};
    const struct bv_compare_options options = {.runs = runs,
                                               .n_runs = 2,
                                               .folder = temporary_path(state, "compared"),
                                               .margin = margin,
                                               .n_bootstrap = 200};
    *result = NULL;
    return bv_compare(&options, result, err);
}

static const json_t *label_of(const json_t *result, const char *label)
{
    const json_t *pair = json_array_get(json_object_get(result, "pairs"), 0);
    return json_object_get(json_object_get(pair, "classes"), label);
}

// A better run is better in every number, over the rows that both have.
static void test_better(void **state)
{
    const char *data = write_data(state, "data.csv", ROWS, labels);
    const char *good = make(state, data, "good", 0.4, true, labels);
    const char *bad = make(state, data, "bad", 0.05, false, labels);
    struct bv_error err = {0};
    json_t *result = NULL;
    assert_ok(compare(state, good, bad, 0.05, &result, &err), err);
    assert_int_equal(bv_json_integer(result, "rows", 0), ROWS);
    assert_int_equal(bv_json_integer(result, "evaluated_by_all", 0), ROWS - 1);
    for (size_t l = 0; l < 2; l++) {
        const json_t *one = label_of(result, labels[l]), *auroc = json_object_get(one, "auroc");
        const json_t *record = json_object_get(auroc, "obuchowski");
        assert_string_equal(bv_json_string(auroc, "adjusted", ""), "obuchowski");
        assert_int_equal(bv_json_integer(one, "n", 0), ROWS - 1);
        assert_true(bv_json_number(record, "low", -1) > 0);
        assert_true(bv_json_number(record, "p", 1) < 1e-6);
        assert_true(bv_json_number(auroc, "p_holm", 0) >= bv_json_number(record, "p", 1));
        const json_t *margin = json_object_get(auroc, "noninferiority");
        assert_true(bv_json_number(margin, "p", 1) < 1e-6);
        const json_t *ap = json_object_get(json_object_get(one, "metrics"), "average_precision");
        assert_true(bv_json_number(ap, "low", -1) > 0);
        assert_true(bv_json_number(ap, "low", 1) < bv_json_number(ap, "difference", -1));
        // Not one of the replicates is on the other side: 2 · (0 + 1) / (200 + 1).
        assert_true(fabs(bv_json_number(ap, "p", 0) - 2.0 / 201) < 1e-15);
        const json_t *decided = json_object_get(json_object_get(one, "mcnemar"), "accuracy");
        assert_true(bv_json_integer(decided, "first_right_only", 0) >
                    bv_json_integer(decided, "other_right_only", 1000));
    }
    json_decref(result);
}

// A run against itself: no difference, with certainty.
static void test_same(void **state)
{
    const char *data = write_data(state, "data.csv", ROWS, labels);
    const char *run = make(state, data, "run", 0.2, false, labels);
    struct bv_error err = {0};
    json_t *result = NULL;
    assert_ok(compare(state, run, run, NAN, &result, &err), err);
    const json_t *one = label_of(result, "Edema"), *auroc = json_object_get(one, "auroc");
    assert_true(bv_json_number(json_object_get(auroc, "delong"), "difference", 1) == 0);
    assert_true(bv_json_number(json_object_get(auroc, "delong"), "p", 0) == 1);
    assert_null(json_object_get(auroc, "noninferiority"));
    const json_t *f1 = json_object_get(json_object_get(one, "metrics"), "f1");
    assert_true(bv_json_number(f1, "low", 1) == 0 && bv_json_number(f1, "p", 0) == 1);
    const json_t *decided = json_object_get(json_object_get(one, "mcnemar"), "accuracy");
    assert_true(bv_json_number(decided, "p_exact", 0) == 1);
    assert_string_equal(bv_json_string(decided, "p", ""), "NA"); // no row that only one has right
    json_decref(result);
}

static void refused(void **state, const char *a, const char *b, double margin, const char *why)
{
    struct bv_error err = {0};
    json_t *result = NULL;
    assert_int_not_equal(compare(state, a, b, margin, &result, &err), BV_OK);
    if (!strstr(err.text, why))
        fail_msg("\"%s\" does not say \"%s\"", err.text, why);
    assert_null(result);
}

static void test_refusals(void **state)
{
    static const char *const others[] = {"Edema", "Nodule"};
    const char *data = write_data(state, "data.csv", ROWS, labels);
    const char *run = make(state, data, "run", 0.2, false, labels);
    const char *shorter = write_data(state, "shorter.csv", ROWS - 1, labels);
    refused(state, run, make(state, shorter, "shorter", 0.2, false, labels), NAN, "same rows");
    const char *other = write_data(state, "other.csv", ROWS, others);
    refused(state, run, make(state, other, "other", 0.2, false, others), NAN,
            "\"Mass\" is in the first only");
    refused(state, run, run, 1.5, "margin");
    refused(state, run, run, -0.1, "margin");
}

static void test_unfinished(void **state)
{
    const char *data = write_data(state, "data.csv", ROWS, labels);
    const char *run = make(state, data, "run", 0.2, false, labels);
    const struct made_run unfinished = {.data = {.path = data, .labels = labels, .n_labels = 2},
                                        .folder = temporary_path(state, "unfinished"),
                                        .score = informed,
                                        .arg = &(double){0.2}};
    make_journal(&unfinished);
    refused(state, run, unfinished.folder, NAN, "not finished");
    refused(state, run, temporary_path(state, "absent"), NAN, "absent");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, temporary_folder, temporary_folder_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_better), TEST(test_same), TEST(test_refusals),
                                       TEST(test_unfinished)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

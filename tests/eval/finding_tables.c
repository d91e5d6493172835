// F1-CheXbert of the fixture's tables, in both conventions, against scikit-learn's numbers; tables
// that do not belong together.
#include <math.h>
#include <string.h>

#include "checkpoint/temporary.h"
#include "eval/tasks/finding_tables.h"
#include "support/check.h"
#include "support/reference.h"

static double worst;

static void same(const json_t *ours, const char *our_key, const json_t *theirs, const char *key)
{
    double a = bv_json_number(ours, our_key, NAN), b = bv_json_number(theirs, key, NAN);
    if (!(fabs(a - b) <= 1e-12)) // measured: 2.2e-16
        fail_msg("%s: %.17g, %.17g", key, a, b);
    worst = fmax(worst, fabs(a - b));
}

static void check_rrg(const json_t *ours, const json_t *theirs, const char *set)
{
    static const char *const kinds[][2] = {
        {"micro", "micro avg"}, {"macro", "macro avg"}, {"weighted", "weighted avg"}};
    const json_t *a = json_object_get(ours, set), *b = json_object_get(theirs, set);
    for (size_t i = 0; i < 3; i++) {
        const json_t *x = json_object_get(a, kinds[i][0]), *y = json_object_get(b, kinds[i][1]);
        same(x, "precision", y, "precision");
        same(x, "recall", y, "recall");
        same(x, "f1", y, "f1-score");
        same(x, "support", y, "support");
    }
}

static void check_r2gen(const json_t *ours, const json_t *theirs, const char *set)
{
    static const char *const kinds[][2] = {
        {"micro", "MICRO"}, {"macro", "MACRO"}, {"weighted", "WEIGHTED"}};
    static const char *const names[][2] = {
        {"precision", "PRECISION"}, {"recall", "RECALL"}, {"f1", "F1"}};
    const json_t *a = json_object_get(ours, set), *b = json_object_get(theirs, set);
    char key[32];
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < 3; k++) {
            (void)snprintf(key, sizeof key, "%s_%s", names[k][1], kinds[i][1]);
            same(json_object_get(a, kinds[i][0]), names[k][0], b, key);
        }
}

static void check_table(const char *name, const json_t *golden)
{
    char reference[600], predicted[600];
    struct bv_error err = {0};
    json_t *result = NULL;
    const char *finding = NULL;
    const json_t *one = NULL;
    (void)snprintf(reference, sizeof reference, "%s",
                   path_in(conformance_dir(), "chexbert/%s_ref.csv", name));
    (void)snprintf(predicted, sizeof predicted, "%s",
                   path_in(conformance_dir(), "chexbert/%s_pred.csv", name));
    assert_ok(bv_finding_tables(reference, predicted, &result, &err), err);
    same(result, "n", golden, "n");
    const json_t *rrg = json_object_get(result, "rrg"), *r2gen = json_object_get(result, "r2gen");
    const json_t *their_rrg = json_object_get(golden, "rrg");
    const json_t *their_r2gen = json_object_get(golden, "r2gen");
    check_rrg(rrg, their_rrg, "all14");
    check_rrg(rrg, their_rrg, "five");
    same(rrg, "exact_match_five", their_rrg, "exact_match_accuracy_five");
    check_r2gen(r2gen, their_r2gen, "all14");
    check_r2gen(r2gen, their_r2gen, "five");
    json_object_foreach(json_object_get(rrg, "findings"), finding, one)
    {
        same(one, "f1", json_object_get(json_object_get(their_rrg, "all14"), finding), "f1-score");
        same(json_object_get(json_object_get(r2gen, "findings"), finding), "f1",
             json_object_get(their_r2gen, "f1_per_condition"), finding);
    }
    json_decref(result);
}

static void test_golden(void **state)
{
    (void)state;
    json_t *golden = NULL, *one = NULL;
    const char *name = NULL;
    struct bv_error err = {0};
    if (!conformance_dir())
        skip();
    assert_ok(
        bv_json_load(&golden, path_in(conformance_dir(), "chexbert/golden_f1.json"), 1 << 24, &err),
        err);
    json_object_foreach(json_object_get(golden, "tables"), name, one) check_table(name, one);
    (void)printf("largest difference %.1e\n", worst);
    json_decref(golden);
}

static const char header[] =
    "study,Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,Lung Lesion,Edema,Consolidation,"
    "Pneumonia,Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,Fracture,Support Devices,"
    "No Finding\n";

static const char *write_table(void **state, const char *name, const char *rows)
{
    char text[2000];
    (void)snprintf(text, sizeof text, "%s%s", header, rows);
    return temporary_file(state, name, text, strlen(text));
}

static void refuse(const char *a, const char *b, const char *why)
{
    struct bv_error err = {0};
    json_t *result = NULL;
    assert_int_not_equal(bv_finding_tables(a, b, &result, &err), BV_OK);
    if (!strstr(err.text, why))
        fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

static void test_refusals(void **state)
{
    const char *good = write_table(state, "a.csv", "s1,,1,,,0,,,,,,,,,\ns2,,1.0,,,,,,,,,,-1.0,,\n");
    refuse(good, write_table(state, "b.csv", "s1,,1,,,0,,,,,,,,,\n"), "has more rows");
    refuse(good, write_table(state, "c.csv", "s2,,1,,,0,,,,,,,,,\n"), "other studies");
    refuse(good, write_table(state, "d.csv", "s1,,2,,,0,,,,,,,,,\n"),
           ":2: Cardiomegaly is neither");
    refuse(good, write_table(state, "e.csv", "s1,,1\n"), ":2: 3 fields");
    refuse(good, temporary_file(state, "f.csv", "study,Edema\n", 12), "no column");
    refuse(write_table(state, "g.csv", ""), write_table(state, "h.csv", ""), "no reports");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, temporary_folder, temporary_folder_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_golden), TEST(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

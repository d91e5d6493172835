// Named protocols, and what is asked of finished evaluations. Figures: eval.protocol,
// eval.compare, eval.subgroups.
#include "api/fixture.h"

#include <biovl/eval.h>

static void test_list(void **state)
{
    struct fixture *f = *state;
    char *json = NULL, name[64] = "";
    must(f->context, bv_eval_protocols(f->context, &json));
    const char *first = strstr(json, "\"name\":\"");
    assert_non_null(first);
    assert_int_equal(sscanf(first, "\"name\":\"%63[^\"]", name), 1);
    bv_free(json);
    struct bv_eval_protocol *protocol = NULL;
    must(f->context, bv_eval_protocol_open(f->context, name, NULL, &protocol));
    assert_string_not_equal(bv_eval_protocol_task(protocol), "");
    assert_null(bv_eval_protocol_column(protocol, "path")); // opened without data
    const char *labels = bv_eval_protocol_labels(protocol);
    assert_true(!labels || labels[0]);
    struct bv_eval_options options = {.size = sizeof options, .path_column = "mine"};
    bv_eval_protocol_set(protocol, &options);
    assert_int_equal(options.size, sizeof options);
    assert_string_equal(options.path_column, "mine"); // what is set stays
    json = NULL;
    assert_int_not_equal(
        bv_eval_protocol_report(f->context, protocol, fixture_path("no such run"), NULL, &json),
        BV_OK);
    assert_null(json);
    bv_eval_protocol_close(&protocol);
    bv_eval_protocol_close(&protocol);
    assert_int_equal(bv_eval_protocol_open(f->context, "abacus", NULL, &protocol), BV_ERR_ARG);
    assert_null(protocol);
}

static void test_refused(void **state)
{
    struct fixture *f = *state;
    char *json = NULL;
    const char *run = fixture_path("no such run"), *by = "sex";
    const struct bv_eval_subgroups_options groups = {
        .size = sizeof groups, .run = run, .by = &by, .n_by = 1};
    assert_int_not_equal(bv_eval_subgroups(f->context, &groups, &json), BV_OK);
    const struct bv_eval_conformal_options conformal = {
        .size = sizeof conformal, .calibration = run, .test = run, .alpha = "2"};
    assert_int_not_equal(bv_eval_conformal(f->context, &conformal, &json), BV_OK);
    struct bv_eval_compare_options compare = {
        .size = sizeof compare, .runs = &run, .n_runs = 1, .folder = run};
    assert_int_equal(bv_eval_labels(f->context, "a.csv", NULL, &json), BV_ERR_ARG);
    assert_int_equal(bv_eval_compare(f->context, &compare, &json), BV_ERR_ARG); // with what?
    compare.size = 0;
    assert_int_equal(bv_eval_compare(f->context, &compare, &json), BV_ERR_ARG);
    assert_null(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}

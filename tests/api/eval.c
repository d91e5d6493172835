// Evaluations: a run, its end, cancelling, refusals.
#include "api/fixture.h"

#include <biovl/eval.h>
#include <sys/stat.h>
#include <unistd.h>

static char data_path[4096], folder_path[4096];

enum { ROWS = 6 };

static void write_data(void)
{
    (void)snprintf(data_path, sizeof data_path, "%s", fixture_path("data.csv"));
    (void)snprintf(folder_path, sizeof folder_path, "%s", fixture_path("out"));
    char root[2000];
    assert_non_null(getcwd(root, sizeof root));
    FILE *file = fopen(data_path, "w");
    assert_non_null(file);
    (void)fprintf(file, "path,Edema\n");
    for (int i = 0; i < ROWS - 1; i++) { // a path may be there once
        char target[2100], name[16];
        (void)snprintf(target, sizeof target, "%s/" SAMPLE, root);
        (void)snprintf(name, sizeof name, "%d.dcm", i);
        assert_int_equal(symlink(target, fixture_path(name)), 0);
        (void)fprintf(file, "%s,%d\n", name, i % 2);
    }
    (void)fprintf(file, "no-such.dcm,1\n");
    assert_int_equal(fclose(file), 0);
}

static void remove_data(void)
{
    for (int i = 0; i < ROWS - 1; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%d.dcm", i);
        assert_int_equal(unlink(fixture_path(name)), 0);
    }
    char command[9000];
    (void)snprintf(command, sizeof command, "rm -rf '%s' '%s'", data_path, folder_path);
    assert_int_equal(system(command), 0);
}

static struct bv_zero_shot *open_labels(const struct fixture *f)
{
    const struct bv_zero_shot_options labels = {.size = sizeof labels, .labels = "Edema\n"};
    struct bv_zero_shot *z = NULL;
    must(f->context, bv_zero_shot_open(f->engine, &labels, &z));
    return z;
}

struct seen {
    size_t done, total, calls;
    size_t stop_after; // calls; 0: never
    size_t failures;
};

static void failed(void *arg, const char *name, enum bv_status status, const char *text)
{
    struct seen *seen = arg;
    seen->failures++;
    assert_string_equal(name, "row 6");
    assert_int_equal(status, BV_ERR_IO);
    assert_string_not_equal(text, "");
}

static int progress(void *arg, size_t done, size_t total)
{
    struct seen *seen = arg;
    seen->done = done;
    seen->total = total;
    return ++seen->calls == seen->stop_after;
}

static void test_run(void **state)
{
    struct fixture *f = *state;
    struct bv_zero_shot *z = open_labels(f);
    struct seen seen = {0};
    const struct bv_observer observer = {
        .size = sizeof observer, .arg = &seen, .progress = progress, .failed = failed};
    struct bv_eval_options options = {
        .size = sizeof options, .data = data_path, .folder = folder_path, .batch = 2, .workers = 1};
    struct bv_eval_counts counts = {.size = sizeof counts};
    write_data();
    options.folder = folder_path;
    must(f->context, bv_context_observe(f->context, &observer));
    // Stopped, then resumed: no row is lost or done twice.
    seen.stop_after = 2;
    assert_int_equal(bv_eval_run(z, &options, &counts), BV_ERR_CANCELLED);
    seen = (struct seen){0};
    options.resume = 1;
    must(f->context, bv_eval_run(z, &options, &counts));
    assert_int_equal(counts.rows, ROWS);
    assert_int_equal(counts.done, ROWS);
    assert_int_equal(counts.failed, 1);
    assert_int_equal(seen.failures, 1);
    assert_true(counts.resumed < ROWS);
    assert_int_equal(seen.done, ROWS);
    assert_int_equal(seen.total, ROWS);
    must(f->context, bv_context_observe(f->context, NULL));
    options.bootstrap = -1;
    must(f->context, bv_eval_finish(f->context, &options, &counts));
    int has = -1;
    must(f->context, bv_eval_has_column(f->context, data_path, "Edema", &has));
    assert_int_equal(has, 1);
    assert_int_not_equal(bv_eval_calibrate(f->context, folder_path, NULL, "abacus",
                                           fixture_path("calibration.json")),
                         BV_OK);
    bv_zero_shot_close(&z);
    remove_data();
}

static void test_refused(void **state)
{
    struct fixture *f = *state;
    struct bv_zero_shot *z = open_labels(f);
    struct bv_eval_options options = {.data = "/no/such.csv", .folder = fixture_path("none")};
    struct bv_eval_counts counts = {.size = sizeof counts};
    assert_int_equal(bv_eval_run(z, &options, &counts), BV_ERR_ARG); // its size is not set
    options.size = sizeof options;
    assert_int_equal(bv_eval_run(z, &options, &counts), BV_ERR_IO);
    const struct bv_zero_shot_options labels = {.size = sizeof labels, .labels = "Edema\n"};
    assert_int_not_equal(bv_eval_run_match(f->engine, &labels, &options, &counts), BV_OK);
    char *json = NULL;
    const struct bv_eval_retrieval_options retrieval = {.size = sizeof retrieval,
                                                        .data = "/no/such.csv"};
    assert_int_equal(bv_eval_retrieval(f->engine, &retrieval, &json), BV_ERR_IO);
    const struct bv_eval_task_options task = {
        .size = sizeof task, .data = "/no/such.csv", .folder = fixture_path("none")};
    assert_int_not_equal(bv_eval_ask(f->engine, &task, &counts, &json), BV_OK);
    assert_int_not_equal(bv_eval_ground(f->engine, &task, &counts, &json), BV_OK);
    assert_int_equal(bv_eval_grounding(f->context, "/no/such.csv", NULL, &json), BV_ERR_IO);
    assert_int_equal(bv_eval_vqa(f->context, "/no/such.csv", NULL, &json), BV_ERR_IO);
    const struct bv_eval_localize_options localize = {
        .size = sizeof localize, .data = "/no/such.json", .truth = "/no/such.json"};
    assert_int_equal(bv_eval_localize(f->context, NULL, &localize, &counts, &json), BV_ERR_IO);
    assert_int_not_equal(bv_eval_localize(f->context, f->engine, &localize, &counts, &json), BV_OK);
    assert_null(json);
    bv_zero_shot_close(&z);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}

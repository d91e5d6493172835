// Tests of the labelled CSV file: columns, truth values, the fate of bad rows.
#include <string.h>

#include "checkpoint/temporary.h"
#include "eval/data/labelled.h"
#include "support/check.h"

static const char *const labels[] = {"Edema", "Pleural Effusion"};

static struct bv_labelled_options options_for(const char *path)
{
    return (struct bv_labelled_options){.path = path, .labels = labels, .n_labels = 2};
}

static const char *write_file(void **state, const char *text)
{
    return temporary_file(state, "data.csv", text, strlen(text));
}

// All rows in one string: path:truths(patient,study)!reason, truths as 0, 1 and -.
static void dump(const struct bv_labelled_options *options, char *out, size_t room)
{
    struct bv_error err = {0};
    struct bv_labelled *data = NULL;
    const struct bv_labelled_row *row = NULL;
    size_t used = 0;
    out[0] = 0;
    assert_ok(bv_labelled_open(&data, options, &err), err);
    for (;;) {
        assert_ok(bv_labelled_next(data, &row, &err), err);
        if (!row)
            break;
        used += (size_t)snprintf(out + used, room - used, "%s:%c%c", row->path,
                                 "01-"[row->truth[0]], "01-"[row->truth[1]]);
        if (row->patient || row->study)
            used +=
                (size_t)snprintf(out + used, room - used, "(%s,%s)",
                                 row->patient ? row->patient : "", row->study ? row->study : "");
        if (row->reason)
            used += (size_t)snprintf(out + used, room - used, "!%s", row->reason);
        used += (size_t)snprintf(out + used, room - used, " ");
    }
    bv_labelled_close(&data);
    assert_null(data);
}

static void test_truths(void **state)
{
    const char *path = write_file(state, "Path,Edema,pleural_effusion,Patient_ID,study\n"
                                         "a,1,0,p1,s1\nb,1.0,-1,p1,\nc,,0.0,,s2\nd,-1.0, ,,\n");
    struct bv_labelled_options o = options_for(path);
    char text[512];
    dump(&o, text, sizeof text);
    assert_string_equal(text, "a:10(p1,s1) b:1-(p1,) c:-0(,s2) d:-- ");
    o.uncertain = BV_UNCERTAIN_ONE;
    o.blank_is_zero = true;
    dump(&o, text, sizeof text);
    assert_string_equal(text, "a:10(p1,s1) b:11(p1,) c:00(,s2) d:10 ");
    o.uncertain = BV_UNCERTAIN_ZERO;
    dump(&o, text, sizeof text);
    assert_string_equal(text, "a:10(p1,s1) b:10(p1,) c:00(,s2) d:00 ");
}

// GLoRIA's constants; labels that it has none for stay without truth.
static void test_policy(void **state)
{
    static const char *const all[] = {"Atelectasis",  "Edema",         "Pleural effusion",
                                      "Cardiomegaly", "Consolidation", "Fracture"};
    static const uint8_t expected[] = {1, 1, 1, 0, 0, BV_TRUTH_NONE};
    const char *path = write_file(
        state, "path,Atelectasis,Edema,Pleural effusion,Cardiomegaly,Consolidation,Fracture\n"
               "a,-1,-1,-1,-1,-1,-1\n");
    struct bv_labelled_options o = {
        .path = path, .labels = all, .n_labels = 6, .uncertain = BV_UNCERTAIN_POLICY};
    struct bv_error err = {0};
    struct bv_labelled *data = NULL;
    const struct bv_labelled_row *row = NULL;
    assert_ok(bv_labelled_open(&data, &o, &err), err);
    assert_ok(bv_labelled_next(data, &row, &err), err);
    assert_memory_equal(row->truth, expected, sizeof expected);
    bv_labelled_close(&data);
}

static void test_bad_rows(void **state)
{
    const char *path = write_file(state, "path,Edema,Pleural Effusion\na,2,0\nb,yes,0\nc,1\n,1,1\n"
                                         "d,1,0\nd,0,0\ne,0,1,1\n");
    struct bv_labelled_options o = options_for(path);
    char text[512];
    dump(&o, text, sizeof text);
    assert_string_equal(text, "a:--!bad_label b:--!bad_label c:--!missing_fields "
                              ":--!no_path d:10 d:--!duplicate_row e:--!missing_fields ");
}

static void test_lists_and_conditions(void **state)
{
    const char *path = write_file(state, "file,findings,split\na,edema|mass,val\n"
                                         "b,no finding,train\nc, Pleural_Effusion |edema,val\n"
                                         "d,edematous,val\n");
    static const char *const where[] = {"split=val"};
    struct bv_labelled_options o = options_for(path);
    o.list_column = "findings";
    o.where = where;
    o.n_where = 1;
    char text[512];
    dump(&o, text, sizeof text);
    assert_string_equal(text, "a:10 c:11 d:00 ");
}

// The forms in which data sets list findings, recognised by the whole column.
static void test_list_forms(void **state)
{
    static const struct {
        const char *cells, *form, *rows;
    } cases[] = {
        {"edema|mass\nPleural effusion\n\n", "a|b", "0:10 1:01 2:00 "},
        {"edema;mass\npleural effusion; edema\n", "a;b", "0:10 1:11 "},
        {"edema\n\"mass, pleural_effusion\"\n\"edema,pleural effusion\"\n", "a, b",
         "0:10 1:01 2:11 "},
        {"\"['edema', 'pleural effusion']\"\n\"['mass']\"\n[]\n\"[ ' Edema' ]\"\n", "['a', 'b']",
         "0:11 1:00 2:00 3:10 "},
        {"\"[\"\"edema\"\", \"\"mass\"\"]\"\n\"[\"\"no edema\"\"]\"\n", "['a', 'b']", "0:10 1:00 "},
        {"['edema' 'pleural effusion']\n[edema]\nmass\n", "['a', 'b']", "0:11 1:10 2:00 "},
        {"[\"edema\n", "", NULL},
        {"\"['edema', 'mass\"\n[edema\n\"['it\\'s edema', 'edema']\"\n", "['a', 'b']",
         "0:--!bad_label 1:--!bad_label 2:10 "},
        // A bar separates; commas and semicolons are then part of names.
        {"\"edema, mild|mass\"\nmass|edema\n", "a|b", "0:00 1:10 "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char csv[512] = "path,f\n", text[512];
        const char *cell = cases[i].cells;
        for (int row = 0; *cell; row++) {
            const char *end = strchr(cell, '\n');
            (void)snprintf(csv + strlen(csv), sizeof csv - strlen(csv), "%d,%.*s\n", row,
                           (int)(end - cell), cell);
            cell = end + 1;
        }
        struct bv_error err = {0};
        struct bv_labelled_survey survey = {0};
        struct bv_labelled_options o = options_for(write_file(state, csv));
        o.list_column = "f";
        if (!cases[i].rows) { // no CSV at all
            assert_int_equal(bv_labelled_survey(&o, &survey, &err), BV_ERR_FORMAT);
            continue;
        }
        dump(&o, text, sizeof text);
        assert_string_equal(text, cases[i].rows);
        assert_ok(bv_labelled_survey(&o, &survey, &err), err);
        assert_string_equal(survey.list_form, cases[i].form);
        bv_labelled_survey_free(&survey);
    }
}

static void expect_failure(void **state, const char *csv, struct bv_labelled_options options,
                           const char *words)
{
    struct bv_error err = {0};
    struct bv_labelled *data = NULL;
    options.path = write_file(state, csv);
    assert_int_equal(bv_labelled_open(&data, &options, &err), BV_ERR_ARG);
    if (!strstr(err.text, words))
        fail_msg("said \"%s\", not \"%s\"", err.text, words);
    assert_null(data);
}

static void test_columns(void **state)
{
    static const char *const where[] = {"split=val"}, *const no_equals[] = {"split"};
    struct bv_labelled_options o = options_for(NULL);
    expect_failure(state, "id,Edema\n", o, "no column \"path\" among \"id\", \"Edema\"");
    o.path_column = "picture";
    expect_failure(state, "path,Edema\n", o, "no column \"picture\"");
    o.path_column = NULL;
    o.where = where;
    o.n_where = 1;
    expect_failure(state, "path,Edema\n", o, "no column \"split\"");
    o.n_where = 0;
    o.stratum_column = "view";
    expect_failure(state, "path,Edema\n", o, "no column \"view\"");
    o.stratum_column = NULL;
    o.n_where = 1;
    o.where = no_equals;
    expect_failure(state, "path,Edema\n", o, "COLUMN=VALUE");
}

static void test_has_label(void **state)
{
    struct bv_labelled_options o =
        options_for(write_file(state, "path, EDEMA \na, 1\nb,0 \nc,\nd,2\ne,-1\nf, 1\n"));
    struct bv_error err = {0};
    struct bv_labelled *data = NULL;
    struct bv_labelled_survey survey = {0};
    assert_ok(bv_labelled_open(&data, &o, &err), err);
    assert_false(bv_labelled_has_patients(data));
    bv_labelled_close(&data);
    assert_ok(bv_labelled_survey(&o, &survey, &err), err);
    assert_int_equal(survey.n_rows, 6);
    assert_true(survey.labels[0].has_column);
    assert_false(survey.labels[1].has_column);
    assert_int_equal(survey.labels[0].positives, 2);
    assert_int_equal(survey.labels[0].negatives, 1);
    assert_null(survey.list_form);
    bv_labelled_survey_free(&survey);
}

// Which of two columns counts is not left to chance.
static void test_twins(void **state)
{
    static const struct {
        const char *header, *words;
    } cases[] = {{"path,Edema,Edema\n", "\"Edema\""},
                 {"path,edema,EDEMA\n", "columns \"edema\" and \"EDEMA\" are one label"},
                 {"path,Path,Edema\n", "two columns are named \"path\""},
                 {"path,Edema,patient,Patient\n", "two columns are named \"patient\""},
                 {"path,Edema,edema,Mass,Mass\n", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bv_labelled_options o = options_for(write_file(state, cases[i].header));
        struct bv_labelled *data = NULL;
        struct bv_error err = {0};
        enum bv_status status = bv_labelled_open(&data, &o, &err);
        assert_int_equal(status, cases[i].words ? BV_ERR_FORMAT : BV_OK);
        if (cases[i].words && !strstr(err.text, cases[i].words))
            fail_msg("said \"%s\", not \"%s\"", err.text, cases[i].words);
        bv_labelled_close(&data);
    }
}

// A million rows, every thousandth a duplicate.
static void test_million(void **state)
{
    enum { MILLION = 1000000 };
    const char *path = temporary_path(state, "data.csv");
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    (void)fputs("\xef\xbb\xbfpath,Edema\r\n", f);
    for (int i = 0; i < MILLION; i++)
        (void)fprintf(f, "\"folder/image %d.png\",%d\r\n", i % 1000 ? i : 0, i % 2);
    assert_int_equal(fclose(f), 0);
    struct bv_labelled_options o = options_for(path);
    struct bv_labelled *data = NULL;
    const struct bv_labelled_row *row = NULL;
    struct bv_error err = {0};
    uint64_t n = 0, duplicates = 0, positives = 0;
    assert_ok(bv_labelled_count(&o, &n, &err), err);
    assert_int_equal(n, MILLION);
    assert_ok(bv_labelled_open(&data, &o, &err), err);
    for (;;) {
        assert_ok(bv_labelled_next(data, &row, &err), err);
        if (!row)
            break;
        duplicates += row->reason != NULL;
        positives += row->truth[0] == BV_TRUTH_POSITIVE;
    }
    assert_int_equal(duplicates, MILLION / 1000 - 1);
    assert_int_equal(positives, MILLION / 2);
    bv_labelled_close(&data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_truths, temporary_folder, temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_policy, temporary_folder, temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_bad_rows, temporary_folder, temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_lists_and_conditions, temporary_folder,
                                        temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_columns, temporary_folder, temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_list_forms, temporary_folder, temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_has_label, temporary_folder, temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_twins, temporary_folder, temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_million, temporary_folder, temporary_folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

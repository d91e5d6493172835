// Protocols: those that are compiled in keep the form; columns are found or refused by name; the
// number is that of the run, beside the published ones.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/temporary.h"
#include "eval/tasks/protocol.h"
#include "made_run.h"
#include "support/check.h"

enum { ROWS = 200, MAX_LABELS = 16 };

static void test_all(void **state)
{
    (void)state;
    json_t *list = NULL;
    struct bv_error err = {0};
    assert_ok(bv_protocol_list(&list, &err), err);
    assert_true(json_array_size(list) >= 14);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = bv_json_string(json_array_get(list, i), "name", "");
        struct bv_protocol p = {0};
        assert_ok(bv_protocol_open(&p, name, &err), err);
        assert_string_equal(bv_protocol_name(&p), name);
        assert_true(*bv_json_string(p.json, "title", ""));
        assert_true(json_array_size(json_object_get(p.json, "traps")) > 0);
        assert_int_equal(strlen(p.digest), 64);
        bv_protocol_free(&p);
    }
    json_decref(list);
}

static const char *write_file(void **state, const char *name, const char *text)
{
    return temporary_file(state, name, text, strlen(text));
}

static void refuse(const char *name, const char *data, enum bv_status status, const char *why)
{
    struct bv_protocol p = {0};
    struct bv_error err = {0};
    enum bv_status got = bv_protocol_open(&p, name, &err);
    if (got == BV_OK && data)
        got = bv_protocol_match(&p, data, &err);
    assert_int_equal(got, status);
    if (!strstr(err.text, why))
        fail_msg("\"%s\" does not say \"%s\"", err.text, why);
    bv_protocol_free(&p);
}

static void test_refusals(void **state)
{
    refuse("mnist", NULL, BV_ERR_ARG, "nih-cxr14");
    refuse("../systems/chexzero", NULL, BV_ERR_ARG, "no protocol");
    const char *data = write_file(state, "a.csv", "path,Edema\nx.png,1\n");
    refuse(
        "chexpert-test", data, BV_ERR_ARG,
        "needs the columns Atelectasis, Cardiomegaly, Consolidation, Pleural Effusion; there are "
        "path, Edema");
    data = write_file(state, "b.csv", "picture,Finding Labels\nx.png,Mass\n");
    refuse("nih-cxr14", data, BV_ERR_ARG, "needs a column of the path: Image Index or path");
    refuse("vqa-rad", write_file(state, "c.csv", "path,answer\nx.png,yes\n"), BV_ERR_ARG,
           "question");
    refuse(write_file(state, "p.json", "{\"protocol\": \"x\"}"), NULL, BV_ERR_FORMAT, "task");
    refuse(write_file(state, "q.json", "[1, 2"), NULL, BV_ERR_FORMAT, "");
    refuse(write_file(state, "r.json",
                      "{\"protocol\":\"x\",\"version\":1,\"task\":\"vqa\",\"data\":{\"columns\":"
                      "{\"path\":[\"p\"]}},\"metric\":{\"name\":\"m\",\"value\":[\"v\"]},"
                      "\"published\":[{\"value\":0.5}],\"traps\":[]}"),
           NULL, BV_ERR_FORMAT, "source");
}

static void refuse_form(void **state, const char *data, const char *label, const char *why)
{
    char text[600];
    (void)snprintf(text, sizeof text,
                   "{\"protocol\":\"x\",\"version\":1,\"task\":\"classification\",\"data\":{"
                   "\"columns\":{\"path\":[\"p\"]}%s},\"labels\":[{\"name\":\"a\"%s}],\"metric\":{"
                   "\"name\":\"m\",\"value\":[\"v\"]},\"published\":[],\"traps\":[]}",
                   data, label);
    const char *path = write_file(state, "form.json", text);
    if (why) {
        refuse(path, NULL, BV_ERR_FORMAT, why);
        return;
    }
    struct bv_protocol p = {0};
    struct bv_error err = {0};
    assert_ok(bv_protocol_open(&p, path, &err), err);
    bv_protocol_free(&p);
}

// Nothing that is misspelt becomes a default, and no prompt another label.
static void test_form(void **state)
{
    refuse_form(state, "", "", NULL);
    refuse_form(state, ",\"uncertain\":\"one\",\"blank\":\"zero\"", ",\"prompts\":[\"b\"]", NULL);
    refuse_form(state, ",\"uncertain\":1", "", "data.uncertain");
    refuse_form(state, ",\"uncertain\":\"maybe\"", "", "data.uncertain");
    refuse_form(state, ",\"blank\":\"zeros\"", "", "data.blank");
    refuse_form(state, ",\"blank\":true", "", "data.blank");
    refuse_form(state, ",\"images\":\"9\"", "", "data.images");
    refuse_form(state, ",\"exactly_one\":1", "", "data.exactly_one");
    refuse_form(state, "", ",\"prompts\":[\"b\\nc = d\"]", "prompts");
    refuse_form(state, "", ",\"prompts\":[\"b | c\"]", "prompts");
    refuse_form(state, "", ",\"prompts\":[\" \"]", "prompts");
    refuse_form(state, "", ",\"prompts\":\"b\"", "prompts");
}

// ---- A run by each protocol of classification ----

static double truth_or_noise(void *arg, const char *image, size_t label)
{
    (void)arg;
    return 0.3 * (made_number(image, 50 + (unsigned)label) < 0.3) +
           0.7 * made_number(image, (unsigned)label);
}

// One label per image, where a protocol asks for that.
static bool is_positive(const struct bv_protocol *p, const char *image, size_t label, size_t n)
{
    if (bv_json_boolean(json_object_get(p->json, "data"), "exactly_one", false))
        return (size_t)(made_number(image, 49) * (double)n) == label;
    return made_number(image, 50 + (unsigned)label) < 0.3;
}

static const char *column_of(const struct bv_protocol *p, const char *key)
{
    const json_t *columns = json_object_get(json_object_get(p->json, "data"), "columns");
    return json_string_value(json_array_get(json_object_get(columns, key), 0));
}

static const char *write_data(void **state, const struct bv_protocol *p, size_t n)
{
    const char *path = temporary_path(state, "data.csv");
    const json_t *labels = json_object_get(p->json, "labels");
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    (void)fprintf(f, "%s", column_of(p, "path"));
    for (size_t l = 0; l < n; l++)
        (void)fprintf(f, ",%s", bv_json_string(json_array_get(labels, l), "name", ""));
    for (int i = 0; i < ROWS; i++) {
        char image[32];
        (void)snprintf(image, sizeof image, "x%03d.png", i);
        (void)fprintf(f, "\n%s", image);
        for (size_t l = 0; l < n; l++)
            (void)fprintf(f, ",%d", is_positive(p, image, l, n));
    }
    (void)putc('\n', f);
    assert_int_equal(fclose(f), 0);
    return path;
}

// AUROC by counting pairs, average precision by counting ranks.
static double count_auroc(const struct bv_protocol *p, size_t label, size_t n, double *ap)
{
    double pairs = 0, wins = 0, sum = 0;
    char a[32], b[32];
    size_t positives = 0;
    for (int i = 0; i < ROWS; i++) {
        (void)snprintf(a, sizeof a, "x%03d.png", i);
        if (!is_positive(p, a, label, n))
            continue;
        double own = truth_or_noise(NULL, a, label), above = 0, above_positive = 0;
        positives++;
        for (int k = 0; k < ROWS; k++) {
            (void)snprintf(b, sizeof b, "x%03d.png", k);
            double other = truth_or_noise(NULL, b, label);
            bool positive = is_positive(p, b, label, n);
            above += other >= own;
            above_positive += other >= own && positive;
            pairs += !positive;
            wins += positive ? 0 : own > other ? 1 : own == other ? 0.5 : 0;
        }
        sum += above_positive / above;
    }
    *ap = sum / (double)positives;
    return wins / pairs;
}

static double count_accuracy(const struct bv_protocol *p, size_t n)
{
    double right = 0;
    char image[32];
    for (int i = 0; i < ROWS; i++) {
        size_t best = 0;
        (void)snprintf(image, sizeof image, "x%03d.png", i);
        for (size_t l = 1; l < n; l++)
            if (truth_or_noise(NULL, image, l) > truth_or_noise(NULL, image, best))
                best = l;
        right += is_positive(p, image, best, n);
    }
    return right / ROWS;
}

static double expected(const struct bv_protocol *p, size_t n)
{
    const json_t *place = json_object_get(json_object_get(p->json, "metric"), "value");
    const char *last = json_string_value(json_array_get(place, json_array_size(place) - 1));
    double auroc = 0, precision = 0;
    if (strcmp(last, "accuracy") == 0)
        return count_accuracy(p, n);
    for (size_t l = 0; l < n; l++) {
        double ap = 0;
        auroc += count_auroc(p, l, n, &ap) / (double)n;
        precision += ap / (double)n;
    }
    return strcmp(last, "auroc") == 0 ? auroc : precision;
}

static void check_run(void **state, const struct bv_protocol *p, const char *data, size_t n)
{
    const char *names[MAX_LABELS];
    for (size_t l = 0; l < n; l++)
        names[l] =
            bv_json_string(json_array_get(json_object_get(p->json, "labels"), l), "name", "");
    const struct made_run made = {
        .data = {.path = data, .path_column = p->path, .labels = names, .n_labels = n},
        .folder = temporary_path(state, bv_protocol_name(p)),
        .score = truth_or_noise,
        .n_bootstrap = 100};
    make_run(&made);
    json_t *result = NULL;
    struct bv_error err = {0};
    assert_ok(bv_protocol_report(p, made.folder, NULL, &result, &err), err);
    const json_t *metric = json_object_get(result, "metric");
    double value = bv_json_number(metric, "value", NAN), theirs = expected(p, n);
    (void)printf("%s: %s %.6f\n", bv_protocol_name(p), bv_json_string(metric, "name", ""), value);
    assert_true(fabs(value - theirs) < 1e-9);
    assert_true(bv_json_number(metric, "low", 2) < value);
    assert_true(bv_json_number(metric, "high", -1) > value);
    assert_int_equal(strlen(bv_json_string(result, "list_sha256", "")), 64);
    assert_string_equal(bv_json_string(result, "protocol_sha256", ""), p->digest);
    const json_t *published = json_object_get(result, "published"), *one = NULL;
    size_t i = 0;
    json_array_foreach((json_t *)(uintptr_t)published, i, one)
        assert_true(json_is_boolean(json_object_get(one, "inside_our_interval")));
    json_decref(result);
}

static void test_runs(void **state)
{
    static const char *const names[] = {"chexpert-test", "chexpert5x200", "mimic5x200", "rsna",
                                        "siim",          "nih-cxr14",     "cxr-lt-2024"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct bv_protocol p = {0};
        struct bv_error err = {0};
        assert_ok(bv_protocol_open(&p, names[i], &err), err);
        size_t n = json_array_size(json_object_get(p.json, "labels"));
        assert_true(n > 0 && n <= MAX_LABELS);
        const char *data = write_data(state, &p, n);
        assert_ok(bv_protocol_match(&p, data, &err), err);
        assert_string_equal(p.path, column_of(&p, "path"));
        check_run(state, &p, data, n);
        bv_protocol_free(&p);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, temporary_folder, temporary_folder_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_all), TEST(test_refusals), TEST(test_form),
                                       TEST(test_runs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// Whole evaluations with a scorer that needs no model: resumed after SIGKILL, in shards, with bad
// rows, with fitted thresholds. The results must be the same bytes in every case.
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "checkpoint/temporary.h"
#include "eval/run/evaluation.h"
#include "image/image.h"
#include "support/check.h"

enum { ROWS = 203, LABELS = 3 };
static const char *const labels[LABELS] = {"Edema", "Mass", "Absent"};

// A number in [0, 1) from a path and a salt.
static double mix(const char *path, unsigned salt)
{
    unsigned hash = 2166136261u + salt;
    for (; *path; path++)
        hash = (hash ^ (unsigned char)*path) * 16777619u;
    hash ^= hash >> 15;
    return (double)(hash * 2246822519u >> 8) / (1 << 24);
}

struct fake {
    long delay_ns;
    int calls, moves_after; // calls of score, and after how many the device is lost; 0: never
};

static enum bv_status preprocess(void *arg, const char *path, struct bv_preprocessed *image,
                                 struct bv_error *err)
{
    const struct fake *fake = arg;
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    if (strncmp(name, "bad", 3) == 0)
        return bv_fail(err, BV_ERR_FORMAT, "%s: not an\timage\n", name);
    // Two sizes of images, and a time that differs from image to image.
    struct timespec pause = {.tv_nsec = (long)(mix(name, 9) * (double)fake->delay_ns)};
    (void)nanosleep(&pause, NULL);
    struct bv_pixels pixels = {0};
    BV_TRY(bv_pixels_create(&pixels, mix(name, 8) < 0.2 ? 2 : 1, 1, LABELS, BV_SAMPLE_F32, err));
    image->warnings = (uint32_t)(mix(name, 10) < 0.2) << BV_REASON_LATERAL_VIEW |
                      (uint32_t)(mix(name, 11) < 0.1) << BV_REASON_SMALL;
    for (unsigned l = 0; l < LABELS; l++)
        ((float *)pixels.data)[l] = (float)mix(name, l);
    return bv_classifier_input_of(&pixels, &image->input, err);
}

static enum bv_status score(void *arg, const struct bv_classifier_input *const *images, size_t n,
                            double *scores, struct bv_error *err)
{
    struct fake *fake = arg;
    (void)err;
    fake->calls++;
    for (size_t i = 0; i < n; i++) {
        const struct bv_pixels *pixels = &images[i]->parts[0].pixels;
        assert_int_equal(pixels->width, images[0]->parts[0].pixels.width);
        for (size_t l = 0; l < LABELS; l++)
            scores[i * LABELS + l] = (double)((const float *)pixels->data)[l];
    }
    return BV_OK;
}

static const char *moved(void *arg)
{
    const struct fake *fake = arg;
    return fake->moves_after && fake->calls > fake->moves_after ? "cpu|f32|the device\twas lost"
                                                                : NULL;
}

// 203 rows: some files are bad, one is listed twice, one label is no number.
static const char *write_data(void **state, const char *name, unsigned salt)
{
    const char *path = temporary_path(state, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    (void)fprintf(f, "path,patient_id,study_id,Edema,Mass\n");
    for (int i = 0; i < ROWS; i++) {
        char image[32];
        (void)snprintf(image, sizeof image, "%s%03d.png", i % 50 == 7 ? "bad" : "x",
                       i == 100 ? 99 : i);
        double p = mix(image, 0);
        (void)fprintf(f, "%s,p%d,s%d,%s,%d\n", image, i / 4, i / 2,
                      i == 60                     ? "maybe"
                      : mix(image, 20 + salt) < p ? "1"
                                                  : "0",
                      mix(image, 30 + salt) < 0.3);
    }
    (void)fclose(f);
    return path;
}

struct settings {
    const char *data, *folder;
    uint64_t shard, n_shards;
    bool resume;
    long delay_ns;
    int n_workers;
    int moves_after;
    const char *device;
};

static enum bv_status run(const struct settings *s, struct bv_evaluation_counts *counts,
                          struct bv_error *err)
{
    struct fake fake = {.delay_ns = s->delay_ns, .moves_after = s->moves_after};
    struct bv_scorer scorer = {&fake, LABELS, preprocess, score, moved};
    json_t *model = json_pack("{s:s, s:s, s:s, s:s}", "name", "fake", "score_kind", "pair_softmax",
                              "device", s->device ? s->device : "vulkan:fake", "precision", "f16");
    struct bv_evaluation_run run = {.data = {.path = s->data, .labels = labels, .n_labels = LABELS},
                                    .folder = s->folder,
                                    .model = model,
                                    .shard = s->shard,
                                    .n_shards = s->n_shards ? s->n_shards : 1,
                                    .resume = s->resume,
                                    .block = 8,
                                    .n_workers = s->n_workers ? s->n_workers : 3};
    enum bv_status status = bv_evaluation_run(&run, &scorer, counts, err);
    json_decref(model);
    return status;
}

static void finish(const char *folder, const char *thresholds)
{
    struct bv_evaluation_finish f = {.folder = folder, .n_bootstrap = 40, .thresholds = thresholds};
    struct bv_evaluation_counts counts;
    struct bv_error err = {0};
    assert_ok(bv_evaluation_finish(&f, &counts, &err), err);
}

static void run_whole(const char *data, const char *folder)
{
    struct settings s = {.data = data, .folder = folder};
    struct bv_evaluation_counts counts;
    struct bv_error err = {0};
    assert_ok(run(&s, &counts, &err), err);
    finish(folder, NULL);
}

static const char *in(const char *folder, const char *name)
{
    static char paths[4][512];
    static int next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void equal_files(const char *a, const char *b)
{
    struct bv_mapping x = {0}, y = {0};
    struct bv_error err = {0};
    assert_ok(bv_mapping_open(&x, a, 0, &err), err);
    assert_ok(bv_mapping_open(&y, b, 0, &err), err);
    if (x.size != y.size || memcmp(x.data, y.data, x.size) != 0)
        fail_msg("%s and %s differ", a, b);
    bv_mapping_close(&x);
    bv_mapping_close(&y);
}

static const char *const results[] = {"predictions.csv", "errors.csv",  "warnings.csv",
                                      "metrics.json",    "metrics.csv", "thresholds.json",
                                      "report.html"};

static void equal_results(const char *a, const char *b)
{
    for (size_t i = 0; i < sizeof results / sizeof *results; i++)
        equal_files(in(a, results[i]), in(b, results[i]));
}

static json_t *load(const char *folder, const char *name)
{
    json_t *value = NULL;
    struct bv_error err = {0};
    assert_ok(bv_json_load(&value, in(folder, name), 1u << 24, &err), err);
    return value;
}

// The fates of bad rows, and metrics over the others only.
static void test_fates(void **state)
{
    const char *folder = temporary_path(state, "out");
    run_whole(write_data(state, "data.csv", 0), folder);
    json_t *metrics = load(folder, "metrics.json");
    assert_int_equal(bv_json_integer(metrics, "rows", 0), ROWS);
    assert_int_equal(bv_json_integer(metrics, "failed", 0), 6);
    assert_int_equal(bv_json_integer(metrics, "evaluated", 0), ROWS - 6);
    assert_int_equal(bv_json_integer(metrics, "duplicates", 0), 1);
    const json_t *classes = json_object_get(metrics, "classes");
    const json_t *edema = json_object_get(classes, "Edema");
    assert_int_equal(bv_json_integer(edema, "n", 0), ROWS - 6);
    double auroc = bv_json_number(edema, "auroc", -1);
    assert_true(auroc > 0.6 && auroc < 1);
    // A label without a column has predictions but no metric, and is not in the mean.
    assert_string_equal(bv_json_string(json_object_get(classes, "Absent"), "auroc", ""), "NA");
    const json_t *macro = json_object_get(metrics, "macro");
    assert_int_equal(bv_json_integer(macro, "n_classes", 0), 2);
    assert_int_equal(bv_json_integer(macro, "n_not_available", 0), 1);
    double mass = bv_json_number(json_object_get(classes, "Mass"), "auroc", -1);
    assert_true(bv_json_number(macro, "auroc", -1) == (auroc + mass) / 2);
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(metrics, "labels_without_column"), 0)),
        "Absent");
    assert_int_equal(bv_json_integer(json_object_get(metrics, "patient"), "n", 0), 51);
    assert_int_equal(bv_json_integer(json_object_get(metrics, "study"), "n", 0), 102);
    json_decref(metrics);
    char *errors = NULL;
    size_t size = 0;
    struct bv_error err = {0};
    assert_ok(bv_read_all(in(folder, "errors.csv"), 1 << 20, &errors, &size, &err), err);
    assert_non_null(strstr(errors, "9,bad007.png,format,\"bad007.png: not an image \"\n"));
    assert_non_null(strstr(errors, "62,x060.png,bad_label,"));
    assert_non_null(strstr(errors, "102,x099.png,duplicate_row,"));
    free(errors);
}

static void expect_around(const json_t *bounds, double value)
{
    double low = bv_json_number(bounds, "low", NAN), high = bv_json_number(bounds, "high", NAN);
    assert_true(low <= value && value <= high && low < high);
}

// Every metric has an interval of resampled patients, and what has a formula has that too.
static void test_intervals(void **state)
{
    const char *folder = temporary_path(state, "out");
    run_whole(write_data(state, "data.csv", 0), folder);
    json_t *metrics = load(folder, "metrics.json");
    assert_string_equal(bv_json_string(metrics, "ci95_resamples", ""), "patient");
    assert_int_equal(bv_json_integer(metrics, "patients", 0), 51);
    const json_t *edema = json_object_get(json_object_get(metrics, "classes"), "Edema");
    const json_t *all = json_object_get(edema, "ci95"), *one = NULL;
    const char *name = NULL;
    assert_int_equal(json_object_size(all), 17); // all but the two after a calibration
    json_object_foreach((json_t *)(uintptr_t)all, name, one)
        expect_around(one, bv_json_number(edema, name, NAN));
    json_object_foreach(json_object_get(json_object_get(metrics, "macro"), "ci95"), name, one)
        expect_around(one, bv_json_number(json_object_get(metrics, "macro"), name, NAN));
    const json_t *micro = json_object_get(metrics, "micro");
    assert_int_equal(json_object_size(json_object_get(micro, "ci95")), 13);
    const json_t *auroc = json_object_get(edema, "auroc_ci95");
    expect_around(json_object_get(auroc, "obuchowski"), bv_json_number(edema, "auroc", NAN));
    expect_around(json_object_get(auroc, "bootstrap_patient"), bv_json_number(edema, "auroc", NAN));
    expect_around(json_object_get(edema, "average_precision_ci95_logit"),
                  bv_json_number(edema, "average_precision", NAN));
    const json_t *rate = json_object_get(json_object_get(edema, "proportions_ci95"), "sensitivity");
    expect_around(json_object_get(rate, "wilson"), bv_json_number(edema, "sensitivity", NAN));
    expect_around(json_object_get(rate, "clopper_pearson"),
                  bv_json_number(edema, "sensitivity", NAN));
    const json_t *calibration = json_object_get(edema, "calibration");
    expect_around(json_object_get(calibration, "slope"),
                  bv_json_number(json_object_get(calibration, "slope"), "value", NAN));
    assert_true(bv_json_number(calibration, "ici", NAN) > 0);
    json_decref(metrics);
}

// Warnings of the images evaluated: a line each, and counted by reason.
static void test_warnings(void **state)
{
    const char *folder = temporary_path(state, "out");
    uint64_t lateral = 0, small = 0, any = 0;
    char *warnings = NULL, *errors = NULL;
    size_t size = 0;
    struct bv_error err = {0};
    run_whole(write_data(state, "data.csv", 0), folder);
    assert_ok(bv_read_all(in(folder, "warnings.csv"), 1 << 20, &warnings, &size, &err), err);
    assert_ok(bv_read_all(in(folder, "errors.csv"), 1 << 20, &errors, &size, &err), err);
    assert_int_equal(strncmp(warnings, "line,path,reason\n", 17), 0);
    for (int i = 0; i < ROWS; i++) {
        char image[32], line[64];
        (void)snprintf(image, sizeof image, "x%03d.png", i);
        (void)snprintf(line, sizeof line, "%d,%s,", i + 2, image);
        if (i % 50 == 7 || i == 100 || strstr(errors, line))
            continue; // bad, or not evaluated
        bool is_lateral = mix(image, 10) < 0.2, is_small = mix(image, 11) < 0.1;
        lateral += is_lateral;
        small += is_small;
        any += is_lateral || is_small;
        (void)snprintf(line, sizeof line, "\n%d,%s,lateral_view\n", i + 2, image);
        assert_int_equal(strstr(warnings, line) != NULL, is_lateral);
        (void)snprintf(line, sizeof line, "\n%d,%s,small\n", i + 2, image);
        assert_int_equal(strstr(warnings, line) != NULL, is_small);
    }
    json_t *metrics = load(folder, "metrics.json");
    const json_t *w = json_object_get(metrics, "warnings"),
                 *by_reason = json_object_get(w, "by_reason");
    assert_true(lateral > 10 && small > 5 && any < lateral + small);
    assert_int_equal(bv_json_integer(w, "images", 0), any);
    assert_int_equal(bv_json_integer(by_reason, "lateral_view", 0), lateral);
    assert_int_equal(bv_json_integer(by_reason, "small", 0), small);
    assert_int_equal(json_object_size(by_reason), 2);
    json_decref(metrics);
    free(warnings);
    free(errors);
}

static void write_bytes(const char *path, const char *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    (void)fclose(f);
}

static void expect_devices(const char *folder, int64_t own, int64_t other)
{
    finish(folder, NULL);
    json_t *metrics = load(folder, "metrics.json");
    const json_t *devices = json_object_get(metrics, "devices");
    const json_t *first = json_array_get(devices, 0), *second = json_array_get(devices, 1);
    assert_int_equal(json_array_size(devices), 2);
    assert_string_equal(bv_json_string(first, "device", ""), "vulkan:fake");
    assert_string_equal(bv_json_string(first, "precision", ""), "f16");
    assert_null(json_object_get(first, "fallback"));
    assert_int_equal(bv_json_integer(first, "images", -1), own);
    assert_string_equal(bv_json_string(second, "device", ""), "cpu");
    assert_string_equal(bv_json_string(second, "precision", ""), "f32");
    assert_string_equal(bv_json_string(second, "fallback", ""), "the device was lost");
    assert_int_equal(bv_json_integer(second, "images", -1), other);
    json_decref(metrics);
    char *report = NULL;
    size_t size = 0;
    struct bv_error err = {0};
    assert_ok(bv_read_all(in(folder, "report.html"), 1 << 24, &report, &size, &err), err);
    assert_non_null(strstr(report, "images, because: the device was lost"));
    free(report);
}

// A device lost in mid-run is in the results, also when the run is resumed on a healthy one.
static void test_lost_device(void **state)
{
    struct settings s = {.data = write_data(state, "data.csv", 0),
                         .folder = temporary_path(state, "out"),
                         .moves_after = 9};
    struct bv_evaluation_counts counts;
    struct bv_error err = {0};
    assert_ok(run(&s, &counts, &err), err);
    char *journal = NULL;
    size_t size = 0, own = 0, other = 0, n = 0, cut = 0;
    assert_ok(bv_read_all(in(s.folder, "journal.tsv"), 1 << 24, &journal, &size, &err), err);
    for (char *line = strchr(journal, '\n') + 1; *line; line = strchr(line, '\n') + 1) {
        const char *end = strchr(line, '\n'), *reason = strchr(line, '\t') + 1;
        const char *found = strstr(line, "\tcpu|f32|the device was lost\t");
        if (strncmp(reason, "ok\t", 3) == 0)
            *(found && found < end ? &other : &own) += 1;
        if (++n == 96) // twelve blocks
            cut = (size_t)(end + 1 - journal);
    }
    assert_true(own > 20 && other > 20 && own + other == ROWS - 6);
    expect_devices(s.folder, (int64_t)own, (int64_t)other);
    write_bytes(in(s.folder, "journal.tsv"), journal, cut);
    free(journal);
    s.resume = true;
    s.moves_after = 0;
    assert_ok(run(&s, &counts, &err), err);
    assert_int_equal(counts.resumed, 96);
    json_t *metrics = NULL;
    finish(s.folder, NULL);
    metrics = load(s.folder, "metrics.json");
    const json_t *devices = json_object_get(metrics, "devices");
    int64_t now = bv_json_integer(json_array_get(devices, 1), "images", 0);
    json_decref(metrics);
    assert_true(now > 0 && now < (int64_t)other);
    expect_devices(s.folder, ROWS - 6 - now, now);
}

// Threads change nothing.
static void test_workers(void **state)
{
    const char *data = write_data(state, "data.csv", 0);
    struct bv_evaluation_counts counts;
    struct bv_error err = {0};
    run_whole(data, temporary_path(state, "a"));
    struct settings one = {.data = data, .folder = temporary_path(state, "b"), .n_workers = 1};
    struct settings many = {
        .data = data, .folder = temporary_path(state, "c"), .n_workers = 16, .delay_ns = 2000000};
    assert_ok(run(&one, &counts, &err), err);
    assert_ok(run(&many, &counts, &err), err);
    assert_int_equal(counts.failed, 6);
    assert_int_equal(counts.done, ROWS);
    equal_files(in(one.folder, "journal.tsv"), temporary_path(state, "a/journal.tsv"));
    equal_files(in(many.folder, "journal.tsv"), temporary_path(state, "a/journal.tsv"));
}

// Killed again and again, resumed each time.
static void test_kill(void **state)
{
    const char *data = write_data(state, "data.csv", 0);
    const char *whole = temporary_path(state, "whole"), *killed = temporary_path(state, "killed");
    run_whole(data, whole);
    struct settings s = {.data = data, .folder = killed, .resume = true, .delay_ns = 3000000};
    int n_killed = 0;
    // The last one is left alone: on a busy machine none of the others may come to the end.
    for (int i = 0; i <= 200; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct bv_evaluation_counts counts;
            _exit(run(&s, &counts, NULL) == BV_OK ? 0 : 1);
        }
        struct timespec pause = {.tv_nsec = 1000000L * (5 + 7 * (i % 9))};
        (void)nanosleep(&pause, NULL);
        if (i < 200)
            (void)kill(child, SIGKILL);
        int status = 0;
        assert_true(waitpid(child, &status, 0) == child);
        if (WIFEXITED(status)) {
            assert_int_equal(WEXITSTATUS(status), 0);
            break;
        }
        n_killed++;
    }
    assert_true(n_killed > 0);
    finish(killed, NULL);
    equal_results(whole, killed);
}

// A journal cut at any byte goes on from its last whole block.
static void test_torn_journal(void **state)
{
    const char *data = write_data(state, "data.csv", 0);
    const char *whole = temporary_path(state, "whole");
    run_whole(data, whole);
    char *bytes = NULL;
    size_t size = 0;
    struct bv_error err = {0};
    assert_ok(bv_read_all(in(whole, "journal.tsv"), 1 << 24, &bytes, &size, &err), err);
    struct settings s = {.data = data, .folder = temporary_path(state, "torn"), .resume = true};
    for (size_t cut = 0; cut < size; cut += cut < 40 ? 7 : 977) {
        struct bv_evaluation_counts counts;
        (void)unlink(in(s.folder, "journal.tsv"));
        if (cut)
            write_bytes(in(s.folder, "journal.tsv"), bytes, cut);
        assert_ok(run(&s, &counts, &err), err);
        assert_int_equal(counts.resumed % 8, 0);
        equal_files(in(whole, "journal.tsv"), in(s.folder, "journal.tsv"));
    }
    // A changed digit inside is not trusted, nor what follows it.
    struct bv_evaluation_counts counts;
    bytes[size / 2] ^= 1;
    write_bytes(in(s.folder, "journal.tsv"), bytes, size);
    assert_ok(run(&s, &counts, &err), err);
    assert_in_range(counts.resumed, 1, ROWS / 2 + 8);
    equal_files(in(whole, "journal.tsv"), in(s.folder, "journal.tsv"));
    free(bytes);
}

static void test_shards(void **state)
{
    const char *data = write_data(state, "data.csv", 0);
    const char *whole = temporary_path(state, "whole"), *parts = temporary_path(state, "parts");
    struct bv_evaluation_counts counts;
    struct bv_error err = {0};
    run_whole(data, whole);
    for (uint64_t i = 0; i < 4; i++) {
        struct bv_evaluation_finish f = {.folder = parts, .n_bootstrap = 40};
        struct settings s = {.data = data, .folder = parts, .shard = i, .n_shards = 4};
        assert_ok(run(&s, &counts, &err), err);
        assert_int_equal(counts.rows, ROWS / 4 + (i < ROWS % 4));
        assert_int_equal(bv_evaluation_finish(&f, &counts, &err) == BV_OK, i == 3);
        if (i < 3)
            assert_non_null(strstr(err.text, "is not there"));
    }
    finish(parts, NULL);
    equal_results(whole, parts);
}

static void expect_refusal(const struct settings *s, const char *words)
{
    struct bv_evaluation_counts counts;
    struct bv_error err = {0};
    assert_int_equal(run(s, &counts, &err), BV_ERR_ARG);
    if (!strstr(err.text, words))
        fail_msg("said \"%s\", not \"%s\"", err.text, words);
}

static void test_refusals(void **state)
{
    struct settings s = {.data = write_data(state, "data.csv", 0),
                         .folder = temporary_path(state, "out")};
    run_whole(s.data, s.folder);
    expect_refusal(&s, "--resume");
    s.resume = true;
    (void)write_data(state, "data.csv", 1);
    expect_refusal(&s, "data.sha256 is ");
    (void)write_data(state, "data.csv", 0);
    s.device = "cpu";
    expect_refusal(&s, "model.device is \"cpu\", there \"vulkan:fake\"");
    (void)write_data(state, "data.csv", 1);
    struct bv_evaluation_finish f = {.folder = s.folder};
    struct bv_evaluation_counts counts;
    struct bv_error err = {0};
    assert_int_equal(bv_evaluation_finish(&f, &counts, &err), BV_ERR_ARG);
    assert_non_null(strstr(err.text, "has changed"));
    s.data = temporary_file(state, "empty.csv", "path,Edema\n", 11);
    s.folder = temporary_path(state, "empty");
    expect_refusal(&s, "no row");
    f.folder = temporary_path(state, "nothing");
    assert_int_equal(bv_evaluation_finish(&f, &counts, &err), BV_ERR_IO);
}

// Thresholds and calibrations come from other data, or it is said that they do not.
static void test_fitted(void **state)
{
    const char *fit = temporary_path(state, "fit"), *out = temporary_path(state, "out");
    const char *calibration = temporary_path(state, "platt.json");
    struct bv_evaluation_counts counts;
    struct bv_error err = {0};
    run_whole(write_data(state, "val.csv", 1), fit);
    run_whole(write_data(state, "test.csv", 0), out);
    finish(out, in(fit, "thresholds.json"));
    json_t *metrics = load(out, "metrics.json"), *thresholds = load(fit, "thresholds.json");
    const json_t *edema = json_object_get(json_object_get(metrics, "classes"), "Edema");
    const json_t *images = json_object_get(json_object_get(thresholds, "units"), "image");
    assert_true(bv_json_number(edema, "threshold", -1) == bv_json_number(images, "Edema", -2));
    assert_true(bv_json_number(edema, "f1", -1) > 0);
    json_decref(metrics);
    json_decref(thresholds);
    struct bv_evaluation_finish same = {.folder = fit,
                                        .thresholds = temporary_path(state, "fit/thresholds.json")};
    assert_int_equal(bv_evaluation_finish(&same, &counts, &err), BV_ERR_ARG);
    assert_non_null(strstr(err.text, "very data"));
    same.same_data = true;
    assert_ok(bv_evaluation_finish(&same, &counts, &err), err);
    // The label without truth cannot be calibrated.
    assert_int_equal(bv_evaluation_calibrate(fit, NULL, BV_CALIBRATION_PLATT, calibration, &err),
                     BV_ERR_ARG);
    assert_non_null(strstr(err.text, "Absent"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, temporary_folder, temporary_folder_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_fates),    TEST(test_intervals), TEST(test_warnings),     TEST(test_lost_device),
        TEST(test_workers),  TEST(test_kill),      TEST(test_torn_journal), TEST(test_shards),
        TEST(test_refusals), TEST(test_fitted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

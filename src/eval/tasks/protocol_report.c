// What a protocol says of a finished run.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/data/out_folder.h"
#include "eval/tasks/finished_run.h"
#include "eval/tasks/protocol.h"
#include "stats/comparison.h"

enum { MAX_NOTES_TEXT = 400, FEW_POSITIVES = 30 };

static void set(json_t *object, const char *key, json_t *value)
{
    (void)json_object_set_new(object, key, value); // a value that could not be made is left out
}

static json_t *same(const json_t *value)
{
    return json_incref((json_t *)(uintptr_t)value);
}

// ---- The list of images ----

static enum bv_status note_path(void *arg, const struct bv_labelled_row *row,
                                const struct bv_journal_record *record, struct bv_error *err)
{
    (void)record;
    return bv_path_list_add(arg, row->path, err);
}

static enum bv_status digest_list(struct bv_finished_run *run, char hex[65], struct bv_error *err)
{
    struct bv_path_list paths = {.n = 0};
    enum bv_status status = bv_finished_run_join(run, NULL, note_path, &paths, err);
    if (status == BV_OK)
        bv_path_list_digest(&paths, hex);
    bv_path_list_free(&paths);
    return status;
}

// ---- The number ----

static const json_t *at(const json_t *from, const json_t *path)
{
    for (size_t i = 0; from && i < json_array_size(path); i++)
        from = json_object_get(from, json_string_value(json_array_get(path, i)));
    return from;
}

static double number_at(const json_t *from, const json_t *path)
{
    const json_t *value = at(from, path);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

// A share of as many as the protocol says: Wilson's interval.
static struct bv_bounds share_interval(const json_t *metrics, const json_t *of, double value)
{
    double n = 0;
    for (size_t i = 0; i < json_array_size(of); i++)
        n += number_at(metrics, json_array_get(of, i));
    if (!(n >= 1) || !(value >= 0) || !(value <= 1))
        return (struct bv_bounds){NAN, NAN};
    return bv_wilson((uint64_t)llround(value * n), (uint64_t)n, 0.95);
}

static json_t *metric_object(const struct bv_protocol *p, const json_t *metrics)
{
    const json_t *metric = json_object_get(p->json, "metric");
    const json_t *of = json_object_get(metric, "of");
    const json_t *interval = at(metrics, json_object_get(metric, "interval"));
    double value = number_at(metrics, json_object_get(metric, "value"));
    struct bv_bounds bounds = share_interval(metrics, of, value);
    const char *method = "wilson";
    json_t *object = json_object();
    if (!of) {
        bounds.low = bv_json_number(interval, "low", NAN);
        bounds.high = bv_json_number(interval, "high", NAN);
        method = strcmp(bv_json_string(metrics, "ci95_resamples", ""), "patient") == 0
                     ? "bootstrap of patients"
                     : "bootstrap of images";
    }
    set(object, "name", same(json_object_get(metric, "name")));
    set(object, "value", bv_result_number(value));
    set(object, "low", bv_result_number(bounds.low));
    set(object, "high", bv_result_number(bounds.high));
    set(object, "interval", json_string(isnan(bounds.low) ? "none" : method));
    return object;
}

static json_t *published_object(const struct bv_protocol *p, const json_t *metric)
{
    const json_t *all = json_object_get(p->json, "published");
    double low = bv_json_number(metric, "low", NAN), high = bv_json_number(metric, "high", NAN);
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(all); i++) {
        json_t *one = json_copy(json_array_get(all, i));
        double value = bv_json_number(one, "value", NAN);
        if (!isnan(low) && !isnan(high))
            set(one, "inside_our_interval", json_boolean(low <= value && value <= high));
        (void)json_array_append_new(list, one);
    }
    return list;
}

// ---- What deserves a remark ----

static void note(json_t *notes, const char *text)
{
    (void)json_array_append_new(notes, json_string(text));
}

static void note_counts(const struct bv_protocol *p, const json_t *metrics, json_t *notes)
{
    char text[MAX_NOTES_TEXT];
    const json_t *data = json_object_get(p->json, "data");
    int64_t expected = bv_json_integer(data, "images", 0);
    int64_t evaluated = bv_json_integer(metrics, "evaluated", 0);
    if (expected && evaluated != expected) {
        (void)snprintf(text, sizeof text,
                       "The protocol has %lld images, here %lld were evaluated: another set.",
                       (long long)expected, (long long)evaluated);
        note(notes, text);
    }
    if (bv_json_boolean(data, "exactly_one", false) && !json_object_get(metrics, "multiclass"))
        note(notes, "Some image is not positive for exactly one label: there is no accuracy.");
}

static void note_classes(const json_t *metrics, json_t *notes)
{
    const json_t *classes = json_object_get(metrics, "classes"), *one = NULL;
    const char *label = NULL;
    char text[MAX_NOTES_TEXT];
    size_t few = 0, absent = 0;
    json_object_foreach((json_t *)(uintptr_t)classes, label, one)
    {
        int64_t positives = bv_json_integer(one, "positives", 0);
        bool is_absent = !positives || !bv_json_integer(one, "negatives", 0);
        absent += is_absent;
        few += !is_absent && positives < FEW_POSITIVES;
    }
    if (absent) {
        (void)snprintf(
            text, sizeof text,
            "%zu of %zu classes lack one of the two labels and are left out of the mean.", absent,
            json_object_size(classes));
        note(notes, text);
    }
    if (few) {
        (void)snprintf(text, sizeof text, "%zu of %zu classes have fewer than %d positives.", few,
                       json_object_size(classes), FEW_POSITIVES);
        note(notes, text);
    }
}

// ---- All together ----

static json_t *result_object(const struct bv_protocol *p, const json_t *metrics, const char *list)
{
    json_t *object = json_object(), *notes = json_array();
    json_t *metric = metric_object(p, metrics);
    const json_t *data = json_object_get(metrics, "data"),
                 *model = json_object_get(metrics, "model");
    set(object, "kind", json_string("biovl.protocol_result"));
    set(object, "intended_use", json_string("research"));
    set(object, "protocol", same(json_object_get(p->json, "protocol")));
    set(object, "version", same(json_object_get(p->json, "version")));
    set(object, "title", same(json_object_get(p->json, "title")));
    set(object, "protocol_sha256", json_string(p->digest));
    if (data)
        set(object, "data", same(data));
    if (*list)
        set(object, "list_sha256", json_string(list));
    else if (json_object_get(metrics, "list_sha256"))
        set(object, "list_sha256", same(json_object_get(metrics, "list_sha256")));
    if (model)
        set(object, "model", same(model));
    set(object, "published", published_object(p, metric));
    set(object, "metric", metric);
    note_counts(p, metrics, notes);
    note_classes(metrics, notes);
    set(object, "notes", notes);
    set(object, "traps", same(json_object_get(p->json, "traps")));
    return object;
}

static void put_line(struct bv_csv_writer *w, const char *who, const json_t *value, double low,
                     double high, const char *source)
{
    bv_csv_put(w, who);
    bv_csv_put_number(w, json_is_number(value) ? json_number_value(value) : NAN);
    bv_csv_put_number(w, low);
    bv_csv_put_number(w, high);
    bv_csv_put(w, source);
    bv_csv_end(w);
}

static enum bv_status write_csv(const json_t *result, const char *folder, struct bv_error *err)
{
    static const char *const columns[] = {"whose", "value", "low", "high", "source"};
    const json_t *metric = json_object_get(result, "metric");
    const json_t *published = json_object_get(result, "published");
    struct bv_row_file file = {0};
    BV_TRY(bv_row_file_create(&file, folder, "protocol.csv", columns,
                              sizeof columns / sizeof *columns, err));
    put_line(&file.csv, "this run", json_object_get(metric, "value"),
             bv_json_number(metric, "low", NAN), bv_json_number(metric, "high", NAN),
             bv_json_string(metric, "name", ""));
    for (size_t i = 0; i < json_array_size(published); i++) {
        const json_t *one = json_array_get(published, i);
        put_line(&file.csv, bv_json_string(one, "model", ""), json_object_get(one, "value"), NAN,
                 NAN, bv_json_string(one, "source", ""));
    }
    return bv_row_file_commit(&file, err);
}

static enum bv_status write_result(json_t *result, const char *folder, struct bv_error *err)
{
    BV_TRY(bv_folder_make(folder, err));
    BV_TRY(bv_folder_write_json(folder, "protocol.json", result, err));
    return write_csv(result, folder, err);
}

enum bv_status bv_protocol_report(const struct bv_protocol *p, const char *folder,
                                  const json_t *metrics, json_t **result, struct bv_error *err)
{
    struct bv_finished_run run = {0};
    char list[65] = "";
    enum bv_status status = BV_OK;
    if (!metrics) {
        status = bv_finished_run_open(&run, folder, err);
        if (status == BV_OK)
            status = digest_list(&run, list, err);
        metrics = run.metrics;
    }
    if (status == BV_OK)
        status = bv_folder_make(folder, err);
    json_t *made = status == BV_OK ? result_object(p, metrics, list) : NULL;
    if (status == BV_OK)
        status = made ? write_result(made, folder, err) : bv_fail_nomem(err, "a protocol");
    if (status == BV_OK)
        *result = json_incref(made);
    json_decref(made);
    bv_finished_run_free(&run);
    return status;
}

#include "eval/report/results.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const size_t max_bytes = (size_t)256 << 20;

// What both kinds of files begin with.
static json_t *begin(const json_t *setup, const char *kind)
{
    const json_t *data = json_object_get(setup, "data");
    return json_pack("{s:s, s:{s:O, s:O, s:O}, s:O}", "kind", kind, "fitted_on", "path",
                     json_object_get(data, "path"), "sha256", json_object_get(data, "sha256"),
                     "where", json_object_get(data, "where"), "model",
                     json_object_get(setup, "model"));
}

static enum bv_status level_thresholds(json_t *unit, const struct bv_level_result *level,
                                       enum bv_threshold_rule rule, double target,
                                       struct bv_error *err)
{
    for (size_t l = 0; l < level->n_labels; l++) {
        struct bv_threshold threshold = {NAN, NAN};
        BV_TRY(bv_threshold_fit(level->ranked[l].items, level->ranked[l].n, rule, target,
                                &threshold, err));
        if (!isnan(threshold.value))
            (void)json_object_set_new(unit, level->classes[l].label, json_real(threshold.value));
    }
    return BV_OK;
}

enum bv_status bv_thresholds_json(json_t **thresholds, const json_t *setup, const char *rule_text,
                                  const struct bv_level_result *levels, size_t n_levels,
                                  struct bv_error *err)
{
    enum bv_threshold_rule rule = BV_THRESHOLD_YOUDEN;
    double target = 0;
    enum bv_status status = BV_OK;
    BV_TRY(bv_threshold_rule_parse(rule_text, &rule, &target, err));
    json_t *made = begin(setup, "biovl.thresholds"), *units = json_object();
    if (!made || json_object_set_new(made, "rule", json_string(rule_text)) != 0)
        status = bv_fail_nomem(err, "thresholds");
    for (size_t i = 0; status == BV_OK && i < n_levels; i++) {
        if (levels[i].stratum)
            continue;
        json_t *unit = json_object();
        status = level_thresholds(unit, &levels[i], rule, target, err);
        (void)json_object_set_new(units, bv_unit_name(levels[i].unit), unit);
    }
    if (status == BV_OK && json_object_set(made, "units", units) == 0)
        *thresholds = json_incref(made);
    json_decref(units);
    json_decref(made);
    return status;
}

enum bv_status bv_fitted_check_model(const json_t *fitted, const json_t *setup, const char *path,
                                     struct bv_error *err)
{
    static const char *const keys[] = {"sha256", "prompts", "preset", "score_kind"};
    const json_t *theirs = json_object_get(fitted, "model");
    const json_t *ours = json_object_get(setup, "model");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const json_t *a = json_object_get(theirs, keys[i]), *b = json_object_get(ours, keys[i]);
        if (a != b && !json_equal(a, b))
            return bv_fail(err, BV_ERR_ARG, "%s: fitted for another model's scores: %s differs",
                           path, keys[i]);
    }
    return BV_OK;
}

enum bv_status bv_fitted_load(json_t **fitted, const char *path, const char *kind,
                              const json_t *setup, bool same_data, struct bv_error *err)
{
    json_t *loaded = NULL;
    BV_TRY(bv_json_load(&loaded, path, max_bytes, err));
    enum bv_status status = BV_OK;
    const json_t *theirs = json_object_get(loaded, "fitted_on");
    const json_t *ours = json_object_get(setup, "data");
    if (strcmp(bv_json_string(loaded, "kind", ""), kind) != 0)
        status = bv_fail(err, BV_ERR_FORMAT, "%s: not a file of kind %s", path, kind);
    if (status == BV_OK)
        status = bv_fitted_check_model(loaded, setup, path, err);
    if (status == BV_OK && !same_data &&
        json_equal(json_object_get(theirs, "sha256"), json_object_get(ours, "sha256")) &&
        json_equal(json_object_get(theirs, "where"), json_object_get(ours, "where")))
        status = bv_fail(err, BV_ERR_ARG,
                         "%s: fitted on the very data that it is to judge; --allow-same-data says "
                         "that this is wanted",
                         path);
    if (status == BV_OK)
        *fitted = loaded;
    else
        json_decref(loaded);
    return status;
}

static const char *label_of(const json_t *setup, size_t i)
{
    const char *label = json_string_value(json_array_get(json_object_get(setup, "labels"), i));
    return label ? label : "";
}

static size_t n_labels_of(const json_t *setup)
{
    return json_array_size(json_object_get(setup, "labels"));
}

void bv_thresholds_values(const json_t *thresholds, const json_t *setup, enum bv_unit unit,
                          double *values)
{
    const json_t *level = json_object_get(json_object_get(thresholds, "units"), bv_unit_name(unit));
    for (size_t i = 0; i < n_labels_of(setup); i++)
        values[i] = bv_json_number(level, label_of(setup, i), NAN);
}

static bool scores_are_probabilities(const json_t *setup)
{
    const char *kind = bv_json_string(json_object_get(setup, "model"), "score_kind", "");
    return strstr(kind, "softmax") || strstr(kind, "probability");
}

static json_t *real_array(const double *values, size_t n)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(array, json_real(values[i]));
    return array;
}

static json_t *one_calibration(const struct bv_calibration *c)
{
    if (c->method == BV_CALIBRATION_ISOTONIC)
        return json_pack("{s:o, s:o}", "x", real_array(c->x, c->n), "y", real_array(c->y, c->n));
    return json_pack("{s:f, s:f}", "a", c->a, "b", c->b);
}

// A temperature is fitted once, for all labels together.
static enum bv_status fit_labels(const json_t *setup, enum bv_calibration_method method,
                                 const struct bv_ranked *lists, json_t *classes,
                                 struct bv_error *err)
{
    struct bv_calibration c = {0};
    bool from_probability = scores_are_probabilities(setup);
    size_t n = n_labels_of(setup);
    if (method == BV_CALIBRATION_TEMPERATURE)
        BV_TRY(bv_calibration_fit_temperature(lists, n, from_probability, &c, err));
    for (size_t i = 0; i < n; i++) {
        enum bv_status status = BV_OK;
        if (method == BV_CALIBRATION_PLATT)
            status =
                bv_calibration_fit_platt(lists[i].items, lists[i].n, from_probability, &c, err);
        else if (method == BV_CALIBRATION_ISOTONIC)
            status = bv_calibration_fit_isotonic(lists[i].items, lists[i].n, &c, err);
        if (status != BV_OK)
            return bv_fail_prefix(err, "label \"%.60s\"", label_of(setup, i));
        int failed = json_object_set_new(classes, label_of(setup, i), one_calibration(&c));
        if (method != BV_CALIBRATION_TEMPERATURE)
            bv_calibration_free(&c);
        if (failed)
            return bv_fail_nomem(err, "a calibration");
    }
    return BV_OK;
}

enum bv_status bv_calibration_json(json_t **calibration, const json_t *setup,
                                   enum bv_calibration_method method, const struct bv_ranked *lists,
                                   struct bv_error *err)
{
    json_t *made = begin(setup, "biovl.calibration"), *classes = json_object();
    enum bv_status status = made && classes ? BV_OK : bv_fail_nomem(err, "a calibration");
    if (status == BV_OK)
        status = fit_labels(setup, method, lists, classes, err);
    if (status == BV_OK &&
        (json_object_set_new(made, "method", json_string(bv_calibration_method_name(method))) ||
         json_object_set_new(made, "from_probability",
                             json_boolean(scores_are_probabilities(setup))) ||
         json_object_set(made, "classes", classes)))
        status = bv_fail_nomem(err, "a calibration");
    if (status == BV_OK)
        *calibration = json_incref(made);
    json_decref(classes);
    json_decref(made);
    return status;
}

// NaN where an element is no number.
static double *numbers(const json_t *array, size_t n)
{
    double *values = malloc(n * sizeof *values + 1);
    for (size_t i = 0; values && i < n; i++) {
        const json_t *one = json_array_get(array, i);
        values[i] = json_is_number(one) ? json_number_value(one) : NAN;
    }
    return values;
}

// Knots that do not ascend would make the search read nonsense.
static bool ascends(const double *values, size_t n, bool strictly)
{
    for (size_t i = 1; i < n; i++)
        if (!(strictly ? values[i] > values[i - 1] : values[i] >= values[i - 1]))
            return false;
    return true;
}

static enum bv_status read_label(const json_t *one, struct bv_calibration *c, struct bv_error *err)
{
    const json_t *x = json_object_get(one, "x"), *y = json_object_get(one, "y");
    c->a = bv_json_number(one, "a", NAN);
    c->b = bv_json_number(one, "b", NAN);
    if (c->method == BV_CALIBRATION_ISOTONIC) {
        c->n = json_array_size(x);
        c->x = numbers(x, c->n);
        c->y = numbers(y, c->n);
        if (!c->x || !c->y)
            return bv_fail_nomem(err, "a calibration");
        if (!c->n || json_array_size(y) != c->n || !ascends(c->x, c->n, true) ||
            !ascends(c->y, c->n, false) || isnan(c->x[0]) || !(c->y[0] >= 0 && c->y[c->n - 1] <= 1))
            return bv_fail(err, BV_ERR_FORMAT, "a damaged isotonic calibration");
    } else if (isnan(c->a) || isnan(c->b))
        return bv_fail(err, BV_ERR_FORMAT, "a calibration without its numbers");
    return BV_OK;
}

enum bv_status bv_calibration_values(const json_t *calibration, const json_t *setup,
                                     struct bv_calibration **values, struct bv_error *err)
{
    enum bv_calibration_method method = BV_CALIBRATION_PLATT;
    size_t n = n_labels_of(setup);
    BV_TRY(bv_calibration_method_parse(bv_json_string(calibration, "method", ""), &method, err));
    struct bv_calibration *made = calloc(n + 1, sizeof *made);
    enum bv_status status = made ? BV_OK : bv_fail_nomem(err, "a calibration");
    for (size_t i = 0; status == BV_OK && i < n; i++) {
        const json_t *one =
            json_object_get(json_object_get(calibration, "classes"), label_of(setup, i));
        made[i].method = method;
        made[i].from_probability = bv_json_boolean(calibration, "from_probability", false);
        status = one ? read_label(one, &made[i], err)
                     : bv_fail(err, BV_ERR_ARG, "no calibration in the file");
        if (status != BV_OK)
            status = bv_fail_prefix(err, "label \"%.60s\"", label_of(setup, i));
    }
    if (status == BV_OK) {
        *values = made;
        return BV_OK;
    }
    for (size_t i = 0; made && i < n; i++)
        bv_calibration_free(&made[i]);
    free(made);
    return status;
}

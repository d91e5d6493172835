// conformance.pickle: every fixture of $BIOVL_CONFORMANCE/pickle holds what expected.json says, and
// the hostile ones are refused.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/torch_dtype.h"
#include "support/check.h"
#include "support/reference.h"

static json_t *expected;

// Python writes NaN, Infinity and -Infinity, which JSON has no word for: quotes them in place of a
// copy. The caller frees.
static char *quote_infinities(const char *text, size_t size)
{
    static const char *const words[] = {"NaN", "Infinity", "-Infinity"};
    char *out = malloc(2 * size + 1);
    bool in_string = false;
    size_t n = 0;
    assert_non_null(out);
    for (size_t i = 0; i < size;) {
        size_t length = 0;
        for (size_t w = 0; !in_string && w < 3; w++)
            if (strncmp(text + i, words[w], strlen(words[w])) == 0)
                length = strlen(words[w]);
        if (length) {
            out[n++] = '"';
            memcpy(out + n, text + i, length);
            n += length;
            out[n++] = '"';
            i += length;
            continue;
        }
        if (in_string && text[i] == '\\')
            out[n++] = text[i++];
        else if (text[i] == '"')
            in_string = !in_string;
        out[n++] = text[i++];
    }
    out[n] = 0;
    return out;
}

static double as_double(const json_t *value)
{
    if (json_is_boolean(value))
        return json_is_true(value);
    return json_is_string(value) ? strtod(json_string_value(value), NULL)
                                 : json_number_value(value);
}

// Element i as a double, exactly.
static double element(enum bv_dtype dtype, const void *data, size_t i)
{
    const char *at = (const char *)data + i * bv_dtype_size(dtype);
    double real = 0;
    int64_t integer = 0;
    float f = 0;
    if (dtype == BV_F64) {
        memcpy(&real, at, sizeof real);
        return real;
    }
    if (dtype == BV_I64) {
        memcpy(&integer, at, sizeof integer);
        return (double)integer;
    }
    bv_dtype_to_f32(dtype, at, &f, 1);
    return (double)f;
}

static void check_sizes(const char *what, const json_t *sizes, const int64_t *actual, int n,
                        int64_t scale)
{
    if (json_array_size(sizes) != (size_t)n)
        fail_msg("%s: %d dimensions", what, n);
    for (int i = 0; i < n; i++)
        if (json_integer_value(json_array_get(sizes, (size_t)i)) * scale != actual[i])
            fail_msg("%s: dimension %d is %lld", what, i, (long long)actual[i]);
}

static void check_value(const char *what, const struct bv_checkpoint_tensor *t, const void *data,
                        size_t i, const json_t *value)
{
    double want[2] = {0, 0};
    size_t parts = t->is_complex ? 2 : 1;
    if (t->is_complex)
        assert_int_equal(sscanf(json_string_value(value), "(%lf%lfj)", &want[0], &want[1]), 2);
    else
        want[0] = as_double(value);
    for (size_t p = 0; p < parts; p++) {
        double got = element(t->dtype, data, i * parts + p);
        bool same =
            isnan(want[p]) ? isnan(got) : got == want[p] && signbit(got) == signbit(want[p]);
        if (!same) // bf16 and f16 were printed from their f32 value: equal to the bit
            fail_msg("%s: element %zu is %.17g, not %.17g", what, i, got, want[p]);
    }
}

static void check_tensor(struct bv_checkpoint *c, const char *what,
                         const struct bv_checkpoint_tensor *t, const json_t *want)
{
    struct bv_error err = {0};
    int n_dims = t->n_dims - t->is_complex;
    int64_t scale = t->is_complex ? 2 : 1;
    assert_string_equal(torch_dtype(t->dtype, t->is_complex),
                        json_string_value(json_object_get(want, "dtype")));
    check_sizes(what, json_object_get(want, "shape"), t->shape, n_dims, 1);
    check_sizes(what, json_object_get(want, "stride"), t->strides, n_dims, scale);
    assert_int_equal(t->offset, bv_json_integer(want, "storage_offset", -1) * scale);
    void *data = malloc(t->bytes + 1);
    assert_non_null(data);
    assert_ok(bv_checkpoint_read(c, t, data, &err), err);
    const json_t *values = json_object_get(want, "values");
    for (size_t i = 0; i < json_array_size(values); i++)
        check_value(what, t, data, i, json_array_get(values, i));
    double sum = 0;
    size_t n = t->bytes / bv_dtype_size(t->dtype);
    for (size_t i = 0; i < n; i++)
        if (isfinite(element(t->dtype, data, i)))
            sum += element(t->dtype, data, i);
    // 0 for complex. Measured largest difference: 0 (the same additions in the same order, in f64).
    double difference = t->is_complex ? 0 : fabs(sum - as_double(json_object_get(want, "sum")));
    if (!(difference <= 1e-9 * (1 + fabs(sum))))
        fail_msg("%s: sum %.17g differs by %g", what, sum, difference);
    free(data);
}

// The metadata under a path of keys and indices with '/' between them, or NULL.
static const json_t *look_up(const json_t *value, const char *path)
{
    while (value && *path) {
        char part[256];
        size_t n = strcspn(path, "/");
        assert_true(n < sizeof part);
        memcpy(part, path, n);
        part[n] = 0;
        path += n + (path[n] == '/');
        value = json_is_array(value) ? json_array_get(value, strtoul(part, NULL, 10))
                                     : json_object_get(value, part);
    }
    return value;
}

// As Python prints it, for plain data.
static size_t print_python(const json_t *value, char *out, size_t room)
{
    size_t n = 0;
    const char *key;
    json_t *item;
#define PUT(...) n += (size_t)snprintf(out + n, n < room ? room - n : 0, __VA_ARGS__)
    if (json_is_object(value)) {
        PUT("{");
        json_object_foreach((json_t *)(uintptr_t)value, key, item)
        {
            PUT("%s'%s': ", out[n - 1] == '{' ? "" : ", ", key);
            n += print_python(item, out + n, n < room ? room - n : 0);
        }
        PUT("}");
    } else if (json_is_array(value)) {
        PUT("[");
        for (size_t i = 0; i < json_array_size(value); i++) {
            PUT("%s", i ? ", " : "");
            n += print_python(json_array_get(value, i), out + n, n < room ? room - n : 0);
        }
        PUT("]");
    } else if (json_is_string(value)) {
        PUT("'%s'", json_string_value(value));
    } else if (json_is_integer(value)) {
        PUT("%lld", (long long)json_integer_value(value));
    } else if (json_is_real(value)) {
        PUT("%g", json_real_value(value));
    } else {
        PUT("%s", json_is_true(value) ? "True" : json_is_false(value) ? "False" : "None");
    }
#undef PUT
    return n;
}

// Whether a Python repr is one of plain data that print_python() prints the same.
static bool is_plain(const char *repr)
{
    return strchr("0123456789-'{[TFN", repr[0]) && strncmp(repr, "Namespace", 9) != 0 &&
           strncmp(repr, "True", 4) <= 0 && strlen(repr) < 17;
}

// Returns how many leaves were compared.
static int check_leaf(const char *file, const json_t *metadata, const char *path, const char *repr)
{
    char printed[4096];
    const json_t *value = look_up(metadata, path);
    bool object = strncmp(repr, "{'", 2) == 0;
    if (!is_plain(repr) && !object)
        return 0;
    if (!value)
        return 0; // a set, say, which cannot be indexed
    (void)print_python(value, printed, sizeof printed);
    if (json_is_string(value) && repr[0] != '\'')
        memmove(printed, printed + 1, strlen(printed)), printed[strlen(printed) - 1] = 0;
    if (strncmp(printed, repr, strlen(repr)) != 0)
        fail_msg("%s: %s is %s, not %s", file, path, printed, repr);
    return 1;
}

static const struct bv_checkpoint_tensor *find(const struct bv_checkpoint *c, const char *name)
{
    const char *origin = bv_checkpoint_origin(c);
    size_t n = strlen(origin);
    if (n && strncmp(name, origin, n) == 0 && name[n] == '/')
        return bv_checkpoint_find(c, name + n + 1);
    return bv_checkpoint_find(c, name);
}

static void check_good(const char *file, const char *path, const json_t *entries)
{
    struct bv_checkpoint *c = NULL;
    struct bv_error err = {0};
    const char *name;
    json_t *want;
    size_t n = 0;
    int leaves = 0;
    assert_ok(bv_checkpoint_open(&c, path, &err), err);
    json_object_foreach((json_t *)(uintptr_t)entries, name, want)
    {
        if (!json_is_object(want)) {
            leaves += check_leaf(file, bv_checkpoint_metadata(c), name, json_string_value(want));
            continue;
        }
        const struct bv_checkpoint_tensor *t = find(c, name);
        if (!t)
            fail_msg("%s: no tensor '%s'", file, name);
        check_tensor(c, name, t, want);
        n++;
    }
    if (bv_checkpoint_count(c) != n)
        fail_msg("%s: %zu tensors, not %zu", file, bv_checkpoint_count(c), n);
    print_message("%-28s %-13s %3zu tensors, %2d settings\n", file, bv_checkpoint_container(c), n,
                  leaves);
    bv_checkpoint_close(&c);
}

// A hostile file is refused, in bounded time and memory, with a reason.
static void check_hostile(const char *file, const char *path)
{
    struct bv_checkpoint *c = NULL;
    struct bv_error err = {0};
    enum bv_status status = bv_checkpoint_open(&c, path, &err);
    print_message("%-28s %s: %s\n", file, bv_status_name(status), strstr(err.text, ": "));
    assert_null(c);
    assert_true(status == BV_ERR_REFUSED || status == BV_ERR_FORMAT || status == BV_ERR_LIMIT ||
                status == BV_ERR_UNSUPPORTED);
    if (strstr(file, "global"))
        assert_int_equal(status, BV_ERR_REFUSED);
    assert_non_null(strstr(err.text, path));
}

static void test_fixtures(void **state)
{
    (void)state;
    const char *file;
    json_t *want;
    json_object_foreach(expected, file, want)
    {
        const char *path = path_in(conformance_dir(), "pickle/%s", file);
        if (strncmp(bv_json_string(want, "note", ""), "HOSTILE", 7) == 0)
            check_hostile(file, path);
        else
            check_good(file, path, json_object_get(want, "entries"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fixtures)};
    char *text = NULL;
    size_t size = 0;
    struct bv_error err = {0};
    if (!conformance_dir())
        return TEST_SKIPPED;
    if (bv_read_all(path_in(conformance_dir(), "pickle/expected.json"), SIZE_MAX, &text, &size,
                    &err) != BV_OK) {
        print_error("%s\n", err.text);
        return 1;
    }
    char *quoted = quote_infinities(text, size);
    enum bv_status status = bv_json_parse(&expected, quoted, strlen(quoted), "expected.json", &err);
    if (status != BV_OK)
        print_error("%s\n", err.text);
    free(quoted);
    free(text);
    int failed = status != BV_OK || cmocka_run_group_tests(tests, NULL, NULL) != 0;
    json_decref(expected);
    return failed;
}

#include "golden.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/check.h"
#include "support/reference.h"
#include "table/csv.h"

static double worst;
static char worst_key[128];
static size_t n_compared;

const char *golden_folder(void)
{
    static char folder[512];
    const char *root = conformance_dir();
    if (!root)
        return NULL;
    (void)snprintf(folder, sizeof folder, "%s", path_in(root, "stats"));
    return folder;
}

json_t *golden_json(const char *name)
{
    json_t *value = NULL;
    struct bv_error err = {0};
    assert_ok(bv_json_load(&value, path_in(golden_folder(), "%s", name), 64u << 20, &err), err);
    return value;
}

static void add_row(struct table *t, const struct bv_csv_row *row, size_t *room)
{
    assert_int_equal(row->n, t->n_columns);
    if (t->n == *room)
        *room = 2 * *room + 64;
    for (size_t c = 0; c < t->n_columns; c++) {
        t->columns[c] = realloc(t->columns[c], *room * sizeof **t->columns);
        assert_non_null(t->columns[c]);
        t->columns[c][t->n] = strdup(row->fields[c]);
        assert_non_null(t->columns[c][t->n]);
    }
    t->n++;
}

struct table golden_table(const char *name)
{
    struct table t = {.n = 0};
    struct bv_csv_reader *csv = NULL;
    struct bv_error err = {0};
    const struct bv_csv_row *row = NULL;
    size_t room = 0;
    assert_ok(bv_csv_open(&csv, path_in(golden_folder(), "%s", name), ',', &err), err);
    row = bv_csv_header(csv);
    t.n_columns = row->n;
    t.header = calloc(t.n_columns, sizeof *t.header);
    t.columns = calloc(t.n_columns, sizeof *t.columns);
    assert_true(t.header && t.columns);
    for (size_t c = 0; c < t.n_columns; c++)
        t.header[c] = strdup(row->fields[c]);
    for (;;) {
        assert_ok(bv_csv_next(csv, &row, &err), err);
        if (!row)
            break;
        add_row(&t, row, &room);
    }
    bv_csv_close(&csv);
    return t;
}

void free_table(struct table *t)
{
    for (size_t c = 0; c < t->n_columns; c++) {
        for (size_t i = 0; i < t->n; i++)
            free(t->columns[c][i]);
        free(t->columns[c]);
        free(t->header[c]);
    }
    free(t->header);
    free(t->columns);
}

char **table_column(const struct table *t, const char *name)
{
    for (size_t c = 0; c < t->n_columns; c++)
        if (strcmp(t->header[c], name) == 0)
            return t->columns[c];
    fail_msg("no column \"%s\"", name);
    return NULL;
}

double *table_numbers(const struct table *t, const char *name)
{
    char **column = table_column(t, name);
    double *values = calloc(t->n + 1, sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < t->n; i++)
        assert_true(bv_number_parse(column[i], &values[i]));
    return values;
}

uint8_t *table_bits(const struct table *t, const char *name)
{
    char **column = table_column(t, name);
    uint8_t *values = calloc(t->n + 1, sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < t->n; i++)
        values[i] = strcmp(column[i], "1") == 0;
    return values;
}

uint32_t *table_groups(const struct table *t, const char *name, size_t *n_groups)
{
    char **column = table_column(t, name);
    uint32_t *groups = calloc(t->n + 1, sizeof *groups);
    assert_non_null(groups);
    *n_groups = 0;
    for (size_t i = 0; i < t->n; i++) {
        size_t k = 0;
        while (k < i && strcmp(column[k], column[i]) != 0)
            k++;
        groups[i] = k < i ? groups[k] : (uint32_t)(*n_groups)++;
    }
    return groups;
}

double golden_number(const json_t *value)
{
    if (json_is_string(value))
        return strcmp(json_string_value(value), "-Inf") == 0  ? -INFINITY
               : strcmp(json_string_value(value), "Inf") == 0 ? INFINITY
                                                              : NAN;
    return json_is_number(value) ? json_number_value(value) : NAN;
}

bool golden_equal(const char *key, double ours, double theirs, double limit)
{
    n_compared++;
    if (isnan(ours) && isnan(theirs))
        return true;
    double difference = ours == theirs ? 0 : fabs(ours - theirs) / fmax(fabs(theirs), 1e-4);
    if (!(difference <= limit)) {
        (void)printf("%s: %.17g, reference %.17g\n", key, ours, theirs);
        return false;
    }
    if (difference > worst) {
        worst = difference;
        (void)snprintf(worst_key, sizeof worst_key, "%s", key);
    }
    return true;
}

void golden_report(const char *name)
{
    (void)printf("%s: %zu numbers, largest relative difference %.2g (%s)\n", name, n_compared,
                 worst, worst_key);
}

// golden.h: the reference numbers of conformance/stats and the tables that they are about.
#ifndef BV_TESTS_STATS_GOLDEN_H
#define BV_TESTS_STATS_GOLDEN_H

#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

// The folder of the fixtures; NULL with a message when it is absent.
const char *golden_folder(void);

json_t *golden_json(const char *name); // fails the test where it cannot be read

// A CSV file as columns of text. Fails the test where it cannot be read.
struct table {
    char **header, ***columns; // [n_columns], [n_columns][n]
    size_t n_columns, n;
};
struct table golden_table(const char *name);
void free_table(struct table *table);
char **table_column(const struct table *table, const char *name); // fails where it is absent
double *table_numbers(const struct table *table, const char *name);
uint8_t *table_bits(const struct table *table, const char *name);
// Numbers of the distinct texts of a column, in the order of appearance.
uint32_t *table_groups(const struct table *table, const char *name, size_t *n_groups);

// A value of a fixture: null is NaN, "Inf" and "-Inf" are infinite.
double golden_number(const json_t *value);

// Compares and keeps the largest relative difference of the program, which golden_report() prints.
// A mismatch prints key and both numbers and returns false.
bool golden_equal(const char *key, double ours, double theirs, double limit);
void golden_report(const char *name);

#endif

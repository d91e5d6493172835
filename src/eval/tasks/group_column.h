// group_column.h: a column of the data whose values are groups, or numbers put into bands.
#ifndef BV_EVAL_TASKS_GROUP_COLUMN_H
#define BV_EVAL_TASKS_GROUP_COLUMN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum {
    BV_GROUP_MAX_COLUMNS = 8,
    BV_GROUP_MAX_VALUES = 64,
    BV_GROUP_MAX_EDGES = 16,
    BV_GROUP_NAME = 80,
    BV_GROUP_NONE = 255,
};

// Zero-initialise; nothing to free.
struct bv_group_column {
    char name[BV_GROUP_NAME];
    double edges[BV_GROUP_MAX_EDGES]; // ascending; bands are below, from … to below, from … on
    size_t n_edges;                   // 0: the texts themselves
    char values[BV_GROUP_MAX_VALUES][BV_GROUP_NAME];
    size_t n_values;
};

// "sex", or "age:40/60/80" with the lower edges of bands. A column called age (or patient_age, age
// in years) without edges has 18, 40, 60 and 80. BV_ERR_ARG otherwise.
enum bv_status bv_group_column_parse(struct bv_group_column *column, const char *text,
                                     struct bv_error *err);

// The group of a value, BV_GROUP_NONE where it is empty or, with bands, no number ("063Y" as in
// DICOM is 63). BV_ERR_ARG for the 65th value.
enum bv_status bv_group_column_of(struct bv_group_column *column, const char *value, uint8_t *group,
                                  struct bv_error *err);

#endif

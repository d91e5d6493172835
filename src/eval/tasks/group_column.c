#include "eval/tasks/subgroups.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "table/csv.h"

static bool is_age(const char *name)
{
    static const char *const names[] = {"age", "patient_age", "patient age", "patientage",
                                        "age_years"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return false;
}

static enum bv_status bad_edges(const char *text, struct bv_error *err)
{
    return bv_fail(err, BV_ERR_ARG,
                   "\"%.80s\": bands are ascending numbers, age:40/60/80, at most %d", text,
                   BV_GROUP_MAX_EDGES);
}

static enum bv_status parse_edges(struct bv_group_column *c, const char *text, const char *at,
                                  struct bv_error *err)
{
    while (*at) {
        char number[BV_NUMBER_CHARS];
        size_t length = strcspn(at, "/");
        double edge = 0;
        if (c->n_edges == BV_GROUP_MAX_EDGES || length >= sizeof number)
            return bad_edges(text, err);
        memcpy(number, at, length);
        number[length] = 0;
        if (!bv_number_parse(number, &edge) || (c->n_edges && edge <= c->edges[c->n_edges - 1]))
            return bad_edges(text, err);
        c->edges[c->n_edges++] = edge;
        at += length;
        if (*at && !*++at) // a slash with nothing behind it
            return bad_edges(text, err);
    }
    return c->n_edges ? BV_OK : bad_edges(text, err);
}

// The bands are the values from the beginning, so that their order is that of the numbers.
static void name_bands(struct bv_group_column *c)
{
    char low[BV_NUMBER_CHARS] = "", high[BV_NUMBER_CHARS] = "";
    for (size_t i = 0; i <= c->n_edges; i++) {
        if (i < c->n_edges)
            bv_number_format(c->edges[i], high);
        if (i == 0)
            (void)snprintf(c->values[i], sizeof c->values[i], "below %s", high);
        else if (i == c->n_edges)
            (void)snprintf(c->values[i], sizeof c->values[i], "%s and above", low);
        else
            (void)snprintf(c->values[i], sizeof c->values[i], "%s to below %s", low, high);
        memcpy(low, high, sizeof low);
    }
    c->n_values = c->n_edges + 1;
}

enum bv_status bv_group_column_parse(struct bv_group_column *column, const char *text,
                                     struct bv_error *err)
{
    static const double ages[] = {18, 40, 60, 80};
    const char *colon = strrchr(text, ':');
    size_t length = colon ? (size_t)(colon - text) : strlen(text);
    *column = (struct bv_group_column){.n_edges = 0};
    if (!length || length >= sizeof column->name)
        return bv_fail(err, BV_ERR_ARG,
                       "\"%.80s\" is not the name of a column, of at most %d bytes", text,
                       BV_GROUP_NAME - 1);
    memcpy(column->name, text, length);
    if (colon)
        BV_TRY(parse_edges(column, text, colon + 1, err));
    else if (is_age(column->name)) {
        memcpy(column->edges, ages, sizeof ages);
        column->n_edges = sizeof ages / sizeof *ages;
    }
    if (column->n_edges)
        name_bands(column);
    return BV_OK;
}

// A number, or DICOM's age string: three digits and D, W, M or Y.
static bool parse_amount(const char *text, double *value)
{
    static const char units[] = "DWMY";
    static const double per_year[] = {365.25, 365.25 / 7, 12, 1};
    char digits[4];
    if (bv_number_parse(text, value))
        return true;
    if (strlen(text) != 4 || strspn(text, "0123456789") != 3 || !strchr(units, text[3]))
        return false;
    memcpy(digits, text, 3);
    digits[3] = 0;
    if (!bv_number_parse(digits, value))
        return false;
    *value /= per_year[strchr(units, text[3]) - units];
    return true;
}

// A name of at most BV_GROUP_NAME - 1 bytes that ends between two UTF-8 characters.
static void shorten(char name[BV_GROUP_NAME], const char *text)
{
    size_t n = strlen(text);
    if (n >= BV_GROUP_NAME) {
        n = BV_GROUP_NAME - 1;
        while (n && ((unsigned char)text[n] & 0xc0) == 0x80)
            n--;
    }
    memcpy(name, text, n);
    name[n] = 0;
}

enum bv_status bv_group_column_of(struct bv_group_column *column, const char *value, uint8_t *group,
                                  struct bv_error *err)
{
    char name[BV_GROUP_NAME];
    *group = BV_GROUP_NONE;
    if (!value || !value[strspn(value, " \t")])
        return BV_OK;
    if (column->n_edges) {
        double amount = 0;
        size_t band = 0;
        if (!parse_amount(value, &amount))
            return BV_OK;
        while (band < column->n_edges && amount >= column->edges[band])
            band++;
        *group = (uint8_t)band;
        return BV_OK;
    }
    shorten(name, value);
    size_t at = 0;
    while (at < column->n_values && strcmp(column->values[at], name) != 0)
        at++;
    if (at == BV_GROUP_MAX_VALUES)
        return bv_fail(err, BV_ERR_ARG,
                       "column \"%s\" has more than %d values: numbers need bands, %s:10/20/30",
                       column->name, BV_GROUP_MAX_VALUES, column->name);
    if (at == column->n_values)
        memcpy(column->values[column->n_values++], name, sizeof name);
    *group = (uint8_t)at;
    return BV_OK;
}

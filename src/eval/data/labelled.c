#include "eval/data/labelled.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "image/image.h"
#include "table/csv.h"

struct condition {
    int column;
    const char *value; // borrowed from the options
};

struct bv_labelled {
    struct bv_labelled_options options;
    struct bv_csv_reader *csv;
    int path, patient, study, stratum, list; // columns, -1 where absent
    int *columns;                            // [n_labels]
    struct condition *conditions;            // [n_where]
    uint8_t *truth;                          // [n_labels]
    struct bv_finding_form form;             // of the list column
    struct bv_group_ids seen;                // paths
    uint64_t n_rows;
    struct bv_labelled_row row;
    int frame, n_frames;  // of the row's file, where each is a row
    const char *row_path; // of that file, the record's
    char *frame_path;     // row_path#frame
    size_t frame_room;
    char message[256];
};

enum bv_status bv_uncertain_parse(const char *name, enum bv_uncertain *uncertain,
                                  struct bv_error *err)
{
    static const char *const names[] = {"ignore", "zero", "one", "policy"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) {
            *uncertain = (enum bv_uncertain)i;
            return BV_OK;
        }
    }
    return bv_fail(err, BV_ERR_ARG, "uncertain labels \"%s\": choose ignore, zero, one or policy",
                   name);
}

// Label names are equal without regard to case and with _ for a blank: files spell
// "Pleural Effusion", "pleural_effusion" and "Pleural effusion".
static bool same_label(const char *a, size_t n, const char *b)
{
    size_t i = 0;
    for (; i < n && b[i]; i++) {
        char x = a[i] == '_' ? ' ' : a[i], y = b[i] == '_' ? ' ' : b[i];
        if (strncasecmp(&x, &y, 1) != 0)
            return false;
    }
    return i == n && !b[i];
}

// The column of this very name, else the one that is the same label; *column is -1 where there is
// none. Two of them would leave it to chance which truths count.
static enum bv_status find_label_column(const struct bv_labelled *d, const char *label, int *column,
                                        struct bv_error *err)
{
    const struct bv_csv_row *header = bv_csv_header(d->csv);
    BV_TRY(bv_csv_find(d->csv, label, column, err));
    if (*column >= 0)
        return BV_OK;
    for (size_t i = 0; i < header->n; i++) {
        const char *name = header->fields[i];
        if (!same_label(name, strlen(name), label))
            continue;
        if (*column >= 0)
            return bv_fail(err, BV_ERR_FORMAT, "%s: columns \"%.60s\" and \"%.60s\" are one label",
                           d->options.path, header->fields[*column], name);
        *column = (int)i;
    }
    return BV_OK;
}

// A column that the user named must be there.
static enum bv_status find_named(const struct bv_labelled *d, const char *name, int *column,
                                 struct bv_error *err)
{
    const struct bv_csv_row *header = bv_csv_header(d->csv);
    BV_TRY(bv_csv_find(d->csv, name, column, err));
    if (*column >= 0)
        return BV_OK;
    char names[1024] = "";
    for (size_t i = 0, used = 0; i < header->n && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s\"%s\"", i ? ", " : "",
                                 header->fields[i]);
    return bv_fail(err, BV_ERR_ARG, "%s: no column \"%s\" among %s", d->options.path, name, names);
}

static enum bv_status find_usual(const struct bv_labelled *d, const char *named,
                                 const char *const *usual, int *column, struct bv_error *err)
{
    const struct bv_csv_row *header = bv_csv_header(d->csv);
    *column = -1;
    if (named)
        return find_named(d, named, column, err);
    for (; *usual; usual++) {
        for (size_t i = 0; i < header->n; i++) {
            if (strcasecmp(header->fields[i], *usual) != 0)
                continue;
            if (*column >= 0)
                return bv_fail(err, BV_ERR_FORMAT, "%s: two columns are named \"%s\"",
                               d->options.path, *usual);
            *column = (int)i;
        }
        if (*column >= 0)
            return BV_OK;
    }
    return BV_OK;
}

static enum bv_status find_conditions(struct bv_labelled *d, struct bv_error *err)
{
    for (size_t i = 0; i < d->options.n_where; i++) {
        const char *text = d->options.where[i], *equals = strchr(text, '=');
        char name[256];
        if (!equals || (size_t)(equals - text) >= sizeof name)
            return bv_fail(err, BV_ERR_ARG, "condition \"%s\" is not of the form COLUMN=VALUE",
                           text);
        memcpy(name, text, (size_t)(equals - text));
        name[equals - text] = 0;
        BV_TRY(find_named(d, name, &d->conditions[i].column, err));
        d->conditions[i].value = equals + 1;
    }
    return BV_OK;
}

static enum bv_status find_columns(struct bv_labelled *d, struct bv_error *err)
{
    static const char *const paths[] = {"path", "image_path", "image", "file", "filename", NULL};
    static const char *const patients[] = {"patient_id", "patient", "subject_id", NULL};
    static const char *const studies[] = {"study_id", "study", NULL};
    const struct bv_labelled_options *o = &d->options;
    BV_TRY(find_usual(d, o->path_column, paths, &d->path, err));
    if (d->path < 0)
        BV_TRY(find_named(d, "path", &d->path, err));
    BV_TRY(find_usual(d, o->patient_column, patients, &d->patient, err));
    BV_TRY(find_usual(d, o->study_column, studies, &d->study, err));
    d->list = d->stratum = -1;
    if (o->stratum_column)
        BV_TRY(find_named(d, o->stratum_column, &d->stratum, err));
    if (o->list_column)
        BV_TRY(find_named(d, o->list_column, &d->list, err));
    for (size_t i = 0; i < o->n_labels; i++) {
        d->columns[i] = -1;
        if (d->list < 0)
            BV_TRY(find_label_column(d, o->labels[i], &d->columns[i], err));
    }
    return find_conditions(d, err);
}

// What separates the findings, by the whole column.
static enum bv_status find_form(struct bv_labelled *d, struct bv_error *err)
{
    struct bv_csv_reader *csv = NULL;
    const struct bv_csv_row *row = NULL;
    const char *path = d->options.path;
    BV_TRY(bv_csv_open(&csv, path, bv_csv_separator(path), err));
    enum bv_status status = BV_OK;
    while ((status = bv_csv_next(csv, &row, err)) == BV_OK && row)
        if ((size_t)d->list < row->n)
            bv_finding_form_see(&d->form, row->fields[d->list]);
    bv_csv_close(&csv);
    return status;
}

enum bv_status bv_labelled_open(struct bv_labelled **out, const struct bv_labelled_options *options,
                                struct bv_error *err)
{
    struct bv_labelled *d = calloc(1, sizeof *d);
    if (!d)
        return bv_fail_nomem(err, "a data set");
    d->options = *options;
    d->columns = calloc(options->n_labels + 1, sizeof *d->columns);
    d->truth = calloc(options->n_labels + 1, sizeof *d->truth);
    d->conditions = calloc(options->n_where + 1, sizeof *d->conditions);
    enum bv_status status = BV_OK;
    if (!d->columns || !d->truth || !d->conditions)
        status = bv_fail_nomem(err, "a data set");
    if (status == BV_OK)
        status = bv_csv_open(&d->csv, options->path, bv_csv_separator(options->path), err);
    if (status == BV_OK)
        status = find_columns(d, err);
    if (status == BV_OK && d->list >= 0)
        status = find_form(d, err);
    if (status != BV_OK)
        bv_labelled_close(&d);
    else
        *out = d;
    return status;
}

void bv_labelled_close(struct bv_labelled **dataset)
{
    struct bv_labelled *d = *dataset;
    if (!d)
        return;
    bv_csv_close(&d->csv);
    bv_group_ids_free(&d->seen);
    free(d->columns);
    free(d->truth);
    free(d->conditions);
    free(d->frame_path);
    free(d);
    *dataset = NULL;
}

static uint8_t uncertain_truth(enum bv_uncertain uncertain, const char *label)
{
    static const char *const ones[] = {"Atelectasis", "Edema", "Pleural Effusion"};
    static const char *const zeros[] = {"Cardiomegaly", "Consolidation"};
    if (uncertain == BV_UNCERTAIN_ZERO)
        return BV_TRUTH_NEGATIVE;
    if (uncertain == BV_UNCERTAIN_ONE)
        return BV_TRUTH_POSITIVE;
    for (size_t i = 0; uncertain == BV_UNCERTAIN_POLICY && i < 3; i++) {
        if (same_label(ones[i], strlen(ones[i]), label))
            return BV_TRUTH_POSITIVE;
        if (i < 2 && same_label(zeros[i], strlen(zeros[i]), label))
            return BV_TRUTH_NEGATIVE;
    }
    return BV_TRUTH_NONE;
}

// "1", "1.0", "0", "-1", "" …; false for anything else.
static bool read_truth(const struct bv_labelled *d, size_t label, const char *field, uint8_t *truth)
{
    double value = 0;
    if (!field[strspn(field, " \t")]) {
        *truth = d->options.blank_is_zero ? BV_TRUTH_NEGATIVE : BV_TRUTH_NONE;
        return true;
    }
    if (!bv_number_parse(field, &value) || (value != 0 && value != 1 && value != -1))
        return false;
    if (value < 0)
        *truth = uncertain_truth(d->options.uncertain, d->options.labels[label]);
    else
        *truth = value > 0 ? BV_TRUTH_POSITIVE : BV_TRUTH_NEGATIVE;
    return true;
}

static void refuse(struct bv_labelled *d, const char *reason)
{
    d->row.reason = reason;
    d->row.message = d->message;
}

static void read_listed(struct bv_labelled *d, const struct bv_csv_row *row, size_t label)
{
    bool bad = false;
    const char *cell = row->fields[d->list];
    bool listed = bv_finding_listed(&d->form, cell, same_label, d->options.labels[label], &bad);
    if (!bad) {
        d->truth[label] = listed ? BV_TRUTH_POSITIVE : BV_TRUTH_NEGATIVE;
        return;
    }
    (void)snprintf(d->message, sizeof d->message,
                   "line %llu: the findings \"%.60s\" are a list that does not end",
                   (unsigned long long)row->line, cell);
    refuse(d, "bad_label");
}

static void read_labels(struct bv_labelled *d, const struct bv_csv_row *row)
{
    for (size_t i = 0; i < d->options.n_labels; i++) {
        d->truth[i] = BV_TRUTH_NONE;
        if (d->list >= 0)
            read_listed(d, row, i);
        else if (d->columns[i] >= 0 && !d->row.reason &&
                 !read_truth(d, i, row->fields[d->columns[i]], &d->truth[i])) {
            (void)snprintf(d->message, sizeof d->message,
                           "line %llu: label \"%.60s\" is \"%.40s\", not 0, 1, -1 or blank",
                           (unsigned long long)row->line, d->options.labels[i],
                           row->fields[d->columns[i]]);
            refuse(d, "bad_label");
        }
    }
}

static const char *field_or_null(const struct bv_csv_row *row, int column)
{
    return column >= 0 && *row->fields[column] ? row->fields[column] : NULL;
}

static bool fulfils(const struct bv_labelled *d, const struct bv_csv_row *row)
{
    for (size_t i = 0; i < d->options.n_where; i++) {
        size_t column = (size_t)d->conditions[i].column;
        if (column < row->n && strcmp(row->fields[column], d->conditions[i].value) != 0)
            return false;
    }
    return true;
}

static enum bv_status read_row(struct bv_labelled *d, const struct bv_csv_row *row,
                               struct bv_error *err)
{
    size_t n_columns = bv_csv_header(d->csv)->n;
    d->row = (struct bv_labelled_row){
        .index = d->n_rows++, .line = row->line, .path = "", .truth = d->truth};
    memset(d->truth, BV_TRUTH_NONE, d->options.n_labels);
    if ((size_t)d->path < row->n)
        d->row.path = row->fields[d->path];
    if (row->n != n_columns) {
        (void)snprintf(d->message, sizeof d->message, "line %llu: %zu fields, the header has %zu",
                       (unsigned long long)row->line, row->n, n_columns);
        refuse(d, "missing_fields");
        return BV_OK;
    }
    d->row.fields = row->fields;
    d->row.patient = field_or_null(row, d->patient);
    d->row.study = field_or_null(row, d->study);
    d->row.stratum = field_or_null(row, d->stratum);
    if (!*d->row.path) {
        (void)snprintf(d->message, sizeof d->message, "line %llu: no image path",
                       (unsigned long long)row->line);
        refuse(d, "no_path");
        return BV_OK;
    }
    uint32_t number = 0;
    bool is_new = true;
    if (!d->options.repeats)
        BV_TRY(bv_group_ids_number(&d->seen, d->row.path, &number, &is_new, err));
    if (!is_new) {
        (void)snprintf(d->message, sizeof d->message,
                       "line %llu: the same path as an earlier row, which counts",
                       (unsigned long long)row->line);
        refuse(d, "duplicate_row");
    }
    read_labels(d, row);
    return BV_OK;
}

// Names the next frame of the row's file.
static void next_frame(struct bv_labelled *d)
{
    (void)snprintf(d->frame_path, d->frame_room, "%s#%d", d->row_path, ++d->frame);
    d->row.path = d->frame_path;
}

// Makes rows of the frames of a row's file where there are several. A file that cannot be read
// stays one row, which fails where its image is wanted.
static enum bv_status begin_frames(struct bv_labelled *d, struct bv_error *err)
{
    struct bv_error ignored = {0};
    char *file = NULL;
    int n = 1;
    d->frame = d->n_frames = 0;
    if (d->options.frame >= 0 || d->row.reason)
        return BV_OK;
    BV_TRY(bv_labelled_resolve(d, d->row.path, &file, err));
    bool several = bv_image_count_frames(file, &n, &ignored) == BV_OK && n > 1;
    bool named = file[bv_image_path_length(file, NULL)] != 0;
    free(file);
    if (!several || named)
        return BV_OK;
    size_t room = strlen(d->row.path) + 16;
    char *path = room > d->frame_room ? realloc(d->frame_path, room) : d->frame_path;
    if (!path)
        return bv_fail_nomem(err, "a path");
    d->frame_path = path;
    d->frame_room = room > d->frame_room ? room : d->frame_room;
    d->row_path = d->row.path;
    d->n_frames = n;
    next_frame(d);
    return BV_OK;
}

enum bv_status bv_labelled_next(struct bv_labelled *d, const struct bv_labelled_row **row,
                                struct bv_error *err)
{
    const struct bv_csv_row *record = NULL;
    if (d->frame < d->n_frames) {
        d->row.index = d->n_rows++;
        next_frame(d);
        *row = &d->row;
        return BV_OK;
    }
    do
        BV_TRY(bv_csv_next(d->csv, &record, err));
    while (record && !fulfils(d, record));
    if (record) {
        BV_TRY(read_row(d, record, err));
        BV_TRY(begin_frames(d, err));
    }
    *row = record ? &d->row : NULL;
    return BV_OK;
}

// Whether the file has a column for the label (always with a list column).
static bool has_label(const struct bv_labelled *d, size_t label)
{
    return d->list >= 0 || d->columns[label] >= 0;
}

enum bv_status bv_labelled_survey(const struct bv_labelled_options *options,
                                  struct bv_labelled_survey *survey, struct bv_error *err)
{
    struct bv_labelled *d = NULL;
    const struct bv_labelled_row *row = NULL;
    struct bv_labelled_survey made = {.labels = calloc(options->n_labels + 1, sizeof *made.labels)};
    if (!made.labels)
        return bv_fail_nomem(err, "a data set");
    enum bv_status status = bv_labelled_open(&d, options, err);
    while (status == BV_OK && (status = bv_labelled_next(d, &row, err)) == BV_OK && row) {
        made.n_rows++;
        for (size_t i = 0; !row->reason && i < options->n_labels; i++) {
            made.labels[i].positives += row->truth[i] == BV_TRUTH_POSITIVE;
            made.labels[i].negatives += row->truth[i] == BV_TRUTH_NEGATIVE;
        }
    }
    for (size_t i = 0; status == BV_OK && i < options->n_labels; i++)
        made.labels[i].has_column = has_label(d, i);
    if (status == BV_OK && d->list >= 0)
        made.list_form = bv_finding_form_name(&d->form);
    bv_labelled_close(&d);
    if (status != BV_OK)
        bv_labelled_survey_free(&made);
    else
        *survey = made;
    return status;
}

void bv_labelled_survey_free(struct bv_labelled_survey *survey)
{
    free(survey->labels);
    *survey = (struct bv_labelled_survey){0};
}

enum bv_status bv_labelled_count(const struct bv_labelled_options *options, uint64_t *n,
                                 struct bv_error *err)
{
    struct bv_labelled_survey survey = {0};
    BV_TRY(bv_labelled_survey(options, &survey, err));
    *n = survey.n_rows;
    bv_labelled_survey_free(&survey);
    return BV_OK;
}

enum bv_status bv_labelled_column(const struct bv_labelled *d, const char *name, bool needed,
                                  int *column, struct bv_error *err)
{
    return needed ? find_named(d, name, column, err) : bv_csv_find(d->csv, name, column, err);
}

enum bv_status bv_labelled_usual(const struct bv_labelled *d, const char *const *names, bool needed,
                                 int *column, struct bv_error *err)
{
    int found = -1;
    BV_TRY(find_usual(d, NULL, names, &found, err));
    if (found < 0 && needed)
        return find_named(d, names[0], column, err);
    *column = found;
    return BV_OK;
}

bool bv_labelled_has_patients(const struct bv_labelled *d)
{
    return d->patient >= 0;
}

bool bv_labelled_has_studies(const struct bv_labelled *d)
{
    return d->study >= 0;
}

static bool is_file(const char *path)
{
    char *file = strndup(path, bv_image_path_length(path, NULL));
    bool is = file && access(file, F_OK) == 0;
    free(file);
    return is;
}

enum bv_status bv_labelled_resolve(const struct bv_labelled *d, const char *path, char **out,
                                   struct bv_error *err)
{
    const char *folder = d->options.root, *slash = strrchr(d->options.path, '/');
    size_t n = folder ? strlen(folder) : slash ? (size_t)(slash - d->options.path) : 0;
    if (!folder)
        folder = d->options.path;
    size_t room = n + strlen(path) + 16;
    char *joined = malloc(room);
    if (!joined)
        return bv_fail_nomem(err, "a path");
    if (*path == '/' || (!n && !slash))
        (void)snprintf(joined, room, "%s", path);
    else
        (void)snprintf(joined, room, "%.*s/%s", (int)n, folder, path);
    if (!d->options.root && !is_file(joined) && is_file(path))
        (void)snprintf(joined, room, "%s", path);
    size_t length = strlen(joined);
    if (d->options.frame > 0 && bv_image_path_length(joined, NULL) == length)
        (void)snprintf(joined + length, room - length, "#%d", d->options.frame);
    *out = joined;
    return BV_OK;
}

#include "eval/tasks/report_source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/file.h"
#include "table/csv.h"

enum { MAX_DEPTH = 32, MAX_REPORT = 1 << 20, MAX_KEPT = 256 };

struct bv_report_source {
    const struct bv_report_inputs *inputs;
    struct bv_csv_reader *csv; // NULL: no table
    int text, second, kept[MAX_KEPT];
    const char *column;
    struct stat output; // as it was before, where it was
    bool output_exists;
    uint64_t n, line; // reports handed over; where the table stands
    bv_report_taker *take;
    void *arg;
};

static bool ends_in(const char *path, const char *suffix)
{
    size_t n = strlen(path), m = strlen(suffix);
    return n >= m && strcasecmp(path + n - m, suffix) == 0;
}

static bool is_table(const char *path)
{
    return strcmp(path, "-") == 0 || ends_in(path, ".csv") || ends_in(path, ".tsv");
}

static enum bv_status check_output(const struct bv_report_source *s, const char *path,
                                   const struct stat *input, struct bv_error *err)
{
    if (s->output_exists && input->st_dev == s->output.st_dev && input->st_ino == s->output.st_ino)
        return bv_fail(err, BV_ERR_ARG, "%s: the output is also an input", path);
    return BV_OK;
}

// ---- Tables ----

static enum bv_status fail_column(const struct bv_report_source *s, const char *wanted,
                                  struct bv_error *err)
{
    const struct bv_csv_row *header = bv_csv_header(s->csv);
    char list[1024] = "";
    size_t used = 0;
    for (size_t i = 0; i < header->n && used + strlen(header->fields[i]) + 3 < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "",
                                 header->fields[i]);
    return bv_fail(err, BV_ERR_ARG, "%s: no column \"%.100s\"; there are: %s", s->inputs->paths[0],
                   wanted, list);
}

static enum bv_status find_named(const struct bv_report_source *s, const char *name, int *column,
                                 struct bv_error *err)
{
    BV_TRY(bv_csv_find(s->csv, name, column, err));
    return *column < 0 ? fail_column(s, name, err) : BV_OK;
}

static enum bv_status find_text(struct bv_report_source *s, struct bv_error *err)
{
    static const char *const usual[] = {"report",     "text",     "Report",     "impression",
                                        "Impression", "findings", "full_report"};
    const struct bv_report_inputs *in = s->inputs;
    s->text = -1;
    if (in->text_column)
        return find_named(s, in->text_column, &s->text, err);
    if (in->usual_column)
        BV_TRY(bv_csv_find(s->csv, in->usual_column, &s->text, err));
    for (size_t i = 0; s->text < 0 && i < sizeof usual / sizeof *usual; i++)
        BV_TRY(bv_csv_find(s->csv, usual[i], &s->text, err));
    return s->text < 0 ? fail_column(s, in->usual_column ? in->usual_column : usual[0], err)
                       : BV_OK;
}

static enum bv_status open_table(struct bv_report_source *s, struct bv_error *err)
{
    const struct bv_report_inputs *in = s->inputs;
    struct stat info;
    if (strcmp(in->paths[0], "-") != 0 && stat(in->paths[0], &info) == 0)
        BV_TRY(check_output(s, in->paths[0], &info, err));
    BV_TRY(bv_csv_open(&s->csv, in->paths[0], bv_csv_separator(in->paths[0]), err));
    BV_TRY(find_text(s, err));
    s->column = bv_csv_header(s->csv)->fields[s->text];
    if (in->second_column)
        BV_TRY(find_named(s, in->second_column, &s->second, err));
    if (in->n_kept > MAX_KEPT)
        return bv_fail(err, BV_ERR_LIMIT, "more than %d columns to keep", MAX_KEPT);
    for (size_t i = 0; i < in->n_kept; i++)
        BV_TRY(find_named(s, in->kept[i], &s->kept[i], err));
    return BV_OK;
}

// No report: what a model says of nothing is not what a report says.
static void refuse_empty(const struct bv_report_source *s, struct bv_one_report *report,
                         struct bv_error *why)
{
    if (report->why || (*report->text && (!report->second || *report->second)))
        return;
    if (report->path)
        (void)bv_fail(why, BV_ERR_FORMAT, "%s: no text", report->path);
    else if (s->csv)
        (void)bv_fail(why, BV_ERR_FORMAT, "%s: line %llu: no text", s->inputs->paths[0],
                      (unsigned long long)s->line);
    else
        (void)bv_fail(why, BV_ERR_FORMAT, "row %llu: no text", (unsigned long long)report->row);
    report->text = NULL;
    report->why = why;
}

static enum bv_status hand_over(struct bv_report_source *s, struct bv_one_report *report,
                                struct bv_error *err)
{
    struct bv_error why = {0};
    report->row = ++s->n;
    refuse_empty(s, report, &why);
    return s->take(s->arg, report, err);
}

static const char *field(const struct bv_csv_row *row, int column)
{
    return (size_t)column < row->n ? row->fields[column] : "";
}

static enum bv_status put_row(struct bv_report_source *s, const struct bv_csv_row *row,
                              struct bv_error *err)
{
    const struct bv_report_inputs *in = s->inputs;
    const char *kept[MAX_KEPT];
    struct bv_error why = {0};
    struct bv_one_report r = {.text = field(row, s->text), .kept = kept};
    for (size_t i = 0; i < in->n_kept; i++)
        kept[i] = field(row, s->kept[i]);
    if (in->second_column)
        r.second = field(row, s->second);
    s->line = row->line;
    size_t expected = bv_csv_header(s->csv)->n;
    if (row->n != expected)
        (void)bv_fail(&why, BV_ERR_FORMAT, "%s: line %llu: %zu fields, the header has %zu",
                      in->paths[0], (unsigned long long)row->line, row->n, expected);
    if (why.status != BV_OK) {
        r.text = NULL;
        r.why = &why;
    }
    return hand_over(s, &r, err);
}

static enum bv_status run_table(struct bv_report_source *s, struct bv_error *err)
{
    for (const struct bv_csv_row *row = NULL;;) {
        BV_TRY(bv_csv_next(s->csv, &row, err));
        if (!row)
            return BV_OK;
        BV_TRY(put_row(s, row, err));
    }
}

// ---- Files and folders ----

static enum bv_status put_file(struct bv_report_source *s, const char *path, struct bv_error *err)
{
    struct bv_one_report r = {.path = path};
    struct bv_error why = {0};
    char *text = NULL;
    size_t size = 0;
    if (bv_text_read(path, MAX_REPORT, &text, &size, &why) != BV_OK)
        r.why = &why;
    r.text = text;
    enum bv_status status = hand_over(s, &r, err);
    free(text);
    return status;
}

static enum bv_status put_path(struct bv_report_source *s, const char *path, int depth,
                               struct bv_error *err);

static enum bv_status put_folder(struct bv_report_source *s, const char *path, int depth,
                                 struct bv_error *err)
{
    struct bv_arena arena = {0};
    char **names = NULL;
    size_t n = 0;
    enum bv_status status = bv_folder_names(path, &arena, &names, &n, err);
    for (size_t i = 0; i < n && status == BV_OK; i++) {
        size_t end = strlen(path);
        bool slash = end > 0 && path[end - 1] == '/';
        const char *below = bv_arena_printf(&arena, "%s%s%s", path, slash ? "" : "/", names[i]);
        status = below ? put_path(s, below, depth + 1, err) : bv_fail_nomem(err, "a folder");
    }
    free(names);
    bv_arena_free(&arena);
    return status;
}

static enum bv_status put_path(struct bv_report_source *s, const char *path, int depth,
                               struct bv_error *err)
{
    struct stat info;
    // Below the input itself links are not followed: they could lead in a circle.
    if ((depth == 0 ? stat(path, &info) : lstat(path, &info)) != 0) {
        struct bv_error why = {0};
        (void)bv_fail(&why, BV_ERR_IO, "%s: %s", path, strerror(errno));
        return hand_over(s, &(struct bv_one_report){.path = path, .why = &why}, err);
    }
    if (S_ISDIR(info.st_mode))
        return depth < MAX_DEPTH ? put_folder(s, path, depth, err) : BV_OK;
    if (depth > 0 && !(S_ISREG(info.st_mode) && ends_in(path, ".txt")))
        return BV_OK;
    BV_TRY(check_output(s, path, &info, err));
    return put_file(s, path, err);
}

// ---- All ----

enum bv_status bv_report_source_open(struct bv_report_source **out,
                                     const struct bv_report_inputs *in, struct bv_error *err)
{
    bool table = false;
    for (size_t i = 0; i < in->n_paths; i++)
        table = table || is_table(in->paths[i]);
    if (in->n_paths + in->n_texts == 0 || (in->n_paths > 0 && in->n_texts > 0))
        return bv_fail(err, BV_ERR_ARG, "reports are either inputs or texts");
    if (table && in->n_paths > 1)
        return bv_fail(err, BV_ERR_ARG, "a table of reports stands alone, not among other inputs");
    if (!table && (in->text_column || in->second_column || in->n_kept > 0))
        return bv_fail(err, BV_ERR_ARG, "columns need a table of reports");
    struct bv_report_source *s = calloc(1, sizeof *s);
    if (!s)
        return bv_fail_nomem(err, "reports");
    s->inputs = in;
    s->output_exists = in->output && strcmp(in->output, "-") != 0 &&
                       stat(in->output, &s->output) == 0 && S_ISREG(s->output.st_mode);
    enum bv_status status = table ? open_table(s, err) : BV_OK;
    if (status == BV_OK)
        *out = s;
    else
        bv_report_source_close(&s);
    return status;
}

void bv_report_source_close(struct bv_report_source **source)
{
    if (*source)
        bv_csv_close(&(*source)->csv);
    free(*source);
    *source = NULL;
}

const char *bv_report_source_column(const struct bv_report_source *s)
{
    return s->column;
}

bool bv_report_source_has_paths(const struct bv_report_source *s)
{
    return !s->csv && s->inputs->n_texts == 0;
}

enum bv_status bv_report_source_run(struct bv_report_source *s, bv_report_taker *take, void *arg,
                                    struct bv_error *err)
{
    const struct bv_report_inputs *in = s->inputs;
    s->take = take;
    s->arg = arg;
    if (s->csv)
        return run_table(s, err);
    for (size_t i = 0; i < in->n_texts; i++)
        BV_TRY(hand_over(s, &(struct bv_one_report){.text = in->texts[i]}, err));
    for (size_t i = 0; i < in->n_paths; i++)
        BV_TRY(put_path(s, in->paths[i], 0, err));
    return s->n > 0 ? BV_OK : bv_fail(err, BV_ERR_ARG, "no .txt file among the inputs");
}

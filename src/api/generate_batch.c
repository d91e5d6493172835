// Pictures for the rows of a table of prompts.
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/context.h"
#include "api/generate.h"
#include "base/file.h"
#include "base/json.h"
#include "base/sha256.h"
#include "table/csv.h"

enum { MAX_COLUMNS = 256 };
static const size_t max_rows = 1000000;
static const char *const own_columns[] = {"text", "negative", "seed", "name"};
static const char *const list_columns[] = {
    "path",  "text",   "negative", "seed",         "steps",           "guidance",    "scheduler",
    "width", "height", "strength", "start_sha256", "settings_sha256", "model_sha256"};

struct row {
    char *text, *negative, *name;
    char **other; // of the columns that are the caller's own
    uint64_t seed;
};

struct batch {
    struct bv_generator *generator;
    const struct bv_generate_options *options;
    const char *folder;
    struct row *rows;
    size_t n, room;
    char *other_names[MAX_COLUMNS]; // columns such as labels, which the list repeats
    int other[MAX_COLUMNS];
    size_t n_other;
    enum bv_scheduler_kind scheduler;
    char start[65]; // SHA-256 of the picture to start from, or ""
};

static void free_rows(struct batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        free(b->rows[i].text);
        free(b->rows[i].negative);
        free(b->rows[i].name);
        for (size_t k = 0; b->rows[i].other && k < b->n_other; k++)
            free(b->rows[i].other[k]);
        free(b->rows[i].other);
    }
    for (size_t k = 0; k < b->n_other; k++)
        free(b->other_names[k]);
    free(b->rows);
}

static const char *field(const struct bv_csv_row *row, int column)
{
    return column >= 0 && (size_t)column < row->n && row->fields[column][0] ? row->fields[column]
                                                                            : NULL;
}

// A name becomes a file's: letters, digits, '.', '-' and '_' only, and not hidden.
static bool is_file_name(const char *name)
{
    if (*name == '.' || strlen(name) > 200)
        return false;
    for (; *name; name++)
        if (!isalnum((unsigned char)*name) && !strchr("._-", *name))
            return false;
    return true;
}

static enum bv_status read_seed(const char *text, uint64_t fallback, uint64_t *seed)
{
    char *end = NULL;
    *seed = fallback;
    if (!text)
        return BV_OK;
    *seed = strtoull(text, &end, 10);
    return isdigit((unsigned char)text[0]) && *end == 0 ? BV_OK : BV_ERR_FORMAT;
}

static enum bv_status add_row(struct batch *b, const char *path, const struct bv_csv_row *from,
                              const int column[4], struct bv_error *err)
{
    if (b->n == b->room) {
        size_t room = b->room ? 2 * b->room : 64;
        struct row *rows = realloc(b->rows, room * sizeof *rows);
        if (!rows)
            return bv_fail_nomem(err, path);
        b->rows = rows;
        b->room = room;
    }
    if (b->n == max_rows)
        return bv_fail(err, BV_ERR_LIMIT, "%s: more than %zu rows", path, max_rows);
    char number[32];
    (void)snprintf(number, sizeof number, "%06zu", b->n + 1);
    const char *text = field(from, column[0]), *negative = field(from, column[1]);
    const char *name = field(from, column[3]) ? field(from, column[3]) : number;
    struct row row = {0};
    if (read_seed(field(from, column[2]), b->options->seed + b->n, &row.seed) != BV_OK)
        return bv_fail(err, BV_ERR_FORMAT, "%s: line %llu: a seed is a whole number", path,
                       (unsigned long long)from->line);
    if (!is_file_name(name))
        return bv_fail(err, BV_ERR_FORMAT,
                       "%s: line %llu: a name has letters, digits, '.', '-' and '_' only", path,
                       (unsigned long long)from->line);
    row.text = strdup(text ? text : "");
    row.negative = negative ? strdup(negative) : NULL;
    row.name = strdup(name);
    row.other = calloc(b->n_other + 1, sizeof *row.other);
    bool whole = row.text && row.name && row.other && (!negative || row.negative);
    for (size_t k = 0; whole && k < b->n_other; k++) {
        const char *value = field(from, b->other[k]);
        row.other[k] = strdup(value ? value : "");
        whole = row.other[k] != NULL;
    }
    b->rows[b->n++] = row;
    return whole ? BV_OK : bv_fail_nomem(err, path);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// Two rows of one name would be one picture.
static enum bv_status check_names(const struct batch *b, const char *path, struct bv_error *err)
{
    const char **names = malloc((b->n + 1) * sizeof *names);
    if (!names)
        return bv_fail_nomem(err, path);
    for (size_t i = 0; i < b->n; i++)
        names[i] = b->rows[i].name;
    qsort(names, b->n, sizeof *names, compare_names);
    enum bv_status status = BV_OK;
    for (size_t i = 1; status == BV_OK && i < b->n; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            status = bv_fail(err, BV_ERR_FORMAT, "%s: two rows of the name \"%s\"", path, names[i]);
    free(names);
    return status;
}

// Finds the columns; those that are not ours keep their names, unless the list has one like it.
static enum bv_status find_columns(struct batch *b, struct bv_csv_reader *reader, const char *path,
                                   int column[4], struct bv_error *err)
{
    const struct bv_csv_row *header = bv_csv_header(reader);
    for (int i = 0; i < 4; i++)
        BV_TRY(bv_csv_find(reader, own_columns[i], &column[i], err));
    if (column[0] < 0)
        return bv_fail(err, BV_ERR_FORMAT, "%s: no column \"text\"", path);
    if (header->n > MAX_COLUMNS)
        return bv_fail(err, BV_ERR_LIMIT, "%s: more than %d columns", path, MAX_COLUMNS);
    for (int i = 0; i < (int)header->n; i++) {
        if (i == column[0] || i == column[1] || i == column[2] || i == column[3])
            continue;
        for (size_t k = 0; k < sizeof list_columns / sizeof *list_columns; k++)
            if (strcmp(header->fields[i], list_columns[k]) == 0)
                return bv_fail(err, BV_ERR_FORMAT, "%s: the column \"%s\" is one of the list's own",
                               path, list_columns[k]);
        if (!(b->other_names[b->n_other] = strdup(header->fields[i])))
            return bv_fail_nomem(err, path);
        b->other[b->n_other++] = i;
    }
    return BV_OK;
}

static enum bv_status read_rows(struct batch *b, const char *path, struct bv_error *err)
{
    struct bv_csv_reader *reader = NULL;
    int column[4];
    enum bv_status status = bv_csv_open(&reader, path, bv_csv_separator(path), err);
    if (status == BV_OK)
        status = find_columns(b, reader, path, column, err);
    const struct bv_csv_row *row = NULL;
    while (status == BV_OK) {
        status = bv_csv_next(reader, &row, err);
        if (status != BV_OK || !row)
            break;
        status = add_row(b, path, row, column, err);
    }
    bv_csv_close(&reader);
    return status == BV_OK ? check_names(b, path, err) : status;
}

static struct bv_generate_options options_of(const struct batch *b, size_t i)
{
    struct bv_generate_options o = *b->options;
    o.text = b->rows[i].text;
    o.seed = b->rows[i].seed;
    if (b->rows[i].negative)
        o.negative = b->rows[i].negative;
    return o;
}

static void print_list(const struct batch *b, FILE *stream)
{
    struct bv_csv_writer w = {.stream = stream, .separator = ','};
    for (size_t k = 0; k < sizeof list_columns / sizeof *list_columns; k++)
        bv_csv_put(&w, list_columns[k]);
    for (size_t k = 0; k < b->n_other; k++)
        bv_csv_put(&w, b->other_names[k]);
    bv_csv_end(&w);
    for (size_t i = 0; i < b->n; i++) {
        struct bv_generate_options o = options_of(b, i);
        char name[256];
        (void)snprintf(name, sizeof name, "%s.png", b->rows[i].name);
        bv_csv_put(&w, name);
        bv_csv_put(&w, o.text);
        bv_csv_put(&w, o.negative);
        bv_csv_put_integer(&w, (int64_t)(o.seed & 0xffffffffu));
        bv_csv_put_integer(&w, o.steps);
        bv_csv_put_number(&w, o.guidance);
        bv_csv_put(&w, bv_scheduler_name(b->scheduler));
        bv_csv_put_integer(&w, o.width);
        bv_csv_put_integer(&w, o.height);
        if (o.image)
            bv_csv_put_number(&w, o.strength);
        else
            bv_csv_put(&w, "");
        bv_csv_put(&w, b->start);
        bv_csv_put(&w, b->generator->model->settings);
        bv_csv_put(&w, b->generator->model->digest);
        for (size_t k = 0; k < b->n_other; k++)
            bv_csv_put(&w, b->rows[i].other[k]);
        bv_csv_end(&w);
    }
}

// Pictures that are in the folder belong to the list there: another list may only be longer.
static enum bv_status check_list(const char *path, const char *text, size_t size,
                                 struct bv_error *err)
{
    char *old = NULL;
    size_t n = 0;
    if (access(path, F_OK) != 0)
        return BV_OK;
    BV_TRY(bv_read_all(path, (size_t)1 << 30, &old, &n, err));
    bool same = n <= size && memcmp(old, text, n) == 0;
    free(old);
    return same
               ? BV_OK
               : bv_fail(err, BV_ERR_ARG,
                         "%s: the folder holds pictures of other prompts, options or another model",
                         path);
}

static enum bv_status write_list(const struct batch *b, struct bv_error *err)
{
    char path[4096], *text = NULL;
    size_t size = 0;
    if (snprintf(path, sizeof path, "%s/images.csv", b->folder) >= (int)sizeof path)
        return bv_fail(err, BV_ERR_LIMIT, "a path of more than %zu bytes", sizeof path);
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        return bv_fail_nomem(err, "the list of pictures");
    print_list(b, stream);
    bool failed = ferror(stream) != 0;
    enum bv_status status =
        fclose(stream) != 0 || failed ? bv_fail_nomem(err, "the list of pictures") : BV_OK;
    if (status == BV_OK)
        status = check_list(path, text, size, err);
    if (status == BV_OK)
        status = bv_write_file(path, text, size, err);
    free(text);
    return status;
}

// One row; its own progress (steps) is not told, the rows are.
static enum bv_status make_row(const struct batch *b, size_t i, const char *path, uint8_t *rgb,
                               size_t capacity)
{
    struct bv_generate_options o = options_of(b, i);
    int truncated = 0;
    BV_TRY(bv_generate(b->generator, &o, rgb, capacity, &truncated));
    if (truncated)
        bv_observe_log(&b->generator->context->observer, BV_LOG_WARNING,
                       "%s: the text was cut to 77 tokens", b->rows[i].name);
    return bv_generated_write_png(b->generator, &o, rgb, path);
}

static enum bv_status make_rows(const struct batch *b, struct bv_generate_counts *counts,
                                struct bv_error *err)
{
    struct bv_context *context = b->generator->context;
    const struct bv_observer observer = context->observer;
    size_t capacity = (size_t)b->options->width * (size_t)b->options->height * 3;
    uint8_t *rgb = malloc(capacity);
    enum bv_status status = rgb ? BV_OK : bv_fail_nomem(err, "a picture");
    for (size_t i = 0; status == BV_OK && i < b->n; i++) {
        char path[4096];
        status = bv_observe_progress(&observer, i, b->n, err);
        if (status == BV_OK && snprintf(path, sizeof path, "%s/%s.png", b->folder,
                                        b->rows[i].name) >= (int)sizeof path)
            status = bv_fail(err, BV_ERR_LIMIT, "a path of more than %zu bytes", sizeof path);
        if (status != BV_OK)
            break;
        if (access(path, F_OK) == 0) {
            counts->present++;
            continue;
        }
        enum bv_status made = make_row(b, i, path, rgb, capacity);
        if (made == BV_ERR_CANCELLED)
            status = made;
        else if (made == BV_OK)
            counts->made++;
        else
            counts->failed++;
        if (made != BV_OK && status == BV_OK)
            bv_observe_failed(&observer, b->rows[i].name, made, context->error.text);
    }
    free(rgb);
    return status;
}

static enum bv_status run(struct batch *b, const char *prompts, struct bv_generate_counts *counts,
                          struct bv_error *err)
{
    struct stat st;
    if (b->options->width < 1 || b->options->height < 1)
        return bv_fail(err, BV_ERR_ARG, "%d × %d is not the size of a picture", b->options->width,
                       b->options->height);
    BV_TRY(bv_generate_scheduler(b->generator, b->options, &b->scheduler, err));
    if (b->options->image)
        bv_sha256_hex(b->options->image, (size_t)b->options->width * (size_t)b->options->height * 3,
                      b->start);
    BV_TRY(read_rows(b, prompts, err));
    if (mkdir(b->folder, 0777) != 0 && (stat(b->folder, &st) != 0 || !S_ISDIR(st.st_mode)))
        return bv_fail(err, BV_ERR_IO, "%s: no folder can be made there", b->folder);
    BV_TRY(write_list(b, err));
    return make_rows(b, counts, err);
}

enum bv_status bv_generate_batch(struct bv_generator *generator,
                                 const struct bv_generate_options *theirs, const char *prompts,
                                 const char *folder, struct bv_generate_counts *counts)
{
    assert(generator && prompts && folder);
    struct bv_error *err = bv_begin(generator->context);
    struct bv_generate_options options;
    struct bv_generate_counts made = {.made = 0};
    BV_TRY(bv_counts_check(counts, "bv_generate_counts", err));
    BV_TRY(bv_generate_options_read(&options, theirs, err));
    struct batch b = {.generator = generator, .options = &options, .folder = folder};
    enum bv_status status = run(&b, prompts, &made, err);
    free_rows(&b);
    bv_counts_write(counts, &made, sizeof made);
    return status;
}

// Pictures for the rows of a table of prompts.
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
#include "table/csv.h"

static const size_t max_rows = 1000000;

struct row {
    char *text, *negative, *name;
    uint64_t seed;
};

struct batch {
    struct bv_generator *generator;
    const struct bv_generate_options *options;
    const char *folder;
    struct row *rows;
    size_t n, room;
};

static void free_rows(struct batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        free(b->rows[i].text);
        free(b->rows[i].negative);
        free(b->rows[i].name);
    }
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
    b->rows[b->n++] = row;
    return row.text && row.name && (!negative || row.negative) ? BV_OK : bv_fail_nomem(err, path);
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

static enum bv_status read_rows(struct batch *b, const char *path, struct bv_error *err)
{
    static const char *const columns[] = {"text", "negative", "seed", "name"};
    struct bv_csv_reader *reader = NULL;
    int column[4];
    enum bv_status status = bv_csv_open(&reader, path, bv_csv_separator(path), err);
    for (int i = 0; status == BV_OK && i < 4; i++)
        status = bv_csv_find(reader, columns[i], &column[i], err);
    if (status == BV_OK && column[0] < 0)
        status = bv_fail(err, BV_ERR_FORMAT, "%s: no column \"text\"", path);
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

static enum bv_status write_list(const struct batch *b, struct bv_error *err)
{
    char path[4096];
    struct bv_new_file file = {0};
    if (snprintf(path, sizeof path, "%s/images.csv", b->folder) >= (int)sizeof path)
        return bv_fail(err, BV_ERR_LIMIT, "a path of more than %zu bytes", sizeof path);
    BV_TRY(bv_new_file_create(&file, path, err));
    struct bv_csv_writer w = {.stream = file.stream, .separator = ','};
    static const char *const header[] = {"path",  "text",     "negative",  "seed",
                                         "steps", "guidance", "scheduler", "model_sha256"};
    for (size_t k = 0; k < sizeof header / sizeof *header; k++)
        bv_csv_put(&w, header[k]);
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
        bv_csv_put(&w, o.scheduler ? o.scheduler : bv_generator_scheduler(b->generator));
        bv_csv_put(&w, b->generator->model->digest);
        bv_csv_end(&w);
    }
    enum bv_status status = bv_new_file_commit(&file, err);
    bv_new_file_discard(&file);
    return status;
}

// One row; its own progress (steps) is not told, the rows are.
static enum bv_status make_row(const struct batch *b, size_t i, const char *path, uint8_t *rgb,
                               size_t capacity)
{
    struct bv_generate_options o = options_of(b, i);
    BV_TRY(bv_generate(b->generator, &o, rgb, capacity, NULL));
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

enum bv_status bv_generate_batch(struct bv_generator *generator,
                                 const struct bv_generate_options *options, const char *prompts,
                                 const char *folder, struct bv_generate_counts *counts)
{
    struct bv_error *err = bv_begin(generator->context);
    struct batch b = {.generator = generator, .options = options, .folder = folder};
    *counts = (struct bv_generate_counts){0};
    if (options->size != sizeof *options || options->width < 1 || options->height < 1)
        return bv_fail(err, BV_ERR_ARG, "options that bv_generate_options_init() did not make");
    enum bv_status status = read_rows(&b, prompts, err);
    struct stat st;
    if (status == BV_OK && mkdir(folder, 0777) != 0 &&
        (stat(folder, &st) != 0 || !S_ISDIR(st.st_mode)))
        status = bv_fail(err, BV_ERR_IO, "%s: no folder can be made there", folder);
    if (status == BV_OK)
        status = write_list(&b, err);
    if (status == BV_OK)
        status = make_rows(&b, counts, err);
    free_rows(&b);
    return status;
}

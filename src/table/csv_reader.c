#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/encoding.h"
#include "table/csv.h"

enum { BUFFER_BYTES = 64 * 1024, FIRST_FIELDS = 32, FIRST_BYTES = 1024 };

// A record under construction: the fields' bytes, each with its terminator, and where each begins.
struct record {
    char *bytes;
    size_t n_bytes, room_bytes;
    size_t *starts;
    char **fields; // made from starts when the record is complete: bytes may have moved until then
    size_t n_fields, room_fields;
    struct bv_csv_row row;
};

struct bv_csv_reader {
    FILE *stream;
    char *name;
    char separator;
    uint64_t line;   // of the next byte
    bool ends_in_cr; // lines end in CR alone, as the header's did
    size_t at, n;    // within buffer
    struct record header, current;
    unsigned char buffer[BUFFER_BYTES];
};

static enum bv_status fail_line(const struct bv_csv_reader *r, uint64_t line, const char *what,
                                struct bv_error *err)
{
    return bv_fail(err, BV_ERR_FORMAT, "%s: line %llu: %s", r->name, (unsigned long long)line,
                   what);
}

// The next byte without taking it, or EOF; a failed read looks like the end until it is asked for.
static int peek(struct bv_csv_reader *r)
{
    if (r->at == r->n) {
        r->at = 0;
        r->n = fread(r->buffer, 1, sizeof r->buffer, r->stream);
        if (!r->n)
            return EOF;
    }
    return r->buffer[r->at];
}

static int take(struct bv_csv_reader *r)
{
    int c = peek(r);
    if (c != EOF)
        r->at++;
    return c;
}

static enum bv_status push_byte(struct bv_csv_reader *r, struct record *record, int c,
                                struct bv_error *err)
{
    if (record->n_bytes == record->room_bytes) {
        if (record->n_bytes >= BV_CSV_MAX_RECORD_BYTES)
            return bv_fail(err, BV_ERR_LIMIT, "%s: line %llu: a record of more than %u bytes",
                           r->name, (unsigned long long)record->row.line, BV_CSV_MAX_RECORD_BYTES);
        size_t room = record->room_bytes ? 2 * record->room_bytes : FIRST_BYTES;
        char *larger = realloc(record->bytes, room);
        if (!larger)
            return bv_fail_nomem(err, "a record of a table");
        record->bytes = larger;
        record->room_bytes = room;
    }
    record->bytes[record->n_bytes++] = (char)c;
    return BV_OK;
}

static enum bv_status begin_field(struct bv_csv_reader *r, struct record *record,
                                  struct bv_error *err)
{
    if (record->n_fields == record->room_fields) {
        if (record->n_fields >= BV_CSV_MAX_COLUMNS)
            return bv_fail(err, BV_ERR_LIMIT, "%s: line %llu: more than %d columns", r->name,
                           (unsigned long long)record->row.line, BV_CSV_MAX_COLUMNS);
        size_t room = record->room_fields ? 2 * record->room_fields : FIRST_FIELDS;
        size_t *starts = realloc(record->starts, room * sizeof *starts);
        if (starts)
            record->starts = starts;
        char **fields = realloc(record->fields, room * sizeof *fields);
        if (fields)
            record->fields = fields;
        if (!starts || !fields)
            return bv_fail_nomem(err, "the fields of a table");
        record->room_fields = room;
    }
    record->starts[record->n_fields++] = record->n_bytes;
    return BV_OK;
}

// The inside of a quoted field, after its opening quote and up to its closing one.
static enum bv_status read_quoted(struct bv_csv_reader *r, struct record *record,
                                  struct bv_error *err)
{
    uint64_t opened = r->line;
    for (;;) {
        int c = take(r);
        if (c == EOF)
            return fail_line(r, opened, "a quote that is never closed", err);
        if (c == 0)
            return fail_line(r, r->line, "a zero byte: this is not a text file", err);
        if (c == '"') {
            if (peek(r) != '"')
                return BV_OK;
            (void)take(r);
        }
        r->line += c == '\n';
        BV_TRY(push_byte(r, record, c, err));
    }
}

static enum bv_status read_unquoted(struct bv_csv_reader *r, struct record *record,
                                    struct bv_error *err)
{
    for (int c; (c = peek(r)) != EOF && c != r->separator && c != '\n' && c != '\r';) {
        if (c == '"')
            return fail_line(r, r->line, "a quote inside a field that does not begin with one",
                             err);
        if (c == 0)
            return fail_line(r, r->line, "a zero byte: this is not a text file", err);
        (void)take(r);
        BV_TRY(push_byte(r, record, c, err));
    }
    return BV_OK;
}

// Takes LF, CRLF, CR where all lines end so, or the end of the file; *ended is false when a
// separator comes instead.
static enum bv_status read_line_end(struct bv_csv_reader *r, bool *ended, struct bv_error *err)
{
    int c = peek(r);
    if (c == '\r') {
        (void)take(r);
        bool alone = peek(r) != '\n';
        if (alone && !r->header.row.fields) // the header's end says how lines end
            r->ends_in_cr = true;
        if (alone && !r->ends_in_cr)
            return fail_line(r, r->line, "a carriage return without a line feed", err);
        r->line += alone;
        c = alone ? '\r' : '\n';
    }
    if (c == '\n') {
        (void)take(r);
        r->line++;
    }
    *ended = c == '\n' || c == '\r' || c == EOF;
    return BV_OK;
}

static enum bv_status finish(struct bv_csv_reader *r, struct record *record, struct bv_error *err)
{
    for (size_t i = 0; i < record->n_fields; i++) {
        record->fields[i] = record->bytes + record->starts[i];
        if (!bv_utf8_valid(record->fields[i], strlen(record->fields[i]), NULL))
            return fail_line(r, record->row.line, "not UTF-8 text", err);
    }
    record->row.fields = record->fields;
    record->row.n = record->n_fields;
    return BV_OK;
}

// Reads one record; *found is false at the end of the file.
static enum bv_status read_record(struct bv_csv_reader *r, struct record *record, bool *found,
                                  struct bv_error *err)
{
    bool ended = true;
    while (peek(r) == '\n' || peek(r) == '\r') // blank lines
        BV_TRY(read_line_end(r, &ended, err));
    *found = peek(r) != EOF;
    if (ferror(r->stream))
        return bv_fail(err, BV_ERR_IO, "%s: cannot read: %s", r->name, strerror(errno));
    if (!*found)
        return BV_OK;
    record->n_bytes = record->n_fields = 0;
    record->row.line = r->line;
    do {
        BV_TRY(begin_field(r, record, err));
        if (peek(r) == '"') {
            (void)take(r);
            BV_TRY(read_quoted(r, record, err));
            int next = peek(r);
            if (next != EOF && next != r->separator && next != '\n' && next != '\r')
                return fail_line(r, r->line, "text after a closing quote", err);
        } else
            BV_TRY(read_unquoted(r, record, err));
        BV_TRY(push_byte(r, record, 0, err));
        BV_TRY(read_line_end(r, &ended, err));
        if (!ended)
            (void)take(r); // the separator
    } while (!ended);
    if (ferror(r->stream))
        return bv_fail(err, BV_ERR_IO, "%s: cannot read: %s", r->name, strerror(errno));
    return finish(r, record, err);
}

// A UTF-8 byte order mark is skipped; those of UTF-16 are the mark of another kind of file.
static enum bv_status skip_mark(struct bv_csv_reader *r, struct bv_error *err)
{
    (void)peek(r);
    if (r->n >= 2 && ((r->buffer[0] == 0xff && r->buffer[1] == 0xfe) ||
                      (r->buffer[0] == 0xfe && r->buffer[1] == 0xff)))
        return bv_fail(err, BV_ERR_FORMAT, "%s: UTF-16 text; save it as UTF-8", r->name);
    if (r->n >= 3 && memcmp(r->buffer, "\xef\xbb\xbf", 3) == 0)
        r->at = 3;
    return BV_OK;
}

// Without blanks around it: people write "path, label".
static char *trim(char *name)
{
    static const char no_break[] = "\xc2\xa0";
    while (*name == ' ' || *name == '\t' || strncmp(name, no_break, 2) == 0)
        name += *name == no_break[0] ? 2 : 1;
    size_t n = strlen(name);
    while (n && (name[n - 1] == ' ' || name[n - 1] == '\t' ||
                 (n > 1 && strcmp(name + n - 2, no_break) == 0)))
        n -= name[n - 1] == no_break[1] ? 2 : 1;
    name[n] = 0;
    return name;
}

enum bv_status bv_csv_open_stream(struct bv_csv_reader **out, FILE *stream, const char *name,
                                  char separator, struct bv_error *err)
{
    enum bv_status status = BV_ERR_NOMEM;
    struct bv_csv_reader *r = calloc(1, sizeof *r);
    if (!r) {
        if (stream != stdin)
            (void)fclose(stream);
        return bv_fail_nomem(err, "a table reader");
    }
    r->stream = stream;
    r->separator = separator;
    r->line = 1;
    r->name = strdup(name);
    if (!r->name) {
        status = bv_fail_nomem(err, "a table reader");
        goto fail;
    }
    bool found = false;
    status = skip_mark(r, err);
    if (status == BV_OK)
        status = read_record(r, &r->header, &found, err);
    for (size_t i = 0; status == BV_OK && i < r->header.row.n; i++)
        r->header.fields[i] = trim(r->header.fields[i]);
    if (status == BV_OK && !found)
        status = bv_fail(err, BV_ERR_FORMAT, "%s: empty, not even a header line", name);
    if (status != BV_OK)
        goto fail;
    *out = r;
    return BV_OK;
fail:
    bv_csv_close(&r);
    return status;
}

char bv_csv_separator(const char *path)
{
    const char *ending = strrchr(path, '.');
    return ending && strcasecmp(ending, ".tsv") == 0 ? '\t' : ',';
}

enum bv_status bv_csv_open(struct bv_csv_reader **out, const char *path, char separator,
                           struct bv_error *err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *stream = is_stdin ? stdin : fopen(path, "rbe");
    if (!stream)
        return bv_fail(err, BV_ERR_IO, "%s: %s", path, strerror(errno));
    return bv_csv_open_stream(out, stream, is_stdin ? "standard input" : path, separator, err);
}

static void free_record(struct record *record)
{
    free(record->bytes);
    free(record->starts);
    free(record->fields);
}

void bv_csv_close(struct bv_csv_reader **reader)
{
    struct bv_csv_reader *r = *reader;
    if (!r)
        return;
    if (r->stream != stdin)
        (void)fclose(r->stream);
    free_record(&r->header);
    free_record(&r->current);
    free(r->name);
    free(r);
    *reader = NULL;
}

const struct bv_csv_row *bv_csv_header(const struct bv_csv_reader *reader)
{
    return &reader->header.row;
}

enum bv_status bv_csv_find(const struct bv_csv_reader *reader, const char *name, int *column,
                           struct bv_error *err)
{
    int found = -1;
    for (size_t i = 0; i < reader->header.row.n; i++) {
        if (strcmp(reader->header.row.fields[i], name) != 0)
            continue;
        if (found >= 0)
            return bv_fail(err, BV_ERR_FORMAT, "%s: two columns are named \"%s\"", reader->name,
                           name);
        found = (int)i;
    }
    *column = found;
    return BV_OK;
}

enum bv_status bv_csv_next(struct bv_csv_reader *reader, const struct bv_csv_row **row,
                           struct bv_error *err)
{
    bool found = false;
    BV_TRY(read_record(reader, &reader->current, &found, err));
    *row = found ? &reader->current.row : NULL;
    return BV_OK;
}

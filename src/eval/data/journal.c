#include "eval/data/journal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "eval/data/setup.h"
#include "eval/data/warnings.h"
#include "table/csv.h"

enum { CRC_CHARS = 9 };       // a tab and eight digits
enum { MAX_LINE = 64 << 20 }; // longer ones are damage

static uint32_t crc_of(const char *text, size_t n)
{
    return (uint32_t)crc32_z(0, (const unsigned char *)text, n);
}

static enum bv_status fail_io(const char *path, struct bv_error *err)
{
    return bv_fail(err, BV_ERR_IO, "%s: %s", path, strerror(errno));
}

// Reads up to a line's end, the file's, or MAX_LINE bytes.
static enum bv_status take_line(struct bv_journal_reader *r, size_t *n, struct bv_error *err)
{
    int c = 0;
    for (*n = 0; c != '\n' && *n < MAX_LINE && (c = getc_unlocked(r->stream)) != EOF;) {
        if (*n + 1 >= r->room) {
            size_t room = 2 * r->room + 256;
            char *larger = realloc(r->line, room);
            if (!larger)
                return bv_fail_nomem(err, "a journal");
            r->line = larger;
            r->room = room;
        }
        r->line[(*n)++] = (char)c;
        r->line[*n] = 0;
    }
    return ferror(r->stream) ? fail_io(r->path, err) : BV_OK;
}

// Reads one line and checks and cuts off its sum; *intact is false at the end or at damage.
static enum bv_status read_line(struct bv_journal_reader *r, bool *intact, struct bv_error *err)
{
    size_t n = 0;
    *intact = false;
    BV_TRY(take_line(r, &n, err));
    if (n < CRC_CHARS + 2 || r->line[n - 1] != '\n' || r->line[n - 1 - CRC_CHARS] != '\t')
        return BV_OK;
    size_t used = n - 1 - CRC_CHARS;
    char *end = NULL;
    unsigned long crc = strtoul(r->line + used + 1, &end, 16);
    if (end != r->line + n - 1 || crc != crc_of(r->line, used) || strlen(r->line) != n)
        return BV_OK;
    r->line[used] = 0;
    r->intact += (long)n;
    *intact = true;
    return BV_OK;
}

static enum bv_status read_setup(struct bv_journal_reader *r, struct bv_error *err)
{
    bool intact = false;
    BV_TRY(read_line(r, &intact, err));
    if (!intact)
        return bv_fail(err, BV_ERR_FORMAT, "%s: not a journal of an evaluation", r->path);
    BV_TRY(bv_json_parse(&r->setup, r->line, strlen(r->line), r->path, err));
    r->n_labels = json_array_size(json_object_get(r->setup, "labels"));
    r->scores = calloc(r->n_labels + 1, sizeof *r->scores);
    return r->scores ? BV_OK : bv_fail_nomem(err, "a journal");
}

enum bv_status bv_journal_read(struct bv_journal_reader *reader, const char *path,
                               struct bv_error *err)
{
    struct bv_journal_reader made = {.path = strdup(path)};
    enum bv_status status = BV_OK;
    if (!made.path)
        status = bv_fail_nomem(err, "a journal");
    if (status == BV_OK && !(made.stream = fopen(path, "rbe")))
        status = fail_io(path, err);
    if (status == BV_OK)
        status = read_setup(&made, err);
    if (status != BV_OK)
        bv_journal_reader_close(&made);
    else
        *reader = made;
    return status;
}

void bv_journal_reader_close(struct bv_journal_reader *reader)
{
    if (reader->stream)
        (void)fclose(reader->stream);
    free(reader->path);
    free(reader->line);
    free(reader->scores);
    json_decref(reader->setup);
    *reader = (struct bv_journal_reader){0};
}

// Cuts a field off the front of *at.
static char *next_field(char **at)
{
    char *field = *at, *tab = field ? strchr(field, '\t') : NULL;
    if (tab)
        *tab = 0;
    *at = tab ? tab + 1 : NULL;
    return field;
}

static bool parse_record(struct bv_journal_reader *r, struct bv_journal_record *record)
{
    char *at = r->line, *end = NULL;
    const char *index = next_field(&at), *reason = next_field(&at);
    if (!index || !reason)
        return false;
    *record = (struct bv_journal_record){.scores = r->scores};
    record->index = strtoull(index, &end, 10);
    if (*end)
        return false;
    if (strcmp(reason, "ok") != 0)
        record->reason = reason;
    for (size_t i = 0; i < r->n_labels; i++) {
        const char *score = next_field(&at);
        if (!score || (!record->reason && !bv_number_parse(score, &r->scores[i])))
            return false;
    }
    const char *warnings = next_field(&at), *moved = next_field(&at);
    record->message = next_field(&at);
    if (!record->message || at || !bv_warnings_parse(warnings, &record->warnings))
        return false;
    record->moved = *moved ? moved : NULL;
    return true;
}

enum bv_status bv_journal_next(struct bv_journal_reader *r, struct bv_journal_record *record,
                               bool *found, struct bv_error *err)
{
    BV_TRY(read_line(r, found, err));
    if (*found && !parse_record(r, record))
        return bv_fail(err, BV_ERR_FORMAT, "%s: a line that is whole but makes no sense", r->path);
    return BV_OK;
}

static enum bv_status reserve(struct bv_journal_writer *w, size_t bytes, struct bv_error *err)
{
    if (w->room - w->used >= bytes)
        return BV_OK;
    size_t room = 2 * w->room + bytes;
    char *larger = realloc(w->buffer, room);
    if (!larger)
        return bv_fail_nomem(err, "journal lines");
    w->buffer = larger;
    w->room = room;
    return BV_OK;
}

// Text without the bytes that structure the file.
static enum bv_status append(struct bv_journal_writer *w, const char *text, struct bv_error *err)
{
    size_t n = strlen(text);
    BV_TRY(reserve(w, n + 1, err));
    for (size_t i = 0; i < n; i++)
        w->buffer[w->used++] = (unsigned char)text[i] < ' ' ? ' ' : text[i];
    return BV_OK;
}

static enum bv_status append_separator(struct bv_journal_writer *w, struct bv_error *err)
{
    BV_TRY(reserve(w, 1, err));
    w->buffer[w->used++] = '\t';
    return BV_OK;
}

// Ends the line that began at start.
static enum bv_status append_crc(struct bv_journal_writer *w, size_t start, struct bv_error *err)
{
    uint32_t crc = crc_of(w->buffer + start, w->used - start);
    BV_TRY(reserve(w, CRC_CHARS + 2, err));
    w->used += (size_t)snprintf(w->buffer + w->used, CRC_CHARS + 2, "\t%08" PRIx32 "\n", crc);
    return BV_OK;
}

// How many bytes of an existing journal to keep, and how many rows they hold.
static enum bv_status measure(const char *path, const json_t *setup, uint64_t block,
                              uint64_t *n_done, long *keep, struct bv_error *err)
{
    struct bv_journal_reader reader = {0};
    struct bv_journal_record record;
    bool found = true;
    BV_TRY(bv_journal_read(&reader, path, err));
    enum bv_status status = BV_OK;
    if (!json_equal(reader.setup, setup)) {
        char text[256];
        status =
            bv_fail(err, BV_ERR_ARG, "%s: cannot resume, this run differs from the journal's: %s",
                    path, bv_setup_difference(setup, reader.setup, text));
    }
    uint64_t n = 0;
    *keep = reader.intact;
    *n_done = 0;
    while (status == BV_OK && found) {
        status = bv_journal_next(&reader, &record, &found, err);
        n += found;
        if (found && n % block == 0) {
            *keep = reader.intact;
            *n_done = n;
        }
    }
    bv_journal_reader_close(&reader);
    return status;
}

static enum bv_status lock(FILE *stream, const char *path, struct bv_error *err)
{
    if (flock(fileno(stream), LOCK_EX | LOCK_NB) == 0)
        return BV_OK;
    if (errno == EWOULDBLOCK)
        return bv_fail(err, BV_ERR_ARG, "%s: another process is writing it", path);
    return fail_io(path, err);
}

// A journal killed while its first line was written holds nothing yet.
static bool has_line(const char *path)
{
    FILE *stream = fopen(path, "rbe");
    int c = EOF;
    while (stream && (c = getc(stream)) != EOF && c != '\n')
        ;
    if (stream)
        (void)fclose(stream);
    return c == '\n';
}

static enum bv_status begin(struct bv_journal_writer *w, const json_t *setup, struct bv_error *err)
{
    char *text = json_dumps(setup, JSON_COMPACT | JSON_SORT_KEYS);
    if (!text)
        return bv_fail_nomem(err, "a journal");
    enum bv_status status = append(w, text, err);
    free(text);
    BV_TRY(status);
    BV_TRY(append_crc(w, 0, err));
    return bv_journal_flush(w, err);
}

static enum bv_status open_writer(struct bv_journal_writer *w, const json_t *setup, bool resume,
                                  uint64_t block, uint64_t *n_done, struct bv_error *err)
{
    struct stat st;
    long keep = 0;
    bool exists = stat(w->path, &st) == 0 && st.st_size > 0;
    *n_done = 0;
    if (exists && !resume)
        return bv_fail(err, BV_ERR_ARG,
                       "%s: an evaluation was begun here; go on with --resume or choose another "
                       "folder",
                       w->path);
    w->stream = fopen(w->path, "abe");
    if (!w->stream)
        return fail_io(w->path, err);
    BV_TRY(lock(w->stream, w->path, err));
    if (exists && has_line(w->path))
        BV_TRY(measure(w->path, setup, block, n_done, &keep, err));
    if (ftruncate(fileno(w->stream), keep) != 0)
        return fail_io(w->path, err);
    return keep ? BV_OK : begin(w, setup, err);
}

enum bv_status bv_journal_write(struct bv_journal_writer *writer, const char *path,
                                const json_t *setup, bool resume, uint64_t block, uint64_t *n_done,
                                struct bv_error *err)
{
    struct bv_journal_writer made = {.path = strdup(path)};
    uint64_t done = 0;
    if (!made.path)
        return bv_fail_nomem(err, "a journal");
    made.n_labels = json_array_size(json_object_get(setup, "labels"));
    enum bv_status status = open_writer(&made, setup, resume, block, &done, err);
    if (status != BV_OK) {
        bv_journal_writer_close(&made);
        return status;
    }
    *writer = made;
    *n_done = done;
    return BV_OK;
}

enum bv_status bv_journal_put(struct bv_journal_writer *w, const struct bv_journal_record *record,
                              struct bv_error *err)
{
    char text[BV_NUMBER_CHARS], warnings[BV_WARNINGS_CHARS];
    size_t start = w->used;
    (void)snprintf(text, sizeof text, "%" PRIu64, record->index);
    BV_TRY(append(w, text, err));
    BV_TRY(append_separator(w, err));
    BV_TRY(append(w, record->reason ? record->reason : "ok", err));
    for (size_t i = 0; i < w->n_labels; i++) {
        bv_number_format(record->reason ? 0 : record->scores[i], text);
        BV_TRY(append_separator(w, err));
        BV_TRY(append(w, text, err));
    }
    bv_warnings_format(record->warnings, warnings);
    BV_TRY(append_separator(w, err));
    BV_TRY(append(w, warnings, err));
    BV_TRY(append_separator(w, err));
    BV_TRY(append(w, record->moved ? record->moved : "", err));
    BV_TRY(append_separator(w, err));
    BV_TRY(append(w, record->reason ? record->message : "", err));
    return append_crc(w, start, err);
}

enum bv_status bv_journal_flush(struct bv_journal_writer *w, struct bv_error *err)
{
    bool ok = fwrite(w->buffer, 1, w->used, w->stream) == w->used && fflush(w->stream) == 0;
    w->used = 0;
    return ok ? BV_OK : fail_io(w->path, err);
}

enum bv_status bv_journal_finish(struct bv_journal_writer *w, struct bv_error *err)
{
    enum bv_status status = bv_journal_flush(w, err);
    if (status == BV_OK && fsync(fileno(w->stream)) != 0)
        status = fail_io(w->path, err);
    bv_journal_writer_close(w);
    return status;
}

void bv_journal_writer_close(struct bv_journal_writer *w)
{
    if (w->stream)
        (void)fclose(w->stream);
    free(w->path);
    free(w->buffer);
    *w = (struct bv_journal_writer){0};
}

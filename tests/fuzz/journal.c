// The journal reader on lines of any bytes whose sums are right (no fuzzer guesses a CRC-32), or,
// for an input that begins with a line end, on the bytes as they are. A record that is accepted is
// written and read again to the same.
#include "target.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "eval/data/journal.h"
#include "memory_file.h"

static void expect(bool holds)
{
    if (!holds)
        abort();
}

// The bytes with a sum at the end of each line.
static char *with_sums(const uint8_t *data, size_t size, size_t *n)
{
    char *text = NULL;
    FILE *f = open_memstream(&text, n);
    expect(f != NULL);
    for (size_t at = 0; at < size;) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        size_t length = end ? (size_t)(end - data) - at : size - at;
        (void)fwrite(data + at, 1, length, f);
        (void)fprintf(f, "\t%08lx\n", crc32_z(0, data + at, length));
        at += length + 1;
    }
    (void)fclose(f);
    return text;
}

static void round_trip(const struct bv_journal_reader *r, const struct bv_journal_record *record)
{
    char path[64];
    struct bv_journal_writer w = {.n_labels = r->n_labels};
    struct bv_error err = {0};
    char *setup = json_dumps(r->setup, JSON_COMPACT), *text = NULL;
    size_t n = 0;
    expect(setup != NULL && bv_journal_put(&w, record, &err) == BV_OK);
    FILE *f = open_memstream(&text, &n);
    expect(f != NULL);
    (void)fprintf(f, "%s\t%08lx\n", setup, crc32_z(0, (const unsigned char *)setup, strlen(setup)));
    (void)fwrite(w.buffer, 1, w.used, f);
    (void)fclose(f);
    int file = memory_file(text, n, path);
    struct bv_journal_reader back = {0};
    struct bv_journal_record same;
    bool found = false;
    expect(bv_journal_read(&back, path, &err) == BV_OK);
    expect(bv_journal_next(&back, &same, &found, &err) == BV_OK && found);
    expect(same.index == record->index && same.warnings == record->warnings);
    expect(!same.reason == !record->reason && !same.moved == !record->moved);
    for (size_t i = 0; !same.reason && i < r->n_labels; i++)
        expect(same.scores[i] == record->scores[i]);
    bv_journal_reader_close(&back);
    (void)close(file);
    bv_journal_writer_close(&w);
    free(setup);
    free(text);
}

static void read_records(const char *path)
{
    struct bv_journal_reader reader = {0};
    struct bv_journal_record record;
    struct bv_error err = {0};
    bool found = true;
    if (bv_journal_read(&reader, path, &err) != BV_OK)
        return;
    while (found && bv_journal_next(&reader, &record, &found, &err) == BV_OK)
        if (found)
            round_trip(&reader, &record);
    bv_journal_reader_close(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    size_t n = 0;
    bool as_is = size && *data == '\n';
    char *text = as_is ? NULL : with_sums(data, size, &n);
    int file = as_is ? memory_file(data + 1, size - 1, path) : memory_file(text, n, path);
    read_records(path);
    (void)close(file);
    free(text);
    return 0;
}

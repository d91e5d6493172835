// journal.h: what an evaluation has done so far, one line per image, so that it can be killed at
// any time and go on.
//
// A line holds, separated by tabs: the row's number, why it failed ("ok" when it did not), the
// scores as the shortest digits that read back the same, the image's warnings, the device that took
// over from the one in the setup (pipeline.h; empty where none did), the error's sentence, and the
// CRC-32 of all that. The first line holds the run's setup (JSON) and its CRC-32. A torn last line
// fails its check and is dropped.
#ifndef BV_EVAL_DATA_JOURNAL_H
#define BV_EVAL_DATA_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/json.h"

struct bv_journal_record {
    uint64_t index;       // of the row in the data set
    const char *reason;   // NULL: evaluated
    const char *message;  // "" without reason
    const double *scores; // [n_labels]; of a failed row undefined
    uint32_t warnings;    // of the image (warnings.h)
    const char *moved;    // NULL, or what took over from the device of the setup (pipeline.h)
};

// Reads a journal's intact part.
struct bv_journal_reader {
    FILE *stream;
    char *path, *line;
    size_t room;
    json_t *setup;
    double *scores;
    size_t n_labels;
    long intact; // bytes read that are whole
};

// Opens a journal and reads its setup. A missing file is BV_ERR_IO, one whose first line is not
// intact BV_ERR_FORMAT. n_labels is the length of setup["labels"]. Zero-initialise the reader.
enum bv_status bv_journal_read(struct bv_journal_reader *reader, const char *path,
                               struct bv_error *err);
// *found is false at the end, or where the intact part ends.
enum bv_status bv_journal_next(struct bv_journal_reader *reader, struct bv_journal_record *record,
                               bool *found, struct bv_error *err);
void bv_journal_reader_close(struct bv_journal_reader *reader);

struct bv_journal_writer {
    FILE *stream;
    char *path, *buffer;
    size_t n_labels, used, room; // of buffer, which collects lines until the next flush
};

// Begins a journal. An existing one is BV_ERR_ARG without resume. With resume its setup must equal
// this one (BV_ERR_ARG names the first difference); whole blocks of block rows are kept, the rest
// is cut off, and *n_done says how many rows remain. A journal that another process writes is
// BV_ERR_ARG. Zero-initialise the writer.
enum bv_status bv_journal_write(struct bv_journal_writer *writer, const char *path,
                                const json_t *setup, bool resume, uint64_t block, uint64_t *n_done,
                                struct bv_error *err);
enum bv_status bv_journal_put(struct bv_journal_writer *writer,
                              const struct bv_journal_record *record, struct bv_error *err);
// Hands all rows put so far to the system: they survive the process.
enum bv_status bv_journal_flush(struct bv_journal_writer *writer, struct bv_error *err);
// Flushes and makes durable. Closes in failure too.
enum bv_status bv_journal_finish(struct bv_journal_writer *writer, struct bv_error *err);
void bv_journal_writer_close(struct bv_journal_writer *writer); // accepts a zeroed or finished one

#endif

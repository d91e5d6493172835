// csv.h: comma-separated values (RFC 4180) as a stream, in memory that does not grow with the file.
//
// The reader is strict where leniency would shift a value into another column: a quote inside an
// unquoted field, text after a closing quote, an unclosed quote, a bare carriage return, a zero
// byte and invalid UTF-8 are errors that name the line. It accepts a UTF-8 byte order mark, LF and
// CRLF line ends, or CR where the header line ends so, quoted fields with separators, line ends and
// doubled quotes, a last line without a line end, and skips blank lines. Blanks around the names of
// the header line are left out.
#ifndef BV_TABLE_CSV_H
#define BV_TABLE_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/status.h"

#define BV_CSV_MAX_RECORD_BYTES (16u << 20) // one record
#define BV_CSV_MAX_COLUMNS 16384

// One record. Belongs to the reader, valid until its next call.
struct bv_csv_row {
    char *const *fields; // n strings
    size_t n;
    uint64_t line; // of the file, from 1, where the record begins
};

struct bv_csv_reader;

// What separates the fields of a file of this name: a tab where it ends in .tsv, else a comma.
char bv_csv_separator(const char *path);

// Opens a file ("-" is stdin) and reads its header line. An empty file is BV_ERR_FORMAT. Messages
// name path. The caller closes the reader.
enum bv_status bv_csv_open(struct bv_csv_reader **reader, const char *path, char separator,
                           struct bv_error *err);

// The same from an open stream, which the reader then owns, in failure too; name stands for it in
// messages.
enum bv_status bv_csv_open_stream(struct bv_csv_reader **reader, FILE *stream, const char *name,
                                  char separator, struct bv_error *err);

void bv_csv_close(struct bv_csv_reader **reader); // accepts NULL

// The column names, in order.
const struct bv_csv_row *bv_csv_header(const struct bv_csv_reader *reader);

// The number of the column of this name, or -1 when no column has it. Names are compared exactly.
// A name that two columns have is BV_ERR_FORMAT.
enum bv_status bv_csv_find(const struct bv_csv_reader *reader, const char *name, int *column,
                           struct bv_error *err);

// The next record; *row is NULL after the last one. A record may have more or fewer fields than the
// header: whether that is an error of the row or of the file is the caller's to say.
enum bv_status bv_csv_next(struct bv_csv_reader *reader, const struct bv_csv_row **row,
                           struct bv_error *err);

// Writes fields and records to a stream that the caller owns. Write errors stay in the stream
// (ferror) until it is closed or committed.
struct bv_csv_writer {
    FILE *stream;
    char separator;
    bool in_record;
};

// Quoted only where it must be. NULL is an empty field.
void bv_csv_put(struct bv_csv_writer *writer, const char *field);
// The shortest digits that read back as the same number; NaN is NA.
void bv_csv_put_number(struct bv_csv_writer *writer, double value);
void bv_csv_put_integer(struct bv_csv_writer *writer, int64_t value);
void bv_csv_end(struct bv_csv_writer *writer);

// number.c: numbers in text files, the same in every locale.

#define BV_NUMBER_CHARS 32 // room for any formatted number and its terminator

// The shortest decimal form that reads back as the same double; "NA" for NaN.
void bv_number_format(double value, char out[BV_NUMBER_CHARS]);

// Reads a whole string as a finite decimal number, blanks around it allowed; false otherwise.
bool bv_number_parse(const char *text, double *value);

#endif

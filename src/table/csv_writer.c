#include <inttypes.h>
#include <string.h>

#include "table/csv.h"

static void put_separator(struct bv_csv_writer *writer)
{
    if (writer->in_record)
        (void)putc(writer->separator, writer->stream);
    writer->in_record = true;
}

// A field that begins or ends with a blank is quoted too: some readers trim.
static bool needs_quotes(const struct bv_csv_writer *writer, const char *field)
{
    size_t n = strlen(field);
    return strchr(field, writer->separator) || strpbrk(field, "\"\r\n") ||
           (n && (field[0] == ' ' || field[n - 1] == ' '));
}

void bv_csv_put(struct bv_csv_writer *writer, const char *field)
{
    put_separator(writer);
    if (!field)
        return;
    if (!needs_quotes(writer, field)) {
        (void)fputs(field, writer->stream);
        return;
    }
    (void)putc('"', writer->stream);
    for (; *field; field++) {
        if (*field == '"')
            (void)putc('"', writer->stream);
        (void)putc(*field, writer->stream);
    }
    (void)putc('"', writer->stream);
}

void bv_csv_put_number(struct bv_csv_writer *writer, double value)
{
    char text[BV_NUMBER_CHARS];
    bv_number_format(value, text);
    put_separator(writer);
    (void)fputs(text, writer->stream);
}

void bv_csv_put_integer(struct bv_csv_writer *writer, int64_t value)
{
    put_separator(writer);
    (void)fprintf(writer->stream, "%" PRId64, value);
}

void bv_csv_end(struct bv_csv_writer *writer)
{
    (void)putc('\n', writer->stream);
    writer->in_record = false;
}

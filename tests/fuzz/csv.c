// The CSV reader on any bytes; what it accepts is written and read again to the same fields.
#include "target.h"

#include <stdlib.h>
#include <string.h>

#include "table/csv.h"

static void expect(bool holds)
{
    if (!holds)
        abort();
}

// The fields of a row through the writer and back.
static void round_trip(const struct bv_csv_row *row)
{
    char *text = NULL;
    size_t n = 0;
    FILE *stream = open_memstream(&text, &n);
    expect(stream != NULL);
    struct bv_csv_writer writer = {.stream = stream, .separator = ','};
    // Not as the header, whose names lose their blanks.
    for (size_t i = 0; i <= row->n; i++)
        bv_csv_put(&writer, "name");
    bv_csv_end(&writer);
    bv_csv_put(&writer, "first"); // a row of one empty field alone would be a blank line
    for (size_t i = 0; i < row->n; i++)
        bv_csv_put(&writer, row->fields[i]);
    bv_csv_end(&writer);
    (void)fclose(stream);
    struct bv_csv_reader *back = NULL;
    const struct bv_csv_row *read = NULL;
    enum bv_status status =
        row->n < BV_CSV_MAX_COLUMNS
            ? bv_csv_open_stream(&back, fmemopen(text, n, "rb"), "back", ',', NULL)
            : BV_ERR_LIMIT;
    if (status != BV_ERR_LIMIT) {
        expect(status == BV_OK && bv_csv_header(back)->n == row->n + 1);
        expect(bv_csv_next(back, &read, NULL) == BV_OK && read && read->n == row->n + 1);
        for (size_t i = 0; i < row->n; i++)
            expect(strcmp(read->fields[i + 1], row->fields[i]) == 0);
    }
    bv_csv_close(&back);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    struct bv_csv_reader *reader = NULL;
    struct bv_error err = {0};
    FILE *stream = fmemopen((void *)(uintptr_t)data, size, "rb");
    if (!stream || bv_csv_open_stream(&reader, stream, "fuzz", ',', &err) != BV_OK)
        return 0;
    const struct bv_csv_row *row = bv_csv_header(reader);
    do
        round_trip(row);
    while (bv_csv_next(reader, &row, &err) == BV_OK && row);
    bv_csv_close(&reader);
    return 0;
}

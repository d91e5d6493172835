// Tests of the CSV reader and writer, on texts held in memory.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "support/check.h"
#include "table/csv.h"

static enum bv_status open_bytes(struct bv_csv_reader **reader, const char *text, size_t n,
                                 struct bv_error *err)
{
    FILE *stream = tmpfile();
    assert_non_null(stream);
    assert_int_equal(fwrite(text, 1, n, stream), n);
    rewind(stream);
    return bv_csv_open_stream(reader, stream, "t.csv", ',', err);
}

static enum bv_status open_text(struct bv_csv_reader **reader, const char *text,
                                struct bv_error *err)
{
    return open_bytes(reader, text, strlen(text), err);
}

// Everything in one string: fields in [] and records ended by ;
static void dump(struct bv_csv_reader *reader, char *out, size_t room)
{
    struct bv_error err = {0};
    const struct bv_csv_row *row = bv_csv_header(reader);
    size_t used = 0;
    while (row) {
        for (size_t i = 0; i < row->n; i++)
            used += (size_t)snprintf(out + used, room - used, "[%s]", row->fields[i]);
        used += (size_t)snprintf(out + used, room - used, ";");
        assert_ok(bv_csv_next(reader, &row, &err), err);
    }
}

static void test_forms(void **state)
{
    (void)state;
    static const struct {
        const char *text, *dump;
    } cases[] = {
        {"a,b\n1,2\n", "[a][b];[1][2];"},
        {"a,b\n1,2", "[a][b];[1][2];"},
        {"\xef\xbb\xbf"
         "a,b\r\n1,2\r\n",
         "[a][b];[1][2];"},
        {"a\n\"x,y\"\n", "[a];[x,y];"},
        {"a\n\"x\"\"y\"\n", "[a];[x\"y];"},
        {"a,b\n\"x\ny\",\"\"\n", "[a][b];[x\ny][];"},
        {"a,b\n\"x\r\ny\",z\n", "[a][b];[x\r\ny][z];"},
        {"a,b\n,\n", "[a][b];[][];"},
        {"a,b\n\n\r\n1,2\n\n", "[a][b];[1][2];"},
        {"a,b\n1\n1,2,3\n", "[a][b];[1];[1][2][3];"},
        {"a,b\n1,", "[a][b];[1][];"},
        {"a,\xc3\xa4\n 1 ,2\n", "[a][\xc3\xa4];[ 1 ][2];"},
        {"a,b", "[a][b];"},
        {"\"a\"", "[a];"},
        // Blanks around names, and lines that end in CR alone.
        {"a, b ,\" c \",\xc2\xa0"
         "d\t\n1, 2,3,4\n",
         "[a][b][c][d];[1][ 2][3][4];"},
        {"a,b\r1,2\r\r\"x\ry\",4", "[a][b];[1][2];[x\ry][4];"},
        {"a\r1\r\n2\n3\r", "[a];[1];[2];[3];"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bv_csv_reader *reader = NULL;
        struct bv_error err = {0};
        char text[256];
        assert_ok(open_text(&reader, cases[i].text, &err), err);
        dump(reader, text, sizeof text);
        assert_string_equal(text, cases[i].dump);
        bv_csv_close(&reader);
        assert_null(reader);
    }
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n; // 0: strlen
        const char *words;
    } cases[] = {
        {"", 0, "empty"},
        {"\xef\xbb\xbf\n\n", 0, "empty"},
        {"a\n\"x\n", 0, "line 2: a quote that is never closed"},
        {"a\nx\n\"x\ny\"z\n", 0, "line 4: text after a closing quote"},
        {"a\nx\"y\n", 0, "line 2: a quote inside a field"},
        {"a\n1\r2\n", 0, "line 2: a carriage return"},
        {"a\n1\0002\n", 6, "line 2: a zero byte"},
        {"a\n\"1\0002\"\n", 8, "line 2: a zero byte"},
        {"a\n\xff\n", 0, "line 2: not UTF-8"},
        {"\xff\xfe"
         "a\0\n\0",
         6, "UTF-16"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bv_csv_reader *reader = NULL;
        struct bv_error err = {0};
        const struct bv_csv_row *row = NULL;
        size_t n = cases[i].n ? cases[i].n : strlen(cases[i].text);
        enum bv_status status = open_bytes(&reader, cases[i].text, n, &err);
        if (status == BV_OK)
            do
                status = bv_csv_next(reader, &row, &err);
            while (status == BV_OK && row);
        assert_int_equal(status, BV_ERR_FORMAT);
        if (!strstr(err.text, cases[i].words) || !strstr(err.text, "t.csv"))
            fail_msg("case %zu said \"%s\", not \"%s\"", i, err.text, cases[i].words);
        bv_csv_close(&reader);
    }
}

static void test_find(void **state)
{
    (void)state;
    struct bv_csv_reader *reader = NULL;
    struct bv_error err = {0};
    int column = 7;
    assert_ok(open_text(&reader, "path,x,y,x\n", &err), err);
    assert_ok(bv_csv_find(reader, "y", &column, &err), err);
    assert_int_equal(column, 2);
    assert_ok(bv_csv_find(reader, "Path", &column, &err), err);
    assert_int_equal(column, -1);
    assert_int_equal(bv_csv_find(reader, "x", &column, &err), BV_ERR_FORMAT);
    assert_int_equal(column, -1);
    bv_csv_close(&reader);
}

static void test_limits(void **state)
{
    (void)state;
    struct bv_error err = {0};
    struct bv_csv_reader *reader = NULL;
    size_t n = (size_t)BV_CSV_MAX_RECORD_BYTES + 2;
    char *text = malloc(n + 1);
    assert_non_null(text);
    memset(text, 'x', n);
    assert_int_equal(open_bytes(&reader, text, n, &err), BV_ERR_LIMIT);
    memset(text, ',', BV_CSV_MAX_COLUMNS);
    assert_int_equal(open_bytes(&reader, text, BV_CSV_MAX_COLUMNS, &err), BV_ERR_LIMIT);
    assert_null(reader);
    free(text);
}

// A million rows leave the process as large as it was (measured: 0 KiB more).
static void test_million(void **state)
{
    (void)state;
    FILE *stream = tmpfile();
    assert_non_null(stream);
    struct bv_csv_writer writer = {.stream = stream, .separator = ','};
    bv_csv_put(&writer, "path");
    bv_csv_put(&writer, "label");
    bv_csv_end(&writer);
    for (int i = 0; i < 1000000; i++) {
        char path[32];
        (void)snprintf(path, sizeof path, "images/%07d, \"x\".png", i);
        bv_csv_put(&writer, path);
        bv_csv_put_integer(&writer, i % 2);
        bv_csv_end(&writer);
    }
    rewind(stream);
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    struct bv_csv_reader *reader = NULL;
    struct bv_error err = {0};
    const struct bv_csv_row *row = NULL;
    assert_ok(bv_csv_open_stream(&reader, stream, "t.csv", ',', &err), err);
    int n = 0;
    for (;; n++) {
        assert_ok(bv_csv_next(reader, &row, &err), err);
        if (!row)
            break;
        assert_int_equal(row->n, 2);
        assert_int_equal(row->line, (uint64_t)n + 2);
        assert_int_equal(atoi(row->fields[0] + 7), n);
        assert_int_equal(row->fields[1][0], '0' + n % 2);
    }
    assert_int_equal(n, 1000000);
    bv_csv_close(&reader);
    getrusage(RUSAGE_SELF, &after);
    assert_in_range(after.ru_maxrss - before.ru_maxrss, 0, 4096);
}

// What is written is read back as it was.
static void test_round_trip(void **state)
{
    (void)state;
    static const char *const fields[] = {
        "a", "", "x,y", "he said \"no\"", "two\nlines", " blank ", "\r\n", "\"", "=1+1"};
    FILE *stream = tmpfile();
    assert_non_null(stream);
    struct bv_csv_writer writer = {.stream = stream, .separator = ','};
    bv_csv_put(&writer, "name");
    bv_csv_end(&writer);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        bv_csv_put(&writer, fields[i]);
    bv_csv_put(&writer, NULL);
    bv_csv_put_number(&writer, 0.1);
    bv_csv_put_number(&writer, NAN);
    bv_csv_put_integer(&writer, INT64_MIN);
    bv_csv_end(&writer);
    rewind(stream);
    struct bv_csv_reader *reader = NULL;
    struct bv_error err = {0};
    const struct bv_csv_row *row = NULL;
    assert_ok(bv_csv_open_stream(&reader, stream, "t.csv", ',', &err), err);
    assert_ok(bv_csv_next(reader, &row, &err), err);
    assert_non_null(row);
    assert_int_equal(row->n, 13);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        assert_string_equal(row->fields[i], fields[i]);
    assert_string_equal(row->fields[9], "");
    assert_string_equal(row->fields[10], "0.1");
    assert_string_equal(row->fields[11], "NA");
    assert_string_equal(row->fields[12], "-9223372036854775808");
    bv_csv_close(&reader);
}

static void test_numbers(void **state)
{
    (void)state;
    static const double values[] = {0.1, 1.0 / 3, 1e-300, -2.5, 0, 123456789012345680.0, 5e-324};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char text[BV_NUMBER_CHARS];
        double back = 7;
        bv_number_format(values[i], text);
        assert_true(bv_number_parse(text, &back));
        assert_true(back == values[i]);
    }
    static const char *const wrong[] = {"",    " ",     "x",   "1x",  "0x10", "nan",
                                        "inf", "1e999", "1,5", "1 2", "--1"};
    double value = 7;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(bv_number_parse(wrong[i], &value));
    assert_true(value == 7);
    assert_true(bv_number_parse(" -1.0 ", &value));
    assert_true(value == -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),   cmocka_unit_test(test_errors),
        cmocka_unit_test(test_find),    cmocka_unit_test(test_limits),
        cmocka_unit_test(test_million), cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

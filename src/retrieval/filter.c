#include "retrieval/query.h"

#include <stdbool.h>
#include <string.h>

enum { MAX_CONDITIONS = 32 };

#define FIELD "json_extract(i.metadata, ?)"
// A number, or a text that begins with one; any other value passes no comparison of numbers.
#define NUMBER                                                                                     \
    "(SELECT CASE WHEN typeof(v) <> 'text' OR v GLOB '[0-9]*' OR v GLOB '[-+.][0-9]*'"             \
    " THEN CAST(v AS REAL) END FROM (SELECT " FIELD " AS v))"

static const struct {
    const char *op, *sql;
} operators[] = {
    // Longer ones first.
    {"!=", "coalesce(CAST(" FIELD " AS TEXT) <> ?, 1)"},
    {"<=", NUMBER " <= CAST(? AS REAL)"},
    {">=", NUMBER " >= CAST(? AS REAL)"},
    {"=", "CAST(" FIELD " AS TEXT) = ?"},
    {"<", NUMBER " < CAST(? AS REAL)"},
    {">", NUMBER " > CAST(? AS REAL)"},
    {"~", "instr(lower(CAST(" FIELD " AS TEXT)), lower(?)) > 0"},
};

// Whether a text is a decimal number and nothing else.
static bool is_number(const char *text)
{
    static const char digits[] = "0123456789";
    text += *text == '-' || *text == '+';
    size_t whole = strspn(text, digits);
    text += whole;
    size_t part = *text == '.' ? strspn(text + 1, digits) : 0;
    text += part ? part + 1 : 0;
    return whole + part > 0 && whole + part < 300 && !*text;
}

// Splits a condition at its first operator; appends its SQL and its two values.
static enum bv_status add_condition(struct bv_filter *f, const char *condition,
                                    struct bv_arena *arena, struct bv_error *err)
{
    size_t key = strcspn(condition, "=!<>~");
    if (key == 0 || !condition[key] || memchr(condition, '"', key))
        return bv_fail(err, BV_ERR_ARG,
                       "\"%.100s\" is no condition: KEY=VALUE, or with != < <= > "
                       ">= ~",
                       condition);
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        size_t length = strlen(operators[i].op);
        if (strncmp(condition + key, operators[i].op, length) != 0)
            continue;
        bool numeric = operators[i].op[0] == '<' || operators[i].op[0] == '>';
        if (numeric && !is_number(condition + key + length))
            return bv_fail(err, BV_ERR_ARG,
                           "\"%.100s\": what is compared by < or > is a number, as 60 or 0.5",
                           condition);
        const char *path = bv_arena_printf(arena, "$.\"%.*s\"", (int)key, condition);
        const char *value = bv_arena_strdup(arena, condition + key + length);
        const char *sql = f->sql ? bv_arena_printf(arena, "%s AND %s", f->sql, operators[i].sql)
                                 : operators[i].sql;
        if (!path || !value || !sql)
            return bv_fail_nomem(err, "a filter");
        f->values[f->n_values++] = path;
        f->values[f->n_values++] = value;
        f->sql = sql;
        return BV_OK;
    }
    return bv_fail(err, BV_ERR_ARG, "\"%.100s\" has no operator that is known", condition);
}

// The next words of a text between blanks, or between double quotes.
struct phrase {
    const char *text;
    size_t n;
    bool quoted, prefix;
};

static bool next_phrase(const char **at, struct phrase *phrase)
{
    static const char blanks[] = " \t\r\n";
    const char *p = *at + strspn(*at, blanks);
    phrase->quoted = *p == '"';
    phrase->text = p + phrase->quoted;
    phrase->n = strcspn(phrase->text, phrase->quoted ? "\"" : " \t\r\n\"");
    *at = phrase->text + phrase->n;
    if (phrase->quoted && **at)
        (*at)++;
    phrase->prefix = phrase->n > 1 && !phrase->quoted && phrase->text[phrase->n - 1] == '*';
    return *p != 0;
}

static bool has_word(const struct phrase *phrase)
{
    for (size_t i = 0; i < phrase->n; i++) {
        unsigned char c = (unsigned char)phrase->text[i];
        if (c >= 0x80 || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'))
            return true;
    }
    return false;
}

static bool is_operator(const struct phrase *phrase)
{
    static const char *const names[] = {"AND", "OR", "NOT", "NEAR"};
    for (size_t i = 0; i < sizeof names / sizeof *names && !phrase->quoted; i++)
        if (strlen(names[i]) == phrase->n && memcmp(names[i], phrase->text, phrase->n) == 0)
            return true;
    return false;
}

enum bv_status bv_filter_words(const char *text, struct bv_arena *arena, const char **query,
                               struct bv_error *err)
{
    struct phrase phrase;
    const char *made = NULL;
    while (next_phrase(&text, &phrase)) {
        if (is_operator(&phrase))
            return bv_fail(err, BV_ERR_ARG,
                           "%.*s in a search for words: write it small or in quotes, or use FTS5's "
                           "syntax, in which it is an operator",
                           (int)phrase.n, phrase.text);
        if (!has_word(&phrase))
            continue;
        made =
            bv_arena_printf(arena, "%s%s\"%.*s\"%s", made ? made : "", made ? " AND " : "",
                            (int)(phrase.n - phrase.prefix), phrase.text, phrase.prefix ? "*" : "");
        if (!made)
            return bv_fail_nomem(err, "a search for words");
    }
    if (!made)
        return bv_fail(err, BV_ERR_ARG, "a search for words has no word in it");
    *query = made;
    return BV_OK;
}

enum bv_status bv_filter_make(struct bv_filter *filter, const char *const *conditions, size_t n,
                              const char *full_text, struct bv_arena *arena, struct bv_error *err)
{
    struct bv_filter f = {0};
    if (n > MAX_CONDITIONS)
        return bv_fail(err, BV_ERR_LIMIT, "more than %d conditions", MAX_CONDITIONS);
    f.values = bv_arena_array(arena, 2 * n + 2, sizeof *f.values);
    if (!f.values)
        return bv_fail_nomem(err, "a filter");
    for (size_t i = 0; i < n; i++)
        BV_TRY(add_condition(&f, conditions[i], arena, err));
    if (full_text) {
        // A report by its own words, an image by those of its study's standing reports.
        static const char match[] =
            "CASE i.kind WHEN 0 THEN s.number IN (SELECT belongs FROM standing WHERE number IN"
            " (SELECT rowid FROM report_text WHERE report_text MATCH ?))"
            " ELSE i.id IN (SELECT id FROM report WHERE number IN"
            " (SELECT rowid FROM report_text WHERE report_text MATCH ?)) END";
        f.sql = f.sql ? bv_arena_printf(arena, "%s AND %s", f.sql, match) : match;
        const char *words = bv_arena_strdup(arena, full_text);
        if (!f.sql || !words)
            return bv_fail_nomem(err, "a filter");
        f.values[f.n_values++] = words;
        f.values[f.n_values++] = words;
    }
    *filter = f;
    return BV_OK;
}

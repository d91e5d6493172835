#include "retrieval/scrub.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/encoding.h"

enum { WORD_ROOM = 24 };

static size_t digits(const char *p, size_t n)
{
    size_t i = 0;
    while (i < n && isdigit((unsigned char)p[i]))
        i++;
    return i;
}

// The word at p in ASCII without case and accents; its length in the text, 0 when it is none.
static size_t read_word(const char *p, size_t n, char word[WORD_ROOM])
{
    size_t at = 0, used = 0;
    while (at < n) {
        uint32_t c, out[BV_FOLD_ROOM];
        size_t length = bv_utf8_decode(p + at, n - at, &c);
        if (length == 0 || bv_char_class(c) != BV_CHAR_WORD || (c >= '0' && c <= '9'))
            break;
        size_t made = bv_fold_char(c, false, out);
        for (size_t i = 0; i < made; i++) {
            if (out[i] >= 0x80 || used + 1 >= WORD_ROOM)
                return 0;
            word[used++] = (char)out[i];
        }
        at += length;
    }
    word[used] = 0;
    return at;
}

static bool is_one_of(const char *word, const char *const *list)
{
    for (; *list; list++) {
        if (strcmp(word, *list) == 0)
            return true;
    }
    return false;
}

// The length of a month's name at p. *certain: it is nothing else.
static size_t match_month(const char *p, size_t n, bool *certain)
{
    static const char *const months[] = {
        "jan",      "feb",       "apr",       "jun",      "jul",      "aug",      "sept",
        "oct",      "nov",       "january",   "february", "march",    "april",    "june",
        "july",     "august",    "september", "october",  "november", "december", "januar",
        "februar",  "marz",      "maerz",     "juni",     "juli",     "oktober",  "dezember",
        "okt",      "dez",       "janvier",   "fevrier",  "avril",    "juin",     "juillet",
        "aout",     "septembre", "octobre",   "novembre", "decembre", "enero",    "febrero",
        "marzo",    "abril",     "mayo",      "junio",    "julio",    "agosto",   "septiembre",
        "octubre",  "noviembre", "diciembre", "gennaio",  "febbraio", "aprile",   "maggio",
        "giugno",   "luglio",    "settembre", "ottobre",  "dicembre", "januari",  "februari",
        "maart",    "janeiro",   "fevereiro", "marco",    "maio",     "junho",    "julho",
        "setembro", "outubro",   "novembro",  "dezembro", "janner",   NULL};
    static const char *const others[] = {"may", "mar", "mars", "mai", "mei", "sep", "dec", NULL};
    char word[WORD_ROOM];
    size_t length = read_word(p, n, word);
    if (length == 0)
        return 0;
    *certain = is_one_of(word, months);
    return *certain || is_one_of(word, others) ? length : 0;
}

// "31", "31.", "31st", "third", "twenty-first".
static size_t match_day(const char *p, size_t n)
{
    static const char *const ordinals[] = {
        "first",      "second",     "third",     "fourth",    "fifth",       "sixth",
        "seventh",    "eighth",     "ninth",     "tenth",     "eleventh",    "twelfth",
        "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth",
        "nineteenth", "twentieth",  "twenty",    "thirtieth", "thirty",      NULL};
    char word[WORD_ROOM];
    size_t at = digits(p, n);
    if (at == 1 || at == 2) {
        static const char *const ends[] = {"st", "nd", "rd", "th", "er"};
        for (size_t i = 0; i < 5; i++) {
            if (n - at >= 2 && strncasecmp(p + at, ends[i], 2) == 0)
                return at + 2;
        }
        return at + (at < n && p[at] == '.');
    }
    if (at > 0)
        return 0;
    at = read_word(p, n, word);
    if (at == 0 || !is_one_of(word, ordinals))
        return 0;
    if (strncmp(word, "twenty", 7) != 0 && strncmp(word, "thirty", 7) != 0)
        return at;
    size_t second =
        at < n && (p[at] == '-' || p[at] == ' ') ? read_word(p + at + 1, n - at - 1, word) : 0;
    return second > 0 && is_one_of(word, ordinals) ? at + 1 + second : 0;
}

// What may stand between day, month and year.
static size_t match_between(const char *p, size_t n)
{
    static const char *const words[] = {"of", "de", "del", "den", NULL};
    char word[WORD_ROOM];
    size_t at = 0;
    while (at < n && at < 4 && strchr(" ,.-/'", p[at]))
        at++;
    size_t length = read_word(p + at, n - at, word);
    if (length > 0 && is_one_of(word, words)) {
        at += length;
        while (at < n && p[at] == ' ')
            at++;
    }
    return at;
}

static size_t match_year(const char *p, size_t n)
{
    size_t between = match_between(p, n), year = digits(p + between, n - between);
    return between > 0 && (year == 4 || (year == 2 && p[between - 1] != ' ')) ? between + year : 0;
}

// Day, month and perhaps a year.
static size_t match_day_first(const char *p, size_t n)
{
    bool certain = false;
    size_t at = match_day(p, n);
    if (at == 0)
        return 0;
    at += match_between(p + at, n - at);
    size_t month = match_month(p + at, n - at, &certain);
    if (month == 0)
        return 0;
    at += month;
    size_t between = match_between(p + at, n - at),
           year = digits(p + at + between, n - at - between);
    if (between > 0 && (year == 4 || year == 2))
        return at + between + year;
    return certain ? at : 0;
}

static size_t match_month_first(const char *p, size_t n)
{
    bool certain = false;
    size_t at = match_month(p, n, &certain);
    if (at == 0)
        return 0;
    size_t gap = match_between(p + at, n - at), whole = digits(p + at + gap, n - at - gap);
    if (gap > 0 && whole == 4)
        return at + gap + 4;
    size_t day = gap > 0 ? match_day(p + at + gap, n - at - gap) : 0;
    if (day == 0)
        return 0;
    at += gap + day;
    size_t year = match_year(p + at, n - at);
    return year > 0 ? at + year : certain ? at : 0;
}

static size_t match_numeric(const char *p, size_t n)
{
    size_t at = digits(p, n);
    if (at == 0 || at > 4 || at >= n || !strchr("/-.", p[at]))
        return 0;
    char separator = p[at];
    size_t second = digits(p + at + 1, n - at - 1), end = at + 1 + second;
    if (second < 1 || second > 2 || end >= n || p[end] != separator)
        return 0;
    size_t third = digits(p + end + 1, n - end - 1);
    return third == 2 || third == 4 || (at == 4 && third >= 1) ? end + 1 + third : 0;
}

// The length of digits with a character behind them.
static size_t match_counted(const char *p, size_t n, const char *unit, size_t *count)
{
    size_t length = strlen(unit);
    *count = digits(p, n);
    return *count > 0 && n - *count >= length && memcmp(p + *count, unit, length) == 0
               ? *count + length
               : 0;
}

// "1961年2月3日", "2月3日", "36年2月".
static size_t match_east_asian(const char *p, size_t n)
{
    static const char *const units[][3] = {{"年", "月", "日"}, {"년", "월", "일"}};
    for (size_t i = 0; i < 2; i++) {
        size_t at = 0, count = 0, year = match_counted(p, n, units[i][0], &count);
        bool long_year = year > 0 && count == 4;
        at = year;
        while (year > 0 && at < n && p[at] == ' ')
            at++;
        size_t month = match_counted(p + at, n - at, units[i][1], &count);
        if (month == 0) {
            if (long_year)
                return year;
            continue;
        }
        at += month;
        size_t gap = at < n && p[at] == ' ';
        size_t day = match_counted(p + at + gap, n - at - gap, units[i][2], &count);
        if (day > 0)
            return at + gap + day;
        if (year > 0)
            return at;
    }
    return 0;
}

size_t bv_match_date(const char *p, size_t n)
{
    static size_t (*const kinds[])(const char *, size_t) = {match_numeric, match_day_first,
                                                            match_month_first, match_east_asian};
    size_t longest = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t length = kinds[i](p, n);
        longest = length > longest ? length : longest;
    }
    return longest;
}

size_t bv_match_time(const char *p, size_t n)
{
    size_t hour = digits(p, n);
    if (hour == 0 || hour > 2 || hour >= n || p[hour] != ':')
        return 0;
    if (digits(p + hour + 1, n - hour - 1) != 2)
        return 0;
    size_t at = hour + 3;
    if (at < n && p[at] == ':' && digits(p + at + 1, n - at - 1) == 2)
        at += 3;
    size_t word = at < n && p[at] == ' ' ? at + 1 : at;
    if (word + 2 <= n &&
        (strncasecmp(p + word, "am", 2) == 0 || strncasecmp(p + word, "pm", 2) == 0))
        at = word + 2;
    return at;
}

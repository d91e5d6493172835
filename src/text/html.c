#include "text/clean.h"

#include <string.h>

struct entity {
    const char *name;
    bool bare; // also known without the semicolon
    uint32_t value[2];
};

static const struct entity entities[] = {
#include "text/html_entities.inc"
};
enum { N_ENTITIES = sizeof entities / sizeof *entities, MAX_NAME = 32 };

static const struct entity *find(const char *name, size_t n)
{
    size_t low = 0, high = N_ENTITIES;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strncmp(entities[middle].name, name, n);
        if (order == 0 && entities[middle].name[n] != '\0')
            order = 1;
        if (order == 0)
            return &entities[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static size_t value_of(const struct entity *entity, uint32_t value[2])
{
    value[0] = entity->value[0];
    value[1] = entity->value[1];
    return value[1] ? 2 : 1;
}

size_t bv_html_entity(const char *name, size_t n, uint32_t value[2])
{
    const struct entity *entity = find(name, n);
    return entity ? value_of(entity, value) : 0;
}

// The longest beginning of name, of two characters at least, that is known without a semicolon.
static const struct entity *find_bare(const char *name, size_t n, size_t *taken)
{
    for (size_t length = n; length > 1; length--) {
        const struct entity *entity = find(name, length);
        if (entity && entity->bare) {
            *taken = length;
            return entity;
        }
    }
    return NULL;
}

bool bv_html_is_unknown(const char *name, size_t n)
{
    size_t taken;
    return !find(name, n) && !find_bare(name, n, &taken);
}

size_t bv_html_number(uint32_t number, uint32_t *value)
{
    // Numbers that mean a byte of Windows-1252; 0 stands for themselves.
    static const uint16_t windows_1252[32] = {
        0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
        0x2039, 0x0152, 0,      0x017d, 0,      0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
        0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,      0x017e, 0x0178,
    };
    *value = number;
    if (number == 0 || (number >= 0xd800 && number <= 0xdfff) || number > 0x10ffff) {
        *value = 0xfffd;
        return 1;
    }
    if (number >= 0x80 && number <= 0x9f) {
        if (windows_1252[number - 0x80])
            *value = windows_1252[number - 0x80];
        return 1;
    }
    bool control =
        (number < 0x20 && number != '\t' && number != '\n' && number != '\f' && number != '\r') ||
        number == 0x7f;
    bool noncharacter = (number >= 0xfdd0 && number <= 0xfdef) || (number & 0xfffeu) == 0xfffeu;
    return control || noncharacter ? 0 : 1;
}

static int digit(uint32_t rune, uint32_t base)
{
    if (rune >= '0' && rune <= '9')
        return (int)(rune - '0');
    if (base == 16 && (rune | 0x20) >= 'a' && (rune | 0x20) <= 'f')
        return (int)((rune | 0x20) - 'a') + 10;
    return -1;
}

// A numeric reference at text[0] == '&', text[1] == '#'. Returns its length or 0.
static size_t read_number(const uint32_t *text, size_t n, uint32_t *number)
{
    uint32_t base = n > 2 && (text[2] | 0x20) == 'x' ? 16 : 10;
    size_t first = base == 16 ? 3 : 2, i = first;
    uint32_t value = 0;
    for (; i < n && digit(text[i], base) >= 0; i++) {
        value = value * base + (uint32_t)digit(text[i], base);
        if (value > 0x110000)
            value = 0x110000;
    }
    if (i == first)
        return 0;
    *number = value;
    return i < n && text[i] == ';' ? i + 1 : i;
}

// Replaces the reference at text[0] == '&'. *taken is 0 when there is none.
static enum bv_status unescape_one(struct bv_runes *out, const uint32_t *text, size_t n,
                                   size_t *taken, struct bv_error *err)
{
    uint32_t value[2] = {0, 0}, number = 0;
    *taken = 0;
    if (n > 1 && text[1] == '#') {
        *taken = read_number(text, n, &number);
        return *taken ? bv_runes_append(out, value, bv_html_number(number, value), err) : BV_OK;
    }
    char name[MAX_NAME];
    size_t n_name = 0;
    while (n_name < MAX_NAME && 1 + n_name < n) {
        uint32_t rune = text[1 + n_name];
        if (rune >= 0x80 || strchr("\t\n\f <&#;", (int)rune))
            break;
        name[n_name++] = (char)rune;
    }
    const struct entity *entity = NULL;
    if (1 + n_name < n && text[1 + n_name] == ';' && (entity = find(name, n_name)) != NULL)
        *taken = n_name + 2;
    else if ((entity = find_bare(name, n_name, taken)) != NULL)
        ++*taken;
    return entity ? bv_runes_append(out, value, value_of(entity, value), err) : BV_OK;
}

enum bv_status bv_html_unescape(struct bv_runes *out, const uint32_t *text, size_t n,
                                struct bv_error *err)
{
    for (size_t i = 0; i < n;) {
        size_t taken = 0;
        if (text[i] == '&')
            BV_TRY(unescape_one(out, text + i, n - i, &taken, err));
        if (taken == 0)
            BV_TRY(bv_runes_push(out, text[i++], err));
        i += taken;
    }
    return BV_OK;
}

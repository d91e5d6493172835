#include "convert/import_steps.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "model/card.h"

#define MAX_CAPTURES 6

struct rule {
    const char *from, *to; // to is NULL: leave out
    enum bv_transform transform;
    bool keep;
};

struct bv_rules {
    struct bv_arena arena;
    struct rule *items;
    size_t n, room;
};

struct capture {
    char key;
    const char *text;
    size_t n;
};

// How many characters a placeholder may take at most.
static size_t widest(char key, const char *text)
{
    size_t n = 0;
    if (key == 'r')
        return strlen(text);
    if (key == 'w')
        return strcspn(text, ".");
    while (isdigit((unsigned char)text[n]))
        n++;
    return n;
}

// Matches with backtracking; patterns are short and have few placeholders.
static bool match(const char *pattern, const char *text, struct capture *captures, int n)
{
    while (*pattern && *pattern != '{') {
        if (*pattern++ != *text++)
            return false;
    }
    if (!*pattern)
        return !*text;
    const char *end = strchr(pattern, '}');
    if (!end || n == MAX_CAPTURES)
        return false;
    char key = pattern[1];
    for (size_t take = widest(key, text) + 1; take-- > 1;) {
        captures[n] = (struct capture){key, text, take};
        if (match(end + 1, text + take, captures, n + 1))
            return true;
        captures[n] = (struct capture){0};
    }
    return false;
}

bool bv_pattern_matches(const char *pattern, const char *name)
{
    struct capture captures[MAX_CAPTURES + 1] = {{0}};
    return match(pattern, name, captures, 0);
}

bool bv_patterns_match(const json_t *patterns, const char *name)
{
    size_t i;
    const json_t *pattern;
    json_array_foreach(patterns, i, pattern)
    {
        const char *text = json_string_value(pattern);
        if (text && bv_pattern_matches(text, name))
            return true;
    }
    return false;
}

static const char *substitute(struct bv_arena *arena, const char *to,
                              const struct capture *captures)
{
    size_t length = strlen(to) + 1;
    for (int i = 0; i < MAX_CAPTURES; i++)
        length += captures[i].n;
    char *out = bv_arena_alloc(arena, length), *at = out;
    if (!out)
        return NULL;
    while (*to) {
        const char *end = *to == '{' ? strchr(to, '}') : NULL;
        if (!end) {
            *at++ = *to++;
            continue;
        }
        for (int i = 0; i < MAX_CAPTURES; i++)
            if (captures[i].key == to[1]) {
                memcpy(at, captures[i].text, captures[i].n);
                at += captures[i].n;
                break;
            }
        to = end + 1;
    }
    return out;
}

static enum bv_status add(struct bv_rules *rules, const char *from, const char *to, const char *op,
                          struct bv_error *err)
{
    if (rules->n == rules->room) {
        size_t room = rules->room ? 2 * rules->room : 64;
        struct rule *items = realloc(rules->items, room * sizeof *items);
        if (!items)
            return bv_fail_nomem(err, "tensor rules");
        rules->items = items;
        rules->room = room;
    }
    struct rule r = {.from = from, .to = to};
    if (op && strcmp(op, "transpose") == 0)
        r.transform = BV_TRANSFORM_TRANSPOSE;
    else if (op && strcmp(op, "squeeze") == 0)
        r.transform = BV_TRANSFORM_SQUEEZE;
    else if (op && strcmp(op, "conv1d") == 0)
        r.transform = BV_TRANSFORM_CONV1D;
    else if (op && strcmp(op, "keep") == 0)
        r.keep = true;
    else if (op)
        return bv_fail(err, BV_ERR_FORMAT, "tensor rule \"%s\": unknown transform \"%s\"", from,
                       op);
    rules->items[rules->n++] = r;
    return BV_OK;
}

// Adds [FROM, TO, OP?] under prefixes.
static enum bv_status add_line(struct bv_rules *rules, const json_t *line, const char *from_prefix,
                               const char *to_prefix, struct bv_error *err)
{
    const char *from = json_string_value(json_array_get(line, 0));
    const json_t *to = json_array_get(line, 1);
    if (!from || !(json_is_string(to) || json_is_null(to)))
        return bv_fail(err, BV_ERR_FORMAT, "a tensor rule is not [FROM, TO]");
    const char *source = bv_arena_printf(&rules->arena, "%s%s", from_prefix, from);
    const char *target = NULL;
    if (json_is_string(to))
        target = bv_arena_printf(&rules->arena, "%s%s", to_prefix, json_string_value(to));
    if (!source || (json_is_string(to) && !target))
        return bv_fail_nomem(err, "tensor rules");
    return add(rules, source, target, json_string_value(json_array_get(line, 2)), err);
}

static enum bv_status add_family(struct bv_rules *rules, const json_t *reference,
                                 struct bv_error *err)
{
    json_t *family = NULL;
    BV_TRY(bv_rules_load(&family, bv_json_string(reference, "rules", ""), err));
    enum bv_status status = BV_OK;
    size_t i;
    json_t *line;
    json_array_foreach(family, i, line) if (status == BV_OK) status =
        add_line(rules, line, bv_json_string(reference, "from", ""),
                 bv_json_string(reference, "to", ""), err);
    json_decref(family);
    return status;
}

static enum bv_status add_ignored(struct bv_rules *rules, const json_t *patterns,
                                  struct bv_error *err)
{
    size_t i;
    const json_t *pattern;
    json_array_foreach(patterns, i, pattern)
    {
        const char *copy = bv_arena_strdup(
            &rules->arena, json_string_value(pattern) ? json_string_value(pattern) : "");
        if (!copy)
            return bv_fail_nomem(err, "tensor rules");
        BV_TRY(add(rules, copy, NULL, NULL, err));
    }
    return BV_OK;
}

static enum bv_status fill(struct bv_rules *rules, const json_t *card, struct bv_error *err)
{
    json_t *common = NULL;
    BV_TRY(bv_rules_load(&common, "ignored", err));
    enum bv_status status = add_ignored(rules, common, err);
    json_decref(common);
    BV_TRY(status);
    BV_TRY(add_ignored(rules, json_object_get(card, "ignore"), err));
    size_t i;
    const json_t *line;
    json_array_foreach(json_object_get(card, "tensors"), i, line)
    {
        if (json_is_object(line))
            BV_TRY(add_family(rules, line, err));
        else
            BV_TRY(add_line(rules, line, "", "", err));
    }
    return BV_OK;
}

enum bv_status bv_rules_create(struct bv_rules **out, const json_t *card, struct bv_error *err)
{
    struct bv_rules *rules = calloc(1, sizeof *rules);
    if (!rules)
        return bv_fail_nomem(err, "tensor rules");
    enum bv_status status = fill(rules, card, err);
    if (status != BV_OK)
        bv_rules_destroy(&rules);
    else
        *out = rules;
    return status;
}

void bv_rules_destroy(struct bv_rules **rules)
{
    if (!*rules)
        return;
    free((*rules)->items);
    bv_arena_free(&(*rules)->arena);
    free(*rules);
    *rules = NULL;
}

bool bv_rules_apply(const struct bv_rules *rules, const char *name, int rank,
                    struct bv_arena *arena, struct bv_rule_match *out)
{
    for (size_t i = 0; i < rules->n; i++) {
        const struct rule *r = &rules->items[i];
        struct capture captures[MAX_CAPTURES + 1] = {{0}};
        if (!match(r->from, name, captures, 0))
            continue;
        out->name = r->to ? substitute(arena, r->to, captures) : NULL;
        out->transform = r->transform;
        if (rank == 4 && r->transform == BV_TRANSFORM_NONE && !r->keep)
            out->transform = BV_TRANSFORM_CONV;
        return true;
    }
    return false;
}

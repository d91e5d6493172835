#include "score/prompts.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/encoding.h"
#include "base/sha256.h"

struct slice {
    const char *text;
    size_t n;
};

static struct slice trim(struct slice s)
{
    while (s.n && isspace((unsigned char)*s.text)) {
        s.text++;
        s.n--;
    }
    while (s.n && isspace((unsigned char)s.text[s.n - 1]))
        s.n--;
    return s;
}

// The part up to the next separator; rest loses it.
static struct slice cut(struct slice *rest, char separator)
{
    const char *at = rest->n ? memchr(rest->text, separator, rest->n) : NULL;
    struct slice part = {rest->text, at ? (size_t)(at - rest->text) : rest->n};
    size_t taken = at ? part.n + 1 : part.n;
    rest->text += taken;
    rest->n -= taken;
    return part;
}

// The part up to the end of the line: LF, CR LF or CR.
static struct slice cut_line(struct slice *rest)
{
    size_t n = 0;
    while (n < rest->n && rest->text[n] != '\n' && rest->text[n] != '\r')
        n++;
    struct slice line = {rest->text, n};
    size_t taken = n < rest->n ? n + 1 : n;
    if (taken < rest->n && rest->text[n] == '\r' && rest->text[n + 1] == '\n')
        taken++;
    rest->text += taken;
    rest->n -= taken;
    return line;
}

// Puts subject into every {} of a template.
static const char *apply_template(struct bv_arena *arena, const char *pattern, const char *subject)
{
    const char *hole = strstr(pattern, "{}");
    if (!hole)
        return bv_arena_strdup(arena, pattern);
    return bv_arena_printf(arena, "%.*s%s%s", (int)(hole - pattern), pattern, subject, hole + 2);
}

// templates × subjects; a missing template list gives none.
static enum bv_status expand(struct bv_arena *arena, const json_t *templates,
                             const char *const *subjects, size_t n_subjects, const char ***out,
                             size_t *n_out, struct bv_error *err)
{
    size_t n = json_array_size(templates) * n_subjects, k = 0, i;
    const char **list = bv_arena_array(arena, n + 1, sizeof *list);
    const json_t *pattern;
    if (!list)
        return bv_fail_nomem(err, "prompts");
    for (size_t s = 0; s < n_subjects; s++)
        json_array_foreach(templates, i, pattern)
        {
            const char *text = json_string_value(pattern);
            list[k] = apply_template(arena, text ? text : "{}", subjects[s]);
            if (!list[k++])
                return bv_fail_nomem(err, "prompts");
        }
    *out = list;
    *n_out = n;
    return BV_OK;
}

// The member of set[kind] with this name, case ignored.
static const json_t *class_prompts(const json_t *set, const char *kind, const char *name)
{
    const char *key;
    json_t *prompts;
    json_object_foreach(json_object_get(set, kind), key, prompts)
    {
        if (strcasecmp(key, name) == 0)
            return prompts;
    }
    return NULL;
}

static enum bv_status copy_prompts(struct bv_arena *arena, const json_t *prompts, const char ***out,
                                   size_t *n_out, struct bv_error *err)
{
    size_t i;
    const json_t *prompt;
    const char **list = bv_arena_array(arena, json_array_size(prompts) + 1, sizeof *list);
    if (!list)
        return bv_fail_nomem(err, "prompts");
    json_array_foreach(prompts, i, prompt)
    {
        const char *text = json_string_value(prompt);
        list[i] = bv_arena_strdup(arena, text ? text : "");
        if (!list[i])
            return bv_fail_nomem(err, "prompts");
    }
    *out = list;
    *n_out = json_array_size(prompts);
    return BV_OK;
}

// Every combination of one word of each list, joined by single spaces, the last list fastest.
static enum bv_status expand_grid(struct bv_arena *arena, const json_t *lists,
                                  struct bv_label *label, struct bv_error *err)
{
    size_t n = json_array_size(lists) ? 1 : 0, i;
    const json_t *list;
    json_array_foreach(lists, i, list) n *= json_array_size(list);
    if (n > BV_MAX_LABELS)
        return bv_fail(err, BV_ERR_LIMIT, "a grid of %zu prompts", n);
    label->positive = bv_arena_array(arena, n + 1, sizeof *label->positive);
    if (!label->positive)
        return bv_fail_nomem(err, "prompts");
    for (size_t k = 0; k < n; k++) {
        size_t rest = k, below = n;
        const char *text = NULL;
        json_array_foreach(lists, i, list)
        {
            below /= json_array_size(list);
            const char *word = json_string_value(json_array_get(list, rest / below));
            text = bv_arena_printf(arena, "%s%s%s", text ? text : "", text ? " " : "",
                                   word ? word : "");
            if (!text)
                return bv_fail_nomem(err, "prompts");
            rest %= below;
        }
        label->positive[k] = text;
    }
    label->n_positive = n;
    return BV_OK;
}

// "a | b | c".
static enum bv_status split_prompts(struct bv_arena *arena, struct slice rest, const char ***out,
                                    size_t *n_out, struct bv_error *err)
{
    size_t room = 1, n = 0;
    for (size_t i = 0; i < rest.n; i++)
        room += rest.text[i] == '|';
    const char **list = bv_arena_array(arena, room, sizeof *list);
    if (!list)
        return bv_fail_nomem(err, "prompts");
    while (rest.n) {
        struct slice prompt = trim(cut(&rest, '|'));
        if (prompt.n == 0)
            continue;
        const char *copy = bv_arena_strndup(arena, prompt.text, prompt.n);
        if (!copy)
            return bv_fail_nomem(err, "prompts");
        list[n++] = copy;
    }
    *out = list;
    *n_out = n;
    return BV_OK;
}

// "positive | positive ! negative | negative" after the equals sign.
static enum bv_status own_prompts(struct bv_arena *arena, struct slice rest, struct bv_label *label,
                                  struct bv_error *err)
{
    struct slice positive = rest;
    for (size_t i = 0; i + 2 < rest.n; i++)
        if (memcmp(rest.text + i, " ! ", 3) == 0) {
            struct slice negative = {rest.text + i + 3, rest.n - i - 3};
            positive.n = i;
            BV_TRY(split_prompts(arena, negative, &label->negative, &label->n_negative, err));
            break;
        }
    return split_prompts(arena, positive, &label->positive, &label->n_positive, err);
}

static enum bv_status add_label(struct bv_labels *labels, struct slice line, const json_t *set,
                                struct bv_error *err)
{
    bool has_own = line.n && memchr(line.text, '=', line.n);
    struct slice name = trim(cut(&line, '='));
    struct bv_label label = {.name = bv_arena_strndup(&labels->arena, name.text, name.n)};
    if (!label.name)
        return bv_fail_nomem(err, "labels");
    if (name.n == 0)
        return bv_fail(err, BV_ERR_FORMAT, "a line without a label");
    for (size_t i = 0; i < labels->n; i++)
        if (strcmp(labels->items[i].name, label.name) == 0)
            return bv_fail(err, BV_ERR_FORMAT, "label \"%.60s\" occurs twice", label.name);
    const json_t *class = class_prompts(set, "classes", label.name);
    const json_t *grid = class_prompts(set, "grid", label.name);
    const json_t *negative = json_object_get(set, "negative");
    label.negated = strncasecmp(label.name, "no ", 3) == 0 && json_array_size(negative) > 0;
    if (has_own) {
        BV_TRY(own_prompts(&labels->arena, line, &label, err));
        if (label.n_positive == 0)
            return bv_fail(err, BV_ERR_FORMAT, "label \"%.60s\" has an empty list of prompts",
                           label.name);
        if (label.n_negative > 0)
            label.negated = false;
        else
            BV_TRY(expand(&labels->arena, negative, label.positive, label.n_positive,
                          &label.negative, &label.n_negative, err));
    } else if (class) {
        const json_t *positive = json_is_object(class) ? json_object_get(class, "positive") : class;
        BV_TRY(copy_prompts(&labels->arena, positive, &label.positive, &label.n_positive, err));
        BV_TRY(copy_prompts(&labels->arena, json_object_get(class, "negative"), &label.negative,
                            &label.n_negative, err));
        label.negated = false;
    } else if (grid) {
        BV_TRY(expand_grid(&labels->arena, grid, &label, err));
    } else {
        json_t *plain = set ? NULL : json_pack("[s]", "{}");
        enum bv_status status =
            expand(&labels->arena, set ? json_object_get(set, "positive") : plain, &label.name, 1,
                   &label.positive, &label.n_positive, err);
        json_decref(plain);
        BV_TRY(status);
        BV_TRY(expand(&labels->arena, negative, &label.name, 1, &label.negative, &label.n_negative,
                      err));
    }
    if (label.n_positive == 0)
        return bv_fail(err, BV_ERR_FORMAT, "the prompt set has no template for \"%.60s\"",
                       label.name);
    labels->items[labels->n++] = label;
    return BV_OK;
}

static void digest(struct bv_labels *labels)
{
    struct bv_sha256 sha;
    unsigned char out[32];
    bv_sha256_init(&sha);
    for (size_t i = 0; i < labels->n; i++) {
        const struct bv_label *l = &labels->items[i];
        bv_sha256_update(&sha, l->name, strlen(l->name) + 1);
        for (size_t k = 0; k < l->n_positive; k++)
            bv_sha256_update(&sha, l->positive[k], strlen(l->positive[k]) + 1);
        bv_sha256_update(&sha, "", 1);
        for (size_t k = 0; k < l->n_negative; k++)
            bv_sha256_update(&sha, l->negative[k], strlen(l->negative[k]) + 1);
        bv_sha256_update(&sha, "", 1);
    }
    bv_sha256_final(&sha, out);
    bv_digest_hex(out, labels->digest);
}

static enum bv_status parse(struct bv_labels *labels, struct slice rest, const char *what,
                            const json_t *set, struct bv_error *err)
{
    size_t n_lines = 1, line_number = 0;
    for (size_t i = 0; i < rest.n; i++)
        n_lines += rest.text[i] == '\n' || rest.text[i] == '\r';
    if (n_lines > BV_MAX_LABELS)
        return bv_fail(err, BV_ERR_LIMIT, "%s: more than %d lines", what, BV_MAX_LABELS);
    labels->items = bv_arena_array(&labels->arena, n_lines, sizeof *labels->items);
    if (!labels->items)
        return bv_fail_nomem(err, "labels");
    while (rest.n) {
        struct slice line = cut_line(&rest);
        line_number++;
        if (!bv_utf8_valid(line.text, line.n, NULL) || memchr(line.text, 0, line.n))
            return bv_fail(err, BV_ERR_FORMAT, "%s: line %zu is not UTF-8 text", what, line_number);
        line = trim(line);
        if (line.n == 0 || *line.text == '#')
            continue;
        if (add_label(labels, line, set, err) != BV_OK)
            return bv_fail_prefix(err, "%s: line %zu", what, line_number);
    }
    if (labels->n == 0)
        return bv_fail(err, BV_ERR_FORMAT, "%s: no labels in it", what);
    return BV_OK;
}

enum bv_status bv_labels_parse(struct bv_labels *labels, const char *text, size_t size,
                               const char *what, const json_t *set, struct bv_error *err)
{
    struct slice rest = {text, size};
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { // a byte order mark
        rest.text += 3;
        rest.n -= 3;
    }
    if (size > BV_MAX_LABELS_BYTES)
        return bv_fail(err, BV_ERR_LIMIT, "%s: more than %u bytes", what, BV_MAX_LABELS_BYTES);
    enum bv_status status = parse(labels, rest, what, set, err);
    if (status != BV_OK) {
        bv_labels_free(labels);
        return status;
    }
    labels->set = bv_arena_strdup(&labels->arena, bv_json_string(set, "name", "custom"));
    if (!labels->set)
        labels->set = "custom";
    digest(labels);
    return BV_OK;
}

void bv_labels_free(struct bv_labels *labels)
{
    bv_arena_free(&labels->arena);
    *labels = (struct bv_labels){0};
}

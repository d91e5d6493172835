// Systems whose weights are spread over several files (card["parts"]): what the files that are
// given beside the first one are, and which are still missing.
#include "convert/convert.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"

#define MAX_BOOK_BYTES ((size_t)4 << 20)
#define MAX_BOOK_ENTRIES 1000
#define MAX_PARTS 8

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

// Whether a file is JSON by its first character; checkpoints begin otherwise.
static bool is_book(const char *path)
{
    FILE *file = is_folder(path) ? NULL : fopen(path, "rb");
    int c = file ? getc(file) : EOF;
    while (file && isspace(c))
        c = getc(file);
    if (file)
        (void)fclose(file);
    return c == '{';
}

// The text of an entry: itself, or the only one of a list.
static const char *entry_text(const json_t *entry)
{
    if (json_is_array(entry) && json_array_size(entry) == 1)
        entry = json_array_get(entry, 0);
    return json_string_value(entry);
}

// {name: text, …} in the file's order: the labels that the model asks for, and their one prompt.
static enum bv_status take_entries(const json_t *book, json_t *card, const char *path,
                                   struct bv_error *err)
{
    json_t *names = json_array(), *classes = json_object(), *entry, *scoring;
    const char *name;
    enum bv_status status = names && classes ? BV_OK : bv_fail_nomem(err, path);
    if (status == BV_OK &&
        (json_object_size(book) == 0 || json_object_size(book) > MAX_BOOK_ENTRIES))
        status = bv_fail(err, BV_ERR_FORMAT, "%s: not a book of 1 to %d entries", path,
                         MAX_BOOK_ENTRIES);
    json_object_foreach((json_t *)(uintptr_t)book, name, entry)
    {
        const char *text = entry_text(entry);
        if (status == BV_OK && (!text || !*text || !*name))
            status = bv_fail(err, BV_ERR_FORMAT, "%s: entry \"%.60s\" is not one text", path, name);
        if (status == BV_OK && (json_array_append_new(names, json_string(name)) != 0 ||
                                json_object_set_new(classes, name, json_pack("[s]", text)) != 0))
            status = bv_fail_nomem(err, path);
    }
    scoring = json_object_get(card, "scoring");
    if (status == BV_OK &&
        (json_object_set(scoring, "labels", names) != 0 ||
         json_object_set_new(card, "prompts",
                             json_pack("{s:[s], s:O}", "positive", "{}", "classes", classes)) != 0))
        status = bv_fail_nomem(err, path);
    json_decref(names);
    json_decref(classes);
    return status;
}

static enum bv_status load_book(const char *path, json_t **book, struct bv_error *err)
{
    BV_TRY(bv_json_load(book, path, MAX_BOOK_BYTES, err));
    if (json_is_object(*book))
        return BV_OK;
    json_decref(*book);
    *book = NULL;
    return bv_fail(err, BV_ERR_FORMAT, "%s: not a JSON object", path);
}

// Whether a book has several texts for each entry.
static bool has_lists(const json_t *book)
{
    const json_t *first = json_object_iter_value(json_object_iter((json_t *)(uintptr_t)book));
    return json_is_array(first) && json_array_size(first) != 1;
}

// Appends the texts of a label's entry to its prompts.
static enum bv_status take_concepts(const json_t *entry, json_t *prompts, const char *name,
                                    size_t n, const char *path, struct bv_error *err)
{
    if (json_array_size(entry) != n)
        return bv_fail(err, BV_ERR_FORMAT, "%s: \"%.60s\" has %zu texts, not %zu", path, name,
                       json_array_size(entry), n);
    for (size_t i = 0; i < n; i++) {
        const json_t *text = json_array_get(entry, i);
        if (json_string_length(text) == 0)
            return bv_fail(err, BV_ERR_FORMAT, "%s: entry \"%.60s\" holds what is no text", path,
                           name);
        if (json_array_append(prompts, (json_t *)(uintptr_t)text) != 0)
            return bv_fail_nomem(err, path);
    }
    return BV_OK;
}

// {name: [text, …], …}: more prompts for each of the card's labels, as many as its decoder reads.
static enum bv_status take_lists(const json_t *book, json_t *card, const char *path,
                                 struct bv_error *err)
{
    const json_t *labels = json_object_get(json_object_get(card, "scoring"), "labels");
    json_t *classes = json_object_get(json_object_get(card, "prompts"), "classes");
    int64_t n = bv_json_integer(json_object_get(card, "decoder"), "concepts", 1) - 1;
    for (size_t i = 0; i < json_array_size(labels); i++) {
        const char *name = json_string_value(json_array_get(labels, i));
        const json_t *entry = json_object_get(book, name);
        if (!entry)
            return bv_fail(err, BV_ERR_FORMAT, "%s: no entry \"%.60s\"", path, name);
        BV_TRY(take_concepts(entry, json_object_get(classes, name), name, n > 0 ? (size_t)n : 0,
                             path, err));
    }
    return BV_OK;
}

// What the files that were given are.
struct given {
    const json_t *parts; // of the card
    bool taken[MAX_PARTS];
    json_t *lists; // the book of several texts for each entry, which comes after the other one
    const char *lists_path;
};

// The part that a file is: the first of its kind that has none yet; NULL: none.
static const json_t *find_part(struct given *g, bool book, bool lists)
{
    for (size_t i = 0; i < json_array_size(g->parts); i++) {
        const json_t *part = json_array_get(g->parts, i);
        if (g->taken[i] || bv_json_boolean(part, "book", false) != book ||
            (book && bv_json_boolean(part, "lists", false) != lists))
            continue;
        g->taken[i] = true;
        return part;
    }
    return NULL;
}

static enum bv_status fail_unknown(const json_t *card, const char *path, struct bv_error *err)
{
    return bv_fail(err, BV_ERR_ARG, "%s: system %s has no such part", path,
                   bv_json_string(card, "name", "?"));
}

static enum bv_status take_book(struct given *g, const char *path, json_t *card,
                                struct bv_error *err)
{
    json_t *book = NULL;
    BV_TRY(load_book(path, &book, err));
    bool lists = has_lists(book);
    enum bv_status status = find_part(g, true, lists) ? BV_OK : fail_unknown(card, path, err);
    if (status == BV_OK && lists) {
        g->lists = json_incref(book);
        g->lists_path = path;
    } else if (status == BV_OK) {
        status = take_entries(book, card, path, err);
    }
    json_decref(book);
    return status;
}

static enum bv_status fail_missing(const json_t *card, const json_t *parts, const bool *taken,
                                   struct bv_error *err)
{
    char list[600] = "";
    size_t i, used = 0;
    const json_t *part;
    json_array_foreach((json_t *)(uintptr_t)parts, i, part) if (!taken[i] && used < sizeof list)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", used ? "; " : "",
                                 bv_json_string(part, "what", "a file"));
    return bv_fail(err, BV_ERR_MODEL,
                   "system %s is made of several files; missing after the first one: %s",
                   bv_json_string(card, "name", "?"), list);
}

static enum bv_status add_parts(struct given *g, struct bv_checkpoint *checkpoint, json_t *card,
                                const char *const *paths, size_t n, const char **vocabulary,
                                struct bv_error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (is_book(paths[i])) {
            BV_TRY(take_book(g, paths[i], card, err));
            continue;
        }
        const json_t *part = find_part(g, false, false);
        if (!part)
            return fail_unknown(card, paths[i], err);
        BV_TRY(bv_checkpoint_join(checkpoint, paths[i], bv_json_string(part, "prefix", ""), err));
        if (!*vocabulary && is_folder(paths[i]))
            *vocabulary = paths[i]; // an encoder's folder has its vocabulary
    }
    for (size_t i = 0; i < json_array_size(g->parts); i++)
        if (!g->taken[i])
            return fail_missing(card, g->parts, g->taken, err);
    return g->lists ? take_lists(g->lists, card, g->lists_path, err) : BV_OK;
}

enum bv_status bv_parts_add(struct bv_checkpoint *checkpoint, json_t *card,
                            const char *const *paths, size_t n, const char **vocabulary,
                            struct bv_error *err)
{
    struct given g = {.parts = json_object_get(card, "parts")};
    if (json_array_size(g.parts) > MAX_PARTS)
        return bv_fail(err, BV_ERR_MODEL, "card: more than %d parts", MAX_PARTS);
    enum bv_status status = add_parts(&g, checkpoint, card, paths, n, vocabulary, err);
    json_decref(g.lists);
    return status;
}

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

static enum bv_status take_book(const char *path, json_t *card, struct bv_error *err)
{
    char *text = NULL;
    size_t size = 0;
    json_t *book = NULL;
    BV_TRY(bv_read_all(path, MAX_BOOK_BYTES, &text, &size, err));
    enum bv_status status = bv_json_parse(&book, text, size, path, err);
    free(text);
    if (status == BV_OK && !json_is_object(book))
        status = bv_fail(err, BV_ERR_FORMAT, "%s: not a JSON object", path);
    if (status == BV_OK)
        status = take_entries(book, card, path, err);
    json_decref(book);
    return status;
}

// The part that a file is: the first of its kind that has none yet; NULL: none.
static const json_t *find_part(const json_t *parts, const bool *taken, bool book, size_t *found)
{
    for (size_t i = 0; i < json_array_size(parts); i++) {
        const json_t *part = json_array_get(parts, i);
        if (taken[i] || bv_json_boolean(part, "book", false) != book)
            continue;
        *found = i;
        return part;
    }
    return NULL;
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

enum bv_status bv_parts_add(struct bv_checkpoint *checkpoint, json_t *card,
                            const char *const *paths, size_t n, const char **vocabulary,
                            struct bv_error *err)
{
    enum { MAX_PARTS = 8 };
    bool taken[MAX_PARTS] = {false};
    const json_t *parts = json_object_get(card, "parts");
    size_t count = json_array_size(parts), at = 0;
    if (count > MAX_PARTS)
        return bv_fail(err, BV_ERR_MODEL, "card: more than %d parts", MAX_PARTS);
    for (size_t i = 0; i < n; i++) {
        bool book = is_book(paths[i]);
        const json_t *part = find_part(parts, taken, book, &at);
        if (!part)
            return bv_fail(err, BV_ERR_ARG, "%s: system %s has no such part", paths[i],
                           bv_json_string(card, "name", "?"));
        taken[at] = true;
        if (book)
            BV_TRY(take_book(paths[i], card, err));
        else
            BV_TRY(
                bv_checkpoint_join(checkpoint, paths[i], bv_json_string(part, "prefix", ""), err));
        if (!book && !*vocabulary && is_folder(paths[i]))
            *vocabulary = paths[i]; // an encoder's folder has its vocabulary
    }
    for (size_t i = 0; i < count; i++)
        if (!taken[i])
            return fail_missing(card, parts, taken, err);
    return BV_OK;
}

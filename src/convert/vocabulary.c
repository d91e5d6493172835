#include "convert/import_steps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"

static const size_t max_bytes = (size_t)64 << 20;
static const char whole_name[] = "tokenizer.json"; // everything in one file

struct blob {
    char *data;
    size_t size;
};

// Where files are looked for: a folder, or beside the checkpoint.
struct place {
    const char *folder;
    const struct bv_checkpoint *checkpoint;
};

static bool read_from(const struct place *place, const char *name, struct blob *blob)
{
    if (place->folder) {
        char path[4096];
        int n = snprintf(path, sizeof path, "%s/%s", place->folder, name);
        return n > 0 && (size_t)n < sizeof path &&
               bv_read_all(path, max_bytes, &blob->data, &blob->size, NULL) == BV_OK;
    }
    return place->checkpoint && bv_checkpoint_has_file(place->checkpoint, name) &&
           bv_checkpoint_read_file(place->checkpoint, name, max_bytes, &blob->data, &blob->size,
                                   NULL) == BV_OK;
}

static bool is_there(const struct place *place, const char *name)
{
    struct blob blob = {0};
    bool there = read_from(place, name, &blob);
    free(blob.data);
    return there;
}

static bool ends_in(const char *name, const char *suffix)
{
    size_t n = strlen(name), tail = strlen(suffix);
    return n >= tail && strcmp(name + n - tail, suffix) == 0;
}

// The merges that belong to a vocabulary: small-vocab.json has small-merges.txt beside it, a file
// of another name merges.txt.
static void name_merges(const char *vocabulary, char name[4096])
{
    const char *slash = strrchr(vocabulary, '/');
    size_t kept = slash ? (size_t)(slash + 1 - vocabulary) : 0;
    if (ends_in(vocabulary, "vocab.json"))
        kept = strlen(vocabulary) - strlen("vocab.json");
    (void)snprintf(name, 4096, "%.*smerges.txt", (int)kept, vocabulary);
}

static bool is_generic(const json_t *card)
{
    return bv_json_boolean(json_object_get(card, "recognise"), "generic", false);
}

// The members of the card's description that stay where a file brings its own.
static json_t *overrides_of(const json_t *card)
{
    static const char *const keys[] = {"max_length", "truncate", "clean", "cls", "sep"};
    const json_t *own = json_object_get(card, "tokenizer");
    size_t n = is_generic(card) ? 2 : 5; // a bare encoder's cleaning and ends go with its kind
    json_t *overrides = json_object();
    for (size_t k = 0; k < n; k++)
        if (json_object_get(own, keys[k]))
            (void)json_object_set(overrides, keys[k], json_object_get(own, keys[k]));
    return overrides;
}

// A bare encoder's tokenizer is of the kind of the vocabulary beside it, whatever is usual for the
// architecture; a system's own is of the kind that its card says.
static json_t *describe(const json_t *card, const char *name)
{
    static const char *const kinds[][2] = {
        {"vocab.txt", "wordpiece"}, {"vocab.json", "roberta-bpe"}, {".model", "sentencepiece"}};
    json_t *own = json_object_get(card, "tokenizer");
    for (size_t k = 0; is_generic(card) && k < sizeof kinds / sizeof *kinds; k++) {
        if (!ends_in(name, kinds[k][0]) ||
            strcmp(bv_json_string(own, "kind", ""), kinds[k][1]) == 0)
            continue;
        json_t *other = overrides_of(card), *lowercase = json_object_get(own, "lowercase");
        (void)json_object_set_new(other, "kind", json_string(kinds[k][1]));
        if (lowercase)
            (void)json_object_set(other, "lowercase", lowercase);
        return other;
    }
    return json_incref(own);
}

static enum bv_status create(struct bv_tokenizer **tokenizer, const json_t *card, const char *name,
                             const struct blob *vocabulary, const struct blob *merges,
                             struct bv_error *err)
{
    bool whole = ends_in(name, whole_name);
    json_t *own = whole ? overrides_of(card) : describe(card, name);
    enum bv_status status =
        whole ? bv_tokenizer_from_hf_json(tokenizer, vocabulary->data, vocabulary->size, own, err)
              : bv_tokenizer_create(tokenizer, own, vocabulary->data, vocabulary->size,
                                    merges->data, merges->size, err);
    json_decref(own);
    return status;
}

static bool is_json(const struct blob *blob)
{
    return blob->size > 0 && blob->data[0] == '{';
}

// Creates the tokenizer from one file of a place; *found stays false where it is not there.
static enum bv_status try_name(const struct place *place, const char *name,
                               struct bv_tokenizer **tokenizer, const json_t *card, bool *found,
                               struct bv_error *err)
{
    struct blob vocabulary = {0}, merges = {0};
    char beside[4096];
    if (*found || !name || !read_from(place, name, &vocabulary))
        return BV_OK;
    name_merges(name, beside);
    bool pair = is_json(&vocabulary) && !ends_in(name, whole_name);
    bool incomplete = pair && !read_from(place, beside, &merges);
    *found = !(incomplete && is_there(place, whole_name)); // which may tell what is missing
    enum bv_status status = BV_OK;
    if (*found)
        status = create(tokenizer, card, name, &vocabulary, &merges, err);
    if (status != BV_OK)
        (void)bv_fail_prefix(err, "%s", name);
    free(vocabulary.data);
    free(merges.data);
    return status;
}

// Tries the card's file names, for a bare encoder what other encoders have, then tokenizer.json.
static enum bv_status load_from(const struct place *place, struct bv_tokenizer **tokenizer,
                                const json_t *card, bool *found, struct bv_error *err)
{
    static const char *const usual[] = {"vocab.txt", "spiece.model", "vocab.json"};
    const json_t *names = json_object_get(json_object_get(card, "vocabulary"), "files");
    size_t i;
    const json_t *name;
    json_array_foreach(names, i, name)
        BV_TRY(try_name(place, json_string_value(name), tokenizer, card, found, err));
    for (i = 0; is_generic(card) && i < sizeof usual / sizeof *usual; i++)
        BV_TRY(try_name(place, usual[i], tokenizer, card, found, err));
    return try_name(place, whole_name, tokenizer, card, found, err);
}

static enum bv_status fail_missing(const json_t *card, struct bv_error *err)
{
    const json_t *spec = json_object_get(card, "vocabulary");
    const json_t *first = json_array_get(json_object_get(spec, "files"), 0);
    return bv_fail(err, BV_ERR_MODEL,
                   "the checkpoint does not carry its vocabulary and %s is not beside it; give "
                   "--vocab FILE: %s",
                   json_is_string(first) ? json_string_value(first) : "vocab.txt",
                   bv_json_string(spec, "source", "the vocabulary of the text encoder"));
}

// A file: byte-pair vocabularies of two files are given by their vocab.json.
static enum bv_status load_file(struct bv_tokenizer **tokenizer, const json_t *card,
                                const char *path, struct bv_error *err)
{
    struct blob vocabulary = {0}, merges = {0};
    char beside[4096];
    BV_TRY(bv_read_all(path, max_bytes, &vocabulary.data, &vocabulary.size, err));
    name_merges(path, beside);
    if (is_json(&vocabulary))
        (void)bv_read_all(beside, max_bytes, &merges.data, &merges.size, NULL);
    enum bv_status status = create(tokenizer, card, path, &vocabulary, &merges, err);
    if (status != BV_OK)
        (void)bv_fail_prefix(err, "%s", path);
    free(vocabulary.data);
    free(merges.data);
    return status;
}

enum bv_status bv_vocabulary_load(struct bv_tokenizer **tokenizer, const json_t *card,
                                  const struct bv_checkpoint *checkpoint, const char *path,
                                  struct bv_error *err)
{
    struct stat st;
    bool found = false;
    if (path && (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)))
        return load_file(tokenizer, card, path, err);
    struct place places[] = {{path, NULL}, {NULL, checkpoint}, {getenv("BIOVL_VOCABULARY"), NULL}};
    for (size_t i = 0; i < 3 && !found; i++) {
        if (!places[i].folder && !places[i].checkpoint)
            continue;
        BV_TRY(load_from(&places[i], tokenizer, card, &found, err));
        if (path)
            break;
    }
    return found ? BV_OK : fail_missing(card, err);
}

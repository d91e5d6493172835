#include "model/vocabulary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"

static const size_t max_bytes = (size_t)64 << 20;

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

static enum bv_status create(struct bv_tokenizer **tokenizer, const json_t *card,
                             const struct blob *vocabulary, const struct blob *merges,
                             struct bv_error *err)
{
    return bv_tokenizer_create(tokenizer, json_object_get(card, "tokenizer"), vocabulary->data,
                               vocabulary->size, merges->data, merges->size, err);
}

// Tries the card's file names, then vocab.json with merges.txt, then tokenizer.json.
static enum bv_status load_from(const struct place *place, struct bv_tokenizer **tokenizer,
                                const json_t *card, bool *found, struct bv_error *err)
{
    struct blob vocabulary = {0}, merges = {0};
    const json_t *names = json_object_get(json_object_get(card, "vocabulary"), "files");
    enum bv_status status = BV_OK;
    size_t i;
    const json_t *name;
    json_array_foreach(names, i, name)
    {
        const char *text = json_string_value(name);
        if (!vocabulary.data && text && read_from(place, text, &vocabulary))
            status = create(tokenizer, card, &vocabulary, &merges, err);
    }
    if (!vocabulary.data && read_from(place, "vocab.json", &vocabulary) &&
        read_from(place, "merges.txt", &merges))
        status = create(tokenizer, card, &vocabulary, &merges, err);
    else if (!vocabulary.data && read_from(place, "tokenizer.json", &vocabulary)) {
        json_t *overrides = json_object();
        const json_t *own = json_object_get(card, "tokenizer");
        static const char *const keys[] = {"max_length", "truncate", "clean"};
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
            if (json_object_get(own, keys[k]))
                (void)json_object_set(overrides, keys[k], json_object_get(own, keys[k]));
        status =
            bv_tokenizer_from_hf_json(tokenizer, vocabulary.data, vocabulary.size, overrides, err);
        json_decref(overrides);
    }
    *found = vocabulary.data != NULL;
    free(vocabulary.data);
    free(merges.data);
    return status;
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
    BV_TRY(bv_read_all(path, max_bytes, &vocabulary.data, &vocabulary.size, err));
    static const char suffix[] = "vocab.json";
    size_t n = strlen(path), tail = sizeof suffix - 1;
    const char *slash = strrchr(path, '/');
    bool named = n >= tail && strcmp(path + n - tail, suffix) == 0; // small-vocab.json
    char beside[4096];
    (void)snprintf(beside, sizeof beside, "%.*smerges.txt",
                   named   ? (int)(n - tail)
                   : slash ? (int)(slash + 1 - path)
                           : 0,
                   path);
    if (vocabulary.size > 0 && vocabulary.data[0] == '{')
        (void)bv_read_all(beside, max_bytes, &merges.data, &merges.size, NULL);
    enum bv_status status = create(tokenizer, card, &vocabulary, &merges, err);
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

// card.h: system cards: the files that are compiled in, and cards read, resolved and described.
#ifndef BV_MODEL_CARD_H
#define BV_MODEL_CARD_H

#include <stddef.h>

#include "base/json.h"

// The system cards, tensor rules and recipes that are compiled in.

struct bv_asset {
    const char *path; // below assets/: "systems/chexzero.json"
    const unsigned char *data;
    size_t size;
};

// Generated from the files that CMakeLists.txt names.
extern const struct bv_asset bv_assets[];
extern const size_t bv_n_assets;

// NULL when there is none of that path.
const struct bv_asset *bv_asset_find(const char *path);

// card.c: system cards: everything in which published models differ, as data.
//
// docs/adding-a-model.md describes the fields.

// The compiled-in cards, in the order of their names. i < bv_card_count().
size_t bv_card_count(void);
const char *bv_card_name(size_t i);

// Loads a card by name, or from a file when name has a '/' or ends in ".json", and replaces its
// references to shared parts: "preprocess" names a recipe, "prompts" a prompt set. The caller owns
// the reference.
enum bv_status bv_card_load(json_t **card, const char *name, struct bv_error *err);

// Replaces references to shared parts, as bv_card_load() does: after a field was set to a name.
enum bv_status bv_card_resolve(json_t *card, struct bv_error *err);

// A prompt set: by name, one of assets/prompts; otherwise text is JSON, the set itself. An unknown
// name is BV_ERR_ARG and lists the known ones.
enum bv_status bv_prompts_load(json_t **set, const char *text, struct bv_error *err);

// The prompt sets of assets/prompts with their names: an array.
enum bv_status bv_prompts_list(json_t **list, struct bv_error *err);

// Loads the compiled-in tensor rules of one checkpoint family.
enum bv_status bv_rules_load(json_t **rules, const char *name, struct bv_error *err);

// Sets the field at a dotted path ("text.heads") to a value: JSON if it parses as such, else a
// string. Objects on the way are created; a path through another kind of value is BV_ERR_ARG.
enum bv_status bv_card_set(json_t *card, const char *path, const char *value, struct bv_error *err);

#endif

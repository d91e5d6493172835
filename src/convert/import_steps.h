// import_steps.h: the steps of an import, in their order: whose checkpoint it is, its tensors'
// names and layouts, its vocabulary, and what the header of the file says.
#ifndef BV_CONVERT_IMPORT_STEPS_H
#define BV_CONVERT_IMPORT_STEPS_H

#include <stdbool.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/status.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors.h"
#include "graph/weights.h"
#include "text/tokenizer.h"

// rules.c: from the names that authors gave their tensors to the names of our definitions.

// What to do with a tensor's elements on the way.
enum bv_transform {
    BV_TRANSFORM_NONE,
    BV_TRANSFORM_TRANSPOSE, // [a,b] to [b,a]
    BV_TRANSFORM_CONV,      // [O,I,H,W] to [O,H,W,I]
    BV_TRANSFORM_CONV1D,    // [O,I,K] to [O,1,K,I]
    BV_TRANSFORM_SQUEEZE,   // drops dimensions of size 1, but for the first
};

// The outcome for one checkpoint tensor.
struct bv_rule_match {
    const char *name; // ours, in the arena; NULL: the tensor is to be left out
    enum bv_transform transform;
};

// The tensor rules of one system card, with those it refers to.
struct bv_rules;

// Reads card["tensors"], an array whose elements are
//   {"rules": FAMILY, "from": PREFIX, "to": PREFIX}   rules/FAMILY.json under both prefixes
//   [FROM, TO], [FROM, TO, "transpose"|"squeeze"|"conv1d"|"keep"]
// and card["ignore"], an array of patterns. A pattern holds placeholders: {i} {j} {k} match digits,
// {w} a part without dots, {rest} anything; TO repeats them. A weight of rank 4 is a convolution
// and becomes [O,H,W,I] unless the rule says "keep".
enum bv_status bv_rules_create(struct bv_rules **rules, const json_t *card, struct bv_error *err);
void bv_rules_destroy(struct bv_rules **rules); // accepts NULL

// Applies the first rule that matches a checkpoint tensor's name; false when none does.
bool bv_rules_apply(const struct bv_rules *rules, const char *name, int rank,
                    struct bv_arena *arena, struct bv_rule_match *match);

// Whether name matches a pattern.
bool bv_pattern_matches(const char *pattern, const char *name);
// Whether it matches one of an array of patterns (NULL: none).
bool bv_patterns_match(const json_t *patterns, const char *name);

// recognise.c: which system's checkpoint is this?

// Finds the compiled-in card whose "recognise" object fits the checkpoint's tensor names: every
// pattern of "all" matches some tensor, none of "none" does, and every member of "config" equals
// that of the folder's config.json. Of several, the one with the most patterns wins. The caller
// owns the reference. BV_ERR_MODEL names the nearest systems when none fits.
enum bv_status bv_recognise(struct bv_checkpoint *checkpoint, json_t **card, struct bv_error *err);

// Whether the checkpoint fits a given card.
bool bv_recognise_fits(struct bv_checkpoint *checkpoint, const json_t *card);

// config_check.c: does a checkpoint hold what the config.json beside it says?

// Compares the numbers of layers that config.json declares, for the model or for its parts, with
// the blocks that tensors are numbered by, and declared heads with those of the system's card: a
// download that lacks a shard may end with a whole block. Without a config.json, or where nothing
// can be compared, all is well. BV_ERR_MODEL says what differs.
enum bv_status bv_config_check(const struct bv_checkpoint *checkpoint, const json_t *card,
                               struct bv_error *err);

// vocabulary.c: finding the vocabulary that a checkpoint was trained with.

// Creates the tokenizer of a card: description card["tokenizer"], vocabulary from path (a file, or
// a folder with the files that the card names) or, when path is NULL, from beside the checkpoint or
// the folder in the environment variable BIOVL_VOCABULARY. When nothing is found the error names
// the files that were looked for and where they are published.
enum bv_status bv_vocabulary_load(struct bv_tokenizer **tokenizer, const json_t *card,
                                  const struct bv_checkpoint *checkpoint, const char *path,
                                  struct bv_error *err);

// staging.c: a checkpoint's tensors under our names, layouts and types, one at a time.

struct bv_staged {
    const struct bv_checkpoint_tensor *source;
    enum bv_transform transform;
    bool half; // rounded to f16 values, whatever type it is stored in
};

// The tensors to be written. Zero-initialise; free with bv_staging_free().
struct bv_staging {
    struct bv_checkpoint *checkpoint; // borrowed
    struct bv_arena arena;
    struct bv_safetensors_spec *specs; // names, types and shapes as they will be written
    struct bv_staged *sources;         // beside specs
    size_t n, n_ignored;
};

// Applies the rules to every tensor of the checkpoint. Tensors that no rule knows and two tensors
// of one name are BV_ERR_MODEL with a list. Float tensors get dtype, or keep theirs when
// keep_dtype; others are refused. half (may be NULL) is an array of patterns over our names: the
// tensors that the authors' code rounds to half precision when it loads them.
enum bv_status bv_stage(struct bv_staging *staging, struct bv_checkpoint *checkpoint,
                        const struct bv_rules *rules, const json_t *half, enum bv_dtype dtype,
                        bool keep_dtype, struct bv_error *err);
void bv_staging_free(struct bv_staging *staging);

// A store of the staged shapes without data, to check definitions against.
enum bv_status bv_staging_shapes(const struct bv_staging *staging, struct bv_weights **weights,
                                 struct bv_error *err);

// Reads, transforms and converts tensor i into out (bytes as its spec says). NaN and infinite
// values are BV_ERR_MODEL. Fits bv_safetensors_fill with the staging as argument.
enum bv_status bv_staging_fill(void *staging, size_t i, void *out, size_t bytes,
                               struct bv_error *err);

// header.c: values written into the header of a safetensors file after its data.

// Replaces the value of a __metadata__ key in place by text, filled up with spaces. *fits becomes
// false, and the file stays as it is, when the value there has not the room.
enum bv_status bv_header_put(const char *path, const char *key, const char *text, bool *fits,
                             struct bv_error *err);

#endif

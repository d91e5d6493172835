// rules.h: from the names that authors gave their tensors to the names of our definitions.
#ifndef BV_CONVERT_RULES_H
#define BV_CONVERT_RULES_H

#include "base/arena.h"
#include "base/json.h"

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

#endif

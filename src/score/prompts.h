// prompts.h: labels and the texts that stand for them.
#ifndef BV_SCORE_PROMPTS_H
#define BV_SCORE_PROMPTS_H

#include "base/json.h"
#include "base/memory.h"

// One label with its prompts. negative is empty unless the prompt set has negative templates.
struct bv_label {
    const char *name;
    const char **positive, **negative;
    size_t n_positive, n_negative;
    bool negated; // the name itself says "no …": a negative template makes a double negation
};

// An ordered list of labels; owns everything it points to.
struct bv_labels {
    struct bv_arena arena;
    struct bv_label *items;
    size_t n;
    const char *set; // name of the prompt set
    char digest[65]; // SHA-256 of all labels and prompts
};

#define BV_MAX_LABELS 100000
#define BV_MAX_LABELS_BYTES (64u << 20)

// Reads a labels file: one label per line, "label = prompt | prompt" gives its own prompts, #
// starts a comment line, blank lines are skipped. Labels without own prompts get those of the
// prompt set (card["prompts"]): its class of that name (case ignored), the combinations of its
// "grid" of that name, or its templates with {} replaced. Without a prompt
// set (NULL) a label is its own prompt. Own prompts are used as they are; negative templates apply
// to them likewise. BV_ERR_FORMAT: not UTF-8 (with the line), a line without a label, no label at
// all, one twice. what names the file in messages. Zero-initialise *labels.
enum bv_status bv_labels_parse(struct bv_labels *labels, const char *text, size_t size,
                               const char *what, const json_t *prompt_set, struct bv_error *err);

void bv_labels_free(struct bv_labels *labels); // accepts a zeroed value

#endif

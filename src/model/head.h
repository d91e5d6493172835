// head.h: a trained head over the text encoder, as the card's "head" describes it: texts into
// classes.
#ifndef BV_MODEL_HEAD_H
#define BV_MODEL_HEAD_H

#include "base/json.h"
#include "base/memory.h"

struct bv_graph;

// What is classified: a text, each token of a text, or two texts together.
enum bv_head_kind { BV_HEAD_SEQUENCE, BV_HEAD_TOKEN, BV_HEAD_PAIR };

#define BV_MAX_HEAD_LOGITS 65536

// One question that the head answers, by one of its classes.
struct bv_head_label {
    const char *name;
    const char **classes, **values; // n_classes each; a value is what a table says for the class
    size_t n_classes;
    size_t first;  // place of its logits in a row: one for each class, or one ("sigmoid")
    size_t offset; // sum of n_classes of the labels before
};

// All strings belong to the card, the rest to the arena.
struct bv_text_head {
    enum bv_head_kind kind;
    const char *output; // of the text encoder
    bool sigmoid;       // one logit for a label of two classes; the second is the logit's
    struct bv_head_label *labels;
    size_t n_labels, n_logits; // of a row
    size_t n_classes;          // of all labels together
    const char *column;        // of the texts in the authors' tables; NULL: none is usual
    struct bv_arena arena;
};

// The part of a card about it:
//   kind     "sequence" (default), "token" or "pair"
//   output   of the text encoder: [n_logits], for "token" [tokens,n_logits] ("logits")
//   activation "softmax" (default) over a label's classes, or "sigmoid": one logit for each label
//   classes  names of the classes of every label that has none of its own
//   labels   names, or {"name", "classes"}
//   values   {class: what a table says for it}; default: the class's name
//   column   where the authors' tables have the texts
const json_t *bv_text_head_card(const json_t *card); // NULL where a model has no head

// Reads it from a model's card, which must outlive it. *head is zeroed; free with
// bv_text_head_free(), in failure too. BV_ERR_MODEL says which member is wrong.
enum bv_status bv_text_head_read(struct bv_text_head *head, const json_t *card,
                                 struct bv_error *err);
void bv_text_head_free(struct bv_text_head *head); // accepts a zeroed one

// Whether a text encoder's graph has what the head reads. BV_ERR_MODEL.
enum bv_status bv_text_head_check(const json_t *card, const struct bv_graph *text,
                                  struct bv_error *err);

#endif

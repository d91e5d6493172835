// vocabulary.h: finding the vocabulary that a checkpoint was trained with.
#ifndef BV_CONVERT_VOCABULARY_H
#define BV_CONVERT_VOCABULARY_H

#include "base/json.h"
#include "checkpoint/checkpoint.h"
#include "text/tokenizer.h"

// Creates the tokenizer of a card: description card["tokenizer"], vocabulary from path (a file, or
// a folder with the files that the card names) or, when path is NULL, from beside the checkpoint or
// the folder in the environment variable BIOVL_VOCABULARY. When nothing is found the error names
// the files that were looked for and where they are published.
enum bv_status bv_vocabulary_load(struct bv_tokenizer **tokenizer, const json_t *card,
                                  const struct bv_checkpoint *checkpoint, const char *path,
                                  struct bv_error *err);

#endif

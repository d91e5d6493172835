// hf_part.h: what all readers of a Hugging Face tokenizer.json need: its parts are objects with a
// "type".
#ifndef BV_TEXT_HF_PART_H
#define BV_TEXT_HF_PART_H

#include "base/json.h"

bool bv_hf_is_type(const json_t *part, const char *type);

// BV_ERR_UNSUPPORTED: the what ("normalizer") of this part's type.
enum bv_status bv_hf_unsupported(struct bv_error *err, const char *what, const json_t *part);

// Sets a member of a description; steals value, whose making may have failed (NULL).
enum bv_status bv_hf_set(json_t *description, const char *key, json_t *value, struct bv_error *err);

#endif

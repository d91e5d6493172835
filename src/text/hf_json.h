// hf_json.h: what the readers of a Hugging Face tokenizer.json share. Its parts are objects with a
// "type".
#ifndef BV_TEXT_HF_JSON_H
#define BV_TEXT_HF_JSON_H

#include "base/json.h"
#include "text/vocab_file.h"

bool bv_hf_is_type(const json_t *part, const char *type);

// BV_ERR_UNSUPPORTED: the what ("normalizer") of this part's type.
enum bv_status bv_hf_unsupported(struct bv_error *err, const char *what, const json_t *part);

// Sets a member of a description; steals value, whose making may have failed (NULL).
enum bv_status bv_hf_set(json_t *description, const char *key, json_t *value, struct bv_error *err);

// A tokenizer.json whose model is Unigram, as Hugging Face makes it of ALBERT's
// spiece.model: becomes a description of kind "hf-unigram" and a SentencePiece model.

// Sets kind, clean, lowercase, strip_accents, whitespace_split and unk of a description, and
// source's tokens to the pieces, which document keeps. Unknown steps of the normaliser or
// pre-tokenizer, byte fallback, and added tokens that are looked for in normalised text are
// BV_ERR_UNSUPPORTED and named.
enum bv_status bv_hf_unigram_read(const json_t *document, json_t *description,
                                  struct bv_vocab_source *source, struct bv_error *err);

// The model of a document that bv_hf_unigram_read() took, as malloc'd bytes that spiece_file.h
// reads: the scores bit by bit those that Hugging Face's library computes with, source's tokens
// behind the model's own as pieces that no text has.
enum bv_status bv_hf_unigram_write(const json_t *document, const struct bv_vocab_source *source,
                                   char **bytes, size_t *n, struct bv_error *err);

#endif

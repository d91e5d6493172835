// hf_unigram.h: a tokenizer.json whose model is Unigram, as Hugging Face makes it of ALBERT's
// spiece.model: becomes a description of kind "hf-unigram" and a SentencePiece model.
#ifndef BV_TEXT_HF_UNIGRAM_H
#define BV_TEXT_HF_UNIGRAM_H

#include "text/vocab_file.h"

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

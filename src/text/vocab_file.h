// vocab_file.h: the files that vocabularies are published in.
#ifndef BV_TEXT_VOCAB_FILE_H
#define BV_TEXT_VOCAB_FILE_H

#include <jansson.h>

#include "base/json.h"
#include "text/pieces.h"
#include "text/tokens.h"

// vocab_file.c: the files that vocabularies are published in.
//
//   vocab.txt       one token per line, the line number is the id (BERT)
//   vocab.json      {"token": id, …}, with merges.txt beside it (RoBERTa, Hugging Face's CLIP)
//   merges.txt      "left right" per line after a "#version" line; alone, it is CLIP's
//                   bpe_simple_vocab_16e6.txt, plain or gzip, from which the tokens follow
//   biovl           "#biovl-bpe N M", then N tokens (an empty line: an id without token) and M
//                   merges, one per line: what bv_vocab_source_write() makes of the others;
//                   "#biovl-bpe-escaped N M" where tokens may hold any character: line breaks,
//                   spaces and backslashes are "\n", "\r", "\s" and "\\"

// Zero-initialise; free with bv_vocab_source_free(). The texts point into the caller's bytes or
// into what the source owns.
struct bv_vocab_source {
    struct bv_token_text *tokens; // by id
    size_t n_tokens;
    struct bv_merge_text *merges; // by rank
    size_t n_merges;
    char *storage, *unpacked;
    json_t *document;
};

void bv_vocab_source_free(struct bv_vocab_source *source);

// Reads vocab.txt.
enum bv_status bv_vocab_source_lines(struct bv_vocab_source *source, const char *bytes, size_t n,
                                     struct bv_error *err);

// Reads a vocabulary of byte-pair encoding in any of the forms above; merges is NULL where
// everything is in vocabulary. clip: tokens end in "</w>", and merges alone are enough.
enum bv_status bv_vocab_source_bpe(struct bv_vocab_source *source, bool clip,
                                   const char *vocabulary, size_t n_vocabulary, const char *merges,
                                   size_t n_merges, struct bv_error *err);

// Takes {"token": id, …}; document is borrowed and must live as long as source.
enum bv_status bv_vocab_source_map(struct bv_vocab_source *source, const json_t *map,
                                   struct bv_error *err);

// Puts text (borrowed) at an id, which may be past the end. An id that has another text is
// BV_ERR_FORMAT.
enum bv_status bv_vocab_source_put(struct bv_vocab_source *source, int64_t id, const char *text,
                                   size_t n, struct bv_error *err);

enum bv_vocab_form { BV_VOCAB_LINES, BV_VOCAB_BPE, BV_VOCAB_BPE_ESCAPED };

// The canonical text: vocab.txt or one of the biovl forms. malloc'd, with a terminating zero that
// is not counted.
enum bv_status bv_vocab_source_write(const struct bv_vocab_source *source, enum bv_vocab_form form,
                                     char **text, size_t *n, struct bv_error *err);

// hf_json.c: what the readers of a Hugging Face tokenizer.json share. Its parts are objects with a
// "type".

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

// The model of a document that bv_hf_unigram_read() took, as malloc'd bytes that spiece_file.c
// reads: the scores bit by bit those that Hugging Face's library computes with, source's tokens
// behind the model's own as pieces that no text has.
enum bv_status bv_hf_unigram_write(const json_t *document, const struct bv_vocab_source *source,
                                   char **bytes, size_t *n, struct bv_error *err);

#endif

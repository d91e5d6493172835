// tokenizer.h: text to token ids, equal to the reference implementations'. docs/tokenizers.md says
// what each kind does and where references differ.
#ifndef BV_TEXT_TOKENIZER_H
#define BV_TEXT_TOKENIZER_H

#include <jansson.h>

#include "text/tokens.h"

// Immutable after creation: any number of threads may encode with one tokenizer at a time.
struct bv_tokenizer;

// A longer text is BV_ERR_LIMIT.
#define BV_TEXT_MAX_BYTES ((size_t)64 << 20)

// Creates a tokenizer from its description and vocabulary. Neither is needed afterwards.
//
// description, a JSON object; all members but kind may be left out:
//   kind            "wordpiece", "clip-bpe", "roberta-bpe", "sentencepiece", "hf-unigram", "hf-bpe"
//   lowercase       wordpiece and clean "albert", "albert-hf": bool (true)
//   strip_accents   wordpiece and clean "albert", "albert-hf": bool (as lowercase; ALBERT's: true)
//   chinese         wordpiece: bool (true), each CJK ideograph is a word
//   final_sigma     wordpiece: bool (false), lower-case words as Python's str.lower() does
//   add_prefix_space roberta-bpe: bool (false)
//   whitespace_split hf-unigram: bool (false), words end at white space of any kind
//   clean           "none", "clip", "clip-noftfy", "open-clip", "clip-hf", "gloria", "biovil",
//                   "spaces", "spaces-unnumbered", "albert", "siglip", "siglip-open-clip"
//                   (sentencepiece), "albert-hf" (hf-unigram), "lower", "lower-open-clip"
//                   (sentencepiece, hf-bpe): see text/clean.h
//                   (clip-bpe: "clip"; else "none")
//   specials        where special tokens are recognised in the text: "first" (anywhere, before all
//                   else), "inline" (where a word starts), "words" (between spaces), "none"
//                   (clip-bpe: "inline"; else "first")
//   max_length      most tokens, special ones included; 0 (default) for no maximum
//   truncate        true (default): cut, and tell; "error": a longer text is BV_ERR_LIMIT
//   cls sep pad mask unk   names of the special tokens, null for none (by kind); without cls and
//                   sep an empty text is one unknown token
//   added           [{"text", "lstrip", "rstrip", "fold"}]: the tokens recognised in the text
//                   (default: the named ones)
// A wrong or unknown value is BV_ERR_ARG.
//
// vocabulary: the bytes of vocab.txt; for byte-pair encoding vocab.json with merges.txt in merges,
// or what bv_tokenizer_vocabulary() made, or for clip-bpe the merges alone, plain or gzip (merges
// is NULL then); for sentencepiece and hf-unigram the bytes of spiece.model (unigram or BPE).
// Bounds: BV_VOCAB_MAX_BYTES, BV_VOCAB_MAX_TOKENS. Damage is BV_ERR_FORMAT.
enum bv_status bv_tokenizer_create(struct bv_tokenizer **tokenizer, const json_t *description,
                                   const void *vocabulary, size_t n_vocabulary, const void *merges,
                                   size_t n_merges, struct bv_error *err);

// Creates a tokenizer from a Hugging Face tokenizer.json (WordPiece, byte-level BPE as CLIP and
// RoBERTa have it, BPE with byte fallback as Gemma has it, or Unigram as ALBERT has it). overrides
// (may be NULL) is an object whose members replace those of the description that is read from the
// file: max_length, truncate, clean, cls, sep. A part that this library does not do is
// BV_ERR_UNSUPPORTED and named.
enum bv_status bv_tokenizer_from_hf_json(struct bv_tokenizer **tokenizer, const char *bytes,
                                         size_t n, const json_t *overrides, struct bv_error *err);

// Frees and sets *tokenizer to NULL. Accepts a NULL tokenizer.
void bv_tokenizer_destroy(struct bv_tokenizer **tokenizer);

// Encodes text (UTF-8; zero bytes are allowed) with its special tokens, never padded:
// [CLS] … [SEP], <s> … </s>, <|startoftext|> … <|endoftext|>. *tokens is zeroed or earlier output
// that is written over; the caller frees it. Invalid UTF-8 is BV_ERR_FORMAT. Time is linear in
// n_bytes, n log n within one word.
enum bv_status bv_tokenizer_encode(const struct bv_tokenizer *tokenizer, const char *text,
                                   size_t n_bytes, struct bv_tokens *tokens, struct bv_error *err);

// Encodes two texts: [CLS] a [SEP] b [SEP] with types 0 and 1 (wordpiece, sentencepiece,
// hf-unigram), <s> a </s></s> b </s> with type 0 (the others). Where both together are too long,
// tokens fall off the longer one first, and off b where they are equally long.
enum bv_status bv_tokenizer_encode_pair(const struct bv_tokenizer *tokenizer, const char *a,
                                        size_t n_a, const char *b, size_t n_b,
                                        struct bv_tokens *tokens, struct bv_error *err);

enum bv_special_token {
    BV_TOKEN_CLS, // also <s> and <|startoftext|>
    BV_TOKEN_SEP, // also </s> and <|endoftext|>, CLIP's pooled token
    BV_TOKEN_PAD, // CLIP has none; 0, which OpenAI's code fills with
    BV_TOKEN_MASK,
    BV_TOKEN_UNK,
    BV_TOKEN_N,
};

// The id of a special token, -1 where the vocabulary has none.
int32_t bv_tokenizer_special(const struct bv_tokenizer *tokenizer, enum bv_special_token which);

// One more than the largest id.
size_t bv_tokenizer_size(const struct bv_tokenizer *tokenizer);

// The most tokens of a text, 0 for no maximum.
size_t bv_tokenizer_max_length(const struct bv_tokenizer *tokenizer);

// A token as the vocabulary spells it ("##ia", "Ġlung", "lung</w>"), borrowed, *n bytes without a
// terminator; NULL for an id without token.
const char *bv_tokenizer_token(const struct bv_tokenizer *tokenizer, int32_t id, size_t *n);

// The description and vocabulary from which bv_tokenizer_create() makes an equal tokenizer: how a
// model file carries it. The caller owns the new reference, and frees *text.
enum bv_status bv_tokenizer_describe(const struct bv_tokenizer *tokenizer, json_t **description,
                                     struct bv_error *err);
enum bv_status bv_tokenizer_vocabulary(const struct bv_tokenizer *tokenizer, char **text, size_t *n,
                                       struct bv_error *err);

#endif

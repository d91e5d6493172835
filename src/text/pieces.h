// pieces.h: the algorithms that cut words into the pieces of a vocabulary: WordPiece, byte-pair
// encoding and SentencePiece's unigram model, with its file and its normalisation.
#ifndef BV_TEXT_PIECES_H
#define BV_TEXT_PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/runes.h"
#include "text/tokens.h"

// wordpiece.c: BERT's tokenizer: words by white space and punctuation, then the longest pieces
// from the left (Devlin et al. 2019, BasicTokenizer and WordpieceTokenizer of the released code).

struct bv_wordpiece {
    int32_t unknown; // id of [UNK]
    bool lowercase;
    bool strip_accents;       // decompose canonically and drop nonspacing marks
    bool chinese;             // each CJK ideograph is a word
    bool final_sigma;         // lower-case a word as a whole, not letter by letter
    bool whole_word_specials; // a special token counts where it stands alone between spaces
};

// Appends the pieces of text[0..n) to out, without [CLS] and [SEP]. specials are looked up only
// as whole words; in the usual manner the caller has cut them out before.
enum bv_status bv_wordpiece_encode(const struct bv_wordpiece *wordpiece,
                                   const struct bv_vocab *vocab, const struct bv_specials *specials,
                                   const uint32_t *text, size_t n, struct bv_tokens *out,
                                   struct bv_error *err);

// bpe.c: byte-level byte-pair encoding (Sennrich et al. 2016; Radford et al. 2019), as CLIP and
// RoBERTa use it.

// "left right" lines, borrowed. end_of_line is past the last line.
struct bv_merge_text {
    struct bv_token_text left, right;
};

// Immutable after bv_bpe_build(); zero-initialise, free with bv_bpe_free().
struct bv_bpe {
    int32_t bytes[256];      // id of each byte within a word, -1 where the vocabulary lacks it
    int32_t finals[256];     // id of each byte at the end of a word
    struct bv_merge *merges; // by rank
    size_t n_merges;
    uint32_t *slots; // hash of a pair -> rank + 1
    uint32_t mask;
    int32_t unknown; // id for a byte without a token; -1: such bytes are dropped
    bool at_once;    // what a merge makes possible comes before other places of the pair
};

// suffix is "</w>" (CLIP) or "": what the last piece of a word ends in. A merge whose parts or
// result are no tokens is BV_ERR_FORMAT.
enum bv_status bv_bpe_build(struct bv_bpe *bpe, const struct bv_vocab *vocab, const char *suffix,
                            const struct bv_merge_text *merges, size_t n_merges, int32_t unknown,
                            struct bv_error *err);

// A merge by ids. Where ranks are equal the leftmost place comes first.
struct bv_ranked_merge {
    int32_t left, right, result;
    uint32_t rank;
};

// Merges as SentencePiece and the tokenizers library do them: always the lowest rank of the whole
// text (at_once). There are no byte tokens: such a bpe is for bv_bpe_merge_spans().
enum bv_status bv_bpe_build_ranked(struct bv_bpe *bpe, const struct bv_ranked_merge *merges,
                                   size_t n_merges, struct bv_error *err);

void bv_bpe_free(struct bv_bpe *bpe);

// The vocabulary's spelling of a byte: the printable Latin-1 characters stand for themselves, the
// others for U+0100 and up in order, so that no token holds a space or a control character.
uint32_t bv_bpe_byte_rune(unsigned char byte);

// Left and right token ids of the merge with this rank.
void bv_bpe_merge(const struct bv_bpe *bpe, size_t rank, int32_t *left, int32_t *right);

// Memory for words under way; zero-initialise, free with bv_bpe_scratch_free(). One per thread.
struct bv_bpe_scratch {
    void *block;
    size_t capacity; // symbols
};
void bv_bpe_scratch_free(struct bv_bpe_scratch *scratch);

// Appends the pieces of one word (its UTF-8 bytes). Equal to merging, pass after pass, all
// occurrences of the pair of lowest rank; time grows as n log n.
enum bv_status bv_bpe_word(const struct bv_bpe *bpe, const char *word, size_t n,
                           struct bv_bpe_scratch *scratch, struct bv_tokens *out,
                           struct bv_error *err);

// A piece of a text: its id and the bytes that it covers.
struct bv_piece_span {
    int32_t id;
    uint32_t start, end;
};

// Merges neighbours among spans[0..*n), in place. An id that no merge has is left alone. More than
// BV_BPE_MAX_SPANS is BV_ERR_LIMIT.
#define BV_BPE_MAX_SPANS ((size_t)8 << 20)
enum bv_status bv_bpe_merge_spans(const struct bv_bpe *bpe, struct bv_piece_span *spans, size_t *n,
                                  struct bv_bpe_scratch *scratch, struct bv_error *err);

// char_bpe.c: byte-pair encoding over characters, as Hugging Face's tokenizers library has it with
// byte fallback (Gemma): a text is one word, its spaces U+2581.

// Immutable after bv_char_bpe_build(); zero-initialise, free with bv_char_bpe_free().
struct bv_char_bpe {
    struct bv_bpe bpe;
    int32_t bytes[256]; // "<0x0A>", for characters without token
};

// A byte without token, and a merge whose parts or result are no tokens, are BV_ERR_FORMAT.
enum bv_status bv_char_bpe_build(struct bv_char_bpe *c, const struct bv_vocab *vocab,
                                 const struct bv_merge_text *merges, size_t n_merges,
                                 struct bv_error *err);
void bv_char_bpe_free(struct bv_char_bpe *c);

// Memory for texts under way; zero-initialise, free with bv_char_bpe_scratch_free(). One per
// thread.
struct bv_char_bpe_scratch {
    struct bv_bpe_scratch merging;
    struct bv_piece_span *spans;
    char *text;
    size_t capacity; // bytes
};
void bv_char_bpe_scratch_free(struct bv_char_bpe_scratch *scratch);

// Appends the pieces of text (valid UTF-8). More than BV_BPE_MAX_SPANS characters, or bytes of
// characters without token, is BV_ERR_LIMIT.
enum bv_status bv_char_bpe_encode(const struct bv_char_bpe *c, const struct bv_vocab *vocab,
                                  const char *text, size_t n, struct bv_char_bpe_scratch *scratch,
                                  struct bv_tokens *out, struct bv_error *err);

// How CLIP and RoBERTa cut text into the words that byte-pair encoding then cuts further.

// CLIP: 's|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+
// n > 0. Returns the length of the word at text[0], 0 where none starts: at white space. The
// original code ignores case (ignore_case), to which U+017F is an "s", and U+0345, a mark that
// becomes a letter in capitals, belongs to no word.
size_t bv_split_clip(const uint32_t *text, size_t n, bool ignore_case);

// GPT-2 and RoBERTa: 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// n > 0. Returns the length of the word at text[0]; every rune belongs to one.
size_t bv_split_gpt2(const uint32_t *text, size_t n);

// spiece_file.c: SentencePiece's model file (spiece.model): a protocol buffer, ModelProto of
// sentencepiece_model.proto, with the pieces, their scores, and how text is normalised before.

#define BV_PIECE_MAX_BYTES 1024 // of one piece

enum bv_piece_type {
    BV_PIECE_NORMAL = 1,
    BV_PIECE_UNKNOWN = 2, // what no piece covers; exactly one
    BV_PIECE_CONTROL = 3, // never in a text: [CLS], [SEP]
    BV_PIECE_USER = 4,    // always cut out of the text as it is
    BV_PIECE_UNUSED = 5,
    BV_PIECE_BYTE = 6, // "<0x0A>": stands for a byte of what no piece covers
};

struct bv_piece {
    struct bv_token_text text; // borrowed from the file's bytes
    double score;              // log probability; a float in the library's own files
    enum bv_piece_type type;
};

// A piece's field for a score that no float holds, among those that the format leaves to others.
#define BV_PIECE_DOUBLE_SCORE 200

// Zero-initialise; free with bv_spiece_file_free().
struct bv_spiece_file {
    struct bv_piece *pieces; // by id
    size_t n;
    struct bv_token_text charsmap; // precompiled normalisation (charsmap.c), borrowed; empty: none
    bool dummy_prefix;             // a space before the text
    bool remove_spaces;            // at both ends, and runs of them to one
    bool escape_spaces;            // a space becomes U+2581
    bool space_last;               // the dummy prefix stands behind instead
    bool bytes;                    // what no piece covers becomes bytes
    bool merges;                   // byte-pair encoding: scores rank merges (spiece_merges.c)
};

void bv_spiece_file_free(struct bv_spiece_file *file);

// Reads a model of n bytes (at most BV_VOCAB_MAX_BYTES), which must outlive file. Damage, a piece
// that is empty, too long or not UTF-8, a score that is no number, and a file without its one
// unknown piece are BV_ERR_FORMAT; a model other than unigram and BPE is BV_ERR_UNSUPPORTED.
enum bv_status bv_spiece_file_read(struct bv_spiece_file *file, const void *bytes, size_t n,
                                   struct bv_error *err);

// Writes the model files that spiece_file.c reads.

// Writes the pieces and how text is normalised, as malloc'd bytes. What a reader would refuse (a
// piece that is empty or too long, no unknown piece) is not looked for here. A score that no float
// holds is written beside the float nearest to it. More than BV_VOCAB_MAX_BYTES is BV_ERR_LIMIT.
enum bv_status bv_spiece_file_write(const struct bv_spiece_file *file, char **bytes, size_t *n,
                                    struct bv_error *err);

// Makes the merges of a model of byte-pair encoding. vocab holds the pieces of file by id. A
// character that is no piece takes part in none. Pieces that are marked as unused are
// BV_ERR_UNSUPPORTED, too long ones BV_ERR_LIMIT.
enum bv_status bv_spiece_merges(struct bv_bpe *bpe, const struct bv_vocab *vocab,
                                const struct bv_spiece_file *file, struct bv_error *err);

// charsmap.c: SentencePiece's precompiled normalisation: rules "these bytes become those", found by
// their longest beginning.
//
//   u32 size | double array of size bytes (Darts-clone: u32 units) | results, each ending in a zero
//
// A unit's bits: 0-7 label, 8 has a leaf, 9 and 10-30 offset to its children; a leaf has bit 31 and
// is an offset into the results.

// Immutable after bv_charsmap_read(); zero-initialise, free with bv_charsmap_free().
struct bv_charsmap {
    uint32_t *units;
    size_t n_units;
    char *results;
    size_t n_results;
};

// Copies a blob. An empty one makes a map without rules. A size that does not fit, a result that
// does not end or is longer than 1024 bytes is BV_ERR_FORMAT; whatever the units say, a search
// stays within them.
enum bv_status bv_charsmap_read(struct bv_charsmap *map, struct bv_token_text blob,
                                struct bv_error *err);
void bv_charsmap_free(struct bv_charsmap *map);

// The bytes that the longest rule at text[0..n) takes, and what they become (may be empty); 0 where
// no rule applies. Looks at no more than 1024 bytes.
size_t bv_charsmap_match(const struct bv_charsmap *map, const char *text, size_t n,
                         struct bv_token_text *result);

// The same for the shortest rule that text[0..n) begins with.
size_t bv_charsmap_shortest(const struct bv_charsmap *map, const char *text, size_t n,
                            struct bv_token_text *result);

// unigram.c: SentencePiece's unigram segmentation (Kudo 2018): of all ways to cut a normalised text
// into pieces, that with the largest sum of scores. Equal to the sentencepiece library's encoding,
// or to that of Hugging Face's tokenizers library. A model file of byte-pair encoding differs in
// the segmentation alone, and is one of these too.

// Pieces in the order of their bytes, so that those that begin a text are found byte by byte.
struct bv_piece_list {
    struct bv_piece_entry *entries;
    size_t n;
};

enum bv_unigram_rules {
    BV_UNIGRAM_SENTENCEPIECE, // sums are rounded to floats; what is no text is not looked for in it
    BV_UNIGRAM_TOKENIZERS,    // sums are doubles; the unknown piece is one like others
};

// Immutable after bv_unigram_build(); zero-initialise, free with bv_unigram_free().
struct bv_unigram {
    enum bv_unigram_rules rules;
    double *score;       // by id
    unsigned char *type; // enum bv_piece_type, by id
    struct bv_piece_list pieces, user;
    struct bv_charsmap map;
    bool dummy_prefix, remove_spaces, escape_spaces, space_last;
    double unknown_score;
    float largest_score;
    int32_t unknown, byte_ids[256];
    bool bytes;
    bool merges; // pieces are merged: bpe
    struct bv_bpe bpe;
    bool split_comma; // ALBERT's: "▁9," becomes "▁9" and ","
    char *source;     // the model file
    size_t n_source;
};

// vocab holds the pieces of file by id and must outlive unigram; source is copied. A piece that
// stands twice, or bytes without their pieces, is BV_ERR_FORMAT.
enum bv_status bv_unigram_build(struct bv_unigram *unigram, enum bv_unigram_rules rules,
                                const struct bv_vocab *vocab, const struct bv_spiece_file *file,
                                const void *source, size_t n_source, struct bv_error *err);
void bv_unigram_free(struct bv_unigram *unigram);

// Memory for texts under way; zero-initialise, free with bv_unigram_scratch_free(). One per thread.
struct bv_unigram_scratch {
    struct bv_unigram_buffers *buffers[2]; // the second for parts of the first's pieces
};
void bv_unigram_scratch_free(struct bv_unigram_scratch *scratch);

// Appends the pieces of text (valid UTF-8). A normalised text of more than 64 MB is BV_ERR_LIMIT.
enum bv_status bv_unigram_encode(const struct bv_unigram *unigram, const struct bv_vocab *vocab,
                                 const char *text, size_t n, struct bv_unigram_scratch *scratch,
                                 struct bv_tokens *out, struct bv_error *err);

// Appends the pieces of a word that is normalised already (bv_hf_words), valid UTF-8. first: no
// token of its text stands before it.
enum bv_status bv_unigram_encode_word(const struct bv_unigram *unigram, const char *word, size_t n,
                                      bool first, struct bv_unigram_scratch *scratch,
                                      struct bv_tokens *out, struct bv_error *err);

// How Hugging Face's tokenizers library makes words of a text before its Unigram model
// cuts them: the normalisers Precompiled and Replace, the pre-tokenizers WhitespaceSplit and
// Metaspace.

#define BV_HF_WORDS_MAX_BYTES ((size_t)64 << 20) // of all words of a text, as UTF-8

struct bv_hf_words {
    const struct bv_charsmap *map; // rules, applied to a grapheme cluster of up to 5 bytes as a
                                   // whole, by their shortest match, otherwise to each character
    bool one_space;                // runs of U+0020 become one
    bool whitespace_split;         // words end at white space of any kind, which vanishes
    bool prefix;                   // a word begins with U+2581 where it does not yet
};

// Appends the words of text[0..n), spaces as U+2581; bv_hf_next_word() finds them. More than
// BV_HF_WORDS_MAX_BYTES is BV_ERR_LIMIT, a rule's result that is no UTF-8 BV_ERR_FORMAT.
enum bv_status bv_hf_words(struct bv_runes *out, const struct bv_hf_words *how,
                           const uint32_t *text, size_t n, struct bv_error *err);

// The first word at or after *start in words[0..n), and its length; 0 at the end.
size_t bv_hf_next_word(const uint32_t *words, size_t n, size_t *start);

#endif

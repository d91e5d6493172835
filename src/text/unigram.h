// unigram.h: SentencePiece's unigram segmentation (Kudo 2018): of all ways to cut a normalised text
// into pieces, that with the largest sum of scores. Equal to the sentencepiece library's encoding,
// or to that of Hugging Face's tokenizers library.
#ifndef BV_TEXT_UNIGRAM_H
#define BV_TEXT_UNIGRAM_H

#include "text/charsmap.h"
#include "text/runes.h"
#include "text/spiece_file.h"
#include "text/tokens.h"

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

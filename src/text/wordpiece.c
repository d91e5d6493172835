#include "text/pieces.h"

#include "base/encoding.h"

// A longer word is [UNK] as a whole.
enum { MAX_WORD = 100 };

// One text on its way through; the buffers are reused from word to word.
struct encoder {
    const struct bv_wordpiece *wordpiece;
    const struct bv_vocab *vocab;
    const struct bv_specials *specials;
    struct bv_runes word, lower, plain;
    struct bv_tokens *out;
};

static bool is_chinese(uint32_t rune)
{
    return rune >= 0x3400 &&
           ((rune >= 0x4e00 && rune <= 0x9fff) || (rune >= 0x3400 && rune <= 0x4dbf) ||
            (rune >= 0x20000 && rune <= 0x2a6df) || (rune >= 0x2a700 && rune <= 0x2b73f) ||
            (rune >= 0x2b740 && rune <= 0x2b81f) || (rune >= 0x2b820 && rune <= 0x2ceaf) ||
            (rune >= 0xf900 && rune <= 0xfaff) || (rune >= 0x2f800 && rune <= 0x2fa1f));
}

// All ASCII that is neither letter, digit, space nor control counts, also "$" and "^".
static bool is_punctuation(uint32_t rune)
{
    if (rune < 0x80)
        return (rune >= 33 && rune <= 47) || (rune >= 58 && rune <= 64) ||
               (rune >= 91 && rune <= 96) || (rune >= 123 && rune <= 126);
    return bv_rune_is_punctuation(rune);
}

static bool is_space(uint32_t rune)
{
    // U+2028 and U+2029 are no spaces to the cleaning, but to the str.split() after it.
    return rune == '\t' || rune == '\n' || rune == '\r' || rune == 0x2028 || rune == 0x2029 ||
           bv_rune_is_space_separator(rune);
}

static enum bv_status encode_word(struct encoder *e, const uint32_t *word, size_t n,
                                  struct bv_error *err)
{
    if (n > MAX_WORD)
        return bv_tokens_push(e->out, e->wordpiece->unknown, false, err);
    char text[4 * MAX_WORD];
    size_t n_bytes = 0;
    for (size_t i = 0; i < n; i++)
        n_bytes += bv_utf8_encode(word[i], text + n_bytes);
    size_t first = e->out->n;
    for (size_t i = 0, taken = 0; i < n_bytes; i += taken) {
        int32_t id = bv_vocab_longest(e->vocab, "##", i ? 2 : 0, text + i, n_bytes - i, &taken);
        if (id < 0) {
            e->out->n = first;
            return bv_tokens_push(e->out, e->wordpiece->unknown, false, err);
        }
        BV_TRY(bv_tokens_push(e->out, id, i > 0, err));
    }
    return BV_OK;
}

static enum bv_status split_punctuation(struct encoder *e, const uint32_t *text, size_t n,
                                        struct bv_error *err)
{
    size_t start = 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_punctuation(text[i]))
            continue;
        if (i > start)
            BV_TRY(encode_word(e, text + start, i - start, err));
        BV_TRY(encode_word(e, text + i, 1, err));
        start = i + 1;
    }
    return n > start ? encode_word(e, text + start, n - start, err) : BV_OK;
}

// Normalises and encodes what stands between two spaces.
static enum bv_status end_word(struct encoder *e, struct bv_error *err)
{
    const struct bv_wordpiece *wordpiece = e->wordpiece;
    const struct bv_runes *word = &e->word;
    if (word->n == 0)
        return BV_OK;
    if (wordpiece->whole_word_specials) {
        const struct bv_special *special = bv_specials_at(e->specials, word->at, word->n);
        if (special && special->text.n == word->n) {
            e->word.n = 0;
            return bv_tokens_push(e->out, special->id, false, err);
        }
    }
    if (wordpiece->lowercase) {
        e->lower.n = 0;
        BV_TRY(bv_runes_lower(&e->lower, word->at, word->n, wordpiece->final_sigma, err));
        word = &e->lower;
    }
    if (wordpiece->strip_accents) {
        e->plain.n = 0;
        BV_TRY(bv_runes_nfd(&e->plain, word->at, word->n, err));
        size_t kept = 0;
        for (size_t i = 0; i < e->plain.n; i++) {
            if (!bv_rune_is_nonspacing_mark(e->plain.at[i]))
                e->plain.at[kept++] = e->plain.at[i];
        }
        e->plain.n = kept;
        word = &e->plain;
    }
    enum bv_status status = split_punctuation(e, word->at, word->n, err);
    e->word.n = 0;
    return status;
}

static enum bv_status encode_text(struct encoder *e, const uint32_t *text, size_t n,
                                  struct bv_error *err)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t rune = text[i];
        if (is_space(rune)) {
            BV_TRY(end_word(e, err));
        } else if (rune == 0xfffd || bv_rune_is_other(rune)) {
            continue;
        } else if (e->wordpiece->chinese && is_chinese(rune)) {
            BV_TRY(end_word(e, err));
            BV_TRY(bv_runes_push(&e->word, rune, err));
            BV_TRY(end_word(e, err));
        } else {
            BV_TRY(bv_runes_push(&e->word, rune, err));
        }
    }
    return end_word(e, err);
}

enum bv_status bv_wordpiece_encode(const struct bv_wordpiece *wordpiece,
                                   const struct bv_vocab *vocab, const struct bv_specials *specials,
                                   const uint32_t *text, size_t n, struct bv_tokens *out,
                                   struct bv_error *err)
{
    struct encoder e = {.wordpiece = wordpiece, .vocab = vocab, .specials = specials, .out = out};
    enum bv_status status = encode_text(&e, text, n, err);
    bv_runes_free(&e.word);
    bv_runes_free(&e.lower);
    bv_runes_free(&e.plain);
    return status;
}

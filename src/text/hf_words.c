#include "text/pieces.h"

#include "base/encoding.h"

static const uint32_t space_symbol = 0x2581;
static const size_t max_grapheme = 5; // bytes that are looked up as a whole

static size_t utf8_bytes(uint32_t rune)
{
    return 1u + (rune >= 0x80) + (rune >= 0x800) + (rune >= 0x10000);
}

static enum bv_status fail_long(struct bv_error *err)
{
    return bv_fail(err, BV_ERR_LIMIT, "a text of more than %zu bytes once normalised",
                   BV_HF_WORDS_MAX_BYTES);
}

// Appends what the rules make of text[0..n), which is taken as a whole; *applies tells whether one
// of them begins it.
static enum bv_status apply(struct bv_runes *out, const struct bv_charsmap *map,
                            const uint32_t *text, size_t n, bool *applies, struct bv_error *err)
{
    char bytes[8];
    size_t size = 0;
    struct bv_token_text result;
    for (size_t i = 0; i < n; i++)
        size += bv_utf8_encode(text[i], bytes + size);
    *applies = bv_charsmap_shortest(map, bytes, size, &result) > 0;
    if (!*applies || result.n == 0)
        return BV_OK;
    if (!bv_utf8_valid(result.at, result.n, NULL))
        return bv_fail(err, BV_ERR_FORMAT,
                       "vocabulary: a result of the normalisation is not valid UTF-8");
    return bv_runes_decode(out, result.at, result.n, err);
}

static enum bv_status apply_rules(struct bv_runes *out, const struct bv_charsmap *map,
                                  const uint32_t *text, size_t n, struct bv_error *err)
{
    for (size_t i = 0; i < n;) {
        size_t length = bv_runes_grapheme(text + i, n - i), bytes = 0;
        bool applies = false;
        for (size_t k = i; k < i + length && bytes <= max_grapheme; k++)
            bytes += utf8_bytes(text[k]);
        if (bytes <= max_grapheme)
            BV_TRY(apply(out, map, text + i, length, &applies, err));
        for (size_t k = i; !applies && k < i + length; k++) {
            bool one_applies = false;
            BV_TRY(apply(out, map, text + k, 1, &one_applies, err));
            if (!one_applies)
                BV_TRY(bv_runes_push(out, text[k], err));
        }
        i += length;
        if (out->n > BV_HF_WORDS_MAX_BYTES)
            return fail_long(err);
    }
    return BV_OK;
}

// Words as they are kept: a space ends one and belongs to none, U+2581 begins the next.
static enum bv_status make_words(struct bv_runes *out, const struct bv_hf_words *how,
                                 const uint32_t *text, size_t n, struct bv_error *err)
{
    size_t bytes = 0;
    bool begins = true; // a word that Metaspace sees
    for (size_t i = 0; i < n; i++) {
        if (how->one_space && i && text[i] == ' ' && text[i - 1] == ' ')
            continue;
        if (how->whitespace_split && bv_rune_is_white_space(text[i])) {
            if (!begins)
                BV_TRY(bv_runes_push(out, ' ', err));
            begins = true;
            continue;
        }
        uint32_t rune = text[i] == ' ' ? space_symbol : text[i];
        bool prefixed = begins && how->prefix && rune != space_symbol;
        if (prefixed)
            BV_TRY(bv_runes_push(out, space_symbol, err));
        BV_TRY(bv_runes_push(out, rune, err));
        begins = false;
        bytes += utf8_bytes(rune) + (prefixed ? utf8_bytes(space_symbol) : 0);
        if (bytes > BV_HF_WORDS_MAX_BYTES)
            return fail_long(err);
    }
    return BV_OK;
}

enum bv_status bv_hf_words(struct bv_runes *out, const struct bv_hf_words *how,
                           const uint32_t *text, size_t n, struct bv_error *err)
{
    struct bv_runes normalized = {0};
    enum bv_status status = how->map->n_units ? apply_rules(&normalized, how->map, text, n, err)
                                              : bv_runes_append(&normalized, text, n, err);
    if (status == BV_OK)
        status = make_words(out, how, normalized.at, normalized.n, err);
    bv_runes_free(&normalized);
    return status;
}

size_t bv_hf_next_word(const uint32_t *words, size_t n, size_t *start)
{
    size_t i = *start;
    while (i < n && words[i] == ' ')
        i++;
    size_t end = i + (i < n);
    while (end < n && words[end] != ' ' && words[end] != space_symbol)
        end++;
    *start = i;
    return end - i;
}

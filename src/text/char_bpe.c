// Byte-pair encoding over characters as the tokenizers library has it for Gemma's vocabularies: a
// space is U+2581, a text is one word, a character without token its bytes' tokens.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "text/pieces.h"

static const char space_symbol[] = "\xe2\x96\x81"; // U+2581
enum { SPACE_BYTES = 3 };

void bv_char_bpe_free(struct bv_char_bpe *c)
{
    bv_bpe_free(&c->bpe);
    *c = (struct bv_char_bpe){0};
}

enum bv_status bv_char_bpe_build(struct bv_char_bpe *c, const struct bv_vocab *vocab,
                                 const struct bv_merge_text *merges, size_t n_merges,
                                 struct bv_error *err)
{
    struct bv_char_bpe built = {0};
    for (unsigned i = 0; i < 256; i++) {
        char name[8];
        int n = snprintf(name, sizeof name, "<0x%02X>", i);
        built.bytes[i] = bv_vocab_find(vocab, name, (size_t)n);
        // Where a character of one byte is a token, Gemma's files have no token for that byte.
        char byte = (char)i;
        if (built.bytes[i] < 0 && i < 0x80)
            built.bytes[i] = bv_vocab_find(vocab, &byte, 1);
        if (built.bytes[i] < 0)
            return bv_fail(err, BV_ERR_FORMAT, "vocabulary: no token for the byte %u", i);
    }
    BV_TRY(bv_bpe_build(&built.bpe, vocab, "", merges, n_merges, -1, err));
    built.bpe.at_once = true;
    *c = built;
    return BV_OK;
}

void bv_char_bpe_scratch_free(struct bv_char_bpe_scratch *scratch)
{
    bv_bpe_scratch_free(&scratch->merging);
    free(scratch->spans);
    free(scratch->text);
    *scratch = (struct bv_char_bpe_scratch){0};
}

// Room for the spans of a text of n bytes, and for the text with its spaces as U+2581.
static enum bv_status reserve(struct bv_char_bpe_scratch *scratch, size_t n, struct bv_error *err)
{
    if (n <= scratch->capacity)
        return BV_OK;
    bv_char_bpe_scratch_free(scratch);
    scratch->spans = malloc(n * sizeof *scratch->spans);
    scratch->text = malloc(n);
    if (!scratch->spans || !scratch->text)
        return bv_fail_nomem(err, "a text");
    scratch->capacity = n;
    return BV_OK;
}

static size_t escape_spaces(char *out, const char *text, size_t n)
{
    size_t size = 0;
    for (size_t i = 0; i < n; i++) {
        size_t width = text[i] == ' ' ? SPACE_BYTES : 1;
        memcpy(out + size, text[i] == ' ' ? space_symbol : text + i, width);
        size += width;
    }
    return size;
}

// The characters of a text, or their bytes.
static size_t take_characters(const struct bv_char_bpe *c, const struct bv_vocab *vocab,
                              const char *text, size_t n, struct bv_piece_span *spans)
{
    size_t count = 0;
    uint32_t rune = 0;
    for (size_t i = 0; i < n;) {
        size_t width = bv_utf8_decode(text + i, n - i, &rune);
        width = width ? width : 1;
        int32_t id = bv_vocab_find(vocab, text + i, width);
        uint32_t start = (uint32_t)i;
        if (id >= 0)
            spans[count++] = (struct bv_piece_span){id, start, start + (uint32_t)width};
        for (uint32_t k = start; id < 0 && k < start + width; k++)
            spans[count++] = (struct bv_piece_span){c->bytes[(unsigned char)text[k]], k, k + 1};
        i += width;
    }
    return count;
}

enum bv_status bv_char_bpe_encode(const struct bv_char_bpe *c, const struct bv_vocab *vocab,
                                  const char *text, size_t n, struct bv_char_bpe_scratch *scratch,
                                  struct bv_tokens *out, struct bv_error *err)
{
    size_t spaces = 0;
    for (size_t i = 0; i < n; i++)
        spaces += text[i] == ' ';
    BV_TRY(reserve(scratch, n + (SPACE_BYTES - 1) * spaces + 1, err));
    n = escape_spaces(scratch->text, text, n);
    size_t count = take_characters(c, vocab, scratch->text, n, scratch->spans);
    BV_TRY(bv_bpe_merge_spans(&c->bpe, scratch->spans, &count, &scratch->merging, err));
    for (size_t i = 0; i < count; i++) {
        const char *piece = scratch->text + scratch->spans[i].start;
        size_t length = scratch->spans[i].end - scratch->spans[i].start;
        bool begins = length >= SPACE_BYTES && memcmp(piece, space_symbol, SPACE_BYTES) == 0;
        BV_TRY(bv_tokens_push(out, scratch->spans[i].id, i > 0 && !begins, err));
    }
    return BV_OK;
}

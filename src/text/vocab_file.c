#include "text/vocab_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/encoding.h"
#include "base/json.h"
#include "base/memory.h"

// CLIP's published file has more merges than its vocabulary uses.
enum { CLIP_MERGES = 49152 - 256 - 2 };

void bv_vocab_source_free(struct bv_vocab_source *source)
{
    free(source->tokens);
    free(source->merges);
    free(source->storage);
    free(source->unpacked);
    json_decref(source->document);
    *source = (struct bv_vocab_source){0};
}

static enum bv_status check_size(size_t n, struct bv_error *err)
{
    if (n > BV_VOCAB_MAX_BYTES)
        return bv_fail(err, BV_ERR_LIMIT, "vocabulary: %zu bytes, at most %zu are allowed", n,
                       BV_VOCAB_MAX_BYTES);
    return BV_OK;
}

static enum bv_status check_text(const char *bytes, size_t n, struct bv_error *err)
{
    size_t bad;
    BV_TRY(check_size(n, err));
    if (!bv_utf8_valid(bytes, n, &bad))
        return bv_fail(err, BV_ERR_FORMAT, "vocabulary: not valid UTF-8 at byte %zu", bad);
    return BV_OK;
}

// Cuts the next line off; false at the end. A line ends in "\n", "\r\n" or "\r".
static bool next_line(const char **at, const char *end, struct bv_token_text *line)
{
    if (*at == end)
        return false;
    const char *stop = *at;
    while (stop < end && *stop != '\n' && *stop != '\r')
        stop++;
    *line = (struct bv_token_text){*at, (size_t)(stop - *at)};
    if (stop < end && *stop == '\r' && stop + 1 < end && stop[1] == '\n')
        stop++;
    *at = stop < end ? stop + 1 : stop;
    return true;
}

static size_t count_lines(const char *bytes, size_t n)
{
    const char *at = bytes;
    struct bv_token_text line;
    size_t count = 0;
    while (next_line(&at, bytes + n, &line))
        count++;
    return count;
}

static enum bv_status make_tokens(struct bv_vocab_source *source, size_t n, struct bv_error *err)
{
    if (n > BV_VOCAB_MAX_TOKENS)
        return bv_fail(err, BV_ERR_LIMIT, "vocabulary: %zu entries, at most %zu are allowed", n,
                       BV_VOCAB_MAX_TOKENS);
    source->tokens = calloc(n + 1, sizeof *source->tokens);
    if (!source->tokens)
        return bv_fail_nomem(err, "vocabulary");
    source->n_tokens = n;
    return BV_OK;
}

enum bv_status bv_vocab_source_lines(struct bv_vocab_source *source, const char *bytes, size_t n,
                                     struct bv_error *err)
{
    BV_TRY(check_text(bytes, n, err));
    BV_TRY(make_tokens(source, count_lines(bytes, n), err));
    const char *at = bytes;
    for (size_t i = 0; i < source->n_tokens; i++)
        next_line(&at, bytes + n, &source->tokens[i]);
    return BV_OK;
}

enum bv_status bv_vocab_source_put(struct bv_vocab_source *source, int64_t id, const char *text,
                                   size_t n, struct bv_error *err)
{
    if (id < 0 || (uint64_t)id >= BV_VOCAB_MAX_TOKENS)
        return bv_fail(err, BV_ERR_LIMIT, "vocabulary: the id %lld is out of range", (long long)id);
    size_t i = (size_t)id;
    if (i >= source->n_tokens) {
        struct bv_token_text *tokens = realloc(source->tokens, (i + 1) * sizeof *tokens);
        if (!tokens)
            return bv_fail_nomem(err, "vocabulary");
        memset(tokens + source->n_tokens, 0, (i + 1 - source->n_tokens) * sizeof *tokens);
        source->tokens = tokens;
        source->n_tokens = i + 1;
    }
    struct bv_token_text *token = &source->tokens[i];
    if (token->n && (token->n != n || memcmp(token->at, text, n) != 0))
        return bv_fail(err, BV_ERR_FORMAT, "vocabulary: two tokens with the id %zu", i);
    *token = (struct bv_token_text){text, n};
    return BV_OK;
}

enum bv_status bv_vocab_source_map(struct bv_vocab_source *source, const json_t *map,
                                   struct bv_error *err)
{
    if (!json_is_object(map) || json_object_size(map) == 0)
        return bv_fail(err, BV_ERR_FORMAT, "vocabulary: not an object of tokens and ids");
    int64_t last = 0;
    const char *text;
    json_t *id, *object = (json_t *)map; // the iterator writes nothing
    json_object_foreach(object, text, id)
    {
        if (!json_is_integer(id) || json_integer_value(id) < 0 ||
            (uint64_t)json_integer_value(id) >= BV_VOCAB_MAX_TOKENS)
            return bv_fail(err, BV_ERR_FORMAT, "vocabulary: an id is no integer or out of range");
        if (json_integer_value(id) > last)
            last = json_integer_value(id);
    }
    BV_TRY(make_tokens(source, (size_t)last + 1, err));
    json_object_foreach(object, text, id)
    {
        BV_TRY(bv_vocab_source_put(source, json_integer_value(id), text, strlen(text), err));
    }
    return BV_OK;
}

static bool split_pair(struct bv_token_text line, struct bv_merge_text *merge)
{
    const char *space = memchr(line.at, ' ', line.n);
    if (!space)
        return false;
    size_t left = (size_t)(space - line.at);
    *merge = (struct bv_merge_text){{line.at, left}, {space + 1, line.n - left - 1}};
    return left > 0 && merge->right.n > 0 && !memchr(space + 1, ' ', merge->right.n);
}

// Reads up to limit "left right" lines; a first line that is a version note and empty lines are
// left out.
static enum bv_status read_merges(struct bv_vocab_source *source, const char *at, const char *end,
                                  size_t limit, struct bv_error *err)
{
    size_t n = count_lines(at, (size_t)(end - at));
    if (n > BV_VOCAB_MAX_TOKENS)
        return bv_fail(err, BV_ERR_LIMIT, "merges: %zu lines, at most %zu are allowed", n,
                       BV_VOCAB_MAX_TOKENS);
    source->merges = malloc((n + 1) * sizeof *source->merges);
    if (!source->merges)
        return bv_fail_nomem(err, "merges");
    struct bv_token_text line;
    for (size_t i = 0; source->n_merges < limit && next_line(&at, end, &line); i++) {
        bool version = i == 0 && ((line.n >= 8 && memcmp(line.at, "#version", 8) == 0) ||
                                  (line.n >= 11 && memcmp(line.at, "\"bpe_simple", 11) == 0));
        if (line.n == 0 || version)
            continue;
        if (!split_pair(line, &source->merges[source->n_merges++]))
            return bv_fail(err, BV_ERR_FORMAT, "merges: line %zu is not two symbols", i + 1);
    }
    return BV_OK;
}

// CLIP's tokens follow from its merges: the bytes, the bytes at a word's end, the merged symbols,
// and two special tokens. source->storage receives the texts.
static enum bv_status derive_clip_tokens(struct bv_vocab_source *source, struct bv_error *err)
{
    static const char *const specials[] = {"<|startoftext|>", "<|endoftext|>"};
    size_t bytes = 2 * 256 * 8;
    for (size_t i = 0; i < source->n_merges; i++)
        bytes += source->merges[i].left.n + source->merges[i].right.n;
    char *storage = malloc(bytes);
    if (!storage)
        return bv_fail_nomem(err, "vocabulary");
    source->storage = storage;
    BV_TRY(make_tokens(source, 512 + source->n_merges + 2, err));
    // Bytes that are printable come first, then the others, each in order.
    size_t id = 0;
    for (uint32_t rune = 0x21; rune < 0x100 + 68; rune++) {
        if ((rune > 0x7e && rune < 0xa1) || rune == 0xad)
            continue;
        size_t n = bv_utf8_encode(rune, storage);
        source->tokens[id] = (struct bv_token_text){storage, n};
        memcpy(storage + n, storage, n);
        memcpy(storage + 2 * n, "</w>", 4);
        source->tokens[id + 256] = (struct bv_token_text){storage + n, n + 4};
        storage += 2 * n + 4;
        id++;
    }
    for (size_t i = 0; i < source->n_merges; i++) {
        struct bv_merge_text merge = source->merges[i];
        memcpy(storage, merge.left.at, merge.left.n);
        memcpy(storage + merge.left.n, merge.right.at, merge.right.n);
        size_t n = merge.left.n + merge.right.n;
        source->tokens[512 + i] = (struct bv_token_text){storage, n};
        storage += n;
    }
    for (size_t i = 0; i < 2; i++)
        source->tokens[512 + source->n_merges + i] =
            (struct bv_token_text){specials[i], strlen(specials[i])};
    return BV_OK;
}

static enum bv_status gunzip(const char *bytes, size_t n, char **out, size_t *n_out,
                             struct bv_error *err)
{
    z_stream stream = {.next_in = (z_const Bytef *)bytes, .avail_in = (uInt)n};
    size_t capacity = (size_t)1 << 20;
    char *text = NULL;
    if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK)
        return bv_fail_nomem(err, "vocabulary");
    enum bv_status status = BV_OK;
    for (int result = Z_OK; result != Z_STREAM_END;) {
        if (stream.total_out >= BV_VOCAB_MAX_BYTES) {
            status = bv_fail(err, BV_ERR_LIMIT, "vocabulary: more than %zu bytes unpacked",
                             BV_VOCAB_MAX_BYTES);
            goto fail;
        }
        capacity *= 2;
        char *grown = realloc(text, capacity);
        if (!grown) {
            status = bv_fail_nomem(err, "vocabulary");
            goto fail;
        }
        text = grown;
        stream.next_out = (Bytef *)text + stream.total_out;
        stream.avail_out = (uInt)(capacity - stream.total_out);
        result = inflate(&stream, Z_NO_FLUSH);
        if (result != Z_STREAM_END && (result != Z_OK || stream.avail_out > 0)) {
            status = bv_fail(err, BV_ERR_FORMAT, "vocabulary: damaged or incomplete gzip data");
            goto fail;
        }
    }
    *out = text;
    *n_out = stream.total_out;
    inflateEnd(&stream);
    return BV_OK;
fail:
    inflateEnd(&stream);
    free(text);
    return status;
}

// Characters that tokens and merges are not written with, and what follows a backslash instead.
static const char special_bytes[] = "\n\r \\", escapes[] = "nrs\\";
enum { N_ESCAPES = sizeof escapes - 1 };

// Undoes the escapes of a text in place of storage, which is moved on.
static enum bv_status unescape(struct bv_token_text *text, char **storage, struct bv_error *err)
{
    char *to = *storage;
    for (size_t i = 0; i < text->n; i++) {
        char byte = text->at[i];
        if (byte == '\\') {
            const char *escape = ++i < text->n ? memchr(escapes, text->at[i], N_ESCAPES) : NULL;
            if (!escape)
                return bv_fail(err, BV_ERR_FORMAT, "vocabulary: a damaged escape");
            byte = special_bytes[escape - escapes];
        }
        *to++ = byte;
    }
    *text = (struct bv_token_text){*storage, (size_t)(to - *storage)};
    *storage = to;
    return BV_OK;
}

static enum bv_status unescape_all(struct bv_vocab_source *source, size_t n, struct bv_error *err)
{
    source->storage = malloc(n + 1);
    if (!source->storage)
        return bv_fail_nomem(err, "vocabulary");
    char *at = source->storage;
    for (size_t i = 0; i < source->n_tokens; i++)
        BV_TRY(unescape(&source->tokens[i], &at, err));
    for (size_t i = 0; i < source->n_merges; i++) {
        BV_TRY(unescape(&source->merges[i].left, &at, err));
        BV_TRY(unescape(&source->merges[i].right, &at, err));
    }
    return BV_OK;
}

static bool starts_with(const char *bytes, size_t n, const char *start)
{
    return n >= strlen(start) && memcmp(bytes, start, strlen(start)) == 0;
}

static const char escaped_head[] = "#biovl-bpe-escaped ";

// "#biovl-bpe N M", N tokens, M merges.
static enum bv_status read_canonical(struct bv_vocab_source *source, const char *bytes, size_t n,
                                     struct bv_error *err)
{
    const char *at = bytes, *end = bytes + n;
    struct bv_token_text line;
    char head[64] = {0};
    unsigned long n_tokens = 0, n_merges = 0;
    bool escaped = starts_with(bytes, n, escaped_head);
    if (next_line(&at, end, &line) && line.n < sizeof head)
        memcpy(head, line.at, line.n);
    if (sscanf(head, escaped ? "#biovl-bpe-escaped %lu %lu" : "#biovl-bpe %lu %lu", &n_tokens,
               &n_merges) != 2)
        return bv_fail(err, BV_ERR_FORMAT, "vocabulary: the first line is damaged");
    BV_TRY(make_tokens(source, n_tokens, err));
    for (size_t i = 0; i < n_tokens; i++) {
        if (!next_line(&at, end, &source->tokens[i]))
            return bv_fail(err, BV_ERR_FORMAT, "vocabulary: %zu of %lu tokens", i, n_tokens);
    }
    BV_TRY(read_merges(source, at, end, SIZE_MAX, err));
    if (source->n_merges != n_merges)
        return bv_fail(err, BV_ERR_FORMAT, "vocabulary: %zu merges instead of %lu",
                       source->n_merges, n_merges);
    return escaped ? unescape_all(source, n, err) : BV_OK;
}

static enum bv_status read_json(struct bv_vocab_source *source, const char *vocabulary,
                                size_t n_vocabulary, const char *merges, size_t n_merges,
                                struct bv_error *err)
{
    if (!merges)
        return bv_fail(err, BV_ERR_ARG, "vocabulary: vocab.json needs its merges.txt");
    BV_TRY(check_text(merges, n_merges, err));
    BV_TRY(bv_json_parse(&source->document, vocabulary, n_vocabulary, "vocabulary", err));
    BV_TRY(bv_vocab_source_map(source, source->document, err));
    return read_merges(source, merges, merges + n_merges, SIZE_MAX, err);
}

enum bv_status bv_vocab_source_bpe(struct bv_vocab_source *source, bool clip,
                                   const char *vocabulary, size_t n_vocabulary, const char *merges,
                                   size_t n_merges, struct bv_error *err)
{
    BV_TRY(check_size(n_vocabulary, err));
    if (starts_with(vocabulary, n_vocabulary, "\x1f\x8b")) {
        BV_TRY(gunzip(vocabulary, n_vocabulary, &source->unpacked, &n_vocabulary, err));
        vocabulary = source->unpacked;
    }
    if (n_vocabulary == 0)
        return bv_fail(err, BV_ERR_FORMAT, "vocabulary: the file is empty");
    BV_TRY(check_text(vocabulary, n_vocabulary, err));
    if (starts_with(vocabulary, n_vocabulary, "{"))
        return read_json(source, vocabulary, n_vocabulary, merges, n_merges, err);
    if (starts_with(vocabulary, n_vocabulary, "#biovl-bpe ") ||
        starts_with(vocabulary, n_vocabulary, escaped_head))
        return read_canonical(source, vocabulary, n_vocabulary, err);
    if (!clip)
        return bv_fail(err, BV_ERR_FORMAT, "vocabulary: neither JSON nor a biovl vocabulary");
    BV_TRY(read_merges(source, vocabulary, vocabulary + n_vocabulary, CLIP_MERGES, err));
    return derive_clip_tokens(source, err);
}

// Appends a text, with line breaks and spaces escaped where it is asked for.
static char *write_text(char *at, struct bv_token_text text, enum bv_vocab_form form)
{
    for (size_t i = 0; i < text.n; i++) {
        const char *special =
            form == BV_VOCAB_BPE_ESCAPED ? memchr(special_bytes, text.at[i], N_ESCAPES) : NULL;
        if (special)
            *at++ = '\\';
        *at++ = special ? escapes[special - special_bytes] : text.at[i];
    }
    return at;
}

// Bytes that the texts take at most, with an end for each; a line break where none can be written
// is BV_ERR_UNSUPPORTED.
static enum bv_status count_bytes(const struct bv_vocab_source *source, enum bv_vocab_form form,
                                  size_t *bytes, struct bv_error *err)
{
    size_t sum = 0;
    for (size_t i = 0; i < source->n_tokens; i++) {
        struct bv_token_text token = source->tokens[i];
        if (form != BV_VOCAB_BPE_ESCAPED && token.n &&
            (memchr(token.at, '\n', token.n) || memchr(token.at, '\r', token.n)))
            return bv_fail(err, BV_ERR_UNSUPPORTED, "vocabulary: token %zu has a line break", i);
        sum += token.n + 1;
    }
    for (size_t i = 0; i < source->n_merges; i++)
        sum += source->merges[i].left.n + source->merges[i].right.n + 2;
    *bytes = 64 + (form == BV_VOCAB_BPE_ESCAPED ? 2 * sum : sum);
    return BV_OK;
}

enum bv_status bv_vocab_source_write(const struct bv_vocab_source *source, enum bv_vocab_form form,
                                     char **text, size_t *n, struct bv_error *err)
{
    size_t bytes = 0;
    BV_TRY(count_bytes(source, form, &bytes, err));
    char *out = bytes <= 2 * BV_VOCAB_MAX_BYTES ? malloc(bytes + 1) : NULL, *at = out;
    if (!out)
        return bytes > 2 * BV_VOCAB_MAX_BYTES ? check_size(bytes, err)
                                              : bv_fail_nomem(err, "vocabulary");
    if (form != BV_VOCAB_LINES)
        at += snprintf(at, 64, "%s%zu %zu\n",
                       form == BV_VOCAB_BPE_ESCAPED ? escaped_head : "#biovl-bpe ",
                       source->n_tokens, source->n_merges);
    for (size_t i = 0; i < source->n_tokens; i++) {
        at = write_text(at, source->tokens[i], form);
        *at++ = '\n';
    }
    for (size_t i = 0; i < source->n_merges; i++) {
        at = write_text(at, source->merges[i].left, form);
        *at++ = ' ';
        at = write_text(at, source->merges[i].right, form);
        *at++ = '\n';
    }
    *at = '\0';
    enum bv_status status = check_size((size_t)(at - out), err);
    if (status != BV_OK) {
        free(out);
        return status;
    }
    *text = out;
    *n = (size_t)(at - out);
    return BV_OK;
}

#include "text/vocab_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "text/pieces.h"

static const char space_symbol[] = "\xe2\x96\x81"; // U+2581

// ---- the normaliser ----

// The steps of a sequence, taken from the front.
struct steps {
    const json_t *list;
    size_t next;
};

static const json_t *front(const struct steps *steps)
{
    return json_array_get(steps->list, steps->next);
}

static bool take(struct steps *steps, const char *type)
{
    bool there = bv_hf_is_type(front(steps), type);
    steps->next += there;
    return there;
}

// A "Replace" of a pattern ("String" or "Regex").
static bool take_replace(struct steps *steps, const char *form, const char *pattern,
                         const char *content)
{
    const json_t *step = front(steps);
    const json_t *own = json_object_get(step, "pattern");
    bool there = bv_hf_is_type(step, "Replace") &&
                 strcmp(bv_json_string(own, form, ""), pattern) == 0 &&
                 strcmp(bv_json_string(step, "content", "?"), content) == 0;
    steps->next += there;
    return there;
}

// What a normaliser consists of; every part may be missing.
struct normalizer {
    bool quotes, strip_accents, lowercase, one_space;
    const char *charsmap; // base64
};

// ALBERT's normaliser: `` and '' to ", no accents, lower case, the model's own rules, runs of
// spaces to one.
static enum bv_status read_normalizer(const json_t *part, struct normalizer *normalizer,
                                      struct bv_error *err)
{
    struct steps steps = {.list = json_object_get(part, "normalizers")};
    struct normalizer out = {0};
    if (!part || json_is_null(part)) {
        *normalizer = out;
        return BV_OK;
    }
    if (!bv_hf_is_type(part, "Sequence") || !json_is_array(steps.list))
        return bv_hf_unsupported(err, "normalizer", part);
    out.quotes = take_replace(&steps, "String", "``", "\"");
    if (out.quotes && !take_replace(&steps, "String", "''", "\""))
        return bv_fail(err, BV_ERR_UNSUPPORTED,
                       "tokenizer.json: the normalizer \"Replace\" of `` without that of '' after "
                       "it is not supported");
    out.strip_accents = out.quotes && take(&steps, "NFKD");
    if (out.strip_accents && !take(&steps, "StripAccents"))
        return bv_fail(err, BV_ERR_UNSUPPORTED,
                       "tokenizer.json: the normalizer \"NFKD\" without \"StripAccents\" after it "
                       "is not supported");
    out.lowercase = out.quotes && take(&steps, "Lowercase");
    if (take(&steps, "Precompiled")) {
        const json_t *step = json_array_get(steps.list, steps.next - 1);
        out.charsmap = bv_json_string(step, "precompiled_charsmap", NULL);
        if (!out.charsmap)
            return bv_fail(err, BV_ERR_FORMAT, "tokenizer.json: \"Precompiled\" without its rules");
    }
    out.one_space = take_replace(&steps, "Regex", " {2,}", " ");
    if (steps.next < json_array_size(steps.list))
        return bv_hf_unsupported(err, "normalizer", front(&steps));
    *normalizer = out;
    return BV_OK;
}

// ---- the pre-tokenizer ----

struct pre_tokenizer {
    bool whitespace_split, prefix;
};

// The space before a text is "add_prefix_space" in old files, "prepend_scheme" in new ones.
static enum bv_status read_metaspace(const json_t *part, bool *prefix, struct bv_error *err)
{
    bool old = bv_json_boolean(part, "add_prefix_space", true);
    const char *scheme = bv_json_string(part, "prepend_scheme", old ? "always" : "never");
    if (strcmp(bv_json_string(part, "replacement", ""), space_symbol) != 0)
        return bv_fail(err, BV_ERR_UNSUPPORTED,
                       "tokenizer.json: the pre-tokenizer \"Metaspace\" with another replacement "
                       "than U+2581 is not supported");
    if (strcmp(scheme, "always") != 0 && strcmp(scheme, "never") != 0)
        return bv_fail(err, BV_ERR_UNSUPPORTED,
                       "tokenizer.json: the pre-tokenizer \"Metaspace\" with prepend_scheme "
                       "\"%.40s\" is not supported",
                       scheme);
    if (!bv_json_boolean(part, "split", true))
        return bv_fail(err, BV_ERR_UNSUPPORTED,
                       "tokenizer.json: the pre-tokenizer \"Metaspace\" without split is not "
                       "supported");
    *prefix = strcmp(scheme, "always") == 0;
    return BV_OK;
}

static enum bv_status read_pre_tokenizer(const json_t *part, struct pre_tokenizer *pre,
                                         struct bv_error *err)
{
    struct steps steps = {.list = json_object_get(part, "pretokenizers")};
    struct pre_tokenizer out = {0};
    const json_t *metaspace = part;
    if (bv_hf_is_type(part, "Sequence")) {
        out.whitespace_split = take(&steps, "WhitespaceSplit");
        metaspace = front(&steps);
        if (steps.next + 1 < json_array_size(steps.list))
            return bv_hf_unsupported(err, "pre-tokenizer",
                                     json_array_get(steps.list, steps.next + 1));
    }
    if (!bv_hf_is_type(metaspace, "Metaspace"))
        return bv_hf_unsupported(err, "pre-tokenizer", metaspace);
    BV_TRY(read_metaspace(metaspace, &out.prefix, err));
    *pre = out;
    return BV_OK;
}

// ---- the model ----

static enum bv_status read_pieces(const json_t *vocab, struct bv_vocab_source *source,
                                  struct bv_error *err)
{
    size_t n = json_array_size(vocab);
    if (n == 0)
        return bv_fail(err, BV_ERR_FORMAT, "tokenizer.json: no list of pieces");
    if (n > BV_VOCAB_MAX_TOKENS)
        return bv_fail(err, BV_ERR_LIMIT, "vocabulary: %zu entries, at most %zu are allowed", n,
                       BV_VOCAB_MAX_TOKENS);
    source->tokens = calloc(n, sizeof *source->tokens);
    if (!source->tokens)
        return bv_fail_nomem(err, "vocabulary");
    source->n_tokens = n;
    for (size_t i = 0; i < n; i++) {
        const json_t *piece = json_array_get(vocab, i), *text = json_array_get(piece, 0);
        if (json_array_size(piece) != 2 || !json_is_string(text) ||
            !json_is_number(json_array_get(piece, 1)))
            return bv_fail(err, BV_ERR_FORMAT, "vocabulary: piece %zu is not a text and a score",
                           i);
        if (json_string_length(text) == 0)
            return bv_fail(err, BV_ERR_FORMAT, "vocabulary: piece %zu is empty", i);
        source->tokens[i] =
            (struct bv_token_text){json_string_value(text), json_string_length(text)};
    }
    return BV_OK;
}

static enum bv_status check_added(const json_t *document, struct bv_error *err)
{
    const json_t *added = json_object_get(document, "added_tokens");
    for (size_t i = 0; i < json_array_size(added); i++)
        if (bv_json_boolean(json_array_get(added, i), "normalized", false))
            return bv_fail(err, BV_ERR_UNSUPPORTED,
                           "tokenizer.json: the added token %zu is looked for in normalised text, "
                           "which is not supported with the model \"Unigram\"",
                           i);
    return BV_OK;
}

enum bv_status bv_hf_unigram_read(const json_t *document, json_t *description,
                                  struct bv_vocab_source *source, struct bv_error *err)
{
    const json_t *model = json_object_get(document, "model");
    struct normalizer normalizer = {0};
    struct pre_tokenizer pre = {0};
    int64_t unknown = bv_json_integer(model, "unk_id", -1);
    BV_TRY(read_pieces(json_object_get(model, "vocab"), source, err));
    if (unknown < 0 || (uint64_t)unknown >= source->n_tokens)
        return bv_fail(err, BV_ERR_FORMAT, "tokenizer.json: unk_id is no piece");
    if (bv_json_boolean(model, "byte_fallback", false))
        return bv_fail(err, BV_ERR_UNSUPPORTED,
                       "tokenizer.json: the model \"Unigram\" with byte_fallback is not supported");
    BV_TRY(read_normalizer(json_object_get(document, "normalizer"), &normalizer, err));
    BV_TRY(read_pre_tokenizer(json_object_get(document, "pre_tokenizer"), &pre, err));
    BV_TRY(check_added(document, err));
    struct bv_token_text name = source->tokens[unknown];
    BV_TRY(bv_hf_set(description, "kind", json_string("hf-unigram"), err));
    BV_TRY(bv_hf_set(description, "clean", json_string(normalizer.quotes ? "albert-hf" : "none"),
                     err));
    BV_TRY(bv_hf_set(description, "lowercase", json_boolean(normalizer.lowercase), err));
    BV_TRY(bv_hf_set(description, "strip_accents", json_boolean(normalizer.strip_accents), err));
    BV_TRY(bv_hf_set(description, "whitespace_split", json_boolean(pre.whitespace_split), err));
    return bv_hf_set(description, "unk", json_stringn(name.at, name.n), err);
}

// ---- writing ----

// A score as Hugging Face's library has it. Its reader of JSON (serde_json) takes the digits as a
// whole number and divides it by a power of ten, which is rounded twice: a last bit differs in one
// of four scores, and with it which of two equally good ways to cut a text is found. The digits are
// the fewest that tell the number from others, as all writers of such files have them.
static double serde_score(double score)
{
    char text[40];
    uint64_t digits = 0;
    int exponent = 0;
    for (int precision = 0; precision <= 16; precision++) {
        (void)snprintf(text, sizeof text, "%.*e", precision, fabs(score));
        if (strtod(text, NULL) == fabs(score)) {
            exponent = -precision;
            break;
        }
    }
    const char *at = text;
    for (; *at && *at != 'e'; at++) // a decimal point of the locale's between
        if (*at >= '0' && *at <= '9')
            digits = 10 * digits + (uint64_t)(*at - '0');
    exponent += *at ? atoi(at + 1) : 0;
    double value = (double)digits;
    if (exponent < -308) {
        value /= 1e308;
        exponent += 308;
    }
    (void)snprintf(text, sizeof text, "1e%d", abs(exponent)); // pow() is not always exact
    value = exponent < 0 ? value / strtod(text, NULL) : value * strtod(text, NULL);
    return score < 0 ? -value : value;
}

static enum bv_status fill(struct bv_spiece_file *file, const json_t *model,
                           const struct bv_vocab_source *source, struct bv_error *err)
{
    const json_t *vocab = json_object_get(model, "vocab");
    int64_t unknown = bv_json_integer(model, "unk_id", -1);
    file->pieces = calloc(source->n_tokens, sizeof *file->pieces);
    if (!file->pieces)
        return bv_fail_nomem(err, "vocabulary");
    file->n = source->n_tokens;
    for (size_t i = 0; i < file->n; i++) {
        struct bv_piece *piece = &file->pieces[i];
        bool own = i < json_array_size(vocab);
        const json_t *score = json_array_get(json_array_get(vocab, i), 1);
        piece->text = source->tokens[i];
        piece->type = !own                    ? BV_PIECE_CONTROL
                      : (int64_t)i == unknown ? BV_PIECE_UNKNOWN
                                              : BV_PIECE_NORMAL;
        piece->score = own ? serde_score(json_number_value(score)) : 0;
    }
    return BV_OK;
}

enum bv_status bv_hf_unigram_write(const json_t *document, const struct bv_vocab_source *source,
                                   char **bytes, size_t *n, struct bv_error *err)
{
    struct bv_spiece_file file = {.escape_spaces = true};
    struct normalizer normalizer = {0};
    struct pre_tokenizer pre = {0};
    char *charsmap = NULL;
    BV_TRY(read_normalizer(json_object_get(document, "normalizer"), &normalizer, err));
    BV_TRY(read_pre_tokenizer(json_object_get(document, "pre_tokenizer"), &pre, err));
    if (normalizer.charsmap)
        BV_TRY(bv_base64_decode(normalizer.charsmap, strlen(normalizer.charsmap), &charsmap,
                                &file.charsmap.n, err));
    file.charsmap.at = charsmap;
    file.dummy_prefix = pre.prefix;
    file.remove_spaces = normalizer.one_space;
    enum bv_status status = fill(&file, json_object_get(document, "model"), source, err);
    if (status == BV_OK)
        status = bv_spiece_file_write(&file, bytes, n, err);
    bv_spiece_file_free(&file);
    free(charsmap);
    return status;
}

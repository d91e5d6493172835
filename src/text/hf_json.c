// Reads Hugging Face's tokenizer.json: turns it into a description and a vocabulary and creates the
// tokenizer from these.
#include <stdlib.h>
#include <string.h>

#include "text/tokenizer.h"
#include "text/vocab_file.h"

static const char clip_pattern[] = "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";

// The special token at a place of a template, NULL where it has none there. A name that the
// template makes another token of, or several, is none.
static const char *template_token(const json_t *post, size_t i)
{
    const json_t *place = json_array_get(json_object_get(post, "single"), i);
    const char *name = bv_json_string(json_object_get(place, "SpecialToken"), "id", NULL);
    const json_t *named =
        name ? json_object_get(json_object_get(post, "special_tokens"), name) : NULL;
    const json_t *tokens = json_object_get(named, "tokens");
    const char *token = json_string_value(json_array_get(tokens, 0));
    if (named && (json_array_size(tokens) != 1 || !token || strcmp(token, name) != 0))
        return NULL;
    return name;
}

// [CLS] and [SEP] (or <s> and </s>) are named by the post-processor.
static enum bv_status read_ends(const json_t *document, json_t *description, struct bv_error *err)
{
    const json_t *post = json_object_get(document, "post_processor");
    const json_t *single = json_object_get(post, "single");
    const char *cls = NULL, *sep = NULL;
    if (bv_hf_is_type(post, "BertProcessing") || bv_hf_is_type(post, "RobertaProcessing")) {
        cls = json_string_value(json_array_get(json_object_get(post, "cls"), 0));
        sep = json_string_value(json_array_get(json_object_get(post, "sep"), 0));
    } else if (bv_hf_is_type(post, "TemplateProcessing") && json_array_size(single) == 3) {
        cls = template_token(post, 0);
        sep = template_token(post, 2);
    }
    if (!cls || !sep)
        return bv_hf_unsupported(err, "post-processor", post);
    BV_TRY(bv_hf_set(description, "cls", json_string(cls), err));
    return bv_hf_set(description, "sep", json_string(sep), err);
}

// Gemma's texts have one end or none: a template of the text alone, with <eos> behind it, or <bos>
// before it. Where the file has no template the caller's ends stay.
static enum bv_status read_gemma_ends(const json_t *document, json_t *description,
                                      struct bv_error *err)
{
    const json_t *post = json_object_get(document, "post_processor");
    const json_t *single = json_object_get(post, "single");
    size_t n = json_array_size(single), text = 0;
    BV_TRY(bv_hf_set(description, "cls", json_null(), err));
    BV_TRY(bv_hf_set(description, "sep", json_null(), err));
    if (!post || json_is_null(post))
        return BV_OK;
    while (text < n && !json_object_get(json_array_get(single, text), "Sequence"))
        text++;
    if (!bv_hf_is_type(post, "TemplateProcessing") || text >= n || text > 1 || n - text > 2 ||
        (text == 1 && !template_token(post, 0)) || (n - text == 2 && !template_token(post, n - 1)))
        return bv_hf_unsupported(err, "post-processor", post);
    if (text == 1)
        BV_TRY(bv_hf_set(description, "cls", json_string(template_token(post, 0)), err));
    return n - text == 2
               ? bv_hf_set(description, "sep", json_string(template_token(post, n - 1)), err)
               : BV_OK;
}

static enum bv_status read_added(const json_t *document, json_t *description,
                                 struct bv_vocab_source *source, struct bv_error *err)
{
    const json_t *tokens = json_object_get(document, "added_tokens");
    json_t *added = json_array();
    bool gemma = strcmp(bv_json_string(description, "kind", ""), "hf-bpe") == 0;
    BV_TRY(bv_hf_set(description, "added", added, err));
    for (size_t i = 0; i < json_array_size(tokens); i++) {
        const json_t *token = json_array_get(tokens, i);
        const char *text = bv_json_string(token, "content", "");
        if (bv_json_boolean(token, "single_word", false))
            return bv_fail(err, BV_ERR_UNSUPPORTED,
                           "tokenizer.json: the added token %zu is for single words", i);
        BV_TRY(
            bv_vocab_source_put(source, bv_json_integer(token, "id", -1), text, strlen(text), err));
        // A token that is looked for in normalised text is found in any case by those who
        // lower-case. The other kinds have no such tokens with capitals (hf_unigram.c has none).
        bool normalized = bv_json_boolean(token, "normalized", false);
        if (gemma && normalized && strpbrk(text, " ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
            return bv_fail(err, BV_ERR_UNSUPPORTED,
                           "tokenizer.json: the added token %zu, with spaces or capitals, is "
                           "looked for in normalised text",
                           i);
        bool fold = normalized && !json_is_null(json_object_get(document, "normalizer")) &&
                    strcmp(bv_json_string(description, "clean", ""), "none") != 0;
        json_t *entry = json_pack("{s:s,s:b,s:b,s:b}", "text", text, "lstrip",
                                  bv_json_boolean(token, "lstrip", false), "rstrip",
                                  bv_json_boolean(token, "rstrip", false), "fold", fold);
        if (json_array_append_new(added, entry) != 0)
            return bv_fail_nomem(err, "tokenizer.json");
    }
    return BV_OK;
}

static enum bv_status read_wordpiece(const json_t *document, const json_t *model,
                                     json_t *description, struct bv_error *err)
{
    const json_t *normalizer = json_object_get(document, "normalizer");
    const json_t *pre = json_object_get(document, "pre_tokenizer");
    if (!bv_hf_is_type(normalizer, "BertNormalizer") ||
        !bv_json_boolean(normalizer, "clean_text", true))
        return bv_hf_unsupported(err, "normalizer", normalizer);
    if (!bv_hf_is_type(pre, "BertPreTokenizer"))
        return bv_hf_unsupported(err, "pre-tokenizer", pre);
    if (strcmp(bv_json_string(model, "continuing_subword_prefix", "##"), "##") != 0 ||
        bv_json_integer(model, "max_input_chars_per_word", 100) != 100)
        return bv_fail(err, BV_ERR_UNSUPPORTED,
                       "tokenizer.json: pieces without \"##\" or words of another maximum length");
    bool lowercase = bv_json_boolean(normalizer, "lowercase", true);
    BV_TRY(bv_hf_set(description, "kind", json_string("wordpiece"), err));
    BV_TRY(bv_hf_set(description, "lowercase", json_boolean(lowercase), err));
    BV_TRY(bv_hf_set(description, "strip_accents",
                     json_boolean(bv_json_boolean(normalizer, "strip_accents", lowercase)), err));
    BV_TRY(bv_hf_set(description, "chinese",
                     json_boolean(bv_json_boolean(normalizer, "handle_chinese_chars", true)), err));
    return bv_hf_set(description, "unk", json_string(bv_json_string(model, "unk_token", "[UNK]")),
                     err);
}

// CLIPTokenizerFast: NFC, white space runs to one space, lower case.
static bool is_clip_normalizer(const json_t *normalizer)
{
    const json_t *steps = json_object_get(normalizer, "normalizers");
    const json_t *replace = json_array_get(steps, 1);
    const char *pattern = bv_json_string(json_object_get(replace, "pattern"), "Regex", "");
    return bv_hf_is_type(normalizer, "Sequence") && json_array_size(steps) == 3 &&
           bv_hf_is_type(json_array_get(steps, 0), "NFC") && bv_hf_is_type(replace, "Replace") &&
           strcmp(pattern, "\\s+") == 0 &&
           strcmp(bv_json_string(replace, "content", ""), " ") == 0 &&
           bv_hf_is_type(json_array_get(steps, 2), "Lowercase");
}

static bool is_clip_pre_tokenizer(const json_t *pre)
{
    const json_t *steps = json_object_get(pre, "pretokenizers");
    const json_t *split = json_array_get(steps, 0);
    return bv_hf_is_type(pre, "Sequence") && json_array_size(steps) == 2 &&
           bv_hf_is_type(split, "Split") &&
           strcmp(bv_json_string(json_object_get(split, "pattern"), "Regex", ""), clip_pattern) ==
               0 &&
           strcmp(bv_json_string(split, "behavior", ""), "Removed") == 0 &&
           bv_json_boolean(split, "invert", false) &&
           bv_hf_is_type(json_array_get(steps, 1), "ByteLevel");
}

// Gemma's normaliser: a space is U+2581, perhaps after lower-casing.
static bool is_gemma_normalizer(const json_t *normalizer, bool *lowercase)
{
    const json_t *steps = json_object_get(normalizer, "normalizers"), *replace = normalizer;
    size_t n = json_array_size(steps);
    *lowercase = n == 2 && bv_hf_is_type(json_array_get(steps, 0), "Lowercase");
    if (bv_hf_is_type(normalizer, "Sequence") && n >= 1 && n <= 2 && (n == 1 || *lowercase))
        replace = json_array_get(steps, n - 1);
    return bv_hf_is_type(replace, "Replace") &&
           strcmp(bv_json_string(json_object_get(replace, "pattern"), "String", ""), " ") == 0 &&
           strcmp(bv_json_string(replace, "content", ""), "\xe2\x96\x81") == 0;
}

// Its words end at spaces, which the normaliser has left none of.
static bool is_gemma_pre_tokenizer(const json_t *pre)
{
    return !pre || json_is_null(pre) ||
           (bv_hf_is_type(pre, "Split") &&
            strcmp(bv_json_string(json_object_get(pre, "pattern"), "String", ""), " ") == 0 &&
            strcmp(bv_json_string(pre, "behavior", ""), "MergedWithPrevious") == 0 &&
            !bv_json_boolean(pre, "invert", false));
}

// Gemma's: over characters, with bytes for those that are no token.
static enum bv_status read_gemma(const json_t *document, const json_t *model, json_t *description,
                                 struct bv_error *err)
{
    const json_t *normalizer = json_object_get(document, "normalizer");
    const json_t *pre = json_object_get(document, "pre_tokenizer");
    bool lowercase = false;
    if (!is_gemma_normalizer(normalizer, &lowercase))
        return bv_hf_unsupported(err, "normalizer", normalizer);
    if (!is_gemma_pre_tokenizer(pre))
        return bv_hf_unsupported(err, "pre-tokenizer", pre);
    const char *unknown = bv_json_string(model, "unk_token", NULL);
    BV_TRY(bv_hf_set(description, "kind", json_string("hf-bpe"), err));
    BV_TRY(bv_hf_set(description, "unk", unknown ? json_string(unknown) : json_null(), err));
    BV_TRY(bv_hf_set(description, "mask", json_null(), err));
    return bv_hf_set(description, "clean", json_string(lowercase ? "lower" : "none"), err);
}

static enum bv_status read_bpe(const json_t *document, const json_t *model, json_t *description,
                               struct bv_error *err)
{
    const json_t *normalizer = json_object_get(document, "normalizer");
    const json_t *pre = json_object_get(document, "pre_tokenizer");
    const char *unknown = bv_json_string(model, "unk_token", NULL);
    const char *suffix = bv_json_string(model, "end_of_word_suffix", "");
    bool clip = strcmp(suffix, "</w>") == 0;
    if (json_is_number(json_object_get(model, "dropout")) ||
        bv_json_boolean(model, "ignore_merges", false) ||
        *bv_json_string(model, "continuing_subword_prefix", "") || (*suffix && !clip))
        return bv_fail(err, BV_ERR_UNSUPPORTED,
                       "tokenizer.json: byte-pair encoding with dropout, ignored merges, prefixes "
                       "or a suffix other than \"</w>\"");
    if (bv_json_boolean(model, "byte_fallback", false) && !clip)
        return read_gemma(document, model, description, err);
    if (bv_json_boolean(model, "byte_fallback", false))
        return bv_fail(err, BV_ERR_UNSUPPORTED,
                       "tokenizer.json: byte-pair encoding with byte fallback and \"</w>\"");
    if (clip ? !is_clip_normalizer(normalizer) : normalizer && !json_is_null(normalizer))
        return bv_hf_unsupported(err, "normalizer", normalizer);
    if (clip ? !is_clip_pre_tokenizer(pre)
             : !bv_hf_is_type(pre, "ByteLevel") || !bv_json_boolean(pre, "use_regex", true))
        return bv_hf_unsupported(err, "pre-tokenizer", pre);
    BV_TRY(bv_hf_set(description, "kind", json_string(clip ? "clip-bpe" : "roberta-bpe"), err));
    BV_TRY(bv_hf_set(description, "unk", unknown ? json_string(unknown) : json_null(), err));
    BV_TRY(bv_hf_set(description, "specials", json_string("first"), err));
    if (clip)
        return bv_hf_set(description, "clean", json_string("clip-hf"), err);
    return bv_hf_set(description, "add_prefix_space",
                     json_boolean(bv_json_boolean(pre, "add_prefix_space", true)), err);
}

// Merges are "left right" or ["left", "right"].
static enum bv_status read_merges(const json_t *merges, struct bv_vocab_source *source,
                                  struct bv_error *err)
{
    size_t n = json_array_size(merges);
    if (n > BV_VOCAB_MAX_TOKENS)
        return bv_fail(err, BV_ERR_LIMIT, "merges: %zu entries, at most %zu are allowed", n,
                       BV_VOCAB_MAX_TOKENS);
    source->merges = calloc(n + 1, sizeof *source->merges);
    if (!source->merges)
        return bv_fail_nomem(err, "merges");
    source->n_merges = n;
    for (size_t i = 0; i < n; i++) {
        const json_t *entry = json_array_get(merges, i);
        const char *left = json_string_value(entry), *right = left ? strchr(left, ' ') : NULL;
        size_t n_left = right ? (size_t)(right++ - left) : 0;
        if (json_array_size(entry) == 2) {
            left = json_string_value(json_array_get(entry, 0));
            right = json_string_value(json_array_get(entry, 1));
            n_left = left ? strlen(left) : 0;
        }
        if (n_left == 0 || !right || !*right || strchr(right, ' ') || memchr(left, ' ', n_left))
            return bv_fail(err, BV_ERR_FORMAT, "merges: entry %zu is not two symbols", i);
        source->merges[i] = (struct bv_merge_text){{left, n_left}, {right, strlen(right)}};
    }
    return BV_OK;
}

enum kind { WORDPIECE, BPE, UNIGRAM, OTHER };

// Old files do not say of which type their model is.
static enum kind kind_of(const json_t *model)
{
    static const char *const types[] = {
        [WORDPIECE] = "WordPiece", [BPE] = "BPE", [UNIGRAM] = "Unigram"};
    unsigned kind = WORDPIECE;
    if (!json_object_get(model, "type")) {
        if (json_is_array(json_object_get(model, "vocab")))
            return UNIGRAM;
        return json_object_get(model, "merges") ? BPE : WORDPIECE;
    }
    while (kind < OTHER && !bv_hf_is_type(model, types[kind]))
        kind++;
    return (enum kind)kind;
}

static enum bv_status read_document(const json_t *document, json_t *description,
                                    struct bv_vocab_source *source, struct bv_error *err)
{
    const json_t *model = json_object_get(document, "model");
    if (!json_is_object(model))
        return bv_fail(err, BV_ERR_FORMAT, "tokenizer.json: no model");
    switch (kind_of(model)) {
    case UNIGRAM:
        BV_TRY(bv_hf_unigram_read(document, description, source, err));
        break;
    case BPE:
        BV_TRY(bv_vocab_source_map(source, json_object_get(model, "vocab"), err));
        BV_TRY(read_merges(json_object_get(model, "merges"), source, err));
        BV_TRY(read_bpe(document, model, description, err));
        break;
    case WORDPIECE:
        BV_TRY(bv_vocab_source_map(source, json_object_get(model, "vocab"), err));
        BV_TRY(read_wordpiece(document, model, description, err));
        break;
    default:
        return bv_hf_unsupported(err, "model", model);
    }
    bool gemma = strcmp(bv_json_string(description, "kind", ""), "hf-bpe") == 0;
    BV_TRY((gemma ? read_gemma_ends : read_ends)(document, description, err));
    BV_TRY(read_added(document, description, source, err));
    const json_t *truncation = json_object_get(document, "truncation");
    if (strcmp(bv_json_string(truncation, "direction", "Right"), "Right") != 0)
        return bv_fail(err, BV_ERR_UNSUPPORTED,
                       "tokenizer.json: truncation at the left end of a text");
    int64_t max_length = bv_json_integer(truncation, "max_length", 0);
    return max_length > 0 ? bv_hf_set(description, "max_length", json_integer(max_length), err)
                          : BV_OK;
}

static enum bv_vocab_form form_of(const char *kind)
{
    return strcmp(kind, "wordpiece") == 0 ? BV_VOCAB_LINES
           : strcmp(kind, "hf-bpe") == 0  ? BV_VOCAB_BPE_ESCAPED
                                          : BV_VOCAB_BPE;
}

enum bv_status bv_tokenizer_from_hf_json(struct bv_tokenizer **tokenizer, const char *bytes,
                                         size_t n, const json_t *overrides, struct bv_error *err)
{
    if (n > BV_VOCAB_MAX_BYTES)
        return bv_fail(err, BV_ERR_LIMIT, "tokenizer.json: %zu bytes, at most %zu are allowed", n,
                       BV_VOCAB_MAX_BYTES);
    struct bv_vocab_source source = {0};
    json_t *document = NULL, *description = json_object();
    char *vocabulary = NULL;
    size_t n_vocabulary = 0;
    enum bv_status status = description ? bv_json_parse(&document, bytes, n, "tokenizer.json", err)
                                        : bv_fail_nomem(err, "tokenizer.json");
    if (status == BV_OK)
        status = read_document(document, description, &source, err);
    if (status == BV_OK && overrides && json_object_update(description, (json_t *)overrides) != 0)
        status = bv_fail_nomem(err, "tokenizer.json");
    const char *kind = bv_json_string(description, "kind", "");
    if (status == BV_OK && strcmp(kind, "hf-unigram") == 0)
        status = bv_hf_unigram_write(document, &source, &vocabulary, &n_vocabulary, err);
    else if (status == BV_OK)
        status = bv_vocab_source_write(&source, form_of(kind), &vocabulary, &n_vocabulary, err);
    if (status == BV_OK)
        status =
            bv_tokenizer_create(tokenizer, description, vocabulary, n_vocabulary, NULL, 0, err);
    free(vocabulary);
    bv_vocab_source_free(&source);
    json_decref(description);
    json_decref(document);
    return status;
}

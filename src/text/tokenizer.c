#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/json.h"
#include "text/clean.h"
#include "text/pieces.h"
#include "text/tokens.h"
#include "text/vocab_file.h"

enum kind { WORDPIECE, CLIP_BPE, ROBERTA_BPE, SENTENCEPIECE, HF_UNIGRAM, HF_BPE };
enum specials_mode { FIRST, INLINE, WORDS, NOWHERE };

struct bv_tokenizer {
    enum kind kind;
    enum bv_clean clean;
    enum specials_mode specials_mode;
    bool add_prefix_space, whitespace_split, truncate;
    size_t max_length;
    struct bv_vocab vocab;
    struct bv_specials specials;
    struct bv_wordpiece wordpiece;
    struct bv_bpe bpe;
    struct bv_char_bpe char_bpe;
    struct bv_unigram unigram;
    int32_t special[BV_TOKEN_N];
    size_t n_lead; // pieces of the unknown token's name, which SigLIP's texts are cut behind
    json_t *description;
};

// What the vocabulary of a model file begins with where it is a SentencePiece model.
static const char spiece_head[] = "#biovl-spiece\n";

static const char *const special_keys[BV_TOKEN_N] = {"cls", "sep", "pad", "mask", "unk"};
static const char *const special_names[][BV_TOKEN_N] = {
    [WORDPIECE] = {"[CLS]", "[SEP]", "[PAD]", "[MASK]", "[UNK]"},
    [CLIP_BPE] = {"<|startoftext|>", "<|endoftext|>", NULL, NULL, NULL},
    [ROBERTA_BPE] = {"<s>", "</s>", "<pad>", "<mask>", "<unk>"},
    [SENTENCEPIECE] = {"[CLS]", "[SEP]", "<pad>", "[MASK]", "<unk>"}, // ALBERT's
    [HF_UNIGRAM] = {"[CLS]", "[SEP]", "<pad>", "[MASK]", "<unk>"},
    [HF_BPE] = {"<bos>", "<eos>", "<pad>", "<mask>", "<unk>"}, // Gemma's
};

static bool is_siglip(const struct bv_tokenizer *t)
{
    return t->clean == BV_CLEAN_SIGLIP || t->clean == BV_CLEAN_SIGLIP_OPEN_CLIP;
}

static bool is_lower(enum bv_clean clean)
{
    return clean == BV_CLEAN_LOWER || clean == BV_CLEAN_LOWER_OPEN_CLIP;
}

// Whether open_clip's "canonicalize" comes before all else.
static bool is_canonical(const struct bv_tokenizer *t)
{
    return t->clean == BV_CLEAN_SIGLIP_OPEN_CLIP || t->clean == BV_CLEAN_LOWER_OPEN_CLIP;
}

// Whether the vocabulary is a SentencePiece model.
static bool has_pieces(enum kind kind)
{
    return kind == SENTENCEPIECE || kind == HF_UNIGRAM;
}

// Index of the description's member among names (a NULL-terminated list).
static enum bv_status choose(const json_t *description, const char *key, const char *fallback,
                             const char *const *names, unsigned *choice, struct bv_error *err)
{
    const json_t *value = json_object_get(description, key);
    const char *name = value ? json_string_value(value) : fallback;
    for (unsigned i = 0; name && names[i]; i++) {
        if (strcmp(names[i], name) == 0) {
            *choice = i;
            return BV_OK;
        }
    }
    return bv_fail(err, BV_ERR_ARG, "tokenizer: unknown %s \"%.40s\"", key, name ? name : "");
}

// A boolean member; absent or null gives the fallback.
static enum bv_status flag(const json_t *description, const char *key, bool fallback, bool *value,
                           struct bv_error *err)
{
    const json_t *member = json_object_get(description, key);
    if (member && !json_is_null(member) && !json_is_boolean(member))
        return bv_fail(err, BV_ERR_ARG, "tokenizer: %s is neither true nor false", key);
    *value = json_is_boolean(member) ? json_is_true(member) : fallback;
    return BV_OK;
}

static enum bv_status read_lengths(struct bv_tokenizer *t, const json_t *description,
                                   struct bv_error *err)
{
    const json_t *max_length = json_object_get(description, "max_length");
    if (max_length && (!json_is_integer(max_length) || json_integer_value(max_length) < 0))
        return bv_fail(err, BV_ERR_ARG, "tokenizer: max_length is no length");
    t->max_length = (size_t)json_integer_value(max_length);
    if (t->max_length > 0 && t->max_length < 2)
        return bv_fail(err, BV_ERR_ARG, "tokenizer: max_length leaves no room for special tokens");
    const json_t *truncate = json_object_get(description, "truncate");
    t->truncate = !truncate || json_is_true(truncate);
    if (!t->truncate && !json_is_false(truncate) &&
        strcmp(json_is_string(truncate) ? json_string_value(truncate) : "", "error") != 0)
        return bv_fail(err, BV_ERR_ARG, "tokenizer: truncate is neither true nor \"error\"");
    return BV_OK;
}

static enum bv_status read_description(struct bv_tokenizer *t, const json_t *description,
                                       struct bv_error *err)
{
    static const char *const kinds[] = {"wordpiece",  "clip-bpe", "roberta-bpe", "sentencepiece",
                                        "hf-unigram", "hf-bpe",   NULL};
    static const char *const cleans[] = {"none",
                                         "clip",
                                         "clip-noftfy",
                                         "open-clip",
                                         "clip-hf",
                                         "gloria",
                                         "biovil",
                                         "albert",
                                         "albert-hf",
                                         "siglip",
                                         "siglip-open-clip",
                                         "spaces",
                                         "spaces-unnumbered",
                                         "lower",
                                         "lower-open-clip",
                                         NULL};
    static const char *const modes[] = {"first", "inline", "words", "none", NULL};
    unsigned kind = 0, clean = 0, mode = 0;
    BV_TRY(choose(description, "kind", NULL, kinds, &kind, err));
    bool clip = kind == CLIP_BPE;
    BV_TRY(choose(description, "clean", clip ? "clip" : "none", cleans, &clean, err));
    BV_TRY(choose(description, "specials", clip ? "inline" : "first", modes, &mode, err));
    if ((mode == INLINE && kind != CLIP_BPE) || (mode == WORDS && kind != WORDPIECE))
        return bv_fail(err, BV_ERR_ARG, "tokenizer: specials \"%s\" do not go with kind \"%s\"",
                       modes[mode], kinds[kind]);
    if ((clean == BV_CLEAN_SIGLIP || clean == BV_CLEAN_SIGLIP_OPEN_CLIP) && kind != SENTENCEPIECE)
        return bv_fail(err, BV_ERR_ARG, "tokenizer: clean \"siglip\" does not go with kind \"%s\"",
                       kinds[kind]);
    if (is_lower((enum bv_clean)clean) && kind != SENTENCEPIECE && kind != HF_BPE)
        return bv_fail(err, BV_ERR_ARG, "tokenizer: clean \"%s\" does not go with kind \"%s\"",
                       cleans[clean], kinds[kind]);
    bool albert = clean == BV_CLEAN_ALBERT || clean == BV_CLEAN_ALBERT_HF;
    if (albert && kind != (clean == BV_CLEAN_ALBERT ? SENTENCEPIECE : HF_UNIGRAM))
        return bv_fail(err, BV_ERR_ARG, "tokenizer: clean \"%s\" does not go with kind \"%s\"",
                       cleans[clean], kinds[kind]);
    t->kind = (enum kind)kind;
    t->clean = (enum bv_clean)clean;
    t->specials_mode = (enum specials_mode)mode;
    BV_TRY(flag(description, "lowercase", true, &t->wordpiece.lowercase, err));
    BV_TRY(flag(description, "strip_accents", t->wordpiece.lowercase || albert,
                &t->wordpiece.strip_accents, err));
    BV_TRY(flag(description, "chinese", true, &t->wordpiece.chinese, err));
    BV_TRY(flag(description, "final_sigma", false, &t->wordpiece.final_sigma, err));
    BV_TRY(flag(description, "add_prefix_space", false, &t->add_prefix_space, err));
    BV_TRY(flag(description, "whitespace_split", false, &t->whitespace_split, err));
    t->wordpiece.whole_word_specials = mode == WORDS;
    return read_lengths(t, description, err);
}

// Looks the special tokens up by name. Those at the ends must exist, and WordPiece's [UNK].
static enum bv_status find_specials(struct bv_tokenizer *t, const json_t *description,
                                    struct bv_error *err)
{
    for (int i = 0; i < BV_TOKEN_N; i++) {
        const json_t *member = json_object_get(description, special_keys[i]);
        if (member && !json_is_null(member) && !json_is_string(member))
            return bv_fail(err, BV_ERR_ARG, "tokenizer: %s is no name", special_keys[i]);
        const char *name = member ? json_string_value(member) : special_names[t->kind][i];
        t->special[i] = name ? bv_vocab_find(&t->vocab, name, strlen(name)) : -1;
        bool needed =
            i == BV_TOKEN_CLS || i == BV_TOKEN_SEP || (i == BV_TOKEN_UNK && t->kind == WORDPIECE);
        bool without = json_is_null(member) && i != BV_TOKEN_UNK; // as word vectors have it
        if (needed && t->special[i] < 0 && !without)
            return bv_fail(err, BV_ERR_FORMAT, "vocabulary: the special token %.40s is missing",
                           name ? name : special_keys[i]);
        if (name && t->special[i] >= 0 && !json_object_get(description, "added")) {
            struct bv_special special = {
                .id = t->special[i],
                .strip_left = i == BV_TOKEN_MASK && (t->kind == ROBERTA_BPE || has_pieces(t->kind)),
                .fold = t->kind == CLIP_BPE};
            BV_TRY(bv_specials_add(&t->specials, name, strlen(name), &special, err));
        }
    }
    if (t->kind == CLIP_BPE && t->special[BV_TOKEN_PAD] < 0)
        t->special[BV_TOKEN_PAD] = 0;
    t->wordpiece.unknown = t->special[BV_TOKEN_UNK];
    return BV_OK;
}

static enum bv_status read_added(struct bv_tokenizer *t, const json_t *description,
                                 struct bv_error *err)
{
    const json_t *added = json_object_get(description, "added"), *token;
    if (added && !json_is_array(added))
        return bv_fail(err, BV_ERR_ARG, "tokenizer: added is no list");
    for (size_t i = 0; i < json_array_size(added); i++) {
        token = json_array_get(added, i);
        const char *text = bv_json_string(token, "text", "");
        struct bv_special special = {.id = bv_vocab_find(&t->vocab, text, strlen(text)),
                                     .strip_left = bv_json_boolean(token, "lstrip", false),
                                     .strip_right = bv_json_boolean(token, "rstrip", false),
                                     .fold = bv_json_boolean(token, "fold", false)};
        if (special.id < 0)
            return bv_fail(err, BV_ERR_FORMAT, "vocabulary: the added token %zu is missing", i);
        BV_TRY(bv_specials_add(&t->specials, text, strlen(text), &special, err));
    }
    return BV_OK;
}

// A SentencePiece model as such, or as a model file carries it: the line "#biovl-spiece", base64.
static enum bv_status read_spiece(struct bv_tokenizer *t, const char *bytes, size_t n,
                                  struct bv_error *err)
{
    size_t head = sizeof spiece_head - 1, size = n;
    char *unpacked = NULL;
    struct bv_spiece_file file = {0};
    struct bv_token_text *tokens = NULL;
    if (n >= head && memcmp(bytes, spiece_head, head) == 0)
        BV_TRY(bv_base64_decode(bytes + head, n - head, &unpacked, &size, err));
    const char *model = unpacked ? unpacked : bytes;
    enum bv_status status = bv_spiece_file_read(&file, model, size, err);
    if (status == BV_OK && !(tokens = malloc((file.n + 1) * sizeof *tokens)))
        status = bv_fail_nomem(err, "vocabulary");
    for (size_t i = 0; status == BV_OK && i < file.n; i++)
        tokens[i] = file.pieces[i].text;
    if (status == BV_OK)
        status = bv_vocab_build(&t->vocab, tokens, file.n, err);
    if (status == BV_OK)
        status = bv_unigram_build(
            &t->unigram, t->kind == HF_UNIGRAM ? BV_UNIGRAM_TOKENIZERS : BV_UNIGRAM_SENTENCEPIECE,
            &t->vocab, &file, model, size, err);
    t->unigram.split_comma = t->clean == BV_CLEAN_ALBERT;
    t->unigram.dummy_prefix = t->unigram.dummy_prefix && !is_siglip(t);
    free(tokens);
    bv_spiece_file_free(&file);
    free(unpacked);
    return status;
}

static enum bv_status read_vocabulary(struct bv_tokenizer *t, struct bv_vocab_source *source,
                                      const json_t *description, const char *vocabulary,
                                      size_t n_vocabulary, const char *merges, size_t n_merges,
                                      struct bv_error *err)
{
    bool clip = t->kind == CLIP_BPE, spiece = has_pieces(t->kind);
    if (spiece)
        BV_TRY(read_spiece(t, vocabulary, n_vocabulary, err));
    else if (t->kind == WORDPIECE)
        BV_TRY(bv_vocab_source_lines(source, vocabulary, n_vocabulary, err));
    else
        BV_TRY(bv_vocab_source_bpe(source, clip, vocabulary, n_vocabulary, merges, n_merges, err));
    if (!spiece)
        BV_TRY(bv_vocab_build(&t->vocab, source->tokens, source->n_tokens, err));
    BV_TRY(find_specials(t, description, err));
    BV_TRY(read_added(t, description, err));
    if (t->kind == WORDPIECE || spiece)
        return BV_OK;
    if (t->kind == HF_BPE)
        return bv_char_bpe_build(&t->char_bpe, &t->vocab, source->merges, source->n_merges, err);
    return bv_bpe_build(&t->bpe, &t->vocab, clip ? "</w>" : "", source->merges, source->n_merges,
                        t->special[BV_TOKEN_UNK], err);
}

static enum bv_status count_lead(struct bv_tokenizer *t, struct bv_error *err);

enum bv_status bv_tokenizer_create(struct bv_tokenizer **tokenizer, const json_t *description,
                                   const void *vocabulary, size_t n_vocabulary, const void *merges,
                                   size_t n_merges, struct bv_error *err)
{
    struct bv_tokenizer *t = calloc(1, sizeof *t);
    struct bv_vocab_source source = {0};
    enum bv_status status = BV_OK;
    if (!t)
        return bv_fail_nomem(err, "tokenizer");
    status = read_description(t, description, err);
    if (status != BV_OK)
        goto fail;
    t->description = json_deep_copy(description);
    if (!t->description) {
        status = bv_fail_nomem(err, "tokenizer");
        goto fail;
    }
    status = read_vocabulary(t, &source, description, vocabulary ? vocabulary : "", n_vocabulary,
                             merges, n_merges, err);
    if (status != BV_OK)
        goto fail;
    if (is_siglip(t))
        status = count_lead(t, err);
    if (status != BV_OK)
        goto fail;
    bv_vocab_source_free(&source);
    *tokenizer = t;
    return BV_OK;
fail:
    bv_vocab_source_free(&source);
    bv_tokenizer_destroy(&t);
    return status;
}

void bv_tokenizer_destroy(struct bv_tokenizer **tokenizer)
{
    struct bv_tokenizer *t = *tokenizer;
    if (!t)
        return;
    bv_vocab_free(&t->vocab);
    bv_specials_free(&t->specials);
    bv_bpe_free(&t->bpe);
    bv_char_bpe_free(&t->char_bpe);
    bv_unigram_free(&t->unigram);
    json_decref(t->description);
    free(t);
    *tokenizer = NULL;
}

// One text under way.
struct encoder {
    const struct bv_tokenizer *t;
    struct bv_bpe_scratch scratch;
    struct bv_char_bpe_scratch char_bpe;
    struct bv_unigram_scratch unigram;
    char *word; // UTF-8 of the current word
    size_t word_capacity;
    struct bv_tokens *out;
};

// The runes as UTF-8 in e->word.
static enum bv_status write_word(struct encoder *e, const uint32_t *word, size_t n, size_t *n_bytes,
                                 struct bv_error *err)
{
    if (4 * n > e->word_capacity) {
        free(e->word);
        e->word_capacity = 0;
        e->word = malloc(8 * n + 64);
        if (!e->word)
            return bv_fail_nomem(err, "a long word");
        e->word_capacity = 8 * n + 64;
    }
    *n_bytes = 0;
    for (size_t i = 0; i < n; i++)
        *n_bytes += bv_utf8_encode(word[i], e->word + *n_bytes);
    return BV_OK;
}

static enum bv_status encode_bpe_word(struct encoder *e, const uint32_t *word, size_t n,
                                      struct bv_error *err)
{
    size_t n_bytes = 0;
    BV_TRY(write_word(e, word, n, &n_bytes, err));
    return bv_bpe_word(&e->t->bpe, e->word, n_bytes, &e->scratch, e->out, err);
}

static enum bv_status encode_clip(struct encoder *e, const uint32_t *text, size_t n,
                                  struct bv_error *err)
{
    bool is_inline = e->t->specials_mode == INLINE;
    for (size_t i = 0; i < n;) {
        const struct bv_special *special =
            is_inline ? bv_specials_at(&e->t->specials, text + i, n - i) : NULL;
        size_t length = special ? special->text.n : bv_split_clip(text + i, n - i, is_inline);
        if (special)
            BV_TRY(bv_tokens_push(e->out, special->id, false, err));
        else if (length)
            BV_TRY(encode_bpe_word(e, text + i, length, err));
        i += length ? length : 1;
    }
    return BV_OK;
}

static enum bv_status encode_roberta(struct encoder *e, const uint32_t *text, size_t n,
                                     struct bv_error *err)
{
    for (size_t i = 0; i < n;) {
        size_t length = bv_split_gpt2(text + i, n - i);
        BV_TRY(encode_bpe_word(e, text + i, length, err));
        i += length;
    }
    return BV_OK;
}

static enum bv_status encode_spiece(struct encoder *e, const uint32_t *text, size_t n,
                                    struct bv_error *err)
{
    size_t n_bytes = 0;
    BV_TRY(write_word(e, text, n, &n_bytes, err));
    return bv_unigram_encode(&e->t->unigram, &e->t->vocab, e->word, n_bytes, &e->unigram, e->out,
                             err);
}

static enum bv_status encode_hf_bpe(struct encoder *e, const uint32_t *text, size_t n,
                                    struct bv_error *err)
{
    size_t n_bytes = 0;
    BV_TRY(write_word(e, text, n, &n_bytes, err));
    return bv_char_bpe_encode(&e->t->char_bpe, &e->t->vocab, e->word, n_bytes, &e->char_bpe, e->out,
                              err);
}

static const uint32_t unknown_name[] = {'<', 'u', 'n', 'k', '>'}; // of SigLIP's vocabularies
enum { N_UNKNOWN_NAME = sizeof unknown_name / sizeof *unknown_name };
static const uint32_t space_symbol = 0x2581;

// SiglipTokenizer cuts a text behind the name of the unknown token, as text, and drops that name's
// pieces, so that nothing is lost at the front; a piece may reach across.
static enum bv_status encode_siglip(struct encoder *e, const uint32_t *text, size_t n,
                                    struct bv_error *err)
{
    struct bv_runes whole = {0};
    struct bv_tokens pieces = {0}, *out = e->out;
    enum bv_status status = bv_runes_append(&whole, unknown_name, N_UNKNOWN_NAME, err);
    if (status == BV_OK)
        status = bv_runes_append(&whole, text, n, err);
    e->out = &pieces;
    if (status == BV_OK)
        status = encode_spiece(e, whole.at, whole.n, err);
    e->out = out;
    size_t first = pieces.n >= e->t->n_lead ? e->t->n_lead : 0;
    for (size_t i = first; status == BV_OK && i < pieces.n; i++)
        status = bv_tokens_push(out, pieces.ids[i], i > first && pieces.continues[i], err);
    bv_tokens_free(&pieces);
    bv_runes_free(&whole);
    return status;
}

static enum bv_status count_lead(struct bv_tokenizer *t, struct bv_error *err)
{
    struct bv_tokens pieces = {0};
    struct encoder e = {.t = t, .out = &pieces};
    enum bv_status status = encode_spiece(&e, unknown_name, N_UNKNOWN_NAME, err);
    t->n_lead = pieces.n;
    bv_tokens_free(&pieces);
    bv_unigram_scratch_free(&e.unigram);
    free(e.word);
    return status;
}

static enum bv_status encode_hf_unigram(struct encoder *e, const uint32_t *text, size_t n,
                                        struct bv_error *err)
{
    const struct bv_unigram *u = &e->t->unigram;
    struct bv_hf_words how = {&u->map, u->remove_spaces, e->t->whitespace_split, u->dummy_prefix};
    struct bv_runes words = {0};
    enum bv_status status = bv_hf_words(&words, &how, text, n, err);
    size_t start = 0, length = 0, n_bytes = 0;
    while (status == BV_OK && (length = bv_hf_next_word(words.at, words.n, &start)) > 0) {
        status = write_word(e, words.at + start, length, &n_bytes, err);
        if (status == BV_OK)
            status =
                bv_unigram_encode_word(u, e->word, n_bytes, start == 0, &e->unigram, e->out, err);
        start += length;
    }
    bv_runes_free(&words);
    return status;
}

// Hugging Face's fast tokenizers cut special tokens out before they normalise, and ALBERT's slow
// one does too.
static bool cleans_stretches(const struct bv_tokenizer *t)
{
    return t->clean == BV_CLEAN_CLIP_HF || t->clean == BV_CLEAN_ALBERT ||
           t->clean == BV_CLEAN_ALBERT_HF || is_siglip(t) || is_lower(t->clean);
}

static enum bv_status clean_stretch(const struct bv_tokenizer *t, struct bv_runes *clean,
                                    const uint32_t *text, size_t n, struct bv_error *err)
{
    struct bv_albert_text how = {t->wordpiece.lowercase, t->wordpiece.strip_accents,
                                 t->clean == BV_CLEAN_ALBERT_HF};
    if (how.fast || t->clean == BV_CLEAN_ALBERT)
        return bv_albert_clean(clean, &how, text, n, err);
    return bv_clean_text(clean, t->clean, text, n, err);
}

// A stretch of text without special tokens.
static enum bv_status encode_stretch(struct encoder *e, const uint32_t *text, size_t n,
                                     struct bv_error *err)
{
    const struct bv_tokenizer *t = e->t;
    struct bv_runes clean = {0};
    enum bv_status status = BV_OK;
    if (n == 0)
        return BV_OK;
    if (cleans_stretches(t)) {
        status = clean_stretch(t, &clean, text, n, err);
        text = clean.at;
        n = clean.n;
    }
    if (status == BV_OK && t->kind == WORDPIECE)
        status = bv_wordpiece_encode(&t->wordpiece, &t->vocab, &t->specials, text, n, e->out, err);
    else if (status == BV_OK && t->kind == CLIP_BPE)
        status = encode_clip(e, text, n, err);
    else if (status == BV_OK && is_siglip(t))
        status = encode_siglip(e, text, n, err);
    else if (status == BV_OK && t->kind == SENTENCEPIECE)
        status = encode_spiece(e, text, n, err);
    else if (status == BV_OK && t->kind == HF_UNIGRAM)
        status = encode_hf_unigram(e, text, n, err);
    else if (status == BV_OK && t->kind == HF_BPE)
        status = encode_hf_bpe(e, text, n, err);
    else if (status == BV_OK)
        status = encode_roberta(e, text, n, err);
    bv_runes_free(&clean);
    return status;
}

static enum bv_status encode_runes(struct encoder *e, const uint32_t *text, size_t n,
                                   struct bv_error *err)
{
    if (n == 0) // text may be NULL then
        return BV_OK;
    if (e->t->specials_mode != FIRST)
        return encode_stretch(e, text, n, err);
    // Python's rule for the kinds that have a slow tokenizer too; this one is Rust's alone.
    bool (*is_space)(uint32_t) = e->t->kind == HF_UNIGRAM || e->t->kind == HF_BPE
                                     ? bv_rune_is_white_space
                                     : bv_rune_is_python_space;
    size_t start = 0;
    for (size_t i = 0; i < n;) {
        const struct bv_special *special = bv_specials_at(&e->t->specials, text + i, n - i);
        if (!special) {
            i++;
            continue;
        }
        size_t end = i;
        while (special->strip_left && end > start && is_space(text[end - 1]))
            end--;
        BV_TRY(encode_stretch(e, text + start, end - start, err));
        BV_TRY(bv_tokens_push(e->out, special->id, false, err));
        i += special->text.n;
        while (special->strip_right && i < n && is_space(text[i]))
            i++;
        start = i;
    }
    return encode_stretch(e, text + start, n - start, err);
}

// Cleans, and puts the space in front that some models were trained with.
static enum bv_status prepare(const struct bv_tokenizer *t, struct bv_runes *text,
                              const char *bytes, size_t n_bytes, struct bv_error *err)
{
    struct bv_runes raw = {0};
    enum bv_status status = bv_runes_decode(&raw, bytes, n_bytes, err);
    bool prefix = t->add_prefix_space && raw.n && !bv_rune_is_python_space(raw.at[0]);
    if (status == BV_OK && prefix)
        status = bv_runes_push(text, ' ', err);
    if (status == BV_OK && is_canonical(t)) {
        struct bv_runes canonical = {0};
        status = bv_clean_canonical(&canonical, raw.at, raw.n, err);
        bv_runes_free(&raw);
        raw = canonical;
    }
    if (status == BV_OK && is_siglip(t)) { // a space of SentencePiece's in front
        status = bv_runes_push(text, space_symbol, err);
        for (size_t i = 0; i < raw.n; i++)
            raw.at[i] = raw.at[i] == space_symbol ? ' ' : raw.at[i];
    }
    enum bv_clean clean = cleans_stretches(t) ? BV_CLEAN_NONE : t->clean;
    if (status == BV_OK)
        status = bv_clean_text(text, clean, raw.at, raw.n, err);
    bv_runes_free(&raw);
    return status;
}

// Appends the tokens of a text, without special tokens at its ends.
static enum bv_status encode_text(const struct bv_tokenizer *t, struct bv_tokens *out,
                                  const char *bytes, size_t n_bytes, struct bv_error *err)
{
    if (n_bytes > BV_TEXT_MAX_BYTES)
        return bv_fail(err, BV_ERR_LIMIT, "a text of %zu bytes, at most %zu are allowed", n_bytes,
                       BV_TEXT_MAX_BYTES);
    struct encoder e = {.t = t, .out = out};
    struct bv_runes text = {0};
    enum bv_status status = prepare(t, &text, bytes, n_bytes, err);
    if (status == BV_OK)
        status = encode_runes(&e, text.at, text.n, err);
    bv_runes_free(&text);
    bv_bpe_scratch_free(&e.scratch);
    bv_char_bpe_scratch_free(&e.char_bpe);
    bv_unigram_scratch_free(&e.unigram);
    free(e.word);
    return status;
}

static enum bv_status append(struct bv_tokens *out, const struct bv_tokens *part, size_t n,
                             struct bv_error *err)
{
    for (size_t i = 0; i < n; i++)
        BV_TRY(bv_tokens_push(out, part->ids[i], part->continues[i], err));
    return BV_OK;
}

// Cuts both parts down until they fit, the longer one first (Hugging Face's longest_first).
static void fit(size_t room, size_t *n_a, size_t *n_b)
{
    size_t over = *n_a + *n_b > room ? *n_a + *n_b - room : 0;
    size_t level = *n_a > *n_b ? *n_a - *n_b : *n_b - *n_a;
    size_t off = over < level ? over : level;
    *(*n_a > *n_b ? n_a : n_b) -= off;
    over -= off;
    *n_b -= (over + 1) / 2;
    *n_a -= over / 2;
}

static enum bv_status push_special(struct bv_tokens *out, int32_t id, struct bv_error *err)
{
    return id < 0 ? BV_OK : bv_tokens_push(out, id, false, err);
}

static enum bv_status assemble(const struct bv_tokenizer *t, struct bv_tokens *out,
                               const struct bv_tokens *a, const struct bv_tokens *b,
                               struct bv_error *err)
{
    bool types = t->kind == WORDPIECE || has_pieces(t->kind), doubled = b && !types;
    int32_t cls = t->special[BV_TOKEN_CLS], sep = t->special[BV_TOKEN_SEP];
    size_t n_a = a->n, n_b = b ? b->n : 0;
    size_t n_special = (cls >= 0) + (sep >= 0 ? (b ? 2u + doubled : 1u) : 0u);
    size_t whole = n_a + n_b + n_special;
    if (t->max_length && whole > t->max_length) {
        if (!t->truncate)
            return bv_fail(err, BV_ERR_LIMIT, "a text of %zu tokens, the model takes %zu", whole,
                           t->max_length);
        if (t->max_length < n_special)
            return bv_fail(err, BV_ERR_LIMIT, "%zu tokens leave no room for two texts",
                           t->max_length);
        fit(t->max_length - n_special, &n_a, &n_b);
    }
    BV_TRY(bv_tokens_reserve(out, n_a + n_b + n_special, err));
    BV_TRY(push_special(out, cls, err));
    BV_TRY(append(out, a, n_a, err));
    bool ended = is_siglip(t) && n_a > 0 && a->ids[n_a - 1] == sep;
    if (!ended) // SiglipTokenizer puts no second end marker after one in the text
        BV_TRY(push_special(out, sep, err));
    size_t first_b = out->n;
    if (doubled)
        BV_TRY(push_special(out, sep, err));
    if (b) {
        BV_TRY(append(out, b, n_b, err));
        BV_TRY(push_special(out, sep, err));
    }
    if (out->n == 0) // no text without tokens: encoders take one or more
        BV_TRY(push_special(out, t->special[BV_TOKEN_UNK], err));
    for (size_t i = first_b; types && i < out->n; i++)
        out->types[i] = 1;
    out->n_untruncated = ended && n_a == a->n ? whole - 1 : whole;
    out->truncated = out->n < out->n_untruncated;
    return BV_OK;
}

static enum bv_status encode(const struct bv_tokenizer *t, const char *const *texts,
                             const size_t *n_bytes, int n_texts, struct bv_tokens *tokens,
                             struct bv_error *err)
{
    struct bv_tokens parts[2] = {{0}, {0}}, out = {0};
    enum bv_status status = BV_OK;
    for (int i = 0; i < n_texts && status == BV_OK; i++)
        status = encode_text(t, &parts[i], texts[i], n_bytes[i], err);
    if (status == BV_OK)
        status = assemble(t, &out, &parts[0], n_texts == 2 ? &parts[1] : NULL, err);
    if (status == BV_OK) {
        bv_tokens_free(tokens);
        *tokens = out;
    } else {
        bv_tokens_free(&out);
    }
    bv_tokens_free(&parts[0]);
    bv_tokens_free(&parts[1]);
    return status;
}

enum bv_status bv_tokenizer_encode(const struct bv_tokenizer *tokenizer, const char *text,
                                   size_t n_bytes, struct bv_tokens *tokens, struct bv_error *err)
{
    return encode(tokenizer, &text, &n_bytes, 1, tokens, err);
}

enum bv_status bv_tokenizer_encode_pair(const struct bv_tokenizer *tokenizer, const char *a,
                                        size_t n_a, const char *b, size_t n_b,
                                        struct bv_tokens *tokens, struct bv_error *err)
{
    return encode(tokenizer, (const char *const[]){a, b}, (const size_t[]){n_a, n_b}, 2, tokens,
                  err);
}

int32_t bv_tokenizer_special(const struct bv_tokenizer *tokenizer, enum bv_special_token which)
{
    return tokenizer->special[which];
}

size_t bv_tokenizer_size(const struct bv_tokenizer *tokenizer)
{
    return tokenizer->vocab.n;
}

size_t bv_tokenizer_max_length(const struct bv_tokenizer *tokenizer)
{
    return tokenizer->max_length;
}

const char *bv_tokenizer_token(const struct bv_tokenizer *tokenizer, int32_t id, size_t *n)
{
    struct bv_token_text text = bv_vocab_text(&tokenizer->vocab, id);
    *n = text.n;
    return text.at;
}

enum bv_status bv_tokenizer_describe(const struct bv_tokenizer *tokenizer, json_t **description,
                                     struct bv_error *err)
{
    json_t *copy = json_deep_copy(tokenizer->description);
    if (!copy)
        return bv_fail_nomem(err, "tokenizer");
    *description = copy;
    return BV_OK;
}

static enum bv_status write_spiece(const struct bv_unigram *unigram, char **text, size_t *n,
                                   struct bv_error *err)
{
    size_t head = sizeof spiece_head - 1, size = BV_BASE64_SIZE(unigram->n_source);
    char *out = malloc(head + size + 1);
    if (!out)
        return bv_fail_nomem(err, "vocabulary");
    memcpy(out, spiece_head, head);
    bv_base64_encode(unigram->source, unigram->n_source, out + head);
    *text = out;
    *n = head + size;
    return BV_OK;
}

enum bv_status bv_tokenizer_vocabulary(const struct bv_tokenizer *tokenizer, char **text, size_t *n,
                                       struct bv_error *err)
{
    if (has_pieces(tokenizer->kind))
        return write_spiece(&tokenizer->unigram, text, n, err);
    const struct bv_vocab *vocab = &tokenizer->vocab;
    enum kind kind = tokenizer->kind;
    const struct bv_bpe *bpe = kind == HF_BPE ? &tokenizer->char_bpe.bpe : &tokenizer->bpe;
    size_t n_merges = bpe->n_merges;
    struct bv_vocab_source source = {.n_tokens = vocab->n, .n_merges = n_merges};
    enum bv_status status;
    source.tokens = malloc((vocab->n + 1) * sizeof *source.tokens);
    source.merges = malloc((n_merges + 1) * sizeof *source.merges);
    if (source.tokens && source.merges) {
        for (size_t i = 0; i < vocab->n; i++)
            source.tokens[i] = bv_vocab_text(vocab, (int32_t)i);
        for (size_t i = 0; i < n_merges; i++) {
            int32_t left, right;
            bv_bpe_merge(bpe, i, &left, &right);
            source.merges[i].left = bv_vocab_text(vocab, left);
            source.merges[i].right = bv_vocab_text(vocab, right);
        }
        status = bv_vocab_source_write(&source,
                                       kind == WORDPIECE ? BV_VOCAB_LINES
                                       : kind == HF_BPE  ? BV_VOCAB_BPE_ESCAPED
                                                         : BV_VOCAB_BPE,
                                       text, n, err);
    } else {
        status = bv_fail_nomem(err, "vocabulary");
    }
    bv_vocab_source_free(&source);
    return status;
}

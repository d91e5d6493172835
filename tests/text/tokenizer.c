// Tests of the tokenizers with small vocabularies made here.
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "support/check.h"
#include "text/clean.h"
#include "text/rebuild.h"
#include "text/tokenizer.h"

static struct bv_error err;

static struct bv_tokenizer *make(const char *description, const char *vocabulary,
                                 const char *merges)
{
    struct bv_tokenizer *tokenizer = NULL;
    json_t *json = json_loads(description, 0, NULL);
    assert_non_null(json);
    assert_ok(bv_tokenizer_create(&tokenizer, json, vocabulary, strlen(vocabulary), merges,
                                  merges ? strlen(merges) : 0, &err),
              err);
    json_decref(json);
    return tokenizer;
}

// Writes the tokens' spellings, separated by "|".
static const char *spell(const struct bv_tokenizer *tokenizer, const struct bv_tokens *tokens)
{
    static char line[4096];
    size_t n = 0;
    line[0] = '\0';
    for (size_t i = 0; i < tokens->n; i++) {
        size_t length = 0;
        const char *token = bv_tokenizer_token(tokenizer, tokens->ids[i], &length);
        assert_non_null(token);
        assert_true(n + length + 2 < sizeof line);
        n +=
            (size_t)snprintf(line + n, sizeof line - n, "%s%.*s", i ? "|" : "", (int)length, token);
    }
    return line;
}

static void assert_tokens(const struct bv_tokenizer *tokenizer, const char *text,
                          const char *expected)
{
    struct bv_tokens tokens = {0};
    assert_ok(bv_tokenizer_encode(tokenizer, text, strlen(text), &tokens, &err), err);
    assert_string_equal(spell(tokenizer, &tokens), expected);
    bv_tokens_free(&tokens);
}

static const char words[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nlung\n##s\nno\neffusion\n,\n.\n"
                            "caf\n##e\n\xe8\x82\xba\nLung\nthe\n##a\na\n$\n";

static void test_without_ends(void **state)
{
    (void)state;
    struct bv_tokenizer *t =
        make("{\"kind\":\"wordpiece\",\"cls\":null,\"sep\":null,\"max_length\":3}", words, NULL);
    struct bv_tokens tokens = {0};
    assert_tokens(t, "No effusion", "no|effusion");
    assert_tokens(t, "no no no no", "no|no|no");
    assert_tokens(t, "", "[UNK]");
    assert_ok(bv_tokenizer_encode_pair(t, "no", 2, "lung", 4, &tokens, &err), err);
    assert_string_equal(spell(t, &tokens), "no|lung");
    bv_tokens_free(&tokens);
    bv_tokenizer_destroy(&t);
}

static void test_wordpiece(void **state)
{
    (void)state;
    struct bv_tokenizer *t = make("{\"kind\":\"wordpiece\"}", words, NULL);
    assert_tokens(t, "", "[CLS]|[SEP]");
    assert_tokens(t, "No  LUNGS,\teffusion.", "[CLS]|no|lung|##s|,|effusion|.|[SEP]");
    assert_tokens(t, "Caf\xc3\xa9 cafe\xcc\x81", "[CLS]|caf|##e|caf|##e|[SEP]");
    assert_tokens(t, "lung\xe8\x82\xbalung", "[CLS]|lung|\xe8\x82\xba|lung|[SEP]");
    assert_tokens(t, "lun\xe2\x80\x8bg\x07", "[CLS]|lung|[SEP]"); // control and format characters
    assert_tokens(t, "the[MASK]a [mask]", "[CLS]|the|[MASK]|a|[UNK]|[UNK]|[UNK]|[SEP]");
    assert_tokens(t, "lungsx lung", "[CLS]|[UNK]|lung|[SEP]"); // no piece of a word is kept
    assert_tokens(t, "$5", "[CLS]|$|[UNK]|[SEP]");
    assert_int_equal(bv_tokenizer_size(t), 19);
    assert_int_equal(bv_tokenizer_special(t, BV_TOKEN_MASK), 4);
    size_t n = 1;
    assert_null(bv_tokenizer_token(t, 19, &n));
    assert_null(bv_tokenizer_token(t, -1, &n));
    bv_tokenizer_destroy(&t);
    assert_null(t);

    t = make("{\"kind\":\"wordpiece\",\"lowercase\":false}", words, NULL);
    assert_tokens(t, "Lung lung No caf\xc3\xa9", "[CLS]|Lung|lung|[UNK]|[UNK]|[SEP]");
    bv_tokenizer_destroy(&t);
    t = make("{\"kind\":\"wordpiece\",\"specials\":\"words\"}", words, NULL);
    assert_tokens(t, "the [MASK] x[MASK]", "[CLS]|the|[MASK]|[UNK]|[UNK]|[UNK]|[UNK]|[SEP]");
    bv_tokenizer_destroy(&t);
}

// A word of 100 characters is cut into pieces, one of 101 is unknown.
static void test_long_word(void **state)
{
    (void)state;
    struct bv_tokenizer *t = make("{\"kind\":\"wordpiece\"}", words, NULL);
    char text[102];
    memset(text, 'a', sizeof text);
    struct bv_tokens tokens = {0};
    assert_ok(bv_tokenizer_encode(t, text, 100, &tokens, &err), err);
    assert_int_equal(tokens.n, 102);
    assert_false(tokens.continues[1]);
    assert_true(tokens.continues[2]);
    assert_ok(bv_tokenizer_encode(t, text, 101, &tokens, &err), err);
    assert_int_equal(tokens.n, 3);
    assert_int_equal(tokens.ids[1], bv_tokenizer_special(t, BV_TOKEN_UNK));
    bv_tokens_free(&tokens);
    bv_tokenizer_destroy(&t);
}

static void test_words(void **state)
{
    (void)state;
    struct bv_tokenizer *t = make("{\"kind\":\"wordpiece\"}", words, NULL);
    struct bv_tokens tokens = {0};
    static const int32_t expected[] = {0, 1, 2, 2, 3, 4};
    assert_ok(bv_tokenizer_encode(t, "no lungs.", 9, &tokens, &err), err);
    assert_int_equal(tokens.n, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(tokens.words[i], expected[i]);
        assert_int_equal(tokens.continues[i], i == 3);
        assert_int_equal(tokens.types[i], 0);
    }
    bv_tokens_free(&tokens);
    bv_tokenizer_destroy(&t);
}

static void test_pair(void **state)
{
    (void)state;
    struct bv_tokenizer *t = make("{\"kind\":\"wordpiece\",\"max_length\":8}", words, NULL);
    struct bv_tokens tokens = {0};
    assert_ok(bv_tokenizer_encode_pair(t, "no", 2, "the lungs", 9, &tokens, &err), err);
    assert_string_equal(spell(t, &tokens), "[CLS]|no|[SEP]|the|lung|##s|[SEP]");
    for (size_t i = 0; i < tokens.n; i++)
        assert_int_equal(tokens.types[i], i >= 3);
    assert_false(tokens.truncated);
    // Equally long: the second text gives way first.
    assert_ok(bv_tokenizer_encode_pair(t, "no a the", 8, "the a no", 8, &tokens, &err), err);
    assert_string_equal(spell(t, &tokens), "[CLS]|no|a|the|[SEP]|the|a|[SEP]");
    assert_true(tokens.truncated);
    assert_int_equal(tokens.n_untruncated, 9);
    // The longer one gives way, whichever it is.
    assert_ok(bv_tokenizer_encode_pair(t, "no a the no a the", 17, "a", 1, &tokens, &err), err);
    assert_string_equal(spell(t, &tokens), "[CLS]|no|a|the|no|[SEP]|a|[SEP]");
    bv_tokens_free(&tokens);
    bv_tokenizer_destroy(&t);
}

static void test_length(void **state)
{
    (void)state;
    struct bv_tokenizer *t = make("{\"kind\":\"wordpiece\",\"max_length\":4}", words, NULL);
    struct bv_tokens tokens = {0};
    assert_ok(bv_tokenizer_encode(t, "no lung", 7, &tokens, &err), err);
    assert_false(tokens.truncated);
    assert_ok(bv_tokenizer_encode(t, "no lung the", 11, &tokens, &err), err);
    assert_string_equal(spell(t, &tokens), "[CLS]|no|lung|[SEP]");
    assert_true(tokens.truncated);
    assert_int_equal(tokens.n_untruncated, 5);
    bv_tokenizer_destroy(&t);
    t = make("{\"kind\":\"wordpiece\",\"max_length\":4,\"truncate\":\"error\"}", words, NULL);
    assert_int_equal(bv_tokenizer_encode(t, "no lung the", 11, &tokens, &err), BV_ERR_LIMIT);
    assert_string_equal(spell(t, &tokens), "[CLS]|no|lung|[SEP]"); // untouched
    bv_tokens_free(&tokens);
    bv_tokenizer_destroy(&t);
}

// 256 byte symbols are not needed: bytes without a token become the unknown one, or vanish.
static const char bpe_vocab[] =
    "{\"<s>\":0,\"<pad>\":1,\"</s>\":2,\"<unk>\":3,\"a\":4,\"b\":5,\"c\":6,\"ab\":7,\"abc\":8,"
    "\"\xc4\xa0\":9,\"\xc4\xa0"
    "a\":10,\"<mask>\":12,\"bc\":13}";
static const char bpe_merges[] = "#version: 0.2\na b\nab c\n\xc4\xa0 a\nb c\n";

static void test_roberta(void **state)
{
    (void)state;
    struct bv_tokenizer *t = make("{\"kind\":\"roberta-bpe\"}", bpe_vocab, bpe_merges);
    assert_tokens(t, "abcab", "<s>|abc|ab|</s>");
    assert_tokens(t, "bcc", "<s>|bc|c|</s>");
    assert_tokens(t, "b a",
                  "<s>|b|\xc4\xa0"
                  "a|</s>");
    assert_tokens(t, "b  a",
                  "<s>|b|\xc4\xa0|\xc4\xa0"
                  "a|</s>");
    assert_tokens(t, "axb", "<s>|a|<unk>|b|</s>");
    assert_tokens(t, "a <mask> a",
                  "<s>|a|<mask>|\xc4\xa0"
                  "a|</s>"); // takes the space before it
    size_t n;
    assert_null(bv_tokenizer_token(t, 11, &n)); // a gap among the ids
    struct bv_tokens tokens = {0};
    assert_ok(bv_tokenizer_encode_pair(t, "a", 1, "b", 1, &tokens, &err), err);
    assert_string_equal(spell(t, &tokens), "<s>|a|</s>|</s>|b|</s>");
    assert_int_equal(tokens.types[4], 0);
    bv_tokens_free(&tokens);
    bv_tokenizer_destroy(&t);
}

// All places of one pair are merged from the left before any new pair is looked at.
static void test_merge_order(void **state)
{
    (void)state;
    static const char vocab[] = "{\"<s>\":0,\"</s>\":1,\"a\":2,\"b\":3,\"aa\":4,\"aab\":5,"
                                "\"aaaa\":6,\"ba\":7,\"aba\":8}";
    struct bv_tokenizer *t =
        make("{\"kind\":\"roberta-bpe\"}", vocab, "aa b\na ba\nb a\na a\naa aa\n");
    // The lowest rank in "abaa" is "b a"; "a ba" has a lower rank still but comes after it.
    assert_tokens(t, "abaa", "<s>|aba|a|</s>");
    assert_tokens(t, "aab", "<s>|aab|</s>");
    assert_tokens(t, "aaaaa", "<s>|aaaa|a|</s>");
    assert_tokens(t, "aaa", "<s>|aa|a|</s>");
    bv_tokenizer_destroy(&t);
}

// CLIP's vocabulary follows from its merges.
static void test_clip(void **state)
{
    (void)state;
    struct bv_tokenizer *t =
        make("{\"kind\":\"clip-bpe\",\"max_length\":6}",
             "\"bpe_simple_vocab_16e6.txt#version: 0.2\nn o</w>\nl u\nlu n\nlun g</w>\n", NULL);
    assert_int_equal(bv_tokenizer_size(t), 512 + 4 + 2);
    assert_int_equal(bv_tokenizer_special(t, BV_TOKEN_CLS), 516);
    assert_int_equal(bv_tokenizer_special(t, BV_TOKEN_SEP), 517);
    assert_int_equal(bv_tokenizer_special(t, BV_TOKEN_PAD), 0);
    assert_tokens(t, " No\n LUNG ", "<|startoftext|>|no</w>|lung</w>|<|endoftext|>");
    assert_tokens(t, "12", "<|startoftext|>|1</w>|2</w>|<|endoftext|>");
    assert_tokens(t, "&amp;lt;", "<|startoftext|>|<</w>|<|endoftext|>");
    assert_tokens(t, "no <|endoftext|>", "<|startoftext|>|no</w>|<|endoftext|>|<|endoftext|>");
    assert_tokens(t, "\xe2\x80\x99s no no no no no", // a curly quote, and too long
                  "<|startoftext|>|'|s</w>|no</w>|no</w>|<|endoftext|>");
    bv_tokenizer_destroy(&t);
}

static void test_clean(void **state)
{
    (void)state;
    struct bv_tokenizer *t = make("{\"kind\":\"wordpiece\",\"clean\":\"gloria\"}", words, NULL);
    assert_tokens(t, "1. No, lungs.\n2. Effusion", "[CLS]|no|lung|##s|[SEP]");
    assert_tokens(t, "the lung the4.5 the", "[CLS]|the|lung|the|[UNK]|the|[SEP]");
    assert_tokens(t, "no l\xc3\xa9ung", "[CLS]|no|lung|[SEP]");
    assert_tokens(t, "no", "[CLS]|[SEP]");
    bv_tokenizer_destroy(&t);
    t = make("{\"kind\":\"wordpiece\",\"clean\":\"biovil\"}", words, NULL);
    assert_tokens(t, "no. lung?!.", "[CLS]|no|.|lung|[SEP]");
    assert_tokens(t, "...", "[CLS]|[SEP]");
    bv_tokenizer_destroy(&t);
    t = make("{\"kind\":\"wordpiece\",\"clean\":\"spaces\"}", words, NULL);
    assert_tokens(t, " no\flung\x1e\xc2\x85the\xe2\x80\xa8no 4.lung\v", // BERT deletes \f itself
                  "[CLS]|no|lung|the|no|[UNK]|.|lung|[SEP]");
    bv_tokenizer_destroy(&t);
    t = make("{\"kind\":\"wordpiece\",\"clean\":\"spaces-unnumbered\"}", words, NULL);
    assert_tokens(t, "1. no 44.lung no.4 ..", "[CLS]|no|[UNK]|no|.|[UNK]|.|.|[SEP]");
    bv_tokenizer_destroy(&t);
    t = make("{\"kind\":\"wordpiece\",\"lowercase\":false,\"clean\":\"open-clip\"}", words, NULL);
    assert_tokens(t, " Lung &amp;lt;\xe2\x80\x9cno", "[CLS]|Lung|[UNK]|[UNK]|no|[SEP]");
    bv_tokenizer_destroy(&t);
}

static void assert_refused(enum bv_status status, const char *description, const char *vocabulary,
                           const char *merges)
{
    struct bv_tokenizer *tokenizer = NULL;
    json_t *json = json_loads(description, 0, NULL);
    assert_non_null(json);
    assert_int_equal(bv_tokenizer_create(&tokenizer, json, vocabulary, strlen(vocabulary), merges,
                                         merges ? strlen(merges) : 0, &err),
                     status);
    assert_null(tokenizer);
    assert_true(err.text[0] != '\0');
    json_decref(json);
}

static void test_refused(void **state)
{
    (void)state;
    static const char roberta[] = "{\"kind\":\"roberta-bpe\"}";
    assert_refused(BV_ERR_ARG, "{}", words, NULL);
    assert_refused(BV_ERR_ARG, "{\"kind\":\"no-such-kind\"}", words, NULL);
    assert_refused(BV_ERR_ARG, "{\"kind\":\"wordpiece\",\"clean\":7}", words, NULL);
    assert_refused(BV_ERR_ARG, "{\"kind\":\"wordpiece\",\"lowercase\":\"yes\"}", words, NULL);
    assert_refused(BV_ERR_ARG, "{\"kind\":\"wordpiece\",\"max_length\":-1}", words, NULL);
    assert_refused(BV_ERR_ARG, "{\"kind\":\"wordpiece\",\"max_length\":1}", words, NULL);
    assert_refused(BV_ERR_ARG, "{\"kind\":\"wordpiece\",\"specials\":\"inline\"}", words, NULL);
    assert_refused(BV_ERR_FORMAT, "{\"kind\":\"wordpiece\"}", "", NULL);
    assert_refused(BV_ERR_FORMAT, "{\"kind\":\"wordpiece\"}", "a\nb\n", NULL);
    assert_refused(BV_ERR_FORMAT, "{\"kind\":\"wordpiece\"}", "[UNK]\n[CLS]\n[SEP]\n\xff\n", NULL);
    assert_refused(BV_ERR_FORMAT, roberta, "a\nb\n", NULL);
    assert_refused(BV_ERR_ARG, roberta, bpe_vocab, NULL);
    assert_refused(BV_ERR_FORMAT, roberta, bpe_vocab, "a x\n");
    assert_refused(BV_ERR_FORMAT, roberta, bpe_vocab, "a\n");
    assert_refused(BV_ERR_FORMAT, roberta, "{\"<s>\":0,\"</s>\":0}", "");
    assert_refused(BV_ERR_FORMAT, roberta, "{\"<s>\":0,\"</s>\":1.5}", "");
    assert_refused(BV_ERR_FORMAT, roberta, "{\"<s>\":0,\"</s>\":99999999}", "");
    assert_refused(BV_ERR_FORMAT, roberta, "{\"<s>\":0", "");
    assert_refused(BV_ERR_FORMAT, "{\"kind\":\"clip-bpe\"}", "\x1f\x8b garbage", NULL);
    assert_refused(BV_ERR_FORMAT, "{\"kind\":\"clip-bpe\"}", "", NULL);
    assert_refused(BV_ERR_FORMAT, roberta, "", NULL);
    assert_refused(BV_ERR_FORMAT, roberta, "", "");
    assert_refused(BV_ERR_FORMAT, roberta, "#biovl-bpe ", NULL);
    assert_refused(BV_ERR_LIMIT, roberta, "#biovl-bpe 4000000000 0\n", NULL);
    assert_refused(BV_ERR_FORMAT, roberta, "#biovl-bpe 3 0\n<s>\n</s>\n", NULL);
}

static void test_bad_text(void **state)
{
    (void)state;
    struct bv_tokenizer *t = make("{\"kind\":\"wordpiece\"}", words, NULL);
    struct bv_tokens tokens = {0};
    assert_int_equal(bv_tokenizer_encode(t, "no \xc3(", 5, &tokens, &err), BV_ERR_FORMAT);
    assert_int_equal(tokens.n, 0);
    assert_ok(bv_tokenizer_encode(t, "no\0 lung", 8, &tokens, &err), err);
    assert_string_equal(spell(t, &tokens), "[CLS]|no|lung|[SEP]");
    bv_tokens_free(&tokens);
    bv_tokenizer_destroy(&t);
}

// A tokenizer made again from what it says of itself is the same.
static void test_round_trip(void **state)
{
    (void)state;
    struct bv_tokenizer *t =
        make("{\"kind\":\"roberta-bpe\",\"max_length\":5}", bpe_vocab, bpe_merges);
    struct bv_tokenizer *again = rebuild(t);
    assert_tokens(again, "abc<mask> a a a a",
                  "<s>|abc|<mask>|\xc4\xa0"
                  "a|</s>");
    assert_int_equal(bv_tokenizer_size(again), bv_tokenizer_size(t));
    bv_tokenizer_destroy(&again);
    bv_tokenizer_destroy(&t);
}

static const char hf_json[] =
    "{\"truncation\":{\"max_length\":5},\"added_tokens\":[{\"id\":5,\"content\":\"[ENT]\"}],"
    "\"normalizer\":{\"type\":\"BertNormalizer\",\"clean_text\":true,\"lowercase\":true,"
    "\"handle_chinese_chars\":true,\"strip_accents\":null},"
    "\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},"
    "\"post_processor\":{\"type\":\"BertProcessing\",\"sep\":[\"[SEP]\",2],\"cls\":[\"[CLS]\",1]},"
    "\"model\":{\"type\":\"%s\",\"unk_token\":\"[UNK]\",\"vocab\":{\"[UNK]\":0,\"[CLS]\":1,"
    "\"[SEP]\":2,\"no\":3,\"lung\":4}}}";

static void test_hf_json(void **state)
{
    (void)state;
    char text[2048];
    struct bv_tokenizer *t = NULL;
    int n = snprintf(text, sizeof text, hf_json, "WordPiece");
    assert_ok(bv_tokenizer_from_hf_json(&t, text, (size_t)n, NULL, &err), err);
    assert_tokens(t, "No[ENT]lung no no", "[CLS]|no|[ENT]|lung|[SEP]");
    bv_tokenizer_destroy(&t);
    json_t *overrides = json_pack("{s:i}", "max_length", 4);
    assert_ok(bv_tokenizer_from_hf_json(&t, text, (size_t)n, overrides, &err), err);
    assert_int_equal(bv_tokenizer_max_length(t), 4);
    json_decref(overrides);
    bv_tokenizer_destroy(&t);
    n = snprintf(text, sizeof text, hf_json, "WordLevel");
    assert_int_equal(bv_tokenizer_from_hf_json(&t, text, (size_t)n, NULL, &err),
                     BV_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "WordLevel"));
    assert_int_equal(bv_tokenizer_from_hf_json(&t, "{}", 2, NULL, &err), BV_ERR_FORMAT);
    assert_null(t);
}

// Texts that are hard on naive algorithms: these take seconds when anything is quadratic.
static void test_large_texts(void **state)
{
    (void)state;
    static const char *const units[] = {
        "a",
        "ab",
        " ",
        "'",
        "[",
        "&amp;",
        "\xcc\x81\xcc\xa7",
        "\xce\xa3.",
        "\xc3\x83\xc2\xa9",
        "<s",
        "\xe8\x82\xba",
    };
    enum { SIZE = 1 << 20, N_TOKENIZERS = 4 };
    char *text = malloc(SIZE);
    assert_non_null(text);
    struct bv_tokenizer *tokenizers[N_TOKENIZERS] = {
        make("{\"kind\":\"wordpiece\"}", words, NULL),
        make("{\"kind\":\"wordpiece\",\"final_sigma\":true}", words, NULL),
        make("{\"kind\":\"roberta-bpe\"}", bpe_vocab, bpe_merges),
        make("{\"kind\":\"clip-bpe\"}", "a a\naa aa\na b</w>\n", NULL),
    };
    for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
        size_t length = strlen(units[u]), n = 0;
        for (; n + length <= SIZE; n += length)
            memcpy(text + n, units[u], length);
        for (size_t i = 0; i < N_TOKENIZERS; i++) {
            struct bv_tokens tokens = {0};
            assert_ok(bv_tokenizer_encode(tokenizers[i], text, n, &tokens, &err), err);
            assert_true(tokens.n >= 2);
            bv_tokens_free(&tokens);
        }
    }
    for (size_t i = 0; i < N_TOKENIZERS; i++)
        bv_tokenizer_destroy(&tokenizers[i]);
    free(text);
}

struct shared {
    const struct bv_tokenizer *tokenizer;
    size_t n[64];
};

static void encode_one(void *arg, size_t i)
{
    struct shared *shared = arg;
    struct bv_tokens tokens = {0};
    char text[160];
    memset(text, 'a', sizeof text);
    if (bv_tokenizer_encode(shared->tokenizer, text, i, &tokens, NULL) == BV_OK)
        shared->n[i] = tokens.n;
    bv_tokens_free(&tokens);
}

// One tokenizer, many threads: each text gets what it gets alone.
static void test_threads(void **state)
{
    (void)state;
    struct bv_tokenizer *t = make("{\"kind\":\"wordpiece\"}", words, NULL);
    struct shared shared = {.tokenizer = t};
    struct bv_pool *pool = NULL;
    assert_ok(bv_pool_create(&pool, 4, &err), err);
    bv_pool_for(pool, 64, encode_one, &shared);
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(shared.n[i], i + 2);
    bv_pool_destroy(&pool);
    bv_tokenizer_destroy(&t);
}

static void test_ftfy(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"plain", "plain"},
        {"sch\xc3\x83\xc2\xb6n", "sch\xc3\xb6n"},                 // UTF-8 read as Latin-1
        {"sch\xc3\x83\xc6\x92\xc3\x82\xc2\xb6n", "sch\xc3\xb6n"}, // twice
        {"caf\xc3\xa9", "caf\xc3\xa9"},                           // rightly so
        {"voil\xc3\x83 le travail", "voil\xc3\xa0 le travail"},   // A0 became a space
        {"\xe2\x80\x9cx\xe2\x80\x9d \xe2\x80\x98y\xe2\x80\x99", "\"x\" 'y'"},
        {"\xef\xac\x81"
         "brosis",
         "fibrosis"},
        {"\xef\xbc\xa1\xef\xbc\x91\xe3\x80\x80", "A1 "},
        {"a\r\nb\rc\xe2\x80\xa8", "a\nb\nc\n"},
        {"\x1b[31mred\x1b[0m\x07", "red"},
        {"&eacute;&NTILDE;&#233;&bogus;", "\xc3\xa9\xc3\x91\xc3\xa9&bogus;"},
        {"<b>&eacute;", "<b>&eacute;"},
        {"e\xcc\x81", "\xc3\xa9"},
    };
    struct bv_runes in = {0}, out = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = NULL;
        size_t n = 0;
        in.n = out.n = 0;
        assert_ok(bv_runes_decode(&in, cases[i].in, strlen(cases[i].in), &err), err);
        assert_ok(bv_ftfy_fix_text(&out, in.at, in.n, &err), err);
        assert_ok(bv_runes_encode(&out, &text, &n, &err), err);
        assert_string_equal(text, cases[i].out);
        free(text);
    }
    bv_runes_free(&in);
    bv_runes_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wordpiece),    cmocka_unit_test(test_long_word),
        cmocka_unit_test(test_words),        cmocka_unit_test(test_pair),
        cmocka_unit_test(test_length),       cmocka_unit_test(test_roberta),
        cmocka_unit_test(test_merge_order),  cmocka_unit_test(test_clip),
        cmocka_unit_test(test_clean),        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_without_ends), cmocka_unit_test(test_bad_text),
        cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_hf_json),
        cmocka_unit_test(test_large_texts),  cmocka_unit_test(test_threads),
        cmocka_unit_test(test_ftfy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

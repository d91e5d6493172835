// SentencePiece models against the sentencepiece library and Hugging Face's AlbertTokenizer, and
// files tokenizer.json of such models against its tokenizers library: tests/text/spiece holds small
// ones and the ids that these give (make.py, make_fast.py); damaged models.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/file.h"
#include "base/json.h"
#include "support/check.h"
#include "text/rebuild.h"
#include "text/tokenizer.h"

static struct bv_error err;
static const char folder[] = "tests/text/spiece/";

static void read_file(const char *name, char **bytes, size_t *n)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s%s", folder, name);
    assert_ok(bv_read_all(path, (size_t)1 << 20, bytes, n, &err), err);
}

static enum bv_status create(struct bv_tokenizer **t, const char *description, const char *bytes,
                             size_t n)
{
    json_t *json = json_loads(description, 0, NULL);
    assert_non_null(json);
    enum bv_status status = bv_tokenizer_create(t, json, bytes, n, NULL, 0, &err);
    json_decref(json);
    return status;
}

static const struct variant {
    const char *key, *model, *description;
} variants[] = {
    {"albert", "albert.model", "{\"kind\":\"sentencepiece\",\"specials\":\"none\"}"},
    {"bytes", "bytes.model", "{\"kind\":\"sentencepiece\",\"specials\":\"none\"}"},
    {"suffix", "suffix.model", "{\"kind\":\"sentencepiece\",\"specials\":\"none\"}"},
    {"albert cleaned", "albert.model", "{\"kind\":\"sentencepiece\",\"clean\":\"albert\"}"},
    {"albert cased", "albert.model",
     "{\"kind\":\"sentencepiece\",\"clean\":\"albert\",\"lowercase\":false,"
     "\"strip_accents\":false}"},
};

static size_t count_differences(const struct bv_tokenizer *t, const char *key,
                                const json_t *strings, const json_t *expected)
{
    struct bv_tokens tokens = {0};
    size_t differ = 0;
    assert_true(json_array_size(strings) > 100);
    assert_int_equal(json_array_size(strings), json_array_size(expected));
    for (size_t i = 0; i < json_array_size(strings); i++) {
        const json_t *text = json_array_get(strings, i), *ids = json_array_get(expected, i);
        assert_ok(bv_tokenizer_encode(t, json_string_value(text), json_string_length(text), &tokens,
                                      &err),
                  err);
        bool same = tokens.n == json_array_size(ids) + 2; // [CLS] and [SEP] around them
        for (size_t k = 0; same && k < json_array_size(ids); k++)
            same = tokens.ids[k + 1] == json_integer_value(json_array_get(ids, k));
        if (!same)
            print_message("%s: string %zu differs\n", key, i);
        differ += !same;
    }
    bv_tokens_free(&tokens);
    return differ;
}

static void test_ids(void **state)
{
    (void)state;
    json_t *expected = NULL;
    assert_ok(bv_json_load(&expected, "tests/text/spiece/expected.json", 1 << 20, &err), err);
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        const struct variant *v = &variants[i];
        const json_t *strings = json_object_get(expected, "strings");
        const json_t *ids = json_object_get(expected, v->key);
        char *model = NULL;
        size_t n = 0;
        struct bv_tokenizer *t = NULL;
        read_file(v->model, &model, &n);
        assert_ok(create(&t, v->description, model, n), err);
        assert_int_equal(count_differences(t, v->key, strings, ids), 0);
        // What a model file carries makes an equal one.
        struct bv_tokenizer *again = rebuild(t);
        assert_int_equal(count_differences(again, v->key, strings, ids), 0);
        bv_tokenizer_destroy(&again);
        bv_tokenizer_destroy(&t);
        free(model);
    }
    json_decref(expected);
}

static void test_fast_ids(void **state)
{
    (void)state;
    static const char *const names[] = {"fast", "fast_2020", "fast_cased", "fast_made"};
    json_t *expected = NULL;
    assert_ok(bv_json_load(&expected, "tests/text/spiece/expected_fast.json", 1 << 20, &err), err);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        bool made = strcmp(names[i], "fast_made") == 0;
        const json_t *strings = json_object_get(expected, made ? "made strings" : "strings");
        const json_t *ids = json_object_get(expected, names[i]);
        struct bv_tokenizer *t = NULL;
        char file[64], *bytes = NULL;
        size_t n = 0;
        (void)snprintf(file, sizeof file, "%s.json", names[i]);
        read_file(file, &bytes, &n);
        assert_ok(bv_tokenizer_from_hf_json(&t, bytes, n, NULL, &err), err);
        assert_int_equal(count_differences(t, names[i], strings, ids), 0);
        struct bv_tokenizer *again = rebuild(t);
        assert_int_equal(count_differences(again, names[i], strings, ids), 0);
        bv_tokenizer_destroy(&again);
        bv_tokenizer_destroy(&t);
        free(bytes);
    }
    json_decref(expected);
}

// Ids with their ends; null where the reference has none.
static void assert_whole_ids(const struct bv_tokenizer *t, const json_t *strings,
                             const json_t *expected)
{
    struct bv_tokens tokens = {0};
    size_t compared = 0;
    assert_int_equal(json_array_size(strings), json_array_size(expected));
    for (size_t i = 0; i < json_array_size(strings); i++) {
        const json_t *text = json_array_get(strings, i), *ids = json_array_get(expected, i);
        if (json_is_null(ids))
            continue;
        assert_ok(bv_tokenizer_encode(t, json_string_value(text), json_string_length(text), &tokens,
                                      &err),
                  err);
        bool same = tokens.n == json_array_size(ids);
        for (size_t k = 0; same && k < tokens.n; k++)
            same = tokens.ids[k] == json_integer_value(json_array_get(ids, k));
        if (!same)
            fail_msg("string %zu differs", i);
        compared++;
    }
    assert_true(compared > 50);
    bv_tokens_free(&tokens);
}

// As SigLIP 2 reads Gemma's vocabulary.
static const char siglip2[] =
    "{\"kind\":\"sentencepiece\",\"clean\":\"lower\",\"cls\":null,\"sep\":\"<eos>\","
    "\"pad\":\"<pad>\",\"mask\":null,\"added\":[{\"text\":\"<pad>\"},{\"text\":\"<eos>\"},"
    "{\"text\":\"<bos>\"},{\"text\":\"<unk>\"}]}";

static void test_gemma_ids(void **state)
{
    (void)state;
    static const struct {
        const char *file, *strings, *ids;
    } cases[] = {{"gemma.model", "strings", "model"},
                 {"gemma.json", "strings", "json"},
                 {"gemma_made.json", "made strings", "made"}};
    json_t *expected = NULL, *lower = json_pack("{s:s}", "clean", "lower");
    assert_ok(bv_json_load(&expected, "tests/text/spiece/expected_gemma.json", 1 << 20, &err), err);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const json_t *strings = json_object_get(expected, cases[i].strings);
        const json_t *ids = json_object_get(expected, cases[i].ids);
        struct bv_tokenizer *t = NULL;
        char *bytes = NULL;
        size_t n = 0;
        read_file(cases[i].file, &bytes, &n);
        if (i == 0)
            assert_ok(create(&t, siglip2, bytes, n), err);
        else
            assert_ok(bv_tokenizer_from_hf_json(&t, bytes, n, i == 1 ? lower : NULL, &err), err);
        assert_whole_ids(t, strings, ids);
        struct bv_tokenizer *again = rebuild(t);
        assert_whole_ids(again, strings, ids);
        bv_tokenizer_destroy(&again);
        bv_tokenizer_destroy(&t);
        free(bytes);
    }
    json_decref(lower);
    json_decref(expected);
}

static void test_words_and_pairs(void **state)
{
    (void)state;
    struct bv_tokenizer *t = NULL;
    struct bv_tokens tokens = {0};
    char *model = NULL;
    size_t n = 0;
    read_file("albert.model", &model, &n);
    assert_ok(
        create(&t, "{\"kind\":\"sentencepiece\",\"clean\":\"albert\",\"max_length\":8}", model, n),
        err);
    assert_ok(bv_tokenizer_encode(t, "effusions 12,5", 14, &tokens, &err), err);
    for (size_t i = 1; i + 1 < tokens.n; i++) { // a word begins where U+2581 does
        size_t length = 0;
        const char *piece = bv_tokenizer_token(t, tokens.ids[i], &length);
        bool begins = length >= 3 && memcmp(piece, "\xe2\x96\x81", 3) == 0;
        assert_int_equal(tokens.continues[i], i > 1 && !begins);
    }
    assert_ok(bv_tokenizer_encode_pair(t, "no change", 9, "the lungs", 9, &tokens, &err), err);
    assert_true(tokens.n <= 8);
    assert_int_equal(tokens.types[0], 0);
    assert_int_equal(tokens.types[tokens.n - 1], 1);
    bv_tokens_free(&tokens);
    bv_tokenizer_destroy(&t);
    free(model);
}

static const char plain[] = "{\"kind\":\"sentencepiece\"}";

// Damage anywhere is an error or another model, never a crash.
static void damage(const char *file, size_t step,
                   enum bv_status (*make)(struct bv_tokenizer **t, const char *bytes, size_t n))
{
    char *model = NULL;
    size_t n = 0;
    struct bv_tokenizer *t = NULL;
    struct bv_tokens tokens = {0};
    read_file(file, &model, &n);
    for (size_t i = 0; i < n; i += i < 64 ? 1 : step) {
        char *changed = malloc(n);
        assert_non_null(changed);
        (void)make(&t, model, i);
        bv_tokenizer_destroy(&t);
        memcpy(changed, model, n);
        changed[i] = (char)(changed[i] ^ (step % 2 ? 0x55 : 0x01));
        if (make(&t, changed, n) == BV_OK)
            (void)bv_tokenizer_encode(t, "No left \xef\xac\x81ndings 4,2", 21, &tokens, &err);
        bv_tokenizer_destroy(&t);
        free(changed);
    }
    bv_tokens_free(&tokens);
    free(model);
}

static enum bv_status make_plain(struct bv_tokenizer **t, const char *bytes, size_t n)
{
    return create(t, plain, bytes, n);
}

static enum bv_status make_siglip2(struct bv_tokenizer **t, const char *bytes, size_t n)
{
    return create(t, siglip2, bytes, n);
}

static enum bv_status make_json(struct bv_tokenizer **t, const char *bytes, size_t n)
{
    return bv_tokenizer_from_hf_json(t, bytes, n, NULL, &err);
}

static void test_damage(void **state)
{
    (void)state;
    damage("albert.model", 41, make_plain);
    damage("gemma.model", 67, make_siglip2);
    damage("gemma.model", 54, make_siglip2); // digits of scores and letters of pieces
    damage("gemma.json", 113, make_json);
    damage("gemma_made.json", 38, make_json);
}

// A model as bytes: pieces [CLS], [SEP], <unk>, then a trailer of the test.
#define PIECES "\x0a\x09\x0a\x05[CLS]\x18\x03\x0a\x09\x0a\x05[SEP]\x18\x03"
#define UNKNOWN "\x0a\x09\x0a\x05<unk>\x18\x02"

static void assert_refused(const char *bytes, size_t n, enum bv_status status, const char *says)
{
    struct bv_tokenizer *t = NULL;
    assert_int_equal(create(&t, plain, bytes, n), status);
    if (!strstr(err.text, says))
        fail_msg("\"%s\" does not say \"%s\"", err.text, says);
}
#define REFUSED(bytes, status, says) assert_refused(bytes, sizeof(bytes) - 1, status, says)

static void test_refused(void **state)
{
    (void)state;
    struct bv_tokenizer *t = NULL;
    static const char good[] = PIECES UNKNOWN "\x0a\x08\x0a\x01"
                                              "a\x15\0\0\x80\xbf";
    assert_ok(create(&t, plain, good, sizeof good - 1), err);
    bv_tokenizer_destroy(&t);
    REFUSED("", BV_ERR_FORMAT, "no SentencePiece model");
    REFUSED("[UNK]\n[CLS]\n", BV_ERR_FORMAT, "no SentencePiece model");
    REFUSED(PIECES, BV_ERR_FORMAT, "0 unknown pieces");
    REFUSED(PIECES UNKNOWN UNKNOWN, BV_ERR_FORMAT, "2 unknown pieces");
    REFUSED(PIECES UNKNOWN "\x12\x02\x18\x03", BV_ERR_UNSUPPORTED, "kind word");
    REFUSED(PIECES UNKNOWN "\x12\x02\x18\x02\x0a\x05\x0a\x01"
                           "a\x18\x05",
            BV_ERR_UNSUPPORTED, "marked as unused");
    REFUSED(PIECES UNKNOWN "\x12\x03\x98\x02\x01", BV_ERR_FORMAT, "no piece for the byte 0");
    REFUSED(PIECES UNKNOWN "\x0a\x03\x0a\x01"
                           "a"
                           "\x0a\x03\x0a\x01"
                           "a",
            BV_ERR_FORMAT, "are equal");
    REFUSED(PIECES UNKNOWN "\x0a\x02\x0a\x00", BV_ERR_FORMAT, "has 0 bytes");
    REFUSED(PIECES UNKNOWN "\x0a\x03\x0a\x01\xff", BV_ERR_FORMAT, "not valid UTF-8");
    REFUSED(PIECES UNKNOWN "\x0a\x08\x0a\x01"
                           "a\x15\0\0\xc0\x7f",
            BV_ERR_FORMAT, "is no number");
    REFUSED(PIECES UNKNOWN "\x0a\x05\x0a\x01"
                           "a\x18\x09",
            BV_ERR_FORMAT, "unknown type");
    REFUSED(PIECES UNKNOWN "\x1a\x04\x12\x02\x01\x00", BV_ERR_FORMAT, "damaged normalisation");
    REFUSED(PIECES UNKNOWN "\x1a\x0b\x12\x09\x04\0\0\0\0\0\0\0x", BV_ERR_FORMAT, "does not end");
    REFUSED("\x0a\xff\xff\xff\xff\x0f", BV_ERR_FORMAT, "no SentencePiece model");
    REFUSED("#biovl-spiece\n###=", BV_ERR_FORMAT, "base64");
    REFUSED(UNKNOWN, BV_ERR_FORMAT, "[CLS] is missing");
    assert_int_equal(create(&t, "{\"kind\":\"wordpiece\",\"clean\":\"albert\"}", "", 0),
                     BV_ERR_ARG);
}

// Loads fast.json with a part of it replaced.
static enum bv_status load_changed(const char *fast, const char *part, const char *by)
{
    const char *at = strstr(fast, part);
    size_t n = strlen(fast) + strlen(by) + 1;
    char *text = malloc(n);
    struct bv_tokenizer *t = NULL;
    assert_non_null(at);
    assert_non_null(text);
    (void)snprintf(text, n, "%.*s%s%s", (int)(at - fast), fast, by, at + strlen(part));
    enum bv_status status = bv_tokenizer_from_hf_json(&t, text, strlen(text), NULL, &err);
    bv_tokenizer_destroy(&t);
    free(text);
    return status;
}

static void test_fast_refused(void **state)
{
    (void)state;
    static const struct {
        const char *part, *by;
        enum bv_status status;
        const char *says;
    } changes[] = {
        {"\"NFKD\"", "\"NFKC\"", BV_ERR_UNSUPPORTED, "normalizer \"NFKC\""},
        {"\"StripAccents\"", "\"Nmt\"", BV_ERR_UNSUPPORTED, "without \"StripAccents\""},
        {"\"``\"", "\"`\"", BV_ERR_UNSUPPORTED, "normalizer \"Replace\""},
        {"\"''\"", "\"'\"", BV_ERR_UNSUPPORTED, "without that of ''"},
        {"\" {2,}\"", "\" {3,}\"", BV_ERR_UNSUPPORTED, "normalizer \"Replace\""},
        {"\"precompiled_charsmap\":\"", "\"precompiled_charsmap\":\"?", BV_ERR_FORMAT, "base64"},
        {"\"precompiled_charsmap\"", "\"charsmap\"", BV_ERR_FORMAT, "without its rules"},
        {"\"precompiled_charsmap\":\"", "\"precompiled_charsmap\":\"////", BV_ERR_FORMAT,
         "damaged normalisation"},
        {"\"type\":\"Sequence\"", "\"type\":\"BertNormalizer\"", BV_ERR_UNSUPPORTED,
         "normalizer \"BertNormalizer\""},
        {"\"pre_tokenizer\":{\"type\":\"Metaspace\"", "\"pre_tokenizer\":{\"type\":\"Whitespace\"",
         BV_ERR_UNSUPPORTED, "pre-tokenizer \"Whitespace\""},
        {"\"replacement\":\"\\u2581\"", "\"replacement\":\"_\"", BV_ERR_UNSUPPORTED,
         "another replacement"},
        {"\"always\"", "\"first\"", BV_ERR_UNSUPPORTED, "prepend_scheme \"first\""},
        {"\"split\":true", "\"split\":false", BV_ERR_UNSUPPORTED, "without split"},
        {"\"TemplateProcessing\"", "\"ByteLevel\"", BV_ERR_UNSUPPORTED, "post-processor"},
        {"\"byte_fallback\":false", "\"byte_fallback\":true", BV_ERR_UNSUPPORTED, "byte_fallback"},
        {"\"normalized\":false", "\"normalized\":true", BV_ERR_UNSUPPORTED, "normalised text"},
        {"\"unk_id\":1", "\"unk_id\":197", BV_ERR_FORMAT, "unk_id is no piece"},
        {"\"unk_id\":1", "\"unk_id\":null", BV_ERR_FORMAT, "unk_id is no piece"},
        {"[\"<unk>\",0.0]", "[\"<unk>\"]", BV_ERR_FORMAT, "piece 1 is not a text and a score"},
        {"[\"<unk>\",0.0]", "[1,0.0]", BV_ERR_FORMAT, "piece 1 is not a text and a score"},
        {"[\"<unk>\",0.0]", "[\"\",0.0]", BV_ERR_FORMAT, "piece 1 is empty"},
        {"[\"<unk>\",0.0]", "[\"(\",0.0]", BV_ERR_FORMAT, "two tokens with the id 1"},
        {"[\"s\",", "[\"e\",", BV_ERR_FORMAT, "are equal"},
        {"{\"id\":12,", "{\"id\":199,", BV_ERR_FORMAT, "piece 197 has 0 bytes"},
    };
    char *bytes = NULL;
    size_t n = 0;
    read_file("fast.json", &bytes, &n);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        enum bv_status status = load_changed(bytes, changes[i].part, changes[i].by);
        if (status != changes[i].status || !strstr(err.text, changes[i].says))
            fail_msg("%s for %s: %d, \"%s\"", changes[i].by, changes[i].part, (int)status,
                     err.text);
    }
    // A token of the user's behind the pieces, and a space that is not put in front, are taken.
    assert_ok(load_changed(bytes, "{\"id\":12,\"content\":\"\\u20ac\"",
                           "{\"id\":197,\"content\":\"<user>\""),
              err);
    assert_ok(load_changed(bytes, "\"always\"", "\"never\""), err);
    free(bytes);
}

// What a hand could write into Gemma's tokenizer.json that would give other tokens.
static void test_gemma_refused(void **state)
{
    (void)state;
    static const struct {
        const char *part, *by, *says;
    } changes[] = {
        {"\"end_of_word_suffix\":null", "\"end_of_word_suffix\":\"</x>\"", "a suffix"},
        {"\"truncation\":null",
         "\"truncation\":{\"direction\":\"Left\",\"max_length\":64,\"stride\":0}", "left end"},
        {"\"tokens\":[\"<eos>\"]", "\"tokens\":[\"<bos>\"]", "post-processor"},
        {"\"tokens\":[\"<eos>\"]", "\"tokens\":[\"<eos>\",\"<eos>\"]", "post-processor"},
        {"\"tokens\":[\"<eos>\"]", "\"tokens\":\"<eos>\"", "post-processor"},
        {"\"ignore_merges\":false", "\"ignore_merges\":true", "ignored merges"},
        {"\"invert\":false", "\"invert\":true", "pre-tokenizer"},
    };
    char *bytes = NULL;
    size_t n = 0;
    read_file("gemma.json", &bytes, &n);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        enum bv_status status = load_changed(bytes, changes[i].part, changes[i].by);
        if (status != BV_ERR_UNSUPPORTED || !strstr(err.text, changes[i].says))
            fail_msg("%s: %d, \"%s\"", changes[i].by, (int)status, err.text);
    }
    assert_ok(load_changed(bytes, "\"truncation\":null",
                           "\"truncation\":{\"direction\":\"Right\",\"max_length\":64}"),
              err);
    free(bytes);
}

static void test_base64(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}};
    char text[16], *bytes = NULL;
    size_t n = 0;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) { // RFC 4648, section 10
        size_t size = strlen(pairs[i][0]);
        bv_base64_encode(pairs[i][0], size, text);
        assert_string_equal(text, pairs[i][1]);
        assert_ok(bv_base64_decode(text, strlen(text), &bytes, &n, &err), err);
        assert_int_equal(n, size);
        assert_memory_equal(bytes, pairs[i][0], n);
        free(bytes);
    }
    assert_int_equal(bv_base64_decode("Zg=", 3, &bytes, &n, &err), BV_ERR_FORMAT);
    assert_int_equal(bv_base64_decode("Zg=a", 4, &bytes, &n, &err), BV_ERR_FORMAT);
    assert_int_equal(bv_base64_decode("====", 4, &bytes, &n, &err), BV_ERR_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_fast_ids),
        cmocka_unit_test(test_gemma_ids),
        cmocka_unit_test(test_gemma_refused),
        cmocka_unit_test(test_words_and_pairs),
        cmocka_unit_test(test_fast_refused),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_base64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

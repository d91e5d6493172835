// Compares the tokenizers with the ids that the reference implementations gave for the strings of
// the conformance folder, and the repaired texts with ftfy's. Every id file of the folder is
// compared; one that this test does not know is a failure.
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "support/check.h"
#include "support/reference.h"
#include "text/clean.h"
#include "text/rebuild.h"
#include "text/tokenizer.h"

static const char *folder;

#define SIGLIP                                                                                     \
    "{\"kind\":\"sentencepiece\",\"clean\":\"siglip\",\"cls\":null,\"sep\":\"</s>\",\"pad\":\"</"  \
    "s>\","                                                                                        \
    "\"mask\":null,\"added\":[{\"text\":\"</"                                                      \
    "s>\",\"lstrip\":true,\"rstrip\":true},{\"text\":\"<unk>\","                                   \
    "\"lstrip\":true,\"rstrip\":true}]"

// How each id file was made: a description with vocabulary files, or a tokenizer.json. Those
// without a folder are in tokenizers.
static const struct variant {
    const char *ids;
    const char *description; // NULL: vocabulary is a tokenizer.json
    const char *vocabulary, *merges;
    bool padded; // the ids are padded to max_length
} variants[] = {
    {"bert_uncased.slow", "{\"kind\":\"wordpiece\"}", "vocab/bert-base-uncased-vocab.txt", NULL, 0},
    {"bert_uncased.slow.max32", "{\"kind\":\"wordpiece\",\"max_length\":32}",
     "vocab/bert-base-uncased-vocab.txt", NULL, 0},
    {"bert_uncased_vocab_cased_mode.slow", "{\"kind\":\"wordpiece\",\"lowercase\":false}",
     "vocab/bert-base-uncased-vocab.txt", NULL, 0},
    {"bert_standin_cased.slow", "{\"kind\":\"wordpiece\",\"lowercase\":false}",
     "vocab/standin-cased-vocab.txt", NULL, 0},
    {"bert_standin_cased_lowercased.slow", "{\"kind\":\"wordpiece\"}",
     "vocab/standin-cased-vocab.txt", NULL, 0},
    {"bert_small_uncased.slow", "{\"kind\":\"wordpiece\"}", "vocab/small-uncased-vocab.txt", NULL,
     0},
    {"bert_small_cased.slow", "{\"kind\":\"wordpiece\",\"lowercase\":false}",
     "vocab/small-cased-vocab.txt", NULL, 0},
    {"lxmert_2019.uncased", "{\"kind\":\"wordpiece\",\"specials\":\"words\",\"final_sigma\":true}",
     "vocab/bert-base-uncased-vocab.txt", NULL, 0},
    {"roberta.slow", "{\"kind\":\"roberta-bpe\"}", "vocab/roberta-vocab.json",
     "vocab/roberta-merges.txt", 0},
    {"roberta_small.slow", "{\"kind\":\"roberta-bpe\"}", "vocab/small-roberta-vocab.json",
     "vocab/small-roberta-merges.txt", 0},
    {"clip_simple.ftfy", "{\"kind\":\"clip-bpe\"}", "tokenizers/clip-merges.txt", NULL, 0},
    {"clip_simple.noftfy", "{\"kind\":\"clip-bpe\",\"clean\":\"clip-noftfy\"}",
     "tokenizers/clip-merges.txt", NULL, 0},
    {"clip_tokenize77.truncate", "{\"kind\":\"clip-bpe\",\"max_length\":77}",
     "tokenizers/clip-merges.txt", NULL, 1},
    {"hf_clip.slow", "{\"kind\":\"clip-bpe\"}", "tokenizers/clip-vocab.json",
     "tokenizers/clip-merges.txt", 0},
    {"bert_uncased.fast", NULL, "tokenizers/tokenizer_bert_uncased.json", NULL, 0},
    {"bert_uncased_vocab_cased_mode.fast", NULL,
     "tokenizers/tokenizer_bert_uncased_vocab_cased_mode.json", NULL, 0},
    {"bert_standin_cased.fast", NULL, "tokenizers/tokenizer_bert_standin_cased.json", NULL, 0},
    {"bert_standin_cased_lowercased.fast", NULL,
     "tokenizers/tokenizer_bert_standin_cased_lowercased.json", NULL, 0},
    {"bert_small_uncased.fast", NULL, "tokenizers/tokenizer_bert_small_uncased.json", NULL, 0},
    {"bert_small_cased.fast", NULL, "tokenizers/tokenizer_bert_small_cased.json", NULL, 0},
    {"roberta.fast", NULL, "tokenizers/tokenizer_roberta.json", NULL, 0},
    {"roberta_small.fast", NULL, "tokenizers/tokenizer_roberta_small.json", NULL, 0},
    {"clip.fast", NULL, "tokenizers/tokenizer_clip.json", NULL, 0},
    {"siglip/tokenizers/siglip.slow", SIGLIP "}", "siglip/small-medsiglip-448/spiece.model", NULL,
     0},
    {"siglip/tokenizers/siglip.slow.max64", SIGLIP ",\"max_length\":64}",
     "siglip/small-medsiglip-448/spiece.model", NULL, 1},
    {"siglip/tokenizers/siglip_small.slow", SIGLIP "}",
     "siglip/small-siglip-base-patch16-256/spiece.model", NULL, 0},
    {"siglip/tokenizers/siglip_small.slow.max64", SIGLIP ",\"max_length\":64}",
     "siglip/small-siglip-base-patch16-256/spiece.model", NULL, 1},
};
enum { N_VARIANTS = sizeof variants / sizeof *variants };

static struct bv_error err;

static json_t *load(const char *name)
{
    json_t *document = NULL;
    const char *path = strchr(name, '/') ? path_in(folder, "%s.json", name)
                                         : path_in(folder, "tokenizers/%s.json", name);
    assert_ok(bv_json_load(&document, path, (size_t)256 << 20, &err), err);
    return document;
}

static void read_file(const char *name, char **bytes, size_t *n)
{
    *bytes = NULL;
    *n = 0;
    if (name)
        assert_ok(bv_read_all(path_in(folder, "%s", name), (size_t)64 << 20, bytes, n, &err), err);
}

static struct bv_tokenizer *create(const struct variant *variant)
{
    struct bv_tokenizer *tokenizer = NULL;
    char *vocabulary, *merges;
    size_t n_vocabulary, n_merges;
    read_file(variant->vocabulary, &vocabulary, &n_vocabulary);
    read_file(variant->merges, &merges, &n_merges);
    if (variant->description) {
        json_t *description = json_loads(variant->description, 0, NULL);
        assert_non_null(description);
        assert_ok(bv_tokenizer_create(&tokenizer, description, vocabulary, n_vocabulary, merges,
                                      n_merges, &err),
                  err);
        json_decref(description);
    } else {
        assert_ok(bv_tokenizer_from_hf_json(&tokenizer, vocabulary, n_vocabulary, NULL, &err), err);
    }
    free(vocabulary);
    free(merges);
    return tokenizer;
}

static bool same_ids(const struct bv_tokens *tokens, const json_t *ids, int32_t pad)
{
    if (pad < 0 ? json_array_size(ids) != tokens->n : json_array_size(ids) < tokens->n)
        return false;
    for (size_t i = 0; i < json_array_size(ids); i++) {
        if (json_integer_value(json_array_get(ids, i)) != (i < tokens->n ? tokens->ids[i] : pad))
            return false;
    }
    return true;
}

// Compares all strings; prints each that differs and returns their number.
static size_t count_differences(const struct variant *variant, const struct bv_tokenizer *tokenizer)
{
    bool siglip = strncmp(variant->ids, "siglip/", 7) == 0;
    json_t *strings = load(siglip ? "siglip/tokenizers/strings" : "strings"),
           *reference = load(variant->ids);
    const json_t *ids = json_object_get(reference, "ids");
    assert_int_equal(json_array_size(ids), json_array_size(strings));
    assert_true(json_array_size(ids) > 0);
    int32_t pad = variant->padded ? bv_tokenizer_special(tokenizer, BV_TOKEN_PAD) : -1;
    struct bv_tokens tokens = {0};
    size_t differ = 0;
    for (size_t i = 0; i < json_array_size(strings); i++) {
        const json_t *text = json_array_get(strings, i);
        assert_ok(bv_tokenizer_encode(tokenizer, json_string_value(text), json_string_length(text),
                                      &tokens, &err),
                  err);
        if (same_ids(&tokens, json_array_get(ids, i), pad))
            continue;
        differ++;
        print_message("%s: string %zu: got", variant->ids, i);
        for (size_t k = 0; k < tokens.n && k < 24; k++)
            print_message(" %d", (int)tokens.ids[k]);
        char *expected = json_dumps(json_array_get(ids, i), 0);
        print_message(", expected %.160s\n", expected);
        free(expected);
    }
    bv_tokens_free(&tokens);
    json_decref(strings);
    json_decref(reference);
    return differ;
}

static void test_ids(void **state)
{
    const struct variant *variant = *state;
    struct bv_tokenizer *tokenizer = create(variant);
    assert_int_equal(count_differences(variant, tokenizer), 0);
    struct bv_tokenizer *again = rebuild(tokenizer);
    assert_int_equal(count_differences(variant, again), 0);
    bv_tokenizer_destroy(&again);
    bv_tokenizer_destroy(&tokenizer);
}

static void test_ftfy(void **state)
{
    (void)state;
    json_t *strings = load("strings"), *reference = load("ftfy_fix_text");
    const json_t *expected = json_object_get(reference, "ids");
    struct bv_runes in = {0}, out = {0};
    size_t differ = 0;
    assert_int_equal(json_array_size(expected), json_array_size(strings));
    for (size_t i = 0; i < json_array_size(strings); i++) {
        const json_t *text = json_array_get(strings, i), *runes = json_array_get(expected, i);
        in.n = out.n = 0;
        assert_ok(bv_runes_decode(&in, json_string_value(text), json_string_length(text), &err),
                  err);
        assert_ok(bv_ftfy_fix_text(&out, in.at, in.n, &err), err);
        bool same = out.n == json_array_size(runes);
        for (size_t k = 0; same && k < out.n; k++)
            same = out.at[k] == json_integer_value(json_array_get(runes, k));
        if (!same)
            print_message("ftfy: string %zu differs\n", i);
        differ += !same;
    }
    bv_runes_free(&in);
    bv_runes_free(&out);
    json_decref(strings);
    json_decref(reference);
    assert_int_equal(differ, 0);
}

// Every file with ids is in the table above.
static void test_nothing_left_out(void **state)
{
    (void)state;
    DIR *dir = opendir(path_in(folder, "tokenizers"));
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char name[256];
        size_t n = strlen(entry->d_name);
        if (n < 6 || n >= sizeof name || strcmp(entry->d_name + n - 5, ".json") != 0)
            continue;
        memcpy(name, entry->d_name, n - 5);
        name[n - 5] = '\0';
        json_t *document = load(name);
        bool known = !json_object_get(document, "strings") || strcmp(name, "ftfy_fix_text") == 0;
        for (size_t i = 0; i < N_VARIANTS; i++)
            known = known || strcmp(variants[i].ids, name) == 0;
        if (!known)
            fail_msg("%s.json is compared with nothing", name);
        json_decref(document);
    }
    closedir(dir);
}

int main(void)
{
    folder = conformance_dir();
    if (!folder)
        return TEST_SKIPPED;
    struct CMUnitTest tests[N_VARIANTS + 2];
    for (size_t i = 0; i < N_VARIANTS; i++)
        tests[i] = (struct CMUnitTest){variants[i].ids, test_ids, NULL, NULL, (void *)&variants[i]};
    tests[N_VARIANTS] = (struct CMUnitTest)cmocka_unit_test(test_ftfy);
    tests[N_VARIANTS + 1] = (struct CMUnitTest)cmocka_unit_test(test_nothing_left_out);
    return cmocka_run_group_tests_name("conformance.tokenizers", tests, NULL, NULL);
}

// Fuzzes the tokenizers: a hostile vocabulary of each form, and hostile text on a sound one.
//
// Input: a byte that chooses, two bytes of length, that many bytes of vocabulary, then the text.
#include "target.h"

#include <stdlib.h>
#include <string.h>

#include "text/tokenizer.h"

static const struct {
    const char *description, *vocabulary;
} sound[] = {
    {"{\"kind\":\"wordpiece\",\"max_length\":16}", "[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##a\nb\n"},
    {"{\"kind\":\"wordpiece\",\"specials\":\"words\",\"final_sigma\":true}",
     "[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##a\n"},
    {"{\"kind\":\"wordpiece\",\"clean\":\"open-clip\"}", "[UNK]\n[CLS]\n[SEP]\na\n"},
    {"{\"kind\":\"clip-bpe\",\"max_length\":77}", "a a\na b</w>\naa aa\n"},
    {"{\"kind\":\"clip-bpe\",\"clean\":\"clip-hf\",\"specials\":\"first\"}", "a a\na b</w>\n"},
    {"{\"kind\":\"roberta-bpe\",\"add_prefix_space\":true}",
     "#biovl-bpe 5 1\n<s>\n</s>\n<mask>\na\naa\na a\n"},
    // [CLS], [SEP], <unk>, a space, "9," and "-" (always cut out)
    {"{\"kind\":\"sentencepiece\",\"clean\":\"albert\"}",
     "#biovl-spiece\n"
     "CgkKBVtDTFNdGAMKCQoFW1NFUF0YAwoJCgU8dW5rPhgCCgoKA+KWgRUAAIC/CgkKAjksFQAAgL8KBQoBLRgE"},
    {"{\"kind\":\"hf-unigram\",\"clean\":\"albert-hf\",\"whitespace_split\":true}",
     "#biovl-spiece\n"
     "CgkKBVtDTFNdGAMKCQoFW1NFUF0YAwoJCgU8dW5rPhgCCgoKA+KWgRUAAIC/CgkKAjksFQAAgL8KBQoBLRgE"},
};
enum { N_SOUND = sizeof sound / sizeof *sound };

static void encode(const struct bv_tokenizer *tokenizer, const char *text, size_t n)
{
    struct bv_tokens tokens = {0};
    struct bv_error err = {0};
    if (bv_tokenizer_encode(tokenizer, text, n, &tokens, &err) == BV_OK) {
        for (size_t i = 0; i < tokens.n; i++) {
            size_t length;
            if (!bv_tokenizer_token(tokenizer, tokens.ids[i], &length))
                abort();
        }
    }
    (void)bv_tokenizer_encode_pair(tokenizer, text, n / 2, text + n / 2, n - n / 2, &tokens, &err);
    bv_tokens_free(&tokens);
}

// A tokenizer that was made can be made again from what it says of itself.
static void rebuild(const struct bv_tokenizer *tokenizer)
{
    struct bv_tokenizer *again = NULL;
    struct bv_error err = {0};
    json_t *description = NULL;
    char *vocabulary = NULL;
    size_t n = 0;
    if (bv_tokenizer_describe(tokenizer, &description, &err) == BV_OK &&
        bv_tokenizer_vocabulary(tokenizer, &vocabulary, &n, &err) == BV_OK &&
        (bv_tokenizer_create(&again, description, vocabulary, n, NULL, 0, &err) != BV_OK ||
         bv_tokenizer_size(again) != bv_tokenizer_size(tokenizer)))
        abort();
    bv_tokenizer_destroy(&again);
    json_decref(description);
    free(vocabulary);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const kinds[] = {
        "wordpiece",     "clip-bpe",      "roberta-bpe", NULL,    "sentencepiece",
        "sentencepiece", "sentencepiece", "hf-unigram",  "hf-bpe"};
    if (size < 3)
        return 0;
    unsigned choice = data[0];
    size_t n = data[1] | (size_t)data[2] << 8;
    const char *vocabulary = (const char *)data + 3;
    if (n > size - 3)
        n = size - 3;
    const char *text = vocabulary + n;
    size_t n_text = size - 3 - n;
    struct bv_tokenizer *tokenizer = NULL;
    struct bv_error err = {0};
    if (choice < 128) {
        unsigned i = choice % N_SOUND;
        json_t *description = json_loads(sound[i].description, 0, NULL);
        if (bv_tokenizer_create(&tokenizer, description, sound[i].vocabulary,
                                strlen(sound[i].vocabulary), NULL, 0, &err) != BV_OK)
            abort();
        json_decref(description);
    } else if (!kinds[choice % 9]) {
        (void)bv_tokenizer_from_hf_json(&tokenizer, vocabulary, n, NULL, &err);
    } else {
        json_t *description = json_pack("{s:s}", "kind", kinds[choice % 9]);
        // Half of these have merges beside the vocabulary, split off at the first zero byte.
        const char *split = choice & 64 ? memchr(vocabulary, 0, n) : NULL;
        size_t n_vocabulary = split ? (size_t)(split - vocabulary) : n;
        (void)bv_tokenizer_create(&tokenizer, description, vocabulary, n_vocabulary,
                                  split ? split + 1 : NULL, split ? n - n_vocabulary - 1 : 0, &err);
        json_decref(description);
    }
    if (tokenizer) {
        encode(tokenizer, text, n_text);
        if (choice >= 128)
            rebuild(tokenizer);
    }
    bv_tokenizer_destroy(&tokenizer);
    return 0;
}

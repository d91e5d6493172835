// What prompts became, kept in the user's cache folder: floats under the digest of all that they
// were made of. A file that is damaged, or not of this user alone, is as if it were not there.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/sha256.h"
#include "cpu/isa.h"
#include "score/rules.h"

static const char folder_name[] = "prompts";
static const size_t max_entry = (size_t)64 << 20, max_bytes = (size_t)256 << 20;
static const size_t max_files = 256;

// Before the floats.
struct head {
    char magic[8];
    uint64_t n;
    uint8_t key[32], sha256[32]; // of what they were made of, and of the floats
};

static void add(struct bv_sha256 *sha, const char *text)
{
    bv_sha256_update(sha, text, strlen(text) + 1);
}

// The model: the digest of its tensors, its file's size and time, its card.
static bool add_model(struct bv_sha256 *sha, const struct bv_model *model)
{
    char *card = json_dumps(model->card, JSON_COMPACT | JSON_SORT_KEYS);
    const int64_t file[] = {(int64_t)model->file.mapping.size, model->file.mapping.modified};
    if (card) {
        add(sha, model->digest);
        add(sha, card);
        bv_sha256_update(sha, file, sizeof file);
    }
    free(card);
    return card != NULL;
}

bool bv_prompt_cache_open(struct bv_prompt_cache *cache, const struct bv_session *session,
                          const struct bv_tokens *tokens, size_t n_tokens, size_t n)
{
    const struct bv_model *model = bv_session_model(session);
    struct bv_sha256 sha;
    char hex[65];
    *cache = (struct bv_prompt_cache){.n = n};
    if (strlen(model->digest) != 64 || n == 0 || n > max_entry / sizeof(float) ||
        !bv_cache_folder(folder_name, cache->folder))
        return false;
    bv_sha256_init(&sha);
    if (!bv_sha256_add_build(&sha))
        return false;
    add(&sha, bv_cpu_isa()->name); // builds for other processors sum in another order
    add(&sha, bv_session_device(session));
    add(&sha, bv_session_precision(session));
    if (!add_model(&sha, model))
        return false;
    for (size_t i = 0; i < n_tokens; i++) {
        const uint64_t count = tokens[i].n;
        bv_sha256_update(&sha, &count, sizeof count);
        bv_sha256_update(&sha, tokens[i].ids, tokens[i].n * sizeof *tokens[i].ids);
    }
    bv_sha256_final(&sha, cache->key);
    bv_digest_hex(cache->key, hex);
    int written = snprintf(cache->path, sizeof cache->path, "%s/%.40s.bin", cache->folder, hex);
    return written > 0 && (size_t)written < sizeof cache->path;
}

static struct head head_of(const struct bv_prompt_cache *cache, const float *values)
{
    struct head h = {.magic = "biovlpr1", .n = cache->n};
    struct bv_sha256 sha;
    memcpy(h.key, cache->key, sizeof h.key);
    bv_sha256_init(&sha);
    bv_sha256_update(&sha, values, cache->n * sizeof *values);
    bv_sha256_final(&sha, h.sha256);
    return h;
}

bool bv_prompt_cache_read(const struct bv_prompt_cache *cache, float *values)
{
    size_t bytes = sizeof(struct head) + cache->n * sizeof *values;
    char *file = malloc(bytes);
    bool right = file && bv_cache_read(cache->path, file, bytes);
    if (right) {
        memcpy(values, file + sizeof(struct head), cache->n * sizeof *values);
        struct head expected = head_of(cache, values);
        right = memcmp(&expected, file, sizeof expected) == 0;
    }
    for (size_t i = 0; right && i < cache->n; i++)
        right = isfinite(values[i]);
    free(file);
    return right;
}

void bv_prompt_cache_write(const struct bv_prompt_cache *cache, const float *values)
{
    struct bv_new_file file = {0};
    struct head h = head_of(cache, values);
    bv_cache_limit(cache->folder, max_files - 1, max_bytes - max_entry);
    if (bv_new_file_create_private(&file, cache->path, NULL) != BV_OK)
        return;
    if (fwrite(&h, sizeof h, 1, file.stream) == 1 &&
        fwrite(values, sizeof *values, cache->n, file.stream) == cache->n)
        (void)bv_new_file_commit(&file, NULL);
    bv_new_file_discard(&file);
}

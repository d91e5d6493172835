#include "text/tokens.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct bv_vocab_slot {
    uint32_t hash;
    uint32_t id_plus_1; // 0: free
};

// A slot further than this from its hash means tokens chosen to collide, not chance: the table is
// at most half full.
enum { MAX_PROBES = 512 };

// The state runs forward byte by byte, so that all beginnings of a word are hashed in one pass.
static const uint64_t hash_start = 0xcbf29ce484222325u;

static uint64_t hash_step(uint64_t state, unsigned char byte)
{
    return (state ^ byte) * 0x9e3779b97f4a7c15u;
}

static uint32_t hash_end(uint64_t state)
{
    return (uint32_t)(state >> 32) ^ (uint32_t)(state >> 7);
}

static uint64_t hash_bytes(uint64_t state, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        state = hash_step(state, (unsigned char)text[i]);
    return state;
}

struct bv_token_text bv_vocab_text(const struct bv_vocab *vocab, int32_t id)
{
    if (id < 0 || (size_t)id >= vocab->n || vocab->start[id] == vocab->start[id + 1])
        return (struct bv_token_text){NULL, 0};
    size_t start = vocab->start[id];
    return (struct bv_token_text){vocab->bytes + start, vocab->start[id + 1] - start};
}

static int32_t find_hashed(const struct bv_vocab *vocab, uint32_t hash, const char *prefix,
                           size_t n_prefix, const char *text, size_t n)
{
    for (uint32_t i = hash & vocab->mask; vocab->slots[i].id_plus_1; i = (i + 1) & vocab->mask) {
        if (vocab->slots[i].hash != hash)
            continue;
        int32_t id = (int32_t)(vocab->slots[i].id_plus_1 - 1);
        struct bv_token_text token = bv_vocab_text(vocab, id);
        if (token.n == n_prefix + n && memcmp(token.at, prefix, n_prefix) == 0 &&
            memcmp(token.at + n_prefix, text, n) == 0)
            return id;
    }
    return -1;
}

int32_t bv_vocab_find(const struct bv_vocab *vocab, const char *text, size_t n)
{
    if (n == 0 || n > vocab->longest)
        return -1;
    return find_hashed(vocab, hash_end(hash_bytes(hash_start, text, n)), "", 0, text, n);
}

int32_t bv_vocab_longest(const struct bv_vocab *vocab, const char *prefix, size_t n_prefix,
                         const char *text, size_t n, size_t *taken)
{
    int32_t best = -1;
    uint64_t state = hash_bytes(hash_start, prefix, n_prefix);
    for (size_t i = 0; i < n && n_prefix + i < vocab->longest; i++) {
        state = hash_step(state, (unsigned char)text[i]);
        bool inside_character = i + 1 < n && ((unsigned char)text[i + 1] & 0xc0u) == 0x80u;
        if (inside_character)
            continue;
        int32_t id = find_hashed(vocab, hash_end(state), prefix, n_prefix, text, i + 1);
        if (id >= 0) {
            best = id;
            *taken = i + 1;
        }
    }
    return best;
}

static enum bv_status insert(struct bv_vocab *vocab, int32_t id, struct bv_error *err)
{
    struct bv_token_text token = bv_vocab_text(vocab, id);
    uint32_t hash = hash_end(hash_bytes(hash_start, token.at, token.n));
    uint32_t i = hash & vocab->mask;
    for (int probes = 0; vocab->slots[i].id_plus_1; i = (i + 1) & vocab->mask, probes++) {
        if (probes == MAX_PROBES)
            return bv_fail(err, BV_ERR_LIMIT, "vocabulary: too many tokens with one hash");
        struct bv_token_text other = bv_vocab_text(vocab, (int32_t)(vocab->slots[i].id_plus_1 - 1));
        if (vocab->slots[i].hash == hash && other.n == token.n &&
            memcmp(other.at, token.at, token.n) == 0)
            break;
    }
    vocab->slots[i] = (struct bv_vocab_slot){hash, (uint32_t)id + 1};
    return BV_OK;
}

enum bv_status bv_vocab_build(struct bv_vocab *vocab, const struct bv_token_text *tokens, size_t n,
                              struct bv_error *err)
{
    if (n > BV_VOCAB_MAX_TOKENS)
        return bv_fail(err, BV_ERR_LIMIT, "vocabulary: %zu entries, at most %zu are allowed", n,
                       BV_VOCAB_MAX_TOKENS);
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        if (tokens[i].n > BV_VOCAB_MAX_BYTES - bytes)
            return bv_fail(err, BV_ERR_LIMIT, "vocabulary: more than %zu bytes",
                           BV_VOCAB_MAX_BYTES);
        bytes += tokens[i].n;
    }
    size_t n_slots = 16;
    while (n_slots < 2 * n)
        n_slots *= 2;

    struct bv_vocab built = {.n = n, .mask = (uint32_t)(n_slots - 1)};
    built.bytes = malloc(bytes + 1);
    built.start = malloc((n + 1) * sizeof *built.start);
    built.slots = calloc(n_slots, sizeof *built.slots);
    enum bv_status status = BV_OK;
    if (!built.bytes || !built.start || !built.slots) {
        status = bv_fail_nomem(err, "vocabulary");
        goto fail;
    }
    uint32_t offset = 0;
    for (size_t i = 0; i < n; i++) {
        built.start[i] = offset;
        if (tokens[i].n)
            memcpy(built.bytes + offset, tokens[i].at, tokens[i].n);
        offset += (uint32_t)tokens[i].n;
        if (tokens[i].n > built.longest)
            built.longest = tokens[i].n;
    }
    built.start[n] = offset;
    for (size_t i = 0; i < n; i++) {
        if (tokens[i].n && (status = insert(&built, (int32_t)i, err)) != BV_OK)
            goto fail;
    }
    *vocab = built;
    return BV_OK;
fail:
    bv_vocab_free(&built);
    return status;
}

void bv_vocab_free(struct bv_vocab *vocab)
{
    free(vocab->bytes);
    free(vocab->start);
    free(vocab->slots);
    *vocab = (struct bv_vocab){0};
}

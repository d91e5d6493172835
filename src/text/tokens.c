#include "text/tokens.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void bv_tokens_free(struct bv_tokens *tokens)
{
    free(tokens->ids); // one block holds all four arrays
    *tokens = (struct bv_tokens){0};
}

enum bv_status bv_tokens_reserve(struct bv_tokens *tokens, size_t n, struct bv_error *err)
{
    size_t need, bytes, row = 3 * sizeof(int32_t) + sizeof(bool);
    if (!bv_add_size(tokens->n, n, &need))
        return bv_fail_nomem(err, "tokens");
    if (need <= tokens->capacity)
        return BV_OK;
    size_t capacity = tokens->capacity * 2 + 64;
    if (capacity < need)
        capacity = need;
    if (!bv_mul_size(capacity, row, &bytes))
        return bv_fail_nomem(err, "tokens");
    int32_t *ids = malloc(bytes);
    if (!ids)
        return bv_fail_nomem(err, "tokens");
    int32_t *words = ids + capacity, *types = words + capacity;
    bool *continues = (bool *)(types + capacity);
    if (tokens->n) {
        memcpy(ids, tokens->ids, tokens->n * sizeof *ids);
        memcpy(words, tokens->words, tokens->n * sizeof *words);
        memcpy(types, tokens->types, tokens->n * sizeof *types);
        memcpy(continues, tokens->continues, tokens->n * sizeof *continues);
    }
    free(tokens->ids);
    tokens->ids = ids;
    tokens->words = words;
    tokens->types = types;
    tokens->continues = continues;
    tokens->capacity = capacity;
    return BV_OK;
}

enum bv_status bv_tokens_push(struct bv_tokens *tokens, int32_t id, bool continues,
                              struct bv_error *err)
{
    if (tokens->n == tokens->capacity)
        BV_TRY(bv_tokens_reserve(tokens, 1, err));
    size_t i = tokens->n++;
    int32_t next = i ? tokens->words[i - 1] + 1 : 0;
    tokens->ids[i] = id;
    tokens->words[i] = continues && i ? next - 1 : next;
    tokens->types[i] = 0;
    tokens->continues[i] = continues;
    return BV_OK;
}

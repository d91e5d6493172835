// Weights that training averaged (EMA) beside those that it ended with, by their names.
#include "checkpoint/container.h"

#include <string.h>

// What sets of averaged weights are called in a flat list of names: latent-diffusion's LitEma,
// ema_pytorch's wrapper.
static const char *const sets[] = {"model_ema.", "ema_model."};
// What may stand before a name of the plain weights, or of either in dictionaries of their own.
static const char *const words[] = {"model.", "online_model.", "module.", "_orig_mod.",
                                    "ema_model."};

enum { N_WORDS = sizeof words / sizeof *words, FORMS = 2 * (N_WORDS + 1) };

const char *bv_averaged_set(const char *name)
{
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        if (strncmp(name, sets[i], strlen(sets[i])) == 0 && name[strlen(sets[i])])
            return name + strlen(sets[i]);
    return NULL;
}

// Without dots: LitEma's buffers are called so.
static const char *dotless(struct bv_arena *arena, const char *name)
{
    char *copy = bv_arena_strdup(arena, name), *to = copy;
    if (!copy)
        return NULL;
    for (const char *from = copy; *from; from++)
        if (*from != '.')
            *to++ = *from;
    *to = 0;
    return copy;
}

// The name with at most one word taken off.
static const char *without(const char *name, size_t word)
{
    if (word == N_WORDS)
        return name;
    size_t n = strlen(words[word]);
    return strncmp(name, words[word], n) == 0 && name[n] ? name + n : NULL;
}

enum bv_status bv_averaged_table(struct bv_arena *arena, const struct bv_name *plain, size_t n,
                                 struct bv_averaged_names *table, struct bv_error *err)
{
    struct bv_name *items = bv_arena_array(arena, n * FORMS + 1, sizeof *items);
    size_t used = 0;
    for (size_t i = 0; items && i < n; i++) {
        for (size_t w = 0; w <= N_WORDS; w++) {
            const char *name = without(plain[i].text, w);
            if (!name)
                continue;
            const char *bare = dotless(arena, name);
            if (!bare)
                return bv_fail_nomem(err, "the list of tensors");
            items[used++] = (struct bv_name){name, plain[i].index};
            if (strcmp(bare, name) != 0)
                items[used++] = (struct bv_name){bare, plain[i].index};
        }
    }
    if (!items)
        return bv_fail_nomem(err, "the list of tensors");
    bv_names_sort(items, used);
    *table = (struct bv_averaged_names){items, used};
    return BV_OK;
}

const struct bv_name *bv_averaged_find(const struct bv_averaged_names *table, const char *name)
{
    const struct bv_name *found = bv_names_find(table->items, table->n, name);
    for (size_t w = 0; !found && w < N_WORDS; w++) {
        const char *inner = without(name, w);
        if (inner)
            found = bv_names_find(table->items, table->n, inner);
    }
    return found;
}

#include "convert/import_steps.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const size_t max_config_bytes = 1 << 20;

enum { MAX_STACKS = 64, MAX_LAYERS = 100000 };

// Blocks numbered from 0: those whose names begin with the n bytes before the number.
struct stack {
    const char *name;
    size_t n;
    long count;
};

struct stacks {
    struct stack items[MAX_STACKS];
    size_t n;
};

// Whether the word before the number at name[n] calls the blocks of a deep network.
static bool is_stack(const char *name, size_t n)
{
    static const char *const words[] = {"layer",     "layers", "block",    "blocks",
                                        "resblocks", "h",      "r_layers", "x_layers"};
    size_t end = n - 1, start = end; // without the dot
    while (start > 0 && name[start - 1] != '.')
        start--;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i]) == end - start && memcmp(words[i], name + start, end - start) == 0)
            return true;
    return false;
}

static void count_block(struct stacks *stacks, const char *name, size_t n, long number)
{
    for (size_t i = 0; i < stacks->n; i++) {
        struct stack *s = &stacks->items[i];
        if (s->n == n && memcmp(s->name, name, n) == 0) {
            s->count = number >= s->count ? number + 1 : s->count;
            return;
        }
    }
    if (stacks->n < MAX_STACKS)
        stacks->items[stacks->n++] = (struct stack){name, n, number + 1};
}

static void count_blocks(const struct bv_checkpoint *c, struct stacks *stacks)
{
    for (size_t i = 0; i < bv_checkpoint_count(c); i++) {
        const char *name = bv_checkpoint_tensor(c, i)->name;
        for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.')) {
            size_t n = (size_t)(dot + 1 - name);
            if (!isdigit((unsigned char)dot[1]) || !is_stack(name, n))
                continue;
            long number = strtol(dot + 1, NULL, 10);
            if (number < MAX_LAYERS)
                count_block(stacks, name, n, number);
            break; // blocks within blocks are another matter
        }
    }
}

// Whether one of the stacks has the declared number of layers; key names it in messages.
static enum bv_status check_count(const struct stacks *stacks, const json_t *declared,
                                  const char *where, const char *key, struct bv_error *err)
{
    long wanted = json_is_integer(declared) ? (long)json_integer_value(declared) : 0, most = 0;
    bool found = false;
    if (wanted <= 0)
        return bv_fail(err, BV_ERR_MODEL, "config.json: %s%s is not a number of layers", where,
                       key);
    for (size_t i = 0; i < stacks->n; i++) {
        const struct stack *s = &stacks->items[i];
        most = s->count > most ? s->count : most;
        found = found || s->count == wanted;
    }
    if (most > 0 && !found)
        return bv_fail(err, BV_ERR_MODEL,
                       "config.json says %s%s %ld, the weights have %ld layers: is a file of "
                       "the checkpoint missing?",
                       where, key, wanted, most);
    return BV_OK;
}

static enum bv_status check_layers(const struct stacks *stacks, const json_t *config,
                                   const char *where, struct bv_error *err)
{
    static const char *const keys[] = {"num_hidden_layers", "n_layer"};
    if (json_object_get(config, "num_hidden_groups")) // ALBERT's layers share their weights
        return BV_OK;
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
        json_t *declared = json_object_get(config, keys[k]), *count;
        const char *part;
        if (!declared || json_is_null(declared))
            continue;
        if (!json_is_object(declared))
            BV_TRY(check_count(stacks, declared, where, keys[k], err));
        json_object_foreach(declared, part, count) // LXMERT's language, vision and cross_encoder
            BV_TRY(check_count(stacks, count, where, keys[k], err));
    }
    return BV_OK;
}

static enum bv_status check_heads(const json_t *config, const json_t *tower, const char *where,
                                  struct bv_error *err)
{
    const json_t *declared = json_object_get(config, "num_attention_heads"),
                 *own = json_object_get(tower, "heads");
    if (json_is_integer(declared) && json_is_integer(own) && !json_equal(declared, own))
        return bv_fail(err, BV_ERR_MODEL,
                       "config.json says %snum_attention_heads %lld, the system has %lld heads "
                       "there",
                       where, (long long)json_integer_value(declared),
                       (long long)json_integer_value(own));
    return BV_OK;
}

static enum bv_status check(const struct bv_checkpoint *c, const json_t *config, const json_t *card,
                            struct bv_error *err)
{
    static const struct {
        const char *key, *where, *tower;
    } parts[] = {{"text_config", "text_config.", "text"},
                 {"vision_config", "vision_config.", "image"}};
    struct stacks stacks = {.n = 0};
    count_blocks(c, &stacks);
    BV_TRY(check_layers(&stacks, config, "", err));
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const json_t *part = json_object_get(config, parts[i].key);
        BV_TRY(check_layers(&stacks, part, parts[i].where, err));
        BV_TRY(check_heads(part, json_object_get(card, parts[i].tower), parts[i].where, err));
    }
    return BV_OK;
}

enum bv_status bv_config_check(const struct bv_checkpoint *checkpoint, const json_t *card,
                               struct bv_error *err)
{
    static const char name[] = "config.json";
    char *text = NULL;
    size_t size = 0;
    json_t *config = NULL;
    enum bv_status status = BV_OK;
    if (!bv_checkpoint_has_file(checkpoint, name) ||
        bv_checkpoint_read_file(checkpoint, name, max_config_bytes, &text, &size, NULL) != BV_OK)
        return BV_OK;
    if (bv_json_parse(&config, text, size, name, NULL) == BV_OK && json_is_object(config))
        status = check(checkpoint, config, card, err);
    json_decref(config);
    free(text);
    return status;
}

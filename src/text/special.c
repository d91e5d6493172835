#include "text/tokens.h"

#include <stdlib.h>

void bv_specials_free(struct bv_specials *specials)
{
    for (size_t i = 0; i < specials->n; i++)
        bv_runes_free(&specials->list[i].text);
    free(specials->list);
    *specials = (struct bv_specials){0};
}

enum bv_status bv_specials_add(struct bv_specials *specials, const char *text, size_t n_bytes,
                               const struct bv_special *flags, struct bv_error *err)
{
    if (n_bytes == 0)
        return bv_fail(err, BV_ERR_FORMAT, "an added token is empty");
    if (n_bytes > 256)
        return bv_fail(err, BV_ERR_LIMIT, "an added token is longer than 256 bytes");
    if (specials->n == BV_SPECIAL_MAX)
        return bv_fail(err, BV_ERR_LIMIT, "more than %d added tokens", BV_SPECIAL_MAX);
    struct bv_special special = *flags;
    special.text = (struct bv_runes){0};
    enum bv_status status = bv_runes_decode(&special.text, text, n_bytes, err);
    if (status != BV_OK)
        goto fail;
    for (size_t i = 0; i < specials->n; i++) {
        if (bv_runes_equal(&specials->list[i].text, &special.text)) {
            bv_runes_free(&special.text);
            return BV_OK;
        }
    }
    struct bv_special *list = realloc(specials->list, (specials->n + 1) * sizeof *list);
    if (!list) {
        status = bv_fail_nomem(err, "added tokens");
        goto fail;
    }
    specials->list = list;
    list[specials->n++] = special;
    specials->firsts |= special.fold ? UINT64_MAX : UINT64_C(1) << (special.text.at[0] & 63);
    return BV_OK;
fail:
    bv_runes_free(&special.text);
    return status;
}

static bool starts_with(const uint32_t *text, size_t n, const struct bv_special *special)
{
    if (n < special->text.n)
        return false;
    for (size_t i = 0; i < special->text.n; i++) {
        uint32_t lower[2] = {text[i], 0};
        if (special->fold)
            bv_rune_lower(text[i], lower);
        if (lower[0] != special->text.at[i])
            return false;
    }
    return true;
}

const struct bv_special *bv_specials_at(const struct bv_specials *specials, const uint32_t *text,
                                        size_t n)
{
    const struct bv_special *best = NULL;
    if (n == 0 || !(specials->firsts >> (*text & 63) & 1))
        return NULL;
    for (size_t i = 0; i < specials->n; i++) {
        const struct bv_special *special = &specials->list[i];
        if ((!best || special->text.n > best->text.n) && starts_with(text, n, special))
            best = special;
    }
    return best;
}

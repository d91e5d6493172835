// special.h: tokens such as "[MASK]" and "<mask>" that are recognised in the text itself, before
// any other rule sees it.
#ifndef BV_TEXT_SPECIAL_H
#define BV_TEXT_SPECIAL_H

#include "text/runes.h"

#define BV_SPECIAL_MAX 256

struct bv_special {
    struct bv_runes text;
    int32_t id;
    bool strip_left, strip_right; // white space beside it belongs to it
    bool fold;                    // found in any case (it is looked for after lower-casing)
};

// Zero-initialise; free with bv_specials_free(). Immutable while texts are encoded.
struct bv_specials {
    struct bv_special *list;
    size_t n;
};

void bv_specials_free(struct bv_specials *specials);

// Adds one (text is UTF-8, not empty, and copied); the first of equal texts counts. More than
// BV_SPECIAL_MAX is BV_ERR_LIMIT.
enum bv_status bv_specials_add(struct bv_specials *specials, const char *text, size_t n_bytes,
                               const struct bv_special *flags, struct bv_error *err);

// The longest special token that starts at text[0]; NULL when none does.
const struct bv_special *bv_specials_at(const struct bv_specials *specials, const uint32_t *text,
                                        size_t n);

#endif

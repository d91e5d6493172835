#include "text/clean.h"

// Single letters first, as Hugging Face does before it calls what the authors do.
static enum bv_status lower_letters(struct bv_runes *a, struct bv_runes *b, struct bv_error *err)
{
    b->n = 0;
    BV_TRY(bv_runes_lower(b, a->at, a->n, false, err));
    struct bv_runes swap = *a;
    *a = *b;
    *b = swap;
    return BV_OK;
}

// Whether `` or '' stands at i.
static bool is_quote(const uint32_t *text, size_t n, size_t i)
{
    return (text[i] == '`' || text[i] == '\'') && i + 1 < n && text[i + 1] == text[i];
}

static enum bv_status collapse(struct bv_runes *out, const uint32_t *text, size_t n,
                               struct bv_error *err)
{
    bool space = false;
    for (size_t i = 0; i < n; i++) {
        if (bv_rune_is_python_space(text[i])) {
            space = true;
            continue;
        }
        if (space && out->n)
            BV_TRY(bv_runes_push(out, ' ', err));
        space = false;
        bool quote = is_quote(text, n, i);
        BV_TRY(bv_runes_push(out, quote ? '"' : text[i], err));
        i += quote;
    }
    return BV_OK;
}

// Only the quotation marks, as the fast tokenizer.
static enum bv_status quote(struct bv_runes *out, const uint32_t *text, size_t n,
                            struct bv_error *err)
{
    for (size_t i = 0; i < n; i++) {
        bool mark = is_quote(text, n, i);
        BV_TRY(bv_runes_push(out, mark ? '"' : text[i], err));
        i += mark;
    }
    return BV_OK;
}

static enum bv_status clean(struct bv_runes *out, const struct bv_albert_text *how,
                            struct bv_runes *a, struct bv_runes *b, struct bv_error *err)
{
    if (how->lowercase && !how->fast)
        BV_TRY(lower_letters(a, b, err));
    b->n = 0;
    BV_TRY(how->fast ? quote(b, a->at, a->n, err) : collapse(b, a->at, a->n, err));
    a->n = 0;
    if (how->strip_accents)
        BV_TRY(bv_runes_unmarked(a, b->at, b->n, how->fast, err));
    else
        BV_TRY(bv_runes_append(a, b->at, b->n, err));
    return how->lowercase ? bv_runes_lower(out, a->at, a->n, !how->fast, err)
                          : bv_runes_append(out, a->at, a->n, err);
}

enum bv_status bv_albert_clean(struct bv_runes *out, const struct bv_albert_text *how,
                               const uint32_t *text, size_t n, struct bv_error *err)
{
    struct bv_runes a = {0}, b = {0};
    enum bv_status status = bv_runes_append(&a, text, n, err);
    if (status == BV_OK)
        status = clean(out, how, &a, &b, err);
    bv_runes_free(&a);
    bv_runes_free(&b);
    return status;
}

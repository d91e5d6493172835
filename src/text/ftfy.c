#include "text/ftfy.h"

// Nothing in such text is ever repaired: printable ASCII without character references, and line
// feeds and tabs.
static bool is_plain(const uint32_t *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t rune = text[i];
        if (rune >= 0x7f || rune == '&' || (rune < 0x20 && rune != '\n' && rune != '\t'))
            return false;
    }
    return true;
}

enum bv_status bv_ftfy_fix_text(struct bv_runes *out, const uint32_t *text, size_t n,
                                struct bv_error *err)
{
    if (is_plain(text, n))
        return bv_runes_append(out, text, n, err);
    return bv_fail(err, BV_ERR_UNSUPPORTED,
                   "text with other than plain ASCII needs a repair that is not there yet");
}

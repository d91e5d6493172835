// ftfy.h: repairs text whose encoding was mixed up, as ftfy.fix_text() 6.1 does with its defaults
// (Speer, https://github.com/rspeer/python-ftfy); CLIP's tokenizer runs it on every text.
#ifndef BV_TEXT_FTFY_H
#define BV_TEXT_FTFY_H

#include "text/runes.h"

// Appends the repaired text[0..n) to out.
enum bv_status bv_ftfy_fix_text(struct bv_runes *out, const uint32_t *text, size_t n,
                                struct bv_error *err);

#endif

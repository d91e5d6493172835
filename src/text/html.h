// html.h: character references ("&eacute;", "&#233;") as HTML 5 reads them.
#ifndef BV_TEXT_HTML_H
#define BV_TEXT_HTML_H

#include "text/runes.h"

// Appends text[0..n) to out with its character references replaced once, by the rules of Python's
// html.unescape(): numeric ones with or without ";", named ones by the longest known name.
enum bv_status bv_html_unescape(struct bv_runes *out, const uint32_t *text, size_t n,
                                struct bv_error *err);

// The value of the named reference "&name;" where the standard has it with the semicolon; returns
// the number of code points, 0 when unknown.
size_t bv_html_entity(const char *name, size_t n, uint32_t value[2]);

// The value of a numeric reference, by Python's rules: 0 or 1 code points.
size_t bv_html_number(uint32_t number, uint32_t *value);

// Whether html.unescape() would leave "&name;" as it is.
bool bv_html_is_unknown(const char *name, size_t n);

#endif

// report.h: the part of a radiology report that says what was found.
#ifndef BV_RETRIEVAL_REPORT_H
#define BV_RETRIEVAL_REPORT_H

#include "base/arena.h"

// The impression (or conclusion) followed by the findings, without their headings; the whole text
// when it has neither section. What comes first survives a tokenizer's maximum. In the arena; NULL
// when memory is out.
char *bv_report_essence(struct bv_arena *arena, const char *text);

#endif

// text_file.h: texts that people write, read by one rule: labels, reports, lists of texts,
// templates.
//
// A text is UTF-8. A byte order mark at its begin is left out. LF, CR LF and CR end a line, and all
// become LF. UTF-16, a byte of zero and anything that is not UTF-8 are refused, by the line: what
// another encoding means cannot be known, and a wrong guess would be scored.
#ifndef BV_BASE_TEXT_FILE_H
#define BV_BASE_TEXT_FILE_H

#include <stddef.h>

#include "base/status.h"

// Applies the rule to text[0..*size) in place and ends it with a zero byte, for which there is
// room. name is that of the source. BV_ERR_FORMAT.
enum bv_status bv_text_tidy(char *text, size_t *size, const char *name, struct bv_error *err);

// Reads a file ("-" is stdin) as a text into malloc'd memory with a terminating zero byte that is
// not counted in *size. As bv_read_all() otherwise.
enum bv_status bv_text_read(const char *path, size_t max_bytes, char **text, size_t *size,
                            struct bv_error *err);

#endif

// character_set.h: the texts of DICOM objects as UTF-8, by their Specific Character Set
// (0008,0005).
//
// All of PS3.3 C.12.1.1.2: single-byte sets, UTF-8, GB18030 and GBK, and code extensions with
// escape sequences (ISO 2022: IR 13, 58, 87, 149, 159 and the single-byte ones). Escape sequences
// are honoured whatever the attribute lists, and the terms are read in the spellings that are met
// ("ISO-IR 100", "ISO 2022 IR 100" alone, "utf8"). In ISO_IR 100 the bytes 80 to 9F, which are no
// characters there, are those of Windows-1252, as its writers meant them. The yen sign and overline
// of JIS X 0201 are read as \ and ~, which separate values.
#ifndef BV_IMAGE_CHARACTER_SET_H
#define BV_IMAGE_CHARACTER_SET_H

#include "base/arena.h"
#include "base/status.h"

// What begins a text anew in its first character set (PS3.5 6.1.2.5.3), besides line ends and tabs.
enum bv_text_kind {
    BV_TEXT_LONG,  // LT, ST, UT: nothing else
    BV_TEXT_SHORT, // LO, SH, UC: the \ between values
    BV_TEXT_NAME,  // PN: \ ^ =
};

// sets: the attribute's value, "" or NULL where there is none. *out is text as UTF-8 in the arena,
// with a zero byte at its end. Texts without a set that are not ASCII may be UTF-8. BV_ERR_FORMAT
// says why a text cannot be read; it does not quote it.
enum bv_status bv_characters_read(const char *sets, enum bv_text_kind kind, const char *text,
                                  size_t n, struct bv_arena *arena, const char **out,
                                  struct bv_error *err);

#endif

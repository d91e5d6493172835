#include "retrieval/record.h"

#include <string.h>

// Words in lower case without blanks and marks.
static const char *const words[] = {
    "none",  "no",        "na",      "nan",          "nil",         "null",       "unknown",
    "unk",   "tbd",       "pending", "missing",      "empty",       "blank",      "default",
    "undef", "undefined", "test",    "notavailable", "noaccession", "unassigned", "x",
    "xx",    "xxx",       "xxxx",    "anon",         "anonymous",   "anonymized",
};

// Letters and digits of the text in lower case, cut to the room; bytes above ASCII are kept.
static void squeeze(const char *text, char *out, size_t room)
{
    size_t n = 0;
    for (; *text && n + 1 < room; text++) {
        char c = *text;
        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80)
            out[n++] = c;
    }
    out[n] = 0;
}

bool bv_accession_is_placeholder(const char *accession)
{
    char bare[32];
    squeeze(accession, bare, sizeof bare);
    // No longer word is in the list; what was cut could only be more of a number.
    if (strspn(bare, "0") == strlen(bare))
        return strlen(bare) + 1 < sizeof bare;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(bare, words[i]) == 0)
            return true;
    }
    return false;
}

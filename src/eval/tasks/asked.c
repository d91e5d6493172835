#include "eval/tasks/synthetic.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

// Bytes of other scripts are letters here: a label never begins or ends inside one of their words.
static bool is_letter(char c)
{
    return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

static bool is_word_at(const char *text, const char *at, size_t n)
{
    return (at == text || !is_letter(at[-1])) && !is_letter(at[n]);
}

static bool is_negation(const char *word, size_t n)
{
    static const char *const words[] = {"no", "not", "without"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i]) == n && strncasecmp(word, words[i], n) == 0)
            return true;
    return false;
}

// Whether the part of the sentence that ends at `at` has a negation.
static bool is_negated(const char *text, const char *at)
{
    bool negated = false;
    for (const char *p = text; p < at;) {
        size_t n = 0;
        while (p + n < at && is_letter(p[n]))
            n++;
        bool is_end = n == 0 ? strchr(".;,:", *p) != NULL : n == 3 && strncasecmp(p, "but", 3) == 0;
        negated = !is_end && (negated || is_negation(p, n));
        p += n > 0 ? n : 1;
    }
    return negated;
}

bool bv_text_asks(const char *text, const char *label)
{
    size_t n = strlen(label);
    if (n == 0)
        return false;
    for (const char *p = text; *p; p++)
        if (strncasecmp(p, label, n) == 0 && is_word_at(text, p, n) && !is_negated(text, p))
            return true;
    return false;
}

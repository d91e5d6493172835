#include "pacs/elements.h"

#include <stddef.h>
#include <string.h>

bool bv_uid_valid(const char *text)
{
    size_t n = strlen(text);
    return n > 0 && n < BV_UID_SIZE && strspn(text, "0123456789.") == n;
}

#include "table/csv.h"

#include <ctype.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// printf and strtod write and want the locale's decimal point; ours is always a dot.
static char decimal_point(void)
{
    return *localeconv()->decimal_point;
}

void bv_number_format(double value, char out[BV_NUMBER_CHARS])
{
    if (isnan(value)) {
        memcpy(out, "NA", 3);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(out, BV_NUMBER_CHARS, "%.*g", digits, value);
        if (digits == 17 || strtod(out, NULL) == value)
            break;
    }
    char *point = strchr(out, decimal_point());
    if (point)
        *point = '.';
}

bool bv_number_parse(const char *text, double *value)
{
    char copy[64];
    while (isspace((unsigned char)*text))
        text++;
    size_t n = strlen(text);
    while (n && isspace((unsigned char)text[n - 1]))
        n--;
    // strtod also takes hexadecimal, "inf" and "nan"; a table does not.
    if (!n || n >= sizeof copy || strspn(text, "+-.0123456789eE") < n)
        return false;
    for (size_t i = 0; i < n; i++)
        copy[i] = text[i] == '.' ? decimal_point() : text[i];
    copy[n] = 0;
    char *end = NULL;
    double parsed = strtod(copy, &end);
    if (end != copy + n || !isfinite(parsed))
        return false;
    *value = parsed;
    return true;
}

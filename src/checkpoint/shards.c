#include "checkpoint/place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS = 5 };

// Five digits, or -1.
static int read_number(const char *text)
{
    int number = 0;
    for (int i = 0; i < DIGITS; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        number = 10 * number + (text[i] - '0');
    }
    return number;
}

bool bv_shard_parse(const char *name, struct bv_shard *shard)
{
    static const char of[] = "-of-";
    const char *middle = strstr(name, of);
    if (!middle || middle - name < DIGITS + 1 || middle[-DIGITS - 1] != '-')
        return false;
    int number = read_number(middle - DIGITS), count = read_number(middle + sizeof of - 1);
    if (number < 1 || count < 2 || number > count || middle[sizeof of - 1 + DIGITS] != '.')
        return false;
    *shard = (struct bv_shard){name, (size_t)(middle - name) - DIGITS - 1, number, count};
    return true;
}

static const char *after_number(const struct bv_shard *shard)
{
    return shard->name + shard->stem + 1 + DIGITS;
}

bool bv_shard_same(const struct bv_shard *a, const struct bv_shard *b)
{
    return a->stem == b->stem && memcmp(a->name, b->name, a->stem) == 0 &&
           strcmp(after_number(a), after_number(b)) == 0;
}

void bv_shard_name(const struct bv_shard *shard, int number, char *out)
{
    (void)sprintf(out, "%.*s-%0*d%s", (int)shard->stem, shard->name, DIGITS, number,
                  after_number(shard));
}

#include "api/context.h"

#include <string.h>

static size_t size_of(const void *from)
{
    size_t size;
    memcpy(&size, from, sizeof size);
    return size;
}

enum bv_status bv_options_read(void *to, size_t size, const void *from, const char *name,
                               struct bv_error *err)
{
    memset(to, 0, size);
    if (!from) {
        memcpy(to, &size, sizeof size);
        return BV_OK;
    }
    size_t given = size_of(from), known = given < size ? given : size;
    if (given < sizeof given || given > (size_t)1 << 16)
        return bv_fail(err, BV_ERR_ARG, "%s: size is %zu; set it to sizeof (struct %s)", name,
                       given, name);
    for (size_t i = known; i < given; i++)
        if (((const unsigned char *)from)[i] != 0)
            return bv_fail(err, BV_ERR_UNSUPPORTED,
                           "%s: an option that this version of the library does not have", name);
    memcpy(to, from, known);
    memcpy(to, &size, sizeof size);
    return BV_OK;
}

enum bv_status bv_counts_check(const void *to, const char *name, struct bv_error *err)
{
    if (to && size_of(to) < sizeof(size_t))
        return bv_fail(err, BV_ERR_ARG, "%s: size is not set; set it to sizeof (struct %s)", name,
                       name);
    return BV_OK;
}

void bv_counts_write(void *to, const void *from, size_t size)
{
    if (!to)
        return;
    size_t given = size_of(to);
    memcpy(to, from, given < size ? given : size);
    memcpy(to, &given, sizeof given);
}

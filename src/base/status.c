#include "base/status.h"

#include <stdio.h>
#include <string.h>

const char *bv_status_name(enum bv_status status)
{
    switch (status) {
    case BV_OK:
        return "ok";
    case BV_ERR_NOMEM:
        return "out_of_memory";
    case BV_ERR_IO:
        return "io";
    case BV_ERR_FORMAT:
        return "format";
    case BV_ERR_UNSUPPORTED:
        return "unsupported";
    case BV_ERR_ARG:
        return "argument";
    case BV_ERR_LIMIT:
        return "limit";
    case BV_ERR_MODEL:
        return "model";
    case BV_ERR_DEVICE:
        return "device";
    case BV_ERR_DEVICE_LOST:
        return "device_lost";
    case BV_ERR_OOM_DEVICE:
        return "out_of_device_memory";
    case BV_ERR_REFUSED:
        return "refused";
    case BV_ERR_INTERNAL:
        return "internal";
    case BV_ERR_CANCELLED:
        return "cancelled";
    }
    return "unknown";
}

enum bv_status bv_fail(struct bv_error *err, enum bv_status status, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        err->status = status;
        (void)vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
    }
    return status;
}

enum bv_status bv_fail_prefix(struct bv_error *err, const char *format, ...)
{
    if (!err)
        return BV_ERR_INTERNAL;
    char rest[sizeof err->text];
    memcpy(rest, err->text, sizeof rest);
    va_list args;
    va_start(args, format);
    int n = vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    size_t used = n < 0 ? 0 : (size_t)n;
    if (used + 3 < sizeof err->text) { // room for ": " and at least one character
        memcpy(err->text + used, ": ", 2);
        size_t room = sizeof err->text - used - 3;
        size_t length = strnlen(rest, room);
        memcpy(err->text + used + 2, rest, length);
        err->text[used + 2 + length] = 0;
    }
    return err->status;
}

enum bv_status bv_fail_nomem(struct bv_error *err, const char *what)
{
    return bv_fail(err, BV_ERR_NOMEM, "out of memory for %s", what);
}

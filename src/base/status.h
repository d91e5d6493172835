// status.h: the error sink that every fallible internal function writes its sentence to.
#ifndef BV_BASE_STATUS_H
#define BV_BASE_STATUS_H

#include <stdarg.h>

#include "biovl/status.h"

// Filled by bv_fail(). Zero-initialise before the first use. Owned by the caller; a function keeps
// no reference to it. NULL is accepted everywhere and drops the text.
struct bv_error {
    enum bv_status status;
    char text[2048];
};

// Writes status and formatted text to err (longer text is cut) and returns status, so that a
// function ends with `return bv_fail(err, BV_ERR_FORMAT, "%s: …", path);`.
enum bv_status bv_fail(struct bv_error *err, enum bv_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Puts formatted text and ": " in front of err's text: callers add the current file or item.
// Returns err's status.
enum bv_status bv_fail_prefix(struct bv_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Records out-of-memory and returns BV_ERR_NOMEM; what names the thing that was being made.
enum bv_status bv_fail_nomem(struct bv_error *err, const char *what);

// Evaluates a call once and leaves the function with its status when it fails.
#define BV_TRY(call)                                                                               \
    do {                                                                                           \
        enum bv_status bv_try_status = (call);                                                     \
        if (bv_try_status != BV_OK)                                                                \
            return bv_try_status;                                                                  \
    } while (0)

#endif

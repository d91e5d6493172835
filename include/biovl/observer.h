// biovl/observer.h: what a call tells of its work while it runs, and how it is stopped.
//
//     static int progress(void *arg, size_t done, size_t total)
//     {
//         return atomic_load((atomic_int *)arg); // not 0: stop
//     }
//     const struct bv_observer observer = {
//         .size = sizeof observer, .arg = &stop, .progress = progress};
//     bv_context_observe(context, &observer);
//
// Threads: all three functions are called on the thread that called the library, one at a time.
// They must not call the library with the same context, and must not leave by longjmp() or an
// exception.
#ifndef BIOVL_OBSERVER_H
#define BIOVL_OBSERVER_H

#include <stddef.h>

#include "biovl/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum bv_log_level {
    BV_LOG_WARNING = 0, // the work goes on, but not as asked
    BV_LOG_INFO = 1,
    BV_LOG_DEBUG = 2,
};

struct bv_observer {
    size_t size; // sizeof (struct bv_observer)
    void *arg;   // given to each function

    // A sentence without a line end, without data of patients; valid during the call. May be NULL.
    void (*log)(void *arg, enum bv_log_level level, const char *text);

    // So many items are done of total (0: not known). A value other than 0 stops the work: the call
    // ends with BV_ERR_CANCELLED. Called once before the first item and after every few; once a
    // second by calls that wait. May be NULL.
    int (*progress)(void *arg, size_t done, size_t total);

    // An item failed, and the call goes on with the next: its name, and why. Both texts are valid
    // during the call. May be NULL.
    void (*failed)(void *arg, const char *name, enum bv_status status, const char *text);
};

#ifdef __cplusplus
}
#endif
#endif

// batch.h: calls on several items, some of which may fail.
#ifndef BV_API_BATCH_H
#define BV_API_BATCH_H

#include "api/context.h"
#include "base/checked.h"

struct bv_batch {
    enum bv_status *statuses; // the caller's, one per item; NULL: the first failure ends the call
    const struct bv_observer *observer;
};

// Notes how item i ended; why->status says it. What it returns ends the call: a failure that is not
// noted, a lack of memory, or a device that is gone.
enum bv_status bv_item_done(const struct bv_batch *batch, size_t i, const char *name,
                            const struct bv_error *why, struct bv_error *err);

// Whether n items of `each` elements fit; BV_ERR_ARG. what: "floats", for the message.
enum bv_status bv_check_room(size_t capacity, size_t n, size_t each, const char *what,
                             struct bv_error *err);

#endif

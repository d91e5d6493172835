// scratch.h: memory for per-image values, backed by a nameless file, so that it does not count
// against the machine's memory: the kernel writes it out when it needs the room.
#ifndef BV_EVAL_METRICS_SCRATCH_H
#define BV_EVAL_METRICS_SCRATCH_H

#include <stddef.h>

#include "base/status.h"

struct bv_scratch {
    void *data;
    size_t bytes;
};

// Zeroed memory backed by disk space in folder, reserved at once: a full disk is BV_ERR_IO here and
// not a signal later. Zero-initialise *scratch. bytes may be 0.
enum bv_status bv_scratch_create(struct bv_scratch *scratch, const char *folder, size_t bytes,
                                 struct bv_error *err);
void bv_scratch_free(struct bv_scratch *scratch); // accepts a zeroed value

#endif

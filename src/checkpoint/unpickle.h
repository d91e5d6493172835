// unpickle.h: a pickle virtual machine that can build values and do nothing else.
//
// Reads the opcodes of protocols 2 to 5 (and the few of 0 and 1 that those share); see
// https://github.com/python/cpython/blob/main/Lib/pickletools.py for what each does. Names go
// through pickle_rules.h, so no name is looked up and nothing is called.
#ifndef BV_CHECKPOINT_UNPICKLE_H
#define BV_CHECKPOINT_UNPICKLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "checkpoint/pickle.h"

// What a persistent id stands for; arg is the caller's.
typedef enum bv_status bv_pickle_persistent(void *arg, struct bv_pickle *pickle,
                                            const struct bv_pickle_value *id,
                                            struct bv_pickle_value **out, struct bv_error *err);

// Reads one pickle from data[0..size): its value to *root, its length to *used. Values are owned by
// *pickle; texts and bytes point into data, which must outlive them. persistent NULL: ids are those
// of torch.save. BV_ERR_FORMAT for a broken or truncated stream, BV_ERR_REFUSED for one that names
// or calls what it should not, BV_ERR_UNSUPPORTED for opcodes torch does not write, BV_ERR_LIMIT.
enum bv_status bv_unpickle(struct bv_pickle *pickle, const uint8_t *data, size_t size,
                           bv_pickle_persistent *persistent, void *arg,
                           struct bv_pickle_value **root, size_t *used, struct bv_error *err);

#endif

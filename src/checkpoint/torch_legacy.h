// torch_legacy.h: what torch.save() wrote from 0.1.10 to 1.5: five pickles in a row (a magic
// number, a version, facts of the machine, the object, the list of storage keys), then for each
// key an int64 element count and the elements.
#ifndef BV_CHECKPOINT_TORCH_LEGACY_H
#define BV_CHECKPOINT_TORCH_LEGACY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "checkpoint/pickle.h"

bool bv_torch_legacy_probe(const uint8_t *data, size_t size);

// Reads the object and finds its storages in data, which *pickle then points into. For a file that
// is cut off, BV_ERR_FORMAT names the number of missing bytes.
enum bv_status bv_torch_legacy_read(const uint8_t *data, size_t size, struct bv_pickle *pickle,
                                    struct bv_pickle_value **root, struct bv_error *err);

#endif

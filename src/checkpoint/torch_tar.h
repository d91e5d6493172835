// torch_tar.h: what torch.save() wrote before 0.1.10: a tar archive of
//
//     storages  pickle of n, n × (pickle of (key, location, type), int64 count, elements),
//               pickle of a list of views (key, root key, offset, count)
//     tensors   pickle of n, n × (pickle of (key, storage key, type), int32 dimensions, 4 bytes,
//               int64 sizes, int64 strides, int64 offset)
//     pickle    the object, tensors as persistent ids that are their keys
#ifndef BV_CHECKPOINT_TORCH_TAR_H
#define BV_CHECKPOINT_TORCH_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "checkpoint/pickle.h"

// Whether this is a tar archive.
bool bv_tar_probe(const uint8_t *data, size_t size);

// Reads the object and finds its storages in data, which *pickle then points into.
enum bv_status bv_torch_tar_read(const uint8_t *data, size_t size, struct bv_pickle *pickle,
                                 struct bv_pickle_value **root, struct bv_error *err);

#endif

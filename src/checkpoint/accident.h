// accident.h: what a file is that was taken for a model.
#ifndef BV_CHECKPOINT_ACCIDENT_H
#define BV_CHECKPOINT_ACCIDENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

// Says what data[0..size) is, with what to do about it: an empty file, a Git LFS pointer, a web
// page, an archive to unpack, a model of another framework, an image, or something unknown.
// Returns BV_ERR_UNSUPPORTED for a model or archive of another kind, BV_ERR_FORMAT otherwise.
enum bv_status bv_accident(const uint8_t *data, size_t size, struct bv_error *err);

#endif

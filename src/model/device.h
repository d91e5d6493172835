// device.h: from a device's name to a backend.
#ifndef BV_MODEL_DEVICE_H
#define BV_MODEL_DEVICE_H

#include "base/thread.h"
#include "graph/backend.h"

// "cpu", "reference", "vulkan", "vulkan:1", "vulkan:NAME", or "auto": the best GPU where the kernel
// shows one, else the CPU. *precision: "auto", "f32", "f16", …; receives the one that is used (a
// constant string). fallback receives why "auto" did not take a GPU that seems to be there (empty
// otherwise). BV_ERR_ARG for an unknown name, BV_ERR_DEVICE when there is no such device,
// BV_ERR_UNSUPPORTED when it does not offer the precision.
enum bv_status bv_device_open(struct bv_backend **backend, struct bv_weights *weights,
                              const char *device, const char **precision, struct bv_pool *pool,
                              struct bv_error *fallback, struct bv_error *err);

#endif

// torch_objects.h: storages and tensors as torch.save() describes them in a pickle
// (torch/_utils.py, torch/serialization.py).
#ifndef BV_CHECKPOINT_TORCH_OBJECTS_H
#define BV_CHECKPOINT_TORCH_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "checkpoint/pickle.h"

// The element type that a storage class ("torch.FloatStorage") or dtype ("torch.float32") names.
// false where it is neither, or of a type this library has no use for (quantised).
bool bv_torch_type(const struct bv_pickle_value *global, enum bv_dtype *dtype, bool *is_complex);

// Finds or adds the storage of this key. The same key with another size is BV_ERR_FORMAT.
enum bv_status bv_torch_storage(struct bv_pickle *pickle, const char *key, size_t key_bytes,
                                size_t bytes, size_t *index, struct bv_error *err);

// The index of the storage of this key, or SIZE_MAX.
size_t bv_torch_find_storage(const struct bv_pickle *pickle, const char *key, size_t key_bytes);

// What a persistent id stands for: ('storage', type, key, location, count[, view]) becomes a
// STORAGE, ('module', class, file, source) the class.
enum bv_status bv_torch_persistent(struct bv_pickle *pickle, const struct bv_pickle_value *id,
                                   struct bv_pickle_value **out, struct bv_error *err);

// A TENSOR over a window. shape and strides are TUPLEs or LISTs of counts; every element must lie
// in the window, and a view that repeats elements (stride 0) may not unfold to more than 2^20.
enum bv_status bv_torch_tensor(struct bv_pickle *pickle, const struct bv_pickle_window *window,
                               const struct bv_pickle_value *offset,
                               const struct bv_pickle_value *shape,
                               const struct bv_pickle_value *strides, struct bv_pickle_value **out,
                               struct bv_error *err);

// Constructors of the rule table: torch._utils._rebuild_tensor(storage, offset, shape, strides, …)
// with _v2 alike; _v3 with the element type after the hooks.
enum bv_status bv_torch_rebuild(struct bv_pickle *pickle, const struct bv_pickle_value *function,
                                struct bv_pickle_value *args, struct bv_pickle_value **out,
                                struct bv_error *err);
enum bv_status bv_torch_rebuild_v3(struct bv_pickle *pickle, const struct bv_pickle_value *function,
                                   struct bv_pickle_value *args, struct bv_pickle_value **out,
                                   struct bv_error *err);

#endif

// torch.h: what torch.save() writes: its storages and tensors in a pickle (torch/_utils.py,
// torch/serialization.py), and the files of its three formats.
#ifndef BV_CHECKPOINT_TORCH_H
#define BV_CHECKPOINT_TORCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "checkpoint/pickle.h"
#include "checkpoint/zip.h"

// The element type that a storage class ("torch.FloatStorage") or dtype ("torch.float32") names.
// false where it is neither, or of a type that is not used here (quantised).
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

// What torch.save() has written since 1.6: a zip archive of
//
//     NAME/data.pkl  the object, its tensors as persistent ids
//     NAME/data/KEY  one storage each, little-endian
//
// and TorchScript archives, which add NAME/code/ and NAME/constants.pkl.

// Whether the archive holds one torch object, and whether that is a TorchScript program.
bool bv_torch_zip_probe(const struct bv_zip *zip, bool *is_script);

// Reads the object and finds its storages in the archive, which *pickle then points into.
// BV_ERR_UNSUPPORTED for an archive written on a big-endian machine.
enum bv_status bv_torch_zip_read(const struct bv_zip *zip, struct bv_pickle *pickle,
                                 struct bv_pickle_value **root, struct bv_error *err);

// For an archive that lost its end: the bytes that its first member, the object, asks for in
// storages. 0 where that cannot be read.
size_t bv_torch_zip_storage_bytes(const uint8_t *data, size_t size);

// What torch.save() wrote from 0.1.10 to 1.5: five pickles in a row (a magic
// number, a version, facts of the machine, the object, the list of storage keys), then for each
// key an int64 element count and the elements.

bool bv_torch_legacy_probe(const uint8_t *data, size_t size);

// Reads the object and finds its storages in data, which *pickle then points into. For a file that
// is truncated, BV_ERR_FORMAT names the number of missing bytes.
enum bv_status bv_torch_legacy_read(const uint8_t *data, size_t size, struct bv_pickle *pickle,
                                    struct bv_pickle_value **root, struct bv_error *err);

// What torch.save() wrote before 0.1.10: a tar archive of
//
//     storages  pickle of n, n × (pickle of (key, location, type), int64 count, elements),
//               pickle of a list of views (key, root key, offset, count)
//     tensors   pickle of n, n × (pickle of (key, storage key, type), int32 dimensions, 4 bytes,
//               int64 sizes, int64 strides, int64 offset)
//     pickle    the object, tensors as persistent ids that are their keys

// Whether this is a tar archive.
bool bv_tar_probe(const uint8_t *data, size_t size);

// Reads the object and finds its storages in data, which *pickle then points into.
enum bv_status bv_torch_tar_read(const uint8_t *data, size_t size, struct bv_pickle *pickle,
                                 struct bv_pickle_value **root, struct bv_error *err);

#endif

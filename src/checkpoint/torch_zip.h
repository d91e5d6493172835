// torch_zip.h: what torch.save() has written since 1.6: a zip archive of
//
//     NAME/data.pkl  the object, its tensors as persistent ids
//     NAME/data/KEY  one storage each, little-endian
//
// and TorchScript archives, which add NAME/code/ and NAME/constants.pkl.
#ifndef BV_CHECKPOINT_TORCH_ZIP_H
#define BV_CHECKPOINT_TORCH_ZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "checkpoint/pickle.h"
#include "checkpoint/zip.h"

// Whether the archive holds one torch object, and whether that is a TorchScript program.
bool bv_torch_zip_probe(const struct bv_zip *zip, bool *is_script);

// Reads the object and finds its storages in the archive, which *pickle then points into.
// BV_ERR_UNSUPPORTED for an archive written on a big-endian machine.
enum bv_status bv_torch_zip_read(const struct bv_zip *zip, struct bv_pickle *pickle,
                                 struct bv_pickle_value **root, struct bv_error *err);

// For an archive that lost its end: the bytes that its first member, the object, asks for in
// storages. 0 where that cannot be read.
size_t bv_torch_zip_storage_bytes(const uint8_t *data, size_t size);

#endif

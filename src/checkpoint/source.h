// source.h: one checkpoint file of any kind that is in memory, decided by its content.
#ifndef BV_CHECKPOINT_SOURCE_H
#define BV_CHECKPOINT_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "checkpoint/pickle.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/state_dict.h"
#include "checkpoint/zip.h"

enum bv_source_kind {
    BV_SOURCE_UNKNOWN,
    BV_SOURCE_SAFETENSORS,
    BV_SOURCE_TORCH_ZIP,
    BV_SOURCE_TORCH_SCRIPT,
    BV_SOURCE_TORCH_LEGACY,
    BV_SOURCE_TORCH_TAR,
    BV_SOURCE_PICKLE,
    BV_SOURCE_ZIP, // an archive around something else
};

// Zero-initialise. Points into the bytes it was opened on.
struct bv_source {
    enum bv_source_kind kind;
    struct bv_safetensors safetensors;
    struct bv_zip zip;
    struct bv_pickle pickle;
    struct bv_pickle_value *root;
    struct bv_state_dict state; // of the kinds that are pickles
};

// What begins with these bytes may be, without looking further: BV_SOURCE_TORCH_ZIP stands for any
// zip archive. size may be that of a sample of at least 512 bytes.
enum bv_source_kind bv_source_probe(const uint8_t *data, size_t size);

// Reads data[0..size), which must outlive *source. For BV_SOURCE_ZIP only the archive is open and
// the caller goes on within. What is no checkpoint is named for what it is; nothing is left open
// on failure.
enum bv_status bv_source_open(struct bv_source *source, const uint8_t *data, size_t size,
                              struct bv_error *err);

void bv_source_close(struct bv_source *source);

// What a file is that was taken for a model.

// Says what data[0..size) is, with what to do about it: an empty file, a Git LFS pointer, a web
// page, an archive to unpack, a model of another framework, an image, or something unknown.
// Returns BV_ERR_UNSUPPORTED for a model or archive of another kind, BV_ERR_FORMAT otherwise.
enum bv_status bv_identify(const uint8_t *data, size_t size, struct bv_error *err);

#endif

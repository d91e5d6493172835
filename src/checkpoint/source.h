// source.h: one checkpoint file of any kind, and the named tensors in it.
#ifndef BV_CHECKPOINT_SOURCE_H
#define BV_CHECKPOINT_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "checkpoint/pickle.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/zip.h"

// state_dict.c: the named tensors of whatever object a checkpoint holds.

struct bv_named_tensor {
    const char *name; // UTF-8, dotted as torch's state_dict() would name it
    const struct bv_pickle_tensor *tensor;
};

struct bv_state_dict {
    struct bv_named_tensor *tensors; // in the order of the object, arena-owned
    size_t n;
    struct bv_named_tensor *averaged; // averages over training (EMA) that lie beside
    size_t n_averaged;                // them: the names are relative to their own dictionary
    bool is_averaged;                 // the tensors themselves are such averages
    // The path of keys to the object that the names are relative to: "" or "state_dict", say.
    const char *origin;
};

// Finds the weights in an object: a dictionary of tensors; one under state_dict, model_state_dict,
// model, net and the like (beside which optimizer states and so on are passed over); a pickled
// nn.Module or TorchScript module (parameters, persistent buffers, modules); a list; one tensor
// ("tensor"). What lies under state_dict_ema, model_ema and the like is taken as averages of these,
// or as the weights where there are no others. Dictionaries within are named with dots. Memory is
// from *pickle. BV_ERR_FORMAT where there is no tensor, or two have one name; BV_ERR_LIMIT beyond
// BV_MAX_TENSORS, names of 1024 bytes or objects nested more than 64 deep.
enum bv_status bv_state_dict_find(struct bv_pickle *pickle, const struct bv_pickle_value *root,
                                  struct bv_state_dict *found, struct bv_error *err);

// source.c: one checkpoint file of any kind that is in memory, decided by its content.

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

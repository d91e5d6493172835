// checkpoint.h: the weights that authors publish, whatever they are wrapped in.
//
// One front for safetensors files, what torch.save() writes (zip, legacy, tar) and TorchScript
// archives, zip archives around any of these, and Hugging Face folders. What a file is, is decided
// by its content. Nothing in a file is executed (pickle_rules.c). Files are mapped and read lazily:
// opening costs a few page reads whatever the size.
#ifndef BV_CHECKPOINT_CHECKPOINT_H
#define BV_CHECKPOINT_CHECKPOINT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/dtype.h"
#include "base/status.h"
#include "checkpoint/container.h"

struct bv_checkpoint;

// What is known of a tensor without reading it. Lives as long as its checkpoint.
struct bv_checkpoint_tensor {
    const char *name; // UTF-8, unique; as in the file, relative to the state dict in it
    enum bv_dtype dtype;
    bool is_complex; // the last dimension holds real and imaginary part
    int n_dims;
    int64_t shape[BV_MAX_DIMS];
    int64_t strides[BV_MAX_DIMS]; // elements, in the storage; 0 repeats
    size_t bytes;                 // of a contiguous copy
    size_t storage;               // tensors that share memory have the same number
    size_t offset;                // elements from the storage's begin
};

// Opens a file or folder. In a folder or zip archive the weights are, in this order,
// model.safetensors, open_clip_model.safetensors, model.safetensors.index.json (shards),
// pytorch_model.bin, open_clip_pytorch_model.bin, pytorch_model.bin.index.json, or else the only
// checkpoint there. Of a checkpoint in shards (…-00001-of-00002.bin) all must be there, also where
// path names one of them or their index. BV_ERR_REFUSED names what a malicious pickle would have
// called; BV_ERR_FORMAT and BV_ERR_UNSUPPORTED say what a file is instead of a checkpoint, or how
// much of it is missing.
enum bv_status bv_checkpoint_open(struct bv_checkpoint **checkpoint, const char *path,
                                  struct bv_error *err);

// Takes off a word that training programs put before all names of a model ("module." of
// DataParallel, "_orig_mod." of torch.compile(), "model.", "net.", …), where every tensor's name
// begins with the same one: names are then found without it. Returns the word, or NULL where there
// is none. Words before words are taken off one by one; bv_checkpoint_rewrap() puts all back.
const char *bv_checkpoint_unwrap(struct bv_checkpoint *checkpoint);
void bv_checkpoint_rewrap(struct bv_checkpoint *checkpoint);

// Whether averages over training (EMA) lie beside the tensors: model_ema or state_dict_ema beside
// model or state_dict, "model_ema." beside "model.". Or whether the tensors are such averages.
bool bv_checkpoint_has_averages(const struct bv_checkpoint *checkpoint);
bool bv_checkpoint_is_averaged(const struct bv_checkpoint *checkpoint);

// Puts the averages in the place of the tensors that they are of, before anything is unwrapped.
// BV_ERR_ARG where there are none, BV_ERR_FORMAT where one is of no tensor.
enum bv_status bv_checkpoint_take_averages(struct bv_checkpoint *checkpoint, struct bv_error *err);

// Adds the tensors of another file beside the first, as prefix followed by their names (BioViL's
// folder holds a text model and an image model). file is a name from bv_checkpoint_other(), or of
// any file beside the first.
enum bv_status bv_checkpoint_add(struct bv_checkpoint *checkpoint, const char *file,
                                 const char *prefix, struct bv_error *err);

// The same for a file or folder anywhere (MedKLIP's text encoder), with the rules of
// bv_checkpoint_open(). Not before the names are unwrapped.
enum bv_status bv_checkpoint_join(struct bv_checkpoint *checkpoint, const char *path,
                                  const char *prefix, struct bv_error *err);

// Whether path names one of the files that the tensors come from.
bool bv_checkpoint_uses(const struct bv_checkpoint *checkpoint, const char *path);

// Frees and sets *checkpoint to NULL; accepts NULL in it.
void bv_checkpoint_close(struct bv_checkpoint **checkpoint);

// "safetensors", "torch zip", "torch legacy", "torch tar", "TorchScript" or "pickle"; and the keys
// that led to the state dict ("" or "state_dict", say).
const char *bv_checkpoint_container(const struct bv_checkpoint *checkpoint);
const char *bv_checkpoint_origin(const struct bv_checkpoint *checkpoint);

// Tensors by number, in the order of the file, and by name (NULL where there is none).
size_t bv_checkpoint_count(const struct bv_checkpoint *checkpoint);
const struct bv_checkpoint_tensor *bv_checkpoint_tensor(const struct bv_checkpoint *checkpoint,
                                                        size_t i);
const struct bv_checkpoint_tensor *bv_checkpoint_find(const struct bv_checkpoint *checkpoint,
                                                      const char *name);

// The tensor's elements in place, or NULL where they are not contiguous, not aligned, or packed.
// Valid until the checkpoint is closed.
const void *bv_checkpoint_data(const struct bv_checkpoint *checkpoint,
                               const struct bv_checkpoint_tensor *tensor);

// Copies the elements, row-major, to out with room for tensor->bytes, and checks the archive's
// checksum of them the first time. One thread at a time per checkpoint. BV_ERR_FORMAT for damage.
enum bv_status bv_checkpoint_read(struct bv_checkpoint *checkpoint,
                                  const struct bv_checkpoint_tensor *tensor, void *out,
                                  struct bv_error *err);

// Plain data saved beside the weights as a JSON object: __metadata__ of a safetensors
// file, the other top-level entries of a torch file (hyper_parameters, epoch, …; optimizer states
// are left out). Of the first file only. Borrowed; NULL when memory is out.
json_t *bv_checkpoint_metadata(struct bv_checkpoint *checkpoint);

// Other checkpoint files in the folder or archive, by name.
size_t bv_checkpoint_other_count(const struct bv_checkpoint *checkpoint);
const char *bv_checkpoint_other(const struct bv_checkpoint *checkpoint, size_t i);

// A file beside the weights (config.json, vocab.txt): in the folder or archive opened, or in the
// folder of the file opened. Read into malloc'd memory with a terminating zero that is not counted
// in *size; the caller frees *data. BV_ERR_IO where there is none, BV_ERR_LIMIT past max_bytes.
bool bv_checkpoint_has_file(const struct bv_checkpoint *checkpoint, const char *name);
enum bv_status bv_checkpoint_read_file(const struct bv_checkpoint *checkpoint, const char *name,
                                       size_t max_bytes, char **data, size_t *size,
                                       struct bv_error *err);

#endif

// state_dict.h: the named tensors of whatever object a checkpoint holds.
#ifndef BV_CHECKPOINT_STATE_DICT_H
#define BV_CHECKPOINT_STATE_DICT_H

#include <stddef.h>

#include "base/status.h"
#include "checkpoint/pickle.h"

struct bv_named_tensor {
    const char *name; // UTF-8, dotted as torch's state_dict() would name it
    const struct bv_pickle_tensor *tensor;
};

struct bv_state_dict {
    struct bv_named_tensor *tensors; // in the order of the object, arena-owned
    size_t n;
    // The path of keys to the object that the names are relative to: "" or "state_dict", say.
    const char *origin;
};

// Finds the weights in an object: a dictionary of tensors; one under state_dict, model_state_dict,
// model, net and the like (beside which optimizer states and so on are passed over); a pickled
// nn.Module or TorchScript module (parameters, persistent buffers, modules); a list; one tensor
// ("tensor"). Dictionaries within are named with dots. Memory is from *pickle. BV_ERR_FORMAT where
// there is no tensor, or two have one name; BV_ERR_LIMIT beyond BV_MAX_TENSORS, names of 1024
// bytes or objects nested more than 64 deep.
enum bv_status bv_state_dict_find(struct bv_pickle *pickle, const struct bv_pickle_value *root,
                                  struct bv_state_dict *found, struct bv_error *err);

#endif

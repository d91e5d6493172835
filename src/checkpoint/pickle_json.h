// pickle_json.h: plain data of a pickle (settings saved beside weights) as JSON.
#ifndef BV_CHECKPOINT_PICKLE_JSON_H
#define BV_CHECKPOINT_PICKLE_JSON_H

#include <jansson.h>

#include "checkpoint/pickle.h"

// The caller owns the result; NULL when memory is out. Dictionaries become objects (keys as text),
// sequences and sets arrays; omegaconf containers and nodes, argparse.Namespace, pathlib paths,
// torch.device and records their plain content. What JSON cannot say (tensors, bytes, NaN,
// instances that mean nothing here), and what lies deeper than 24 levels or beyond 65536 values,
// is null.
json_t *bv_pickle_json(const struct bv_pickle_value *value);

#endif

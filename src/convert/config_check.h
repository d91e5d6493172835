// config_check.h: does a checkpoint hold what the config.json beside it says?
#ifndef BV_CONVERT_CONFIG_CHECK_H
#define BV_CONVERT_CONFIG_CHECK_H

#include "base/json.h"
#include "checkpoint/checkpoint.h"

// Compares the numbers of layers that config.json declares, for the model or for its parts, with
// the blocks that tensors are numbered by, and declared heads with those of the system's card: a
// download that lacks a shard may end with a whole block. Without a config.json, or where nothing
// can be compared, all is well. BV_ERR_MODEL says what differs.
enum bv_status bv_config_check(const struct bv_checkpoint *checkpoint, const json_t *card,
                               struct bv_error *err);

#endif

// foreign.h: what a folder without a checkpoint is.
#ifndef BV_CHECKPOINT_FOREIGN_H
#define BV_CHECKPOINT_FOREIGN_H

#include "checkpoint/place.h"

// Names what is there instead: weights of another framework, pointers of Git LFS, a cache of the
// Hugging Face hub, a folder without files. Returns BV_ERR_UNSUPPORTED or BV_ERR_FORMAT. place is
// listed.
enum bv_status bv_foreign(const struct bv_place *place, struct bv_error *err);

#endif

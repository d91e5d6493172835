// recognise.h: which system's checkpoint is this?
#ifndef BV_CONVERT_RECOGNISE_H
#define BV_CONVERT_RECOGNISE_H

#include "base/json.h"
#include "checkpoint/checkpoint.h"

// Finds the compiled-in card whose "recognise" object fits the checkpoint's tensor names: every
// pattern of "all" matches some tensor, none of "none" does, and every member of "config" equals
// that of the folder's config.json. Of several, the one with the most patterns wins. The caller
// owns the reference. BV_ERR_MODEL names the nearest systems when none fits.
enum bv_status bv_recognise(const struct bv_checkpoint *checkpoint, json_t **card,
                            struct bv_error *err);

// Whether the checkpoint fits a given card.
bool bv_recognise_fits(const struct bv_checkpoint *checkpoint, const json_t *card);

#endif

// spiece_write.h: writes the model files that spiece_file.h reads.
#ifndef BV_TEXT_SPIECE_WRITE_H
#define BV_TEXT_SPIECE_WRITE_H

#include "text/spiece_file.h"

// Writes the pieces and how text is normalised, as malloc'd bytes. What a reader would refuse (a
// piece that is empty or too long, no unknown piece) is not looked for here. A score that no float
// holds is written beside the float nearest to it. More than BV_VOCAB_MAX_BYTES is BV_ERR_LIMIT.
enum bv_status bv_spiece_file_write(const struct bv_spiece_file *file, char **bytes, size_t *n,
                                    struct bv_error *err);

#endif

// evaluation.h: how well a model file was found to do, label by label, on images that it was not
// trained on. A file beside it says so: MODEL.evaluation.json beside MODEL.safetensors.
#ifndef BV_SERVE_EVALUATION_H
#define BV_SERVE_EVALUATION_H

#include <jansson.h>

#include "base/status.h"

// Reads the file beside a model whose tensors have the digest sha256; *evaluation, which the caller
// releases, is NULL where there is none. BV_ERR_FORMAT for one that does not have the form of
// docs/service.md, BV_ERR_REFUSED for one that is of other tensors.
enum bv_status bv_evaluation_read(const char *model_path, const char *sha256, json_t **evaluation,
                                  struct bv_error *err);

#endif

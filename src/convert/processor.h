// processor.h: Hugging Face's preprocessor_config.json as a recipe (image/recipe.h).
#ifndef BV_CONVERT_PROCESSOR_H
#define BV_CONVERT_PROCESSOR_H

#include "base/json.h"

// Makes the recipe of an image processor's configuration; what it leaves out is as its class has
// it. The caller owns the reference. BV_ERR_UNSUPPORTED names a processor, or a step of it, that
// this library does not do; a field of the wrong kind is BV_ERR_FORMAT.
enum bv_status bv_processor_recipe(json_t **recipe, const json_t *config, struct bv_error *err);

// The class that a configuration names ("" where it names none), without "Fast".
void bv_processor_class(const json_t *config, char name[64]);

#endif

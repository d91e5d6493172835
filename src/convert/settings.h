// settings.h: what the files beside the weights say of a model that its tensors do not: config.json
// and preprocessor_config.json of Hugging Face's folders.
#ifndef BV_CONVERT_SETTINGS_H
#define BV_CONVERT_SETTINGS_H

#include "base/json.h"
#include "checkpoint/checkpoint.h"

// Heads, eps and activation of towers: card["settings"]["towers"], {"image": MEMBER, "text":
// MEMBER}, names the members of config.json that tell them; what these leave out stays as the card
// has it. notes receives sentences for the user about what was assumed.
void bv_settings_towers(json_t *card, const struct bv_checkpoint *checkpoint, json_t *notes);

// The recipe of a card without "preprocess": that of the folder's preprocessor_config.json, which
// must be of one of the classes card["settings"]["processors"] and make images of the model's size
// (BV_ERR_MODEL); without the file, of the first of these classes. processor, "pillow" or
// "torchvision" (NULL: the former), is the library that runs it; where it is given, the file goes
// before the card's own recipe, and BV_ERR_ARG says that a card has no such classes.
enum bv_status bv_settings_recipe(json_t *card, const struct bv_checkpoint *checkpoint,
                                  const char *processor, json_t *notes, struct bv_error *err);

// Says which of two tokenizers in a folder is read: the card's own file rather than tokenizer.json.
void bv_settings_tokenizers(const json_t *card, const struct bv_checkpoint *checkpoint,
                            json_t *notes);

// open_clip.c: the towers, tokenizer, recipe and scoring of a folder of open_clip, by its
// open_clip_config.json, from the parts that card["settings"]["open_clip"] holds. Nothing is done
// where the card has none. BV_ERR_UNSUPPORTED names an option that this library does not do.
enum bv_status bv_open_clip_take(json_t *card, const struct bv_checkpoint *checkpoint,
                                 json_t *notes, struct bv_error *err);

// A JSON file beside the checkpoint, or NULL. The caller owns the reference.
json_t *bv_settings_read(const struct bv_checkpoint *checkpoint, const char *name);

// Adds a sentence to notes.
void bv_note(json_t *notes, const char *format, ...) __attribute__((format(printf, 2, 3)));

// processor.c: preprocessor_config.json as a recipe (image/recipe.h).

// What runs the processors: Pillow in transformers 4 (and 5's classes "…Pil"), torchvision in 5.
enum bv_processor_library { BV_PROCESSOR_PILLOW, BV_PROCESSOR_TORCHVISION };

// Makes the recipe of an image processor's configuration; what it leaves out is as its class has
// it. The caller owns the reference. BV_ERR_UNSUPPORTED names a processor, or a step of it, that
// this library does not do; a field of the wrong kind is BV_ERR_FORMAT.
enum bv_status bv_processor_recipe(json_t **recipe, const json_t *config,
                                   enum bv_processor_library library, struct bv_error *err);

// The class that a configuration names ("" where it names none), without "Fast".
void bv_processor_class(const json_t *config, char name[64]);

#endif

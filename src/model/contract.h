// contract.h: what the parts of a model must agree on, so that nobody downstream has to ask.
#ifndef BV_MODEL_CONTRACT_H
#define BV_MODEL_CONTRACT_H

#include "model/model.h"

// Checks a model's card against its weights and its recipe: the card's image size is what the
// recipe makes; "global" is one vector per image and per text, of one dimension where the score
// compares them; the outputs that the scoring rule and the heat map read exist and fit it; a
// trained head has as many elements as the card names labels. Shapes are inferred, nothing is
// computed. Fills in image_dim and text_dim. BV_ERR_MODEL with a sentence that says which part of
// the card is wrong.
enum bv_status bv_model_check(struct bv_model *model, struct bv_error *err);

#endif

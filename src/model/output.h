// output.h: what a system makes of its encoder's features, as data of its card.
//
// An output is {"from": FEATURE or [FEATURE, …], "combine": "mean"|"sum", "steps": [STEP, …]}; a
// feature index may count from the end ("hidden.-1"). A step is an array:
//   ["linear", NAME] ["conv", NAME] (1×1)       weights NAME.weight and, where present, NAME.bias
//   ["batch_norm", NAME, eps?] ["layer_norm", NAME, eps?]
//   ["relu"] ["gelu"] ["tanh"] ["sigmoid"]
//   ["mean"] ["max"] ["sum"]                    over tokens or positions (real tokens only)
//   ["mean", "padded"]                          over all rows of the batch, as some authors do
//   ["max", "inner"]                            over the tokens between the special ones at the
//   ends
//   ["attention_pool", NAME, heads]             attention whose one query is the mean; NAME.qkv and
//                                               NAME.proj
//   ["mean_pool", size] ["max_pool", size]      windows of size×size
//   ["flatten"]                                 [N,h,w,C] to [N,C·h·w], channels first
//   ["interpolate", size, align_corners]        bilinear, to size×size
//   ["tokens"]                                  [N,h,w,C] to [N,h·w,C]
//   ["l2"] ["scale", factor]
#ifndef BV_MODEL_OUTPUT_H
#define BV_MODEL_OUTPUT_H

#include "base/json.h"
#include "graph/features.h"
#include "text/encoder.h"

// Builds one output from an encoder's features; text (NULL for images) tells how long sequences
// are. Unknown features and steps are failures of the graph that name them.
struct bv_tensor *bv_output_build(struct bv_graph *g, const json_t *output,
                                  const struct bv_features *features,
                                  const struct bv_text_inputs *text);

// Applies steps to x; for tower inputs and heads.
struct bv_tensor *bv_steps_build(struct bv_graph *g, const json_t *steps, struct bv_tensor *x,
                                 const struct bv_text_inputs *text);

#endif

// graphs.h: the graphs that a model's card asks for: the outputs of a tower, and the fusion
// encoder.
#ifndef BV_MODEL_GRAPHS_H
#define BV_MODEL_GRAPHS_H

#include "base/json.h"
#include "fusion/fusion.h"
#include "graph/graph.h"
#include "model/session.h"
#include "text/encoder.h"

// output.c: what a system makes of its encoder's features, as data of its card.
//
// An output is {"from": FEATURE or [FEATURE, …], "combine": "mean"|"sum", "steps": [STEP, …]}; a
// feature index may count from the end ("hidden.-1"). A step is an array:
//   ["linear", NAME] ["conv", NAME] (1×1)       weights NAME.weight and, where present, NAME.bias
//   ["batch_norm", NAME, eps?] ["layer_norm", NAME, eps?]
//   ["relu"] ["gelu"] ["tanh"] ["sigmoid"]
//   ["prelu", NAME]                             the slope below zero is NAME.weight
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
//   ["first"] ["eos"]                           the first token; the last one of a text
//   ["heads", NAME]                             linear layers NAME.0, NAME.1 … side by side
//   ["l2"] ["scale", factor]

// Builds one output from an encoder's features; text (NULL for images) tells how long sequences
// are. Unknown features and steps are failures of the graph that name them.
struct bv_tensor *bv_output_build(struct bv_graph *g, const json_t *output,
                                  const struct bv_features *features,
                                  const struct bv_text_inputs *text);

// Applies steps to x; for tower inputs and heads.
struct bv_tensor *bv_steps_build(struct bv_graph *g, const json_t *steps, struct bv_tensor *x,
                                 const struct bv_text_inputs *text);

// fusion_graph.c: the fusion encoder of a model as a graph.

// The part of the card about it; NULL where the model has none.
const json_t *bv_model_fusion_card(const struct bv_model *model);

// What the model's fusion encoder reads. Only for models that have one.
struct bv_fusion_wants bv_model_fusion_wants(const struct bv_model *model);

// The sizes that a fusion graph is built for.
struct bv_fusion_shape {
    int64_t texts, tokens;       // B, T; tokens 0: no words (lvit)
    int64_t image_tokens, width; // P, C
    int64_t box_width;           // 0, 4 or 7
    int64_t positions;           // of image tokens that are read; 0: all
    int64_t extra, extra_width;  // E, D
    int64_t output;              // place in card.fusion.outputs; -1: all of them
};

// Sizes to try a model with: a short text, eight regions, two entities. What the image tower
// decides (image_tokens and width without regions) is the caller's to fill in.
struct bv_fusion_shape bv_fusion_example_shape(const struct bv_model *model);

// The fusion graph. Its inputs, as far as the shape has them (struct bv_fusion_inputs says what
// they are): "ids", "types", "lengths", "last", "joint", "before_last" of the texts, "image",
// "boxes", "positions", "extra", "places". The caller owns *graph, also when it holds a failure.
enum bv_status bv_model_fusion_graph(const struct bv_model *model,
                                     const struct bv_fusion_shape *shape, struct bv_graph **graph,
                                     struct bv_error *err);

// decoder.c: labels as queries of a decoder over an image's rows (KAD, MedKLIP, CARZero).

#define BV_MAX_DECODER_TEXTS 4096
#define BV_MAX_DECODER_SLOTS 512
#define BV_MAX_DECODER_CONCEPTS 64

// The part of the card about it: what fusion/query_decoder.c reads, "image" (the image output with
// the rows), "head" (steps from a decoded query to logits), and, where the image looks among the
// words of each text too and both results are averaged, "words" (the text output with a row for
// each token) and "slots" (rows for words, zeros where a text has fewer); "concepts" (1): queries
// of one label, one after the other, which the head reads side by side (MAVL). NULL where the model
// has none.
const json_t *bv_model_decoder_card(const struct bv_model *model);
// Rows of a text: 1, its embedding, and "slots"; more than any decoder takes where these are none.
int64_t bv_model_decoder_rows(const struct bv_model *model);
// Queries of a label; more than any decoder takes where the card says no such number.
int64_t bv_model_decoder_concepts(const struct bv_model *model);

// The sizes that a decoder's graph is built for.
struct bv_decoder_shape {
    int64_t texts; // a multiple of the concepts
    int64_t rows;  // of one text, its embedding first
    int64_t image_rows, width;
    bool map; // whether there is the output "attention"
};

// Inputs "texts" [texts,rows,width] and "image" [1,image_rows,width]; outputs "logits" [texts /
// concepts,n] and "attention" [texts,image_rows], where each text looked. The caller owns *graph,
// also when it holds a failure.
enum bv_status bv_model_decoder_graph(const struct bv_model *model,
                                      const struct bv_decoder_shape *shape, struct bv_graph **graph,
                                      struct bv_error *err);

// Runs it: texts [texts,rows,width] and image [image_rows,width], raw outputs of the towers.
// BV_ERR_ARG where the model has no query decoder.
enum bv_status bv_session_decode(struct bv_session *session, const struct bv_decoder_shape *shape,
                                 const float *texts, const float *image,
                                 const struct bv_wanted *wanted, int n_wanted,
                                 struct bv_error *err);

#endif

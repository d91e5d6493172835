// model.h: an open model file: weights, card, recipe, tokenizer. Immutable, shared by threads.
#ifndef BV_MODEL_MODEL_H
#define BV_MODEL_MODEL_H

#include "checkpoint/safetensors.h"
#include "graph/graph.h"
#include "graph/weights.h"
#include "image/recipe.h"
#include "text/tokenizer.h"

// Keys of the file's __metadata__ (docs/file-format.md).
#define BV_META_FORMAT "biovl.format" // "1"
#define BV_META_CARD "biovl.card"     // JSON
#define BV_META_VOCAB "biovl.vocab"   // what bv_tokenizer_vocabulary() made
#define BV_META_GOLDEN "biovl.golden" // JSON, see convert/convert.h
#define BV_META_INT8 "biovl.int8" // JSON, see convert/convert.h; absent: every layer may be int8
#define BV_META_DIGEST "biovl.sha256" // of the tensors' names, types, shapes and bytes

struct bv_model {
    struct bv_safetensors file;
    struct bv_weights *weights;
    json_t *card;
    struct bv_recipe *recipe;       // NULL without an image tower
    struct bv_tokenizer *tokenizer; // NULL without a text tower
    const char *name;               // of the system, in the card
    const char *digest;             // 64 hexadecimal digits
    // The encoder's input: what the recipe makes of every image. Where that depends on the image
    // (size_varies), a size to look at shapes with: the card's "size", or 224.
    int image_height, image_width;
    bool size_varies;
    int64_t image_dim, text_dim; // of "global"; 0 where an encoder has none
    int64_t max_tokens;          // of one text, special tokens included
};

// Opens a file that bv_import() wrote. Weights are mapped, not read. Damage is BV_ERR_FORMAT; a
// file of another kind is BV_ERR_FORMAT with the advice to convert it.
enum bv_status bv_model_load(struct bv_model **model, const char *path, struct bv_error *err);
// The same over bytes that outlive the model, aligned to 8.
enum bv_status bv_model_load_bytes(struct bv_model **model, const uint8_t *bytes, size_t size,
                                   struct bv_error *err);
void bv_model_unload(struct bv_model **model); // accepts NULL

// Assembles a model from parts that it then owns, in success and in failure: what conversion checks
// (contract.c) before it writes. weights borrow their data from somewhere that outlives the model.
enum bv_status bv_model_assemble(struct bv_model **model, struct bv_weights *weights, json_t *card,
                                 struct bv_tokenizer *tokenizer, struct bv_error *err);

// SHA-256 over the tensors of a model file in their order, as BV_META_DIGEST has it.
void bv_model_digest(const struct bv_safetensors *file, char hex[65]);

// The tensors of a model file as weights, borrowed from its mapping. The caller owns *weights, also
// where the call fails. BV_ERR_FORMAT for more dimensions than a weight has.
enum bv_status bv_model_weights(struct bv_weights **weights, const struct bv_safetensors *file,
                                struct bv_error *err);

bool bv_model_has_image(const struct bv_model *model);
bool bv_model_has_text(const struct bv_model *model);
bool bv_model_has_fusion(const struct bv_model *model);
bool bv_model_takes_prior(const struct bv_model *model); // an earlier image of the same patient

// The part of the card that may say which square images the model takes, as "size", where the
// recipe leaves that to the image.
const json_t *bv_model_sized_tower(const struct bv_model *model);
#define BV_MAX_IMAGE_SIDE 8192 // of "size", as of the sizes that recipes name

// The graph of the image tower for N images of H×W×C: input "pixels" [N,H,W,C], one output per
// member of card.image.outputs. The caller owns *graph, also when it holds a failure.
enum bv_status bv_model_image_graph(const struct bv_model *model, int64_t N, int64_t H, int64_t W,
                                    int64_t C, struct bv_graph **graph, struct bv_error *err);

// The same, with the encoder's features (a zeroed struct is filled): tensors of the graph.
enum bv_status bv_model_image_features(const struct bv_model *model, int64_t N, int64_t H,
                                       int64_t W, int64_t C, struct bv_graph **graph,
                                       struct bv_features *features, struct bv_error *err);

// The same with a second input "prior" [N,H,W,C]; BV_ERR_ARG where the encoder takes none.
enum bv_status bv_model_prior_graph(const struct bv_model *model, int64_t N, int64_t H, int64_t W,
                                    int64_t C, struct bv_graph **graph, struct bv_error *err);

// The graph of the text tower for B sequences of T tokens: inputs "ids" [B,T], "lengths" [B],
// "last" [B,1], "inner" [B], of a model that classifies pairs "types" [B,T] (see text/encoder.h);
// one output per member of card.text.outputs.
enum bv_status bv_model_text_graph(const struct bv_model *model, int64_t B, int64_t T,
                                   struct bv_graph **graph, struct bv_error *err);

// The shape of an output for one item, without the leading batch dimension.
struct bv_output_shape {
    int rank;
    int64_t dim[BV_MAX_RANK];
};
size_t bv_shape_elements(const struct bv_output_shape *shape);

// The shape of an output of an encoder for images of one size or texts of n_tokens, by inference:
// nothing is compiled or computed. BV_ERR_ARG when there is no such encoder or output.
enum bv_status bv_model_image_shape(const struct bv_model *model, const char *output,
                                    int64_t height, int64_t width, struct bv_output_shape *shape,
                                    struct bv_error *err);
enum bv_status bv_model_text_shape(const struct bv_model *model, const char *output,
                                   int64_t n_tokens, struct bv_output_shape *shape,
                                   struct bv_error *err);

// Reads the shape of an output off a graph, which is destroyed.
enum bv_status bv_take_shape(const struct bv_model *model, struct bv_graph **graph,
                             const char *output, struct bv_output_shape *shape,
                             struct bv_error *err);

// The scale of logits: exp of the card's logit_scale tensor (clamped where the card says so), its
// constant, or 1.
enum bv_status bv_model_logit_scale(const struct bv_model *model, float *scale,
                                    struct bv_error *err);

// What is added to logits: the card's logit_bias tensor, its constant, or 0.
enum bv_status bv_model_logit_bias(const struct bv_model *model, float *bias, struct bv_error *err);

// contract.c: what the parts of a model must agree on, so that nobody downstream has to ask.

// Checks a model's card against its weights and its recipe: the card's image size is what the
// recipe makes; "global" is one vector per image and per text, of one dimension where the score
// compares them; the outputs that the scoring rule and the heat map read exist and fit it; a
// trained head has as many elements as the card names labels or classes. Shapes are inferred,
// nothing is computed. Fills in image_dim and text_dim. BV_ERR_MODEL with a sentence that says
// which part of the card is wrong.
enum bv_status bv_model_check(struct bv_model *model, struct bv_error *err);

#endif

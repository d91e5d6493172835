// quantize.h: which layers of a model keep more than 8 bits when it runs in int8.
#ifndef BV_CONVERT_QUANTIZE_H
#define BV_CONVERT_QUANTIZE_H

#include "image/recipe.h"
#include "model/session.h"

// Inputs like those that the model will see; borrowed. Either kind may be absent.
struct bv_quantize_inputs {
    const struct bv_pixels *images;
    size_t n_images;
    const struct bv_tokens *texts;
    size_t n_texts;
};

struct bv_quantization {
    int n_layers, n_kept;
    double cosine; // the worst between embeddings in int8, with what is kept, and in f32
};

// Measures on the CPU the error of each layer in int8, the others being kept in bf16, and finds how
// few of the worst must be kept for embeddings of all inputs (and the model's golden vectors) to
// have at least this cosine with those in f32. The choice is left with model->weights; *value
// receives the JSON text for BV_META_INT8, which the caller frees. BV_ERR_MODEL when bf16
// throughout is not enough; BV_ERR_UNSUPPORTED where the processor has no int8.
enum bv_status bv_quantize_choose(struct bv_model *model, const struct bv_quantize_inputs *inputs,
                                  double cosine, struct bv_pool *pool, char **value,
                                  struct bv_quantization *result, struct bv_error *err);

// Copies a model's file to path with the value under BV_META_INT8, completely or not at all.
enum bv_status bv_quantize_write(const struct bv_model *model, const char *path, const char *value,
                                 struct bv_error *err);

#endif

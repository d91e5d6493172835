// convert.h: model files: made of checkpoints, checked, and quantized.
#ifndef BV_CONVERT_CONVERT_H
#define BV_CONVERT_CONVERT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/dtype.h"
#include "base/status.h"
#include "base/thread.h"
#include "checkpoint/checkpoint.h"
#include "image/recipe.h"
#include "model/encode.h"
#include "model/session.h"

// import.c: from what authors publish to a model file.

struct bv_import_options {
    const char *system;     // card name or file; NULL: recognise
    const char *vocabulary; // file or folder; NULL: look beside the checkpoint
    const char *const *set; // n_set overrides of card fields, "text.heads=4"
    size_t n_set;
    enum bv_dtype dtype;      // BV_F32, BV_F16, BV_BF16: how float weights are stored
    bool keep_dtype;          // store each tensor in the checkpoint's own float type
    const char *weights;      // "plain" or "ema" of a checkpoint that holds both; NULL: plain
    const char *const *parts; // n_parts files or folders that complete the source (card["parts"])
    size_t n_parts;
    const char *processor; // "pillow", "torchvision"; NULL: the card's (bv_settings_recipe)
    struct bv_pool *pool;  // borrowed, may be NULL
};

// What an import found, for the program to tell.
struct bv_import_report {
    char system[64];
    char prefix[64]; // taken off all names of the checkpoint, "module." say; or ""
    size_t n_tensors, n_ignored;
    char digest[65];
    char notes[2048];    // what was assumed: sentences, each with a line break
    const char *weights; // "plain" or "ema" where the checkpoint has averages; else NULL
};

// Converts the checkpoint at source (file or folder) into the model file at path: completely or not
// at all. Missing, unexpected and misshapen tensors, NaN and infinite weights are BV_ERR_MODEL with
// a list.
enum bv_status bv_import(const char *source, const char *path,
                         const struct bv_import_options *options, struct bv_import_report *report,
                         struct bv_error *err);

// parts.c: the files of a system that is made of several. Adds their tensors to the checkpoint, and
// the labels and texts of a book to the card. *vocabulary, where it is NULL, becomes a folder of
// theirs (borrowed). BV_ERR_MODEL says what is missing; BV_ERR_ARG names a file that is no part.
enum bv_status bv_parts_add(struct bv_checkpoint *checkpoint, json_t *card,
                            const char *const *paths, size_t n, const char **vocabulary,
                            struct bv_error *err);

// verify.c: vectors that travel in a model file and must come out again.
//
// {"image": {OUTPUT: [floats]}, "text": {"sentences": [...], OUTPUT: [[floats], ...]},
// "fusion": {OUTPUT: [floats]}}: the raw
// pooled outputs for a synthetic pixel array (bv_golden_pixels) and for fixed sentences, computed
// in f32 on the CPU when the file was written.

// Fills H×W×C pixels with a fixed pattern: smooth waves and a seeded noise within about ±2, the
// range of normalised pixels.
void bv_golden_pixels(float *pixels, int64_t H, int64_t W, int64_t C);

// Computes the golden vectors of a session's model. The caller owns the reference.
enum bv_status bv_golden_make(struct bv_session *session, json_t **golden, struct bv_error *err);

// How a session's outputs compare with stored ones.
struct bv_golden_report {
    double worst_cosine;       // over all vectors
    double largest_difference; // over all elements
    int n_vectors;
};
enum bv_status bv_golden_compare(struct bv_session *session, const json_t *golden,
                                 struct bv_golden_report *report, struct bv_error *err);

// quantize.c: which layers of a model keep more than 8 bits when it runs in int8.

// Inputs like those that the model will see; borrowed. Either kind may be absent.
struct bv_quantize_inputs {
    const struct bv_encoder_input *images;
    size_t n_images;
    const char *const *texts; // UTF-8
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

// biovl/biovl.h: biomedical vision-language inference in C.
//
// A context holds threads and the last error, a model is an open model file, an image is a decoded
// picture, an engine is a model instantiated on one device, a zero-shot classifier is an engine
// with labels. All handles are opaque.
//
//     struct bv_context *context = NULL;
//     struct bv_model *model = NULL;
//     struct bv_engine *engine = NULL;
//     bv_context_open(&context, 0);
//     bv_model_open(context, "model.safetensors", &model);
//     bv_engine_open(context, model, NULL, &engine);
//
// Threads: a context and what is opened with it (engines, classifiers, results, indexes) belong to
// one thread at a time. Models and images are immutable: contexts of several threads may share
// them. A model must outlive its engines. Distinct contexts are independent.
//
// Ownership: …_open and …_classify hand out objects that the matching …_close or …_free takes back;
// those accept a pointer to NULL and set it to NULL. Strings returned through char ** are freed
// with bv_free(); const char * results live as long as the handle they were asked of.
//
// Errors: every fallible call returns a status and writes its results only with BV_OK; the message
// is bv_last_error(). Arguments must not be NULL unless it is said that they may; builds without
// NDEBUG assert that.
//
// Structs that callers fill begin with their size, which the caller sets: sizeof (struct …). All
// other fields may stay zero. docs/api.md says what later versions may change.
//
// A research tool, not a medical device: scores must not guide the care of a patient.
#ifndef BIOVL_BIOVL_H
#define BIOVL_BIOVL_H

#include <stddef.h>
#include <stdint.h>

#include "biovl/image.h"
#include "biovl/observer.h"
#include "biovl/status.h"
#include "biovl/types.h"
#include "biovl/version.h"

#ifdef __cplusplus
extern "C" {
#endif

struct bv_model;
struct bv_engine;
struct bv_zero_shot;
struct bv_result;

// Reads a text file ("-" is standard input) as the calls of this library read theirs: UTF-8,
// without a byte order mark, every line end as LF. Other encodings and zero bytes are BV_ERR_FORMAT
// with the line. *text ends with a zero byte that *size does not count; bv_free() frees it.
BV_API enum bv_status bv_read_text(struct bv_context *context, const char *path, char **text,
                                   size_t *size);

// Removes the files that calls now running, in any thread, have not finished, for a program that is
// told to end: it may be called in a signal handler, and the program must then end. What was there
// under the names of those files stays.
BV_API void bv_remove_unfinished(void);

// Version and build information with the versions of the linked libraries, as JSON. BV_ERR_NOMEM.
BV_API enum bv_status bv_build_info(char **json);

BV_API void bv_free(void *memory);

// ---- Context ----

// n_threads: how many threads computations use, the caller's included; 0: all processors that this
// process may use. BV_ERR_ARG, BV_ERR_NOMEM; the message is bv_last_error(NULL).
BV_API enum bv_status bv_context_open(struct bv_context **context, int n_threads);
BV_API void bv_context_close(struct bv_context **context);

// The message of the last failure of a call with this context ("" before the first), valid until
// the next call with it; of NULL: of this thread's last failed bv_context_open().
BV_API const char *bv_last_error(const struct bv_context *context);

// Whom the calls with this context tell of their progress, of items that fail and of other things
// worth knowing; replaces the last one. The struct is copied; NULL: nobody. BV_ERR_ARG when its
// size is not set.
BV_API enum bv_status bv_context_observe(struct bv_context *context,
                                         const struct bv_observer *observer);

// ---- Model files ----

// Opens a model file made by bv_convert(). The file is mapped; weights are read when first used.
// BV_ERR_IO, BV_ERR_FORMAT (damaged, or not a biovl model), BV_ERR_UNSUPPORTED (newer format).
BV_API enum bv_status bv_model_open(struct bv_context *context, const char *path,
                                    struct bv_model **model);
// The same from memory, which is not copied and must outlive the model; BV_ERR_ARG when it is not
// aligned to 8 bytes.
BV_API enum bv_status bv_model_open_bytes(struct bv_context *context, const void *bytes,
                                          size_t n_bytes, struct bv_model **model);
BV_API void bv_model_close(struct bv_model **model);

// What a model is. Strings live as long as the model.
struct bv_model_info {
    size_t size;        // sizeof (struct bv_model_info)
    const char *system; // name of the system card
    const char *sha256; // of the tensors, 64 hexadecimal digits
    const char *notice; // to be shown with its scores ("research demonstration model"), or NULL
    const char *preset; // how files become gray levels ("mimic-cxr-jpg", …), or NULL
    int has_image;      // an image encoder
    int has_text;       // a text encoder
    int has_fusion;     // a fusion encoder (fusion.h)
    int takes_prior;    // reads an earlier image of the same patient beside the image
    int image_height, image_width; // encoder input in pixels; 0 where the image decides
    int64_t max_tokens; // of one text, special tokens included; longer ones are truncated
    int64_t n_parameters;
};
BV_API enum bv_status bv_model_facts(const struct bv_model *model, struct bv_model_info *facts);

// System name, digest, card, tensors and parameters as JSON.
BV_API enum bv_status bv_model_describe(struct bv_context *context, const struct bv_model *model,
                                        char **json);

// Converts a published checkpoint (file or folder) into a model file, completely or not at all.
struct bv_convert_options {
    size_t size;                  // sizeof (struct bv_convert_options)
    const char *system;           // name of a system card or a card file; NULL: recognise
    const char *vocabulary;       // file or folder; NULL: look beside the checkpoint
    const char *const *overrides; // n_overrides strings "text.heads=4"
    size_t n_overrides;
    const char *dtype; // "f32", "f16", "bf16"; NULL: as in the checkpoint
    // Of a checkpoint that also holds averages over training: "plain" (NULL) or "ema".
    const char *weights;
    // Files and folders that complete a system of several (MedKLIP's text encoder and disease
    // book).
    const char *const *parts;
    size_t n_parts;
    // Of a Hugging Face folder: what runs its preprocessor_config.json, "pillow" (transformers 4)
    // or "torchvision" (5); the file then goes before a recipe of the system's own. NULL: that
    // recipe, or "pillow".
    const char *processor;
};
// *json receives {"system", "tensors", "ignored", "sha256"}, and "prefix" where one was taken off
// the names of all tensors ("module."), "weights" ("plain", "ema") where the checkpoint holds
// averages; may be NULL. BV_ERR_MODEL lists missing, unexpected or
// misshapen tensors; BV_ERR_REFUSED names what a malicious pickle wanted.
BV_API enum bv_status bv_convert(struct bv_context *context, const char *source, const char *path,
                                 const struct bv_convert_options *options, char **json);

// Writes a copy of a model file that says which layers stay above 8 bits in precision "int8": as
// few as embeddings of the given images (files) and texts need for a cosine of at least `cosine`
// (0: 0.997) with those in f32.
struct bv_quantize_options {
    size_t size; // sizeof (struct bv_quantize_options)
    const char *const *images, *const *texts;
    size_t n_images, n_texts;
    double cosine;
};
// *json receives {"layers", "kept", "cosine"}; may be NULL. BV_ERR_MODEL when the cosine is out of
// reach, BV_ERR_UNSUPPORTED where the processor has no int8.
BV_API enum bv_status bv_quantize(struct bv_context *context, const char *source, const char *path,
                                  const struct bv_quantize_options *options, char **json);

// Recomputes the digest and the golden vectors of a model file on a device and in a precision.
// *json: {"digest": "ok", "checks": [{"device","precision","cosine","difference","pass"}, …]}.
// BV_ERR_MODEL when something does not match (*json is still written).
BV_API enum bv_status bv_verify(struct bv_context *context, const char *path, const char *device,
                                char **json);

// The known systems, as a JSON array of {"name", "title", "paper", "source", …}.
BV_API enum bv_status bv_systems(struct bv_context *context, char **json);

// The prompt sets that ship, as a JSON array of {"name", "description", …}.
BV_API enum bv_status bv_prompt_sets(struct bv_context *context, char **json);

// The devices of this machine, as a JSON array.
BV_API enum bv_status bv_devices(struct bv_context *context, char **json);

// ---- Engine ----

// Zero or NULL is the default of every field but size.
struct bv_engine_options {
    size_t size;           // sizeof (struct bv_engine_options)
    const char *device;    // "auto" (NULL), "cpu", "vulkan", "vulkan:1", "vulkan:NAME", "reference"
                           // (slow, exact)
    const char *precision; // "auto" (NULL), "f32" or what the device offers
};

// options may be NULL. BV_ERR_DEVICE when the device is not there; under "auto" the CPU serves
// instead.
BV_API enum bv_status bv_engine_open(struct bv_context *context, const struct bv_model *model,
                                     const struct bv_engine_options *options,
                                     struct bv_engine **engine);
BV_API void bv_engine_close(struct bv_engine **engine);

// Releases the memory that the engine works in and its packed weights; the next call recreates what
// it needs. After bv_zero_shot_open(), that of the text encoder, which images do not need.
BV_API void bv_engine_trim(struct bv_engine *engine);

BV_API const char *bv_engine_device(const struct bv_engine *engine);    // "cpu", …
BV_API const char *bv_engine_precision(const struct bv_engine *engine); // "f32", …
BV_API enum bv_device bv_engine_device_type(const struct bv_engine *engine);
BV_API enum bv_precision bv_engine_precision_type(const struct bv_engine *engine);
BV_API const char *bv_engine_fallback(const struct bv_engine *engine); // why not the GPU, or NULL

// Elements of an embedding; 0 when the model has no encoder of that kind.
BV_API size_t bv_engine_image_dim(struct bv_engine *engine);
BV_API size_t bv_engine_text_dim(struct bv_engine *engine);

enum bv_embed_flags {
    BV_EMBED_NORMALIZED = 0,
    BV_EMBED_RAW = 1, // do not normalise to unit length
};

// Embeds n images into out [n,dim], which has room for `capacity` floats. The row of an image does
// not depend on its neighbours: bits are the same as one by one. With statuses [n] an image that
// fails has its status there, its row is NaN, its message goes to the observer's failed(), and the
// others are embedded all the same; without (NULL) the first failure ends the call. When the call
// itself fails or is stopped (BV_ERR_CANCELLED), all rows are NaN and all statuses are the call's.
// A prior counts only for models that take one; BV_ERR_ARG for others. BV_ERR_UNSUPPORTED for flags
// that this version does not have.
BV_API enum bv_status bv_engine_embed_images(struct bv_engine *engine,
                                             const struct bv_image *const *images, size_t n,
                                             unsigned flags, float *out, size_t capacity,
                                             enum bv_status *statuses);

// Embeds n texts (UTF-8) likewise. truncated (may be NULL) [n] receives which texts were truncated
// to the model's maximum.
BV_API enum bv_status bv_engine_embed_texts(struct bv_engine *engine, const char *const *texts,
                                            size_t n, unsigned flags, float *out, size_t capacity,
                                            unsigned char *truncated, enum bv_status *statuses);

// An array's sizes, outermost first.
struct bv_shape {
    int rank;
    int64_t dim[8];
};

// The image encoder's outputs by name: "global", and what the card names besides ("patches",
// "regions", …). NULL past the last one.
BV_API const char *bv_model_image_output(const struct bv_model *model, size_t i);

// The shape of one for an image: [D], [R,D] or [h,w,D], row-major, R regions or h × w patches from
// the top left. BV_ERR_ARG when there is no such output.
BV_API enum bv_status bv_engine_image_output_shape(struct bv_engine *engine,
                                                   const struct bv_image *image, const char *output,
                                                   struct bv_shape *shape);

// Computes one, raw, into out, which has room for `capacity` floats.
BV_API enum bv_status bv_engine_image_output(struct bv_engine *engine, const struct bv_image *image,
                                             const char *output, float *out, size_t capacity);

// Where in an image a text is: cosines of the patches with the text, smoothed and interpolated
// over the image as the model's card says. out [height,width] of the image has room for `capacity`
// floats; NaN where the model did not look. BV_ERR_MODEL when the model has no such map.
BV_API enum bv_status bv_engine_heat_map(struct bv_engine *engine, const struct bv_image *image,
                                         const char *text, float *out, size_t capacity);

// Exactly the pixels that the image encoder reads: *pixels [H,W,C] float32, shape = H, W, C. The
// caller frees *pixels with bv_free().
BV_API enum bv_status bv_preprocess(struct bv_context *context, const struct bv_model *model,
                                    const struct bv_image *image, float **pixels, int64_t shape[3]);

// Writes a row-major float32 array to a .npy file, completely or not at all. rank ≤ 8.
BV_API enum bv_status bv_write_npy(struct bv_context *context, const char *path, const float *data,
                                   int rank, const int64_t *shape);

// The token ids of a text with special tokens. The caller frees *ids with bv_free().
BV_API enum bv_status bv_tokenize(struct bv_context *context, const struct bv_model *model,
                                  const char *text, size_t n_bytes, int32_t **ids, size_t *n,
                                  int *truncated);

// ---- Zero-shot classification ----

struct bv_zero_shot_options {
    size_t size;           // sizeof (struct bv_zero_shot_options)
    const char *labels;    // one label per line, "label = prompt | prompt", # comments (UTF-8)
    size_t n_label_bytes;  // of labels; 0: up to its end
    const char *name;      // stands for the labels in messages; NULL: "labels"
    const char *templates; // instead of the model's own prompt set: the name of one that ships
                           // (bv_prompt_sets()), or JSON; NULL: the model's
    int cache;             // not 0: keep the prompts' embeddings in $XDG_CACHE_HOME/biovl (or
                           // ~/.cache/biovl), and take them from there where they are: the text
                           // encoder is not read then. GLoRIA's words are not kept
};

// Embeds the prompts of the labels once.
BV_API enum bv_status bv_zero_shot_open(struct bv_engine *engine,
                                        const struct bv_zero_shot_options *options,
                                        struct bv_zero_shot **zero_shot);
BV_API void bv_zero_shot_close(struct bv_zero_shot **zero_shot);

// Makes an ensemble: the scores of zero_shot become the mean of its own and its members'
// (CheXzero's checkpoints). member, with the same labels and of the same thread, is borrowed and
// must outlive zero_shot. BV_ERR_ARG when labels or scoring rule differ, or past 63 members.
BV_API enum bv_status bv_zero_shot_join(struct bv_zero_shot *zero_shot,
                                        struct bv_zero_shot *member);

BV_API size_t bv_zero_shot_count(const struct bv_zero_shot *zero_shot); // labels
BV_API const char *bv_zero_shot_label(const struct bv_zero_shot *zero_shot, size_t i);
// The prompts of label i, negative ones with negative not 0; valid as long as the classifier.
BV_API size_t bv_zero_shot_prompt_count(const struct bv_zero_shot *zero_shot, size_t i,
                                        int negative);
BV_API const char *bv_zero_shot_prompt(const struct bv_zero_shot *zero_shot, size_t i, int negative,
                                       size_t k);
BV_API size_t bv_zero_shot_truncated(const struct bv_zero_shot *zero_shot);    // prompts cut short
BV_API const char *bv_zero_shot_warning(const struct bv_zero_shot *zero_shot); // or NULL

// Scores one image against the labels. The result must not outlive engine and classifier.
BV_API enum bv_status bv_zero_shot_classify(struct bv_zero_shot *zero_shot,
                                            const struct bv_image *image,
                                            struct bv_result **result);

// Scores n images: results [n], NULL for those that failed. Bits are the same as one by one.
// statuses as of bv_engine_embed_images(); when the call itself fails or is stopped no result is
// left.
BV_API enum bv_status bv_zero_shot_classify_batch(struct bv_zero_shot *zero_shot,
                                                  const struct bv_image *const *images, size_t n,
                                                  struct bv_result **results,
                                                  enum bv_status *statuses);
BV_API void bv_result_free(struct bv_result **result);

BV_API size_t bv_result_count(const struct bv_result *result); // labels
BV_API const char *bv_result_label(const struct bv_result *result, size_t i);

// The score of label i, and the quantity that scores are ("pair_softmax", "logit", "cosine", …).
BV_API double bv_result_score(const struct bv_result *result, size_t i);
BV_API const char *bv_result_kind(const struct bv_result *result);
BV_API enum bv_score_rule bv_result_rule(const struct bv_result *result);
// All of them: out has room for `capacity` doubles. BV_ERR_ARG when that is fewer than labels.
BV_API enum bv_status bv_result_scores(const struct bv_result *result, double *out,
                                       size_t capacity);

// The similarities with the positive and the negative prompts that a score was made of; 0 without
// negative prompts.
BV_API double bv_result_positive(const struct bv_result *result, size_t i);
BV_API double bv_result_negative(const struct bv_result *result, size_t i);

// The heat map of label i, as bv_engine_heat_map() makes it. BV_ERR_MODEL when the model has none.
BV_API enum bv_status bv_result_heat_map(const struct bv_result *result, size_t i, float *out,
                                         size_t capacity);

// The result as a picture for a viewer: the radiograph, at most 1024 pixels on the longer side,
// where the model has local maps that of the label that scored highest over it, the scores in
// writing beneath. *rgb [height,width,3] is freed with bv_free().
BV_API enum bv_status bv_result_picture(const struct bv_result *result, uint8_t **rgb, int *width,
                                        int *height);

// Warnings, to be shown with the scores: those of the image, and what a look at its header and its
// gray levels found.
BV_API size_t bv_result_warning_count(const struct bv_result *result);
BV_API enum bv_reason bv_result_warning_reason(const struct bv_result *result, size_t i);
BV_API const char *bv_result_warning_text(const struct bv_result *result, size_t i);

// The whole result as one JSON object, as `biovl classify --json` prints it. In a path
// that is not UTF-8, each byte that is part of no character stands as \xHH, and a backslash before
// an x as \x5C.
BV_API enum bv_status bv_result_json(const struct bv_result *result, char **json);

#ifdef __cplusplus
}
#endif
#endif

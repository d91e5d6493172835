// biovl/biovl.h: biomedical vision-language inference in C.
//
// A context holds threads and the last error, a model is an open model file, an engine is a model
// at work on one device, a zero-shot classifier is an engine with labels. All handles are opaque.
//
//     struct bv_context *context = NULL;
//     struct bv_model *model = NULL;
//     struct bv_engine *engine = NULL;
//     bv_context_open(&context, 0);
//     bv_model_open(context, "model.safetensors", &model);
//     bv_engine_open(context, model, "auto", "auto", &engine);
//
// Threads: a context and what is opened with it (engines, classifiers, results) belong to one
// thread at a time. A model is immutable: contexts of several threads may share it, and it must
// outlive their engines. Distinct contexts are independent.
//
// Ownership: …_open and …_classify hand out objects that the matching …_close or …_free takes back;
// those accept a pointer to NULL and set it to NULL. Strings returned through char ** are freed
// with bv_free(); const char * results live as long as the handle they were asked of.
//
// A research tool, not a medical device: scores must not guide the care of a patient.
#ifndef BIOVL_BIOVL_H
#define BIOVL_BIOVL_H

#include <stddef.h>
#include <stdint.h>

#include "biovl/observer.h"
#include "biovl/status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct bv_context;
struct bv_model;
struct bv_engine;
struct bv_zero_shot;
struct bv_result;

// "0.1.0".
BV_API const char *bv_version(void);

// Removes the files that calls now running, in any thread, have not finished, for a program that is
// told to end: it may be called in a signal handler, and the program must then end. What was there
// under the names of those files stays.
BV_API void bv_remove_unfinished(void);

// Version and build information with the versions of the linked libraries, as JSON. BV_ERR_NOMEM.
BV_API enum bv_status bv_build_info(char **json);

BV_API void bv_free(void *memory);

// ---- Context ----

// n_threads: how many threads computations use, the caller's included; 0: all processors that this
// process may use. BV_ERR_ARG, BV_ERR_NOMEM.
BV_API enum bv_status bv_context_open(struct bv_context **context, int n_threads);
BV_API void bv_context_close(struct bv_context **context);

// The sentence that explains the last failure of a call with this context ("" before the first).
// Valid until the next call with it.
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
BV_API void bv_model_close(struct bv_model **model);

// System name, digest, card, tensors and parameters as JSON.
BV_API enum bv_status bv_model_describe(struct bv_context *context, const struct bv_model *model,
                                        char **json);

// What the card wants said to whoever sees this model's scores ("research demonstration model"), or
// NULL. Lives as long as the model.
BV_API const char *bv_model_notice(const struct bv_model *model);

// Converts a published checkpoint (file or folder) into a model file, completely or not at all.
struct bv_convert_options {
    const char *system;           // name of a system card or a card file; NULL: recognise
    const char *vocabulary;       // file or folder; NULL: look beside the checkpoint
    const char *const *overrides; // n_overrides strings "text.heads=4"
    size_t n_overrides;
    const char *dtype; // "f32", "f16", "bf16"; NULL: as in the checkpoint
};
// *json receives {"system", "tensors", "ignored", "sha256"}; may be NULL. BV_ERR_MODEL lists
// missing, unexpected or misshapen tensors; BV_ERR_REFUSED names what a malicious pickle wanted.
BV_API enum bv_status bv_convert(struct bv_context *context, const char *source, const char *path,
                                 const struct bv_convert_options *options, char **json);

// Writes a copy of a model file that says which layers stay above 8 bits in precision "int8": as
// few as embeddings of the given images (files) and texts need for a cosine of at least `cosine`
// (0: 0.997) with those in f32.
struct bv_quantize_options {
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

// device: "auto", "cpu", "vulkan", "vulkan:1", "vulkan:NAME", "reference" (slow, exact).
// precision: "auto", "f32" or what the device offers. BV_ERR_DEVICE when the device is not there;
// under "auto" the CPU serves instead.
BV_API enum bv_status bv_engine_open(struct bv_context *context, const struct bv_model *model,
                                     const char *device, const char *precision,
                                     struct bv_engine **engine);
BV_API void bv_engine_close(struct bv_engine **engine);

// Gives back the memory that the engine works in and its packed weights; the next call makes anew
// what it needs. After bv_zero_shot_open(), that of the text encoder, which images do not need.
BV_API void bv_engine_rest(struct bv_engine *engine);

BV_API const char *bv_engine_device(const struct bv_engine *engine);    // "cpu", …
BV_API const char *bv_engine_precision(const struct bv_engine *engine); // "f32", …
BV_API const char *bv_engine_fallback(const struct bv_engine *engine);  // why not the GPU, or NULL

// Elements of an embedding; 0 when the model has no encoder of that kind.
BV_API size_t bv_engine_image_dim(struct bv_engine *engine);
BV_API size_t bv_engine_text_dim(struct bv_engine *engine);

enum bv_embed_flags {
    BV_EMBED_NORMALIZED = 0,
    BV_EMBED_RAW = 1, // do not normalise to unit length
};

// Embeds one image (DICOM, PNG, JPEG, JPEG 2000, by content) into out [dim]. BV_ERR_IO,
// BV_ERR_FORMAT, BV_ERR_UNSUPPORTED, BV_ERR_LIMIT name the file and the reason.
BV_API enum bv_status bv_engine_embed_image(struct bv_engine *engine, const char *path,
                                            unsigned flags, float *out);
// The same with a prior image of the same patient, for models that take one (BioViL-T); BV_ERR_ARG
// for others.
BV_API enum bv_status bv_engine_embed_image_pair(struct bv_engine *engine, const char *path,
                                                 const char *prior, unsigned flags, float *out);
// The same as bv_engine_embed_image() from memory; name stands for the path in messages.
BV_API enum bv_status bv_engine_embed_image_bytes(struct bv_engine *engine, const void *bytes,
                                                  size_t size, const char *name, unsigned flags,
                                                  float *out);
// Embeds n texts (UTF-8) into out [n,dim]. truncated (may be NULL) receives for each text whether
// it was cut to the model's maximum.
BV_API enum bv_status bv_engine_embed_texts(struct bv_engine *engine, const char *const *texts,
                                            size_t n, unsigned flags, float *out,
                                            unsigned char *truncated);

// Exactly the pixels that the image encoder sees: *pixels [H,W,C] float32, shape = H, W, C. The
// caller frees *pixels with bv_free().
BV_API enum bv_status bv_preprocess(struct bv_context *context, const struct bv_model *model,
                                    const char *path, float **pixels, int64_t shape[3]);

// Writes a row-major float32 array to a .npy file, completely or not at all. rank ≤ 8.
BV_API enum bv_status bv_write_npy(struct bv_context *context, const char *path, const float *data,
                                   int rank, const int64_t *shape);

// The token ids of a text with special tokens. The caller frees *ids with bv_free().
BV_API enum bv_status bv_tokenize(struct bv_context *context, const struct bv_model *model,
                                  const char *text, size_t n_bytes, int32_t **ids, size_t *n,
                                  int *truncated);

// ---- Zero-shot classification ----

// Reads labels (the text of a labels file: one label per line, "label = prompt | prompt", #
// comments) and embeds their prompts once. name stands for the file in messages. templates (may be
// NULL) replaces the model's own prompt set: the name of one that ships (bv_prompt_sets()), or
// JSON.
BV_API enum bv_status bv_zero_shot_open(struct bv_engine *engine, const char *labels,
                                        size_t n_bytes, const char *name, const char *templates,
                                        struct bv_zero_shot **zero_shot);
BV_API void bv_zero_shot_close(struct bv_zero_shot **zero_shot);

// Makes an ensemble: the scores of zero_shot become the mean of its own and its members'
// (CheXzero's checkpoints). member, with the same labels and of the same thread, is borrowed and
// must outlive zero_shot. BV_ERR_ARG when labels or scoring rule differ, or past 63 members.
BV_API enum bv_status bv_zero_shot_join(struct bv_zero_shot *zero_shot,
                                        struct bv_zero_shot *member);

BV_API size_t bv_zero_shot_count(const struct bv_zero_shot *zero_shot); // labels
BV_API const char *bv_zero_shot_label(const struct bv_zero_shot *zero_shot, size_t i);
BV_API size_t bv_zero_shot_truncated(const struct bv_zero_shot *zero_shot);    // prompts cut short
BV_API const char *bv_zero_shot_warning(const struct bv_zero_shot *zero_shot); // or NULL

// Scores one image against the labels. The result outlives neither engine nor classifier.
BV_API enum bv_status bv_zero_shot_classify(struct bv_zero_shot *zero_shot, const char *path,
                                            struct bv_result **result);
// The same with a prior image of the same patient; BV_ERR_ARG when the model takes none.
BV_API enum bv_status bv_zero_shot_classify_pair(struct bv_zero_shot *zero_shot, const char *path,
                                                 const char *prior, struct bv_result **result);
// The same as bv_zero_shot_classify() from memory; name stands for the path.
BV_API enum bv_status bv_zero_shot_classify_bytes(struct bv_zero_shot *zero_shot, const void *bytes,
                                                  size_t size, const char *name,
                                                  struct bv_result **result);
BV_API void bv_result_free(struct bv_result **result);

// The score of label i, and the name of the quantity it is ("pair_softmax", "logit", "cosine",
// "softmax").
BV_API double bv_result_score(const struct bv_result *result, size_t i);
BV_API const char *bv_result_kind(const struct bv_result *result);

// What to know before believing the scores: stable reason codes ("lateral_view", "looks_inverted",
// …) with a sentence each.
BV_API size_t bv_result_warning_count(const struct bv_result *result);
BV_API const char *bv_result_warning_reason(const struct bv_result *result, size_t i);
BV_API const char *bv_result_warning_text(const struct bv_result *result, size_t i);

// The whole result as one JSON object, as `biovl classify --json` prints it. In a path
// that is not UTF-8, each byte that is part of no character stands as \xHH, and a backslash before
// an x as \x5C.
BV_API enum bv_status bv_result_json(const struct bv_result *result, char **json);

#ifdef __cplusplus
}
#endif
#endif

// biovl/fusion.h: fusion encoders: does this text match this image, what is the answer, where is
// it.
//
// An image is encoded once, when it is opened, and then meets any number of texts:
//
//     struct bv_image *image = NULL;
//     struct bv_fused_image *fused = NULL;
//     bv_image_open(context, "cxr.dcm", NULL, &image);
//     bv_fused_image_open(engine, image, &fused);
//     bv_fused_image_match(fused, texts, n, scores, n, NULL, NULL);
//     bv_fused_image_close(&fused);
//     bv_image_close(&image);
//
// A fused image belongs to the thread of its engine's context and is closed before its engine.
// Failures are explained by bv_last_error() of the engine's context.
#ifndef BIOVL_FUSION_H
#define BIOVL_FUSION_H

#include "biovl/biovl.h"

#ifdef __cplusplus
extern "C" {
#endif

struct bv_fused_image;

// Whether a model has a head: "match", "answer", "diagnose", "segment".
BV_API int bv_model_can(const struct bv_model *model, const char *head);

// Encodes an image for a fusion encoder. BV_ERR_MODEL when the model has none, BV_ERR_ARG when it
// reads detector regions instead of pixels.
BV_API enum bv_status bv_fused_image_open(struct bv_engine *engine, const struct bv_image *image,
                                          struct bv_fused_image **fused);

// What a detector found in an image: in a file, or in arrays.
struct bv_regions {
    size_t size;           // sizeof (struct bv_regions)
    const char *name;      // stands for them in messages and results; default: the path
    const char *path;      // .npz or .safetensors with "features" [R,D] and "boxes" [R,4]; or NULL:
    const float *features; // [n,width], finite
    size_t n, width;
    const float *boxes; // [n,box_width]: x1 y1 x2 y2 as fractions of the image, or the seven
                        // numbers of UNITER; NULL where the model reads none
    size_t box_width;   // 4 or 7
};

// The same for models that read such regions instead of pixels. The arrays are copied.
BV_API enum bv_status bv_fused_image_open_regions(struct bv_engine *engine,
                                                  const struct bv_regions *regions,
                                                  struct bv_fused_image **fused);
BV_API void bv_fused_image_close(struct bv_fused_image **image);

// The probability that each of n texts (UTF-8) matches the image: scores [n] have room for
// `capacity` doubles. truncated (may be NULL) [n] receives which texts were truncated to the
// model's maximum. With statuses [n] a text that fails has its status there, its score is NaN, its
// message goes to the observer's failed(), and the others are scored all the same; without (NULL)
// the first failure ends the call. When the call itself fails or is stopped, all scores are NaN and
// all statuses are the call's.
BV_API enum bv_status bv_fused_image_match(struct bv_fused_image *image, const char *const *texts,
                                           size_t n, double *scores, size_t capacity,
                                           unsigned char *truncated, enum bv_status *statuses);

// How many answers ("answer") or diagnoses ("diagnose") a head scores; 0 when it is not there.
BV_API size_t bv_fused_image_count(struct bv_fused_image *image, const char *head);

// Scores of all answers to a question, or of all diagnoses for a report: scores [count] have room
// for `capacity` doubles. truncated (may be NULL) receives whether the text was truncated.
BV_API enum bv_status bv_fused_image_scores(struct bv_fused_image *image, const char *head,
                                            const char *text, double *scores, size_t capacity,
                                            int *truncated);

// The name of answer or diagnosis i where the model carries one; NULL otherwise.
BV_API const char *bv_fused_image_name(const struct bv_fused_image *image, const char *head,
                                       size_t i);

// The name of the quantity: "match_softmax", "answer_sigmoid", …
BV_API const char *bv_fused_image_kind(const struct bv_fused_image *image, const char *head);

// The token features of a text: in a file, or in an array.
struct bv_text_features {
    size_t size;           // sizeof (struct bv_text_features)
    const char *path;      // .npz or .safetensors with "features" [T,D]; or NULL:
    const float *features; // [n,width], finite
    size_t n, width;
};

// The size of a mask: the resolution that the model reads. BV_ERR_MODEL when it does not segment.
BV_API enum bv_status bv_fused_image_mask_size(const struct bv_fused_image *image, int *width,
                                               int *height);

// The probability of each pixel to belong to what a text describes: mask [height,width], row-major,
// has room for `capacity` floats.
BV_API enum bv_status bv_fused_image_segment(struct bv_fused_image *image,
                                             const struct bv_text_features *text, float *mask,
                                             size_t capacity);

// From a mask of bv_fused_image_segment(), n floats: PNG files, black and white at the model's
// threshold, and the image as the model sees it with the mask in red. A path may be NULL.
BV_API enum bv_status bv_fused_image_write_mask(struct bv_fused_image *image, const float *mask,
                                                size_t n, const char *mask_path,
                                                const char *overlay_path);

// Path, model, device, precision and version as a JSON object, for results to be added to.
BV_API enum bv_status bv_fused_image_describe(const struct bv_fused_image *image, char **json);

#ifdef __cplusplus
}
#endif
#endif

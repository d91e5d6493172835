// biovl/fusion.h: fusion encoders: does this text match this image, what is the answer, where is
// it.
//
// An image is decoded and encoded once, when it is opened, and then meets any number of texts:
//
//     struct bv_fused_image *image = NULL;
//     bv_fused_image_open(engine, "cxr.dcm", NULL, &image);
//     bv_fused_image_match(image, texts, n, scores, NULL);
//     bv_fused_image_close(&image);
//
// An image belongs to the thread of its engine's context and is closed before its engine. Failures
// are explained by bv_last_error() of the engine's context.
#ifndef BIOVL_FUSION_H
#define BIOVL_FUSION_H

#include "biovl/biovl.h"

#ifdef __cplusplus
extern "C" {
#endif

struct bv_fused_image;

// Whether a model has a head: "match", "answer", "diagnose", "segment".
BV_API int bv_model_can(const struct bv_model *model, const char *head);

// Opens an image for a fusion encoder. path: DICOM, PNG, JPEG or JPEG 2000; regions: a .npz or
// .safetensors file with "features" [R,D] and "boxes" [R,4] (x1 y1 x2 y2 as fractions of the
// image), for models that read detector regions instead of pixels, else NULL; path may then be
// NULL. BV_ERR_ARG when the model has no fusion encoder, or regions do not fit it.
BV_API enum bv_status bv_fused_image_open(struct bv_engine *engine, const char *path,
                                          const char *regions, struct bv_fused_image **image);
BV_API void bv_fused_image_close(struct bv_fused_image **image);

// The probability that each of n texts (UTF-8) matches the image: scores [n]. truncated (may be
// NULL) [n] receives which texts were cut to the model's maximum.
BV_API enum bv_status bv_fused_image_match(struct bv_fused_image *image, const char *const *texts,
                                           size_t n, double *scores, unsigned char *truncated);

// How many answers ("answer") or diagnoses ("diagnose") a head scores; 0 when it is not there.
BV_API size_t bv_fused_image_count(struct bv_fused_image *image, const char *head);

// Scores of all answers to a question, or of all diagnoses for a report: scores [count]. truncated
// (may be NULL) receives whether the text was cut.
BV_API enum bv_status bv_fused_image_scores(struct bv_fused_image *image, const char *head,
                                            const char *text, double *scores, int *truncated);

// The name of answer or diagnosis i where the model carries one; NULL otherwise.
BV_API const char *bv_fused_image_name(const struct bv_fused_image *image, const char *head,
                                       size_t i);

// The name of the quantity: "match_softmax", "answer_sigmoid", …
BV_API const char *bv_fused_image_kind(const struct bv_fused_image *image, const char *head);

// The probability of each pixel to belong to what a text describes: *mask [H,W] in the model's
// resolution, freed with bv_free(); shape = H, W. features: a .npz or .safetensors file with the
// token features of the text ("features" [T,D]).
BV_API enum bv_status bv_fused_image_segment(struct bv_fused_image *image, const char *features,
                                             float **mask, int64_t shape[2]);

// From a mask of bv_fused_image_segment(): PNG files, black and white at the model's threshold, and
// the image as the model sees it with the mask in red. A path may be NULL.
BV_API enum bv_status bv_fused_image_write_mask(struct bv_fused_image *image, const float *mask,
                                                const char *mask_path, const char *overlay_path);

// Path, model, device, precision and version as a JSON object, for results to be added to.
BV_API enum bv_status bv_fused_image_describe(const struct bv_fused_image *image, char **json);

#ifdef __cplusplus
}
#endif
#endif

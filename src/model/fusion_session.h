// fusion_session.h: one image and many texts through a fusion encoder.
//
// The image is encoded once (struct bv_fusion_image) and meets any number of texts; texts run in
// batches of similar lengths, and a text's result does not depend on its neighbours.
#ifndef BV_MODEL_FUSION_SESSION_H
#define BV_MODEL_FUSION_SESSION_H

#include <stdint.h>

#include "base/status.h"
#include "model/graphs.h"
#include "model/session.h"

// One image, ready to meet texts: image tokens, region features, or pixels. Zero-initialise; free
// with bv_fusion_image_free().
struct bv_fusion_image {
    float *tokens; // [n,width]
    int64_t n, width;
    float *boxes; // [n,box_width] or NULL: x1 y1 x2 y2 in 0…1, or the seven numbers of UNITER
    int64_t box_width;
    int32_t *positions; // [n_positions], ascending, or NULL
    int64_t n_positions;
};
void bv_fusion_image_free(struct bv_fusion_image *image);

// Encodes pixels [H,W,C] as the recipe makes them. Systems that sample image positions at random
// get evenly spaced ones; a caller may replace them. BV_ERR_ARG when the model reads regions.
enum bv_status bv_fusion_image_encode(struct bv_session *session, const float *pixels, int64_t H,
                                      int64_t W, int64_t C, struct bv_fusion_image *image,
                                      struct bv_error *err);

// Preprocesses a decoded image by the model's recipe and encodes it. pixels may be NULL; else it
// receives what the encoder saw, for the caller to free. BV_ERR_ARG as above.
enum bv_status bv_fusion_image_make(struct bv_session *session, const struct bv_image *decoded,
                                    struct bv_pixels *pixels, struct bv_fusion_image *image,
                                    struct bv_error *err);

// Takes copies of region features [n,width] and boxes [n,box_width] (4 or 7; NULL where the system
// reads none). BV_ERR_ARG: wrong width, no boxes where they are needed, boxes outside 0…1.
enum bv_status bv_fusion_image_regions(struct bv_session *session, const float *features, int64_t n,
                                       int64_t width, const float *boxes, int64_t box_width,
                                       struct bv_fusion_image *image, struct bv_error *err);

// What accompanies one text: ARL's entities with their places in its tokens, or the token features
// that LViT reads instead of words.
struct bv_fusion_extra {
    const float *features; // [n,width]
    int64_t n, width;
    const float *places; // [n,T], T = the text's tokens; NULL for LViT
};

// The shape of an output for one text (without the batch dimension).
enum bv_status bv_session_fusion_shape(struct bv_session *session,
                                       const struct bv_fusion_image *image, int64_t n_tokens,
                                       const struct bv_fusion_extra *extra, const char *output,
                                       struct bv_output_shape *shape, struct bv_error *err);

// A pooled output for n texts: wanted receives [n,D], in the order given.
enum bv_status bv_session_fuse(struct bv_session *session, const struct bv_fusion_image *image,
                               const struct bv_tokens *const *texts, size_t n,
                               const struct bv_wanted *wanted, struct bv_error *err);

// Any output for one text (text may be NULL for LViT, extra for all others).
enum bv_status bv_session_fuse_one(struct bv_session *session, const struct bv_fusion_image *image,
                                   const struct bv_tokens *text,
                                   const struct bv_fusion_extra *extra,
                                   const struct bv_wanted *wanted, struct bv_error *err);

// region_file.c: arrays that accompany an image or a text, from .npz or .safetensors.

// A matrix [rows,columns] of finite floats. Zero-initialise; free(data).
struct bv_matrix {
    float *data;
    int64_t rows, columns;
};

// Detector regions: "features" [R,D] and, where the file has them, "boxes" [R,4] or [R,7]. Zero-
// initialise; free with bv_region_file_free().
struct bv_region_file {
    struct bv_matrix features, boxes;
};

// Reads a file by its content. BV_ERR_FORMAT names what is missing or has another shape; NaN and
// infinite values are refused, and more than 64 MiB.
enum bv_status bv_region_file_read(const char *path, struct bv_region_file *file,
                                   struct bv_error *err);
void bv_region_file_free(struct bv_region_file *file);

#endif

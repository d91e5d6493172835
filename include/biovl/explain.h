// biovl/explain.h: where in an image the encoder looks for a text.
//
//     struct bv_explained *e = NULL;
//     bv_explain_texts(engine, image, (const char *const[]){"cardiomegaly"}, 1, NULL, &e);
//
// A map has one value for each cell of the encoder's grid, in the method's own unit: never scaled
// to the image at hand. How high is high, the maps of 20 texts that name no finding say, over the
// same image by the same method: where a text's peak is no higher than their 95th percentile there
// is nothing here. A map shows what a score was made of, not where a disease is.
//
// docs/explain.md says what each method computes, for which encoders, and what it was measured to
// be worth.
#ifndef BIOVL_EXPLAIN_H
#define BIOVL_EXPLAIN_H

#include "biovl/biovl.h"

#ifdef __cplusplus
extern "C" {
#endif

// Maps of some texts over one image; belongs to the thread of its engine and need not be freed
// before it.
struct bv_explained;

struct bv_explain_options {
    size_t size;        // sizeof (struct bv_explain_options)
    const char *method; // "auto" (NULL), "gradcam", … of bv_explain_methods()
    int layers;    // how many of the last layers legrad and surgery read; 0: their own, -1: all
    int masks;     // of rise, 2 to 16384; 0: doubled from 256 until the standard error is below
                   // 2 % of the map's range
    uint64_t seed; // of rise
};

// The methods that a model can have, as a JSON array of {"name", "unit", "class_agnostic",
// "default"}; none of a model whose images have no score by themselves (fusion encoders, image
// encoders without a head).
BV_API enum bv_status bv_explain_methods(struct bv_context *context, const struct bv_model *model,
                                         char **json);

// Maps of n texts (UTF-8). options may be NULL. BV_ERR_UNSUPPORTED for a method that the model
// cannot have, with those that it can; BV_ERR_ARG for layers that it has not, or layers or masks
// with a method that reads none; BV_ERR_MODEL without both encoders.
BV_API enum bv_status bv_explain_texts(struct bv_engine *engine, const struct bv_image *image,
                                       const char *const *texts, size_t n,
                                       const struct bv_explain_options *options,
                                       struct bv_explained **explained);

// Maps of a classifier's labels: of the mean of each label's positive prompts, of a trained head's
// logit, or of where a query decoder looks for each (method attention alone).
BV_API enum bv_status bv_explain_labels(const struct bv_zero_shot *zero_shot,
                                        const struct bv_image *image,
                                        const struct bv_explain_options *options,
                                        struct bv_explained **explained);
BV_API void bv_explained_free(struct bv_explained **explained);

BV_API size_t bv_explained_count(const struct bv_explained *explained);       // texts
BV_API const char *bv_explained_method(const struct bv_explained *explained); // never "auto"

// What the map of a text says. Positions are pixels of the image from its left upper corner.
struct bv_explained_map {
    size_t size; // sizeof (struct bv_explained_map)
    const char *text;
    double score;             // of the whole image: cosine, or logit of a trained head
    double peak;              // the largest cell, and its centre
    double peak_x, peak_y;    //
    double null_median;       // of the cells of neutral texts' maps; NaN without those
    double null_peak;         // the 95th percentile of their peaks
    double prompt_dependence; // 1 - rank correlation with their mean map: near 0 the text does not
                              // matter; NaN without them
    int nothing_here;         // the peak is no higher than null_peak
    size_t n_boxes;
    int truncated; // the text was cut to the model's maximum; 0 of labels
};
// BV_ERR_ARG when i is not below the count or size is not set.
BV_API enum bv_status bv_explained_facts(const struct bv_explained *explained, size_t i,
                                         struct bv_explained_map *map);

// Around the cells that belong together and lie at least half as high above the null's median as
// the peak does (without a null: above the map's own); the highest first, none where there is
// nothing.
struct bv_explained_box {
    size_t size; // sizeof (struct bv_explained_box)
    double x, y, width, height;
    double peak;
};
BV_API enum bv_status bv_explained_box_at(const struct bv_explained *explained, size_t i, size_t k,
                                          struct bv_explained_box *to);

// The cells of map i, [rows,columns] from the left upper corner of the encoder's input, which may
// be padding or lack margins of the image. out has room for `capacity` floats; NULL: only the
// sizes.
BV_API enum bv_status bv_explained_grid(const struct bv_explained *explained, size_t i, float *out,
                                        size_t capacity, int *rows, int *columns);

enum bv_explained_layer {
    BV_EXPLAINED_VALUES = 0,
    BV_EXPLAINED_ERRORS = 1, // standard errors; BV_ERR_MODEL of methods that have none
};

// Map i over the image, [height,width], between the centres of cells bilinearly; NaN where the
// encoder saw nothing.
BV_API enum bv_status bv_explained_pixels(const struct bv_explained *explained, size_t i,
                                          enum bv_explained_layer layer, float *out,
                                          size_t capacity);

// The image as a viewer shows it, at most 1024 pixels on the longer side, with map i over it: one
// opacity, colours even to the eye (viridis) from null_median to as far above null_peak as that is
// above null_median, the grid and the boxes drawn, the scale beneath. *rgb [height,width,3] is
// freed with bv_free().
BV_API enum bv_status bv_explained_picture(const struct bv_explained *explained, size_t i,
                                           uint8_t **rgb, int *width, int *height);

// The same into a PNG file, completely or not at all.
BV_API enum bv_status bv_explained_write_png(const struct bv_explained *explained, size_t i,
                                             const char *path);

// All of it but the maps themselves as one JSON object, as `biovl explain --json` prints it.
BV_API enum bv_status bv_explained_json(const struct bv_explained *explained, char **json);

#ifdef __cplusplus
}
#endif
#endif

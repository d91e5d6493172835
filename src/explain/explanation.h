// explanation.h: heat maps of texts over one image, with what it takes to read them: where the
// encoder looked, how high maps of texts that say nothing reach, how much the text mattered.
#ifndef BV_EXPLAIN_EXPLANATION_H
#define BV_EXPLAIN_EXPLANATION_H

#include "explain/probe.h"
#include "image/recipe.h"

#define BV_MAP_BOXES 8 // most of one map

// In pixels of the image.
struct bv_map_box {
    double x, y, width, height;
    double peak; // of the map inside
};

// One text's map.
struct bv_text_map {
    double score;             // of the whole image
    double peak, row, column; // the largest cell, and its centre in the image
    double prompt_dependence; // 1 - rank correlation with the mean map of neutral texts; NAN: none
    bool nothing;             // the peak is no higher than those of neutral texts
    double least;             // cells of boxes are at least as high; NAN: there are none
    struct bv_map_box boxes[BV_MAP_BOXES]; // the highest first
    size_t n_boxes;
};

struct bv_explanation {
    const struct bv_map_method *method;
    int layers, masks;
    int width, height; // of the image
    struct bv_frame frame;
    struct bv_maps maps; // of the texts; n of them
    size_t n;
    struct bv_text_map *texts;
    unsigned char *seen; // [h,w]: the cell's centre lies in the image, not in padding
    // Of the maps of neutral texts over this image; NAN without any: the median of their cells, and
    // the 95th percentile of their peaks.
    double null_median, null_peak;
    size_t n_neutral;
};

// request->goal holds n texts and then n_neutral neutral ones. The image has width × height.
enum bv_status bv_explanation_make(struct bv_explanation **explanation, struct bv_session *session,
                                   const struct bv_probe_request *request, size_t n_neutral,
                                   int width, int height, struct bv_error *err);
void bv_explanation_destroy(struct bv_explanation **explanation); // accepts NULL

// The map of text i over the image, [height,width], between the centres of cells bilinearly; NAN
// where the encoder saw nothing. errors: that of the standard errors, which must be there.
void bv_explanation_spread(const struct bv_explanation *explanation, size_t i, bool errors,
                           float *out);

// The cells of text i's boxes as a mask of the image's pixels, [height,width].
void bv_explanation_mask(const struct bv_explanation *explanation, size_t i, uint8_t *mask);

// The part of the image that the encoder saw: in pixels of the image.
struct bv_map_box bv_explanation_seen(const struct bv_explanation *explanation);

// The method for a model under "auto", and the names of those that a model can have, separated by
// commas, in text [size].
const struct bv_map_method *bv_method_default(const struct bv_model *model, const char *output);
void bv_method_names(const struct bv_model *model, const char *output, char *text, size_t size);

// Texts that name no finding, for a null distribution, and the empty text.
#define BV_NEUTRAL_TEXTS 20
extern const char *const bv_neutral_texts[BV_NEUTRAL_TEXTS + 1];

// explained_picture.c: the radiograph as a viewer shows it, at most `longest` pixels on the longer
// side, with map i over it: the colours of a scale that is even to the eye and to the colour-blind
// (viridis), at one opacity; its grid and its boxes drawn; the scale and what it means beneath. rgb
// becomes U8 in three channels.
enum bv_status bv_explanation_draw(const struct bv_explanation *explanation, size_t i,
                                   const struct bv_image *image, const char *title, int longest,
                                   struct bv_pixels *rgb, struct bv_error *err);

// The ends of that scale for map i: the median of the neutral maps and as far above their highest
// peaks as those are above it, or the map's own least and largest without neutral maps.
void bv_explanation_scale(const struct bv_explanation *explanation, size_t i, double *low,
                          double *high);

#endif

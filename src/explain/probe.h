// probe.h: an image encoder whose run also yields values from its inside, and what a method makes
// of them: one map of the encoder's grid for each text.
#ifndef BV_EXPLAIN_PROBE_H
#define BV_EXPLAIN_PROBE_H

#include "base/json.h"
#include "explain/layout.h"
#include "model/session.h"

// What is explained: a score of the image encoder's output "global" or another one.
// Labels of a query decoder.
struct bv_decoder_queries {
    const float *texts; // [n,rows,D], as the decoder reads them
    const size_t *row;  // of each of the goal's n labels among them
    size_t n, rows, D;
    size_t concepts; // queries of a label
    size_t classes;  // logits of a label
};

struct bv_goal {
    const char *output;     // of the image encoder
    const float *direction; // [n,D]: of unit length, with which the score is the cosine …
    bool linear;            // … or not: the score is the plain product (a logit has a one in it)
    const float *common; // [D], of unit length, or NULL: the embedding of an empty text (surgery)
    size_t n, D;
    const struct bv_decoder_queries *queries; // of method attention, instead of directions; or NULL
};

#define BV_PROBE_PARTS 32 // layers of a network that a method looks at, most
#define BV_PROBE_TAPS 160

// Texts of one walk back over a graph: it holds a gradient of every value between for each.
#define BV_TEXTS_OF_A_WALK 32

struct bv_probe;
struct bv_map_method;

struct bv_probe_request {
    const struct bv_map_method *method;
    int layers;    // how many of the last layers a method looks at; 0: its default, -1: all
    int masks;     // rise: how many; 0: until the standard error is small enough
    uint64_t seed; // rise
    const struct bv_pixels *pixels; // [height][width][channels] F32, as the recipe makes them
    const struct bv_goal *goal;
};

// The maps of n texts over the grid of one input, [n,h,w], and the scores [n].
struct bv_maps {
    int64_t h, w;
    float *values;
    float *errors; // [n,h,w] standard errors of rise; NULL elsewhere
    double *scores;
    int layers; // how many of the last layers were read; 0 of methods that read none
    int masks;  // of rise: how many there were
    // Where cell (0, 0) begins in the input, and the size of cells, in pixels; zeros: the cells
    // share the input evenly.
    double top, left, cell_height, cell_width;
};
void bv_maps_free(struct bv_maps *maps); // accepts a zeroed one

// One run as a method sees it.
struct bv_probe_run {
    const struct bv_probe *probe;
    struct bv_pool *pool;
    const float *const *values; // by tensor id
    const struct bv_goal *goal;
};

struct bv_map_method {
    const char *name;
    bool class_agnostic; // one map, whatever the text
    const char *unit;    // of its values, as results name it
    bool of_decoder;     // its labels are the queries of a decoder, which looks at the image
    bool reads_layers;   // as many of the last ones as a request says
    size_t at_once;      // texts of one call of map(), most, for it holds values for each; 0: all
    // Adds what it computes to the graph, keeps tensors in parts, and says which values it reads.
    // BV_ERR_UNSUPPORTED where the encoder has not what it takes.
    enum bv_status (*prepare)(struct bv_probe *probe, struct bv_error *err);
    // maps [n,h,w] from the values of one image.
    enum bv_status (*map)(const struct bv_probe_run *run, float *maps, struct bv_error *err);
    // Instead of the two, of methods that need no inside: scores of many changed inputs.
    enum bv_status (*sweep)(struct bv_session *session, const struct bv_probe_request *request,
                            struct bv_maps *maps, struct bv_error *err);
};

struct bv_probe {
    const struct bv_model *model;
    const struct bv_map_method *method;
    int layers; // how many of the last layers a method looks at; 0: its default, -1: all
    struct bv_graph *graph;
    struct bv_features features;
    struct bv_encoder_layout layout;
    struct bv_tensor *score;                   // the output that the goal names
    struct bv_tensor *part[BV_PROBE_PARTS][4]; // a method's own
    int n_parts;
    struct bv_tensor *tap[BV_PROBE_TAPS]; // values wanted; each memory once
    int n_taps;
    bool full; // more were wanted
};

enum bv_status bv_probe_maps(struct bv_session *session, const struct bv_probe_request *request,
                             struct bv_maps *maps, struct bv_error *err);

// Whether an encoder has what a method takes and that output, and as many layers as a request may
// say; err says why not.
enum bv_status bv_probe_check(const struct bv_model *model, const struct bv_map_method *method,
                              int layers, const char *output, struct bv_error *err);

// Whether the output is what the model's query decoder reads of an image.
bool bv_probe_of_decoder(const struct bv_model *model, const char *output);

// NULL past the last one; by name, NULL when there is none.
const struct bv_map_method *bv_method_at(size_t i);
const struct bv_map_method *bv_method_find(const char *name);

// ---- For methods ----

// How many of the last layers a method looks at; `usual` where the request leaves that to it.
// BV_ERR_ARG for more than there are.
enum bv_status bv_probe_layers(struct bv_probe *probe, int usual, int *n, struct bv_error *err);

// Wants the value of a tensor.
void bv_probe_want(struct bv_probe *probe, struct bv_tensor *t);

// Wants what the walk from score to the targets reads.
enum bv_status bv_probe_want_gradient(struct bv_probe *probe, struct bv_tensor *score,
                                      struct bv_tensor *const *targets, int n_targets,
                                      struct bv_error *err);

const float *bv_probe_value(const struct bv_probe_run *run, struct bv_tensor *t);

// The gradients of the goal's n scores with respect to one tensor, [n, its elements], over an
// embedding that is not the encoder's own where the method made one. malloc'd.
enum bv_status bv_probe_gradient(const struct bv_probe_run *run, struct bv_tensor *embedding,
                                 struct bv_tensor *target, float **gradient, struct bv_error *err);

// Score of text i for an embedding [D].
double bv_goal_score(const struct bv_goal *goal, size_t i, const float *embedding);

// Embeddings of positions x […,C]: the steps of the card's output "global" without what pools. NULL
// (a failure of the graph) where those do not apply to one position.
struct bv_tensor *bv_probe_embed(struct bv_probe *probe, struct bv_tensor *x);

extern const struct bv_map_method bv_method_similarity, bv_method_gradcam, bv_method_hirescam,
    bv_method_layercam, bv_method_eigencam, bv_method_legrad, bv_method_gradeclip,
    bv_method_surgery, bv_method_maskclip, bv_method_rollout, bv_method_occlusion, bv_method_rise,
    bv_method_attention;

#endif

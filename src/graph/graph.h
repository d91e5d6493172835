// graph.h: a model as a list of ops over tensors, and the calls that build it.
//
// A model definition is plain C that calls these in the order of the paper's figure. The first
// error sticks to the graph: later calls return NULL and do nothing, so a definition reads without
// error plumbing and bv_graph_status() is checked once at the end.
#ifndef BV_GRAPH_GRAPH_H
#define BV_GRAPH_GRAPH_H

#include "base/memory.h"
#include "base/status.h"
#include "graph/op.h"
#include "graph/weights.h"

#define BV_MAX_GRAPH_INPUTS 16
#define BV_MAX_GRAPH_OUTPUTS 160

struct bv_graph {
    struct bv_arena arena;
    struct bv_weights *weights; // borrowed
    struct bv_node *first, *last;
    struct bv_tensor **tensors;
    int n_tensors, tensor_room, n_nodes;
    struct bv_tensor *inputs[BV_MAX_GRAPH_INPUTS];
    int n_inputs;
    struct bv_tensor *outputs[BV_MAX_GRAPH_OUTPUTS];
    const char *output_names[BV_MAX_GRAPH_OUTPUTS];
    int n_outputs;
    const char **missing; // weights that the definition asked for and the model has not
    int n_missing, missing_room;
    enum bv_status status; // the first failure
    struct bv_error error;
};

// An empty graph over a model's weights, which must outlive it.
enum bv_status bv_graph_create(struct bv_graph **graph, struct bv_weights *weights,
                               struct bv_error *err);
void bv_graph_destroy(struct bv_graph **graph); // accepts NULL

// BV_OK, or the first failure with its sentence; missing weights are all listed.
enum bv_status bv_graph_status(const struct bv_graph *g, struct bv_error *err);

// Records a failure of the definition itself (an impossible configuration). Returns NULL.
struct bv_tensor *bv_graph_fail(struct bv_graph *g, enum bv_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// A value that the caller provides at each run, in the order of these calls.
struct bv_tensor *bv_graph_input(struct bv_graph *g, const char *name, enum bv_dtype dtype,
                                 int rank, const int64_t *dim);

// Marks t (f32) as a result under a name, in the order of these calls. Returns t.
struct bv_tensor *bv_graph_output(struct bv_graph *g, struct bv_tensor *t, const char *name);

// -1 when there is none of that name.
int bv_graph_find_output(const struct bv_graph *g, const char *name);

// A weight by its printf-style name. When the model has none, its name is noted for
// bv_graph_status() and NULL is returned, so that a definition runs on and all missing ones are
// found at once; _optional notes nothing.
struct bv_tensor *bv_weight(struct bv_graph *g, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
struct bv_tensor *bv_weight_optional(struct bv_graph *g, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Rows start … start + count - 1 of a weight of rank 2, without a copy: a position table cut to the
// current sequence.
struct bv_tensor *bv_weight_rows(struct bv_graph *g, struct bv_tensor *weight, int64_t start,
                                 int64_t count);

// A tensor over derived data (see bv_weights_derive), f32, of the given shape.
struct bv_tensor *bv_graph_derived(struct bv_graph *g, const char *name, const void *data, int rank,
                                   const int64_t *dim);

// The layers of the field. name is printf-style; they take name.weight and, where the model has
// it, name.bias.
struct bv_tensor *bv_linear(struct bv_graph *g, struct bv_tensor *x, const char *name, ...)
    __attribute__((format(printf, 3, 4)));
struct bv_tensor *bv_conv2d(struct bv_graph *g, struct bv_tensor *x, int stride, int pad,
                            const char *name, ...) __attribute__((format(printf, 5, 6)));
struct bv_tensor *bv_conv2d_params(struct bv_graph *g, struct bv_tensor *x,
                                   const struct bv_conv2d_params *params, const char *name, ...)
    __attribute__((format(printf, 4, 5)));
// name.weight and name.bias.
struct bv_tensor *bv_layer_norm(struct bv_graph *g, struct bv_tensor *x, float eps,
                                const char *name, ...) __attribute__((format(printf, 4, 5)));
// name.running_mean, name.running_var and, where present, name.weight and name.bias.
struct bv_tensor *bv_batch_norm(struct bv_graph *g, struct bv_tensor *x, float eps,
                                const char *name, ...) __attribute__((format(printf, 4, 5)));
// name.weight and name.bias; offset ([N,C]) may be NULL.
struct bv_tensor *bv_group_norm(struct bv_graph *g, struct bv_tensor *x, struct bv_tensor *offset,
                                int groups, float eps, const char *name, ...)
    __attribute__((format(printf, 6, 7)));
// ids i32 […] through the table `name` (the full tensor name).
struct bv_tensor *bv_embed(struct bv_graph *g, struct bv_tensor *ids, const char *name, ...)
    __attribute__((format(printf, 3, 4)));

// bias and lengths may be NULL; see struct bv_attention_params.
struct bv_tensor *bv_attention(struct bv_graph *g, struct bv_tensor *q, struct bv_tensor *k,
                               struct bv_tensor *v, struct bv_tensor *bias,
                               struct bv_tensor *lengths, const struct bv_attention_params *params);

struct bv_tensor *bv_matmul(struct bv_graph *g, struct bv_tensor *a, struct bv_tensor *b,
                            bool transpose_b, float scale);
struct bv_tensor *bv_softmax(struct bv_graph *g, struct bv_tensor *x, float scale);
struct bv_tensor *bv_activate(struct bv_graph *g, struct bv_tensor *x, enum bv_activation act);
// The larger operand (or a, when equal) keeps its shape; the other is broadcast to it.
struct bv_tensor *bv_add(struct bv_graph *g, struct bv_tensor *a, struct bv_tensor *b);
struct bv_tensor *bv_mul(struct bv_graph *g, struct bv_tensor *a, struct bv_tensor *b);
struct bv_tensor *bv_glu(struct bv_graph *g, struct bv_tensor *x, enum bv_activation act,
                         bool gate_last);
struct bv_tensor *bv_rope(struct bv_graph *g, struct bv_tensor *x, struct bv_tensor *table,
                          const struct bv_rope_params *params);
struct bv_tensor *bv_scale(struct bv_graph *g, struct bv_tensor *x, float factor, float offset);
struct bv_tensor *bv_max_pool(struct bv_graph *g, struct bv_tensor *x, int kernel, int stride,
                              int pad);
struct bv_tensor *bv_mean_pool(struct bv_graph *g, struct bv_tensor *x, int kernel, int stride);
// Over axis 1 of [B,T,C], or all positions of [N,H,W,C]; lengths may be NULL.
struct bv_tensor *bv_reduce(struct bv_graph *g, struct bv_tensor *x, struct bv_tensor *lengths,
                            enum bv_reduce_kind kind);
struct bv_tensor *bv_gather_rows(struct bv_graph *g, struct bv_tensor *x, struct bv_tensor *index);
struct bv_tensor *bv_concat(struct bv_graph *g, int n, struct bv_tensor *const *parts, int axis);
struct bv_tensor *bv_slice(struct bv_graph *g, struct bv_tensor *x, int axis, int64_t start,
                           int64_t count);
struct bv_tensor *bv_permute(struct bv_graph *g, struct bv_tensor *x, const int *order);
struct bv_tensor *bv_expand(struct bv_graph *g, struct bv_tensor *x, const int64_t *dim);
struct bv_tensor *bv_patch_merge(struct bv_graph *g, struct bv_tensor *x);
struct bv_tensor *bv_l2_normalize(struct bv_graph *g, struct bv_tensor *x, float eps);
struct bv_tensor *bv_interpolate(struct bv_graph *g, struct bv_tensor *x, int out_h, int out_w,
                                 enum bv_interpolation mode, bool align_corners);
// The same elements under another shape; no copy. One dimension may be -1: what is left.
struct bv_tensor *bv_reshape(struct bv_graph *g, struct bv_tensor *x, int rank, const int64_t *dim);

// For rewrites: a weight that is computed when a backend wants it. make's argument is a copy, in
// the graph's memory, of arg_size bytes at arg.
struct bv_tensor *bv_graph_computed(struct bv_graph *g, const char *name,
                                    void (*make)(struct bv_weights *, const void *, float *),
                                    const void *arg, size_t arg_size, int rank, const int64_t *dim);

// Appends a node with its inputs (NULL for absent optional ones) and infers its shape. For ops and
// rewrites; definitions use the calls above.
struct bv_tensor *bv_graph_append(struct bv_graph *g, enum bv_op op, const union bv_params *params,
                                  int n_inputs, struct bv_tensor *const *inputs);

// For rewrites: redirects every use of `from` (outputs included) to `to`.
void bv_graph_replace_uses(struct bv_graph *g, struct bv_tensor *from, struct bv_tensor *to);
// Removes nodes whose result nobody reads; keeps outputs.
void bv_graph_sweep(struct bv_graph *g);
// How many nodes and outputs read t, through reshapes too.
int bv_graph_use_count(const struct bv_graph *g, const struct bv_tensor *t);

// features.c: what an encoder offers to heads and scoring, by name.

#define BV_MAX_FEATURES 96

// The named results of an encoder, e.g. "map" [N,H,W,C], "tokens" [N,T,C], "hidden.11" [B,T,C].
// Unused ones cost nothing: their ops are swept.
struct bv_features {
    int n;
    struct {
        char name[24];
        struct bv_tensor *tensor;
    } item[BV_MAX_FEATURES];
};

// Adds a feature under a printf-style name; too many is a failure of the graph.
void bv_features_add(struct bv_graph *g, struct bv_features *features, struct bv_tensor *t,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));

// NULL when there is none of that name.
struct bv_tensor *bv_features_find(const struct bv_features *features, const char *name);

// The names, separated by commas, for messages. Owned by the graph.
const char *bv_features_names(struct bv_graph *g, const struct bv_features *features);

#endif

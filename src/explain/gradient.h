// gradient.h: derivatives of one value of a graph with respect to others, by walking back over the
// nodes between them. The graph is one of one item, as a definition made it: not rewritten.
#ifndef BV_EXPLAIN_GRADIENT_H
#define BV_EXPLAIN_GRADIENT_H

#include "base/thread.h"
#include "graph/graph.h"

// Says through `want` which values of the graph's run the walk from score to the targets reads.
// BV_ERR_UNSUPPORTED where an op between them has no derivative, BV_ERR_MODEL where score does not
// depend on a target.
typedef void bv_want_value(void *arg, struct bv_tensor *t);
enum bv_status bv_gradient_needs(struct bv_graph *g, struct bv_tensor *score,
                                 struct bv_tensor *const *targets, int n_targets,
                                 bv_want_value *want, void *arg, struct bv_error *err);

struct bv_gradient {
    struct bv_graph *graph;
    struct bv_tensor *score;
    struct bv_tensor *const *targets;
    int n_targets;
    const float *const *values; // by tensor id, NULL where not wanted
    int64_t n;                  // numbers that are differentiated
    const float *seeds;         // [n, elements of score]: of each with respect to score
    float *const *gradients;    // [n_targets], each [n, elements of the target]: what is wanted
};

enum bv_status bv_gradient_run(const struct bv_gradient *gradient, struct bv_pool *pool,
                               struct bv_error *err);

#endif

// features.h: what an encoder offers to heads and scoring, by name.
#ifndef BV_GRAPH_FEATURES_H
#define BV_GRAPH_FEATURES_H

#include "graph/graph.h"

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

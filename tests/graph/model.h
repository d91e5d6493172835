// model.h: a weight store with made-up numbers, and running small graphs over it.
#ifndef BV_TESTS_GRAPH_MODEL_H
#define BV_TESTS_GRAPH_MODEL_H

#include "graph/backend.h"

// The rank and the sizes of a shape, as two arguments.
#define DIM(...)                                                                                   \
    (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[])                         \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

// Adds a weight of the given shape, filled with fixed numbers in [low, low + range); the name
// decides the numbers. The memory lives until model_free().
void model_weight(struct bv_weights *weights, const char *name, float low, float range, int rank,
                  const int64_t *dim);
void model_free(void);

// n fixed numbers in [-1, 1).
void model_numbers(unsigned seed, float *out, int64_t n);

// Compiles the graph (taken) as it is, without rewriting, on the reference backend, runs it once
// on fixed numbers, and returns its first output (freed by the caller).
float *model_run_plain(struct bv_graph *g);

#endif
